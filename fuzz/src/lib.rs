//! Fuzz targets: what reads bytes of strangers, and what runs their modules, given bytes
//! that nobody has thought of.
//!
//! A target panics when something is wrong and returns when all is as it must be. Those of
//! [`targets`] need nothing; those of a [`Rig`] need a server. The corpus in
//! `fuzz/corpus/TARGET` is replayed by the tests, and mutated by [`Mutator`].

mod corpus;
mod minimize;
mod mutator;
mod rig;
pub mod targets;

pub use corpus::{keep, kept};
pub use minimize::minimize;
pub use mutator::Mutator;
pub use rig::Rig;

/// A target by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Messages of clients.
    Request,
    /// Messages of servers.
    Reply,
    /// Paths, and parts of values by them.
    Select,
    /// Manifests.
    Manifest,
    /// Arguments, as guests decode them.
    Arguments,
    /// Modules through all that a server does with them.
    Module,
    /// Instances that were made new, against new ones.
    Image,
    /// Evaluations that were undone, against a session that never had them.
    Undo,
}

impl Target {
    /// All of them.
    pub const ALL: [Target; 8] = [
        Target::Request,
        Target::Reply,
        Target::Select,
        Target::Manifest,
        Target::Arguments,
        Target::Module,
        Target::Image,
        Target::Undo,
    ];

    /// Its name, which is that of its folder in the corpus.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Target::Request => "request",
            Target::Reply => "reply",
            Target::Select => "select",
            Target::Manifest => "manifest",
            Target::Arguments => "arguments",
            Target::Module => "module",
            Target::Image => "image",
            Target::Undo => "undo",
        }
    }

    /// Whether it needs a server.
    #[must_use]
    pub fn needs_rig(self) -> bool {
        matches!(self, Target::Module | Target::Image | Target::Undo)
    }

    /// Runs it once.
    ///
    /// # Panics
    /// When something is wrong, which is what it is for, or when there is no rig and it
    /// needs one.
    pub fn run(self, rig: Option<&Rig>, data: &[u8]) {
        match (self, rig) {
            (Target::Request, _) => targets::request(data),
            (Target::Reply, _) => targets::reply(data),
            (Target::Select, _) => targets::select(data),
            (Target::Manifest, _) => targets::manifest(data),
            (Target::Arguments, _) => targets::arguments(data),
            (Target::Module, Some(rig)) => rig.module(data),
            (Target::Image, Some(rig)) => rig.image(data),
            (Target::Undo, Some(rig)) => rig.undo(data),
            (_, None) => panic!("{} needs a server", self.name()),
        }
    }
}

//! The schema of a type, found by watching its `Deserialize` ask for its parts.
//!
//! No derive of our own is needed: a type is deserialized from a [`Probe`], which
//! notes what is asked for and gives some value of that kind. One pass shows one
//! variant of an enum, and ends where a type rejects the value that it was given,
//! so passes are repeated until one after the other shows nothing new. A type
//! that checks its value is described by what it asked for.

mod access;
mod node;
mod probe;
#[cfg(test)]
mod tests;

use std::marker::PhantomData;

use farside_protocol::manifest::Schema;
use serde::Deserialize;

use self::node::Node;
use self::probe::{Probe, Tracer};

/// Passes in a row that may show nothing new before the trace ends. Each pass
/// tries the variant that was tried least, so a large enum whose variants are all
/// rejected ends early, described as far as it was seen.
const IDLE_PASSES: usize = 32;

/// What a trace found.
#[derive(Debug, Default)]
pub struct Trace {
    /// The type.
    pub(crate) schema: Schema,
    /// Whether it is an `Option`.
    pub(crate) optional: bool,
}

/// Traces a type.
pub(crate) fn trace<T: Deserialize<'static>>() -> Trace {
    let mut tracer = Tracer::default();
    let mut node = Node::default();
    let mut idle = 0;
    while !node.is_done() && idle < IDLE_PASSES {
        let before = tracer.found();
        let shown = T::deserialize(Probe::new(&mut node, &mut tracer));
        drop(shown);
        idle = if tracer.found() == before { idle + 1 } else { 0 };
    }
    Trace { optional: node.is_option(), schema: node.into_schema() }
}

/// A type, for methods that differ by what it implements.
///
/// The macro's output calls [`trace`](Traced::trace) on `&Type<T>`. If `T` can be
/// deserialized, the method of [`Traced`] is found first; otherwise the one of
/// [`Untraced`], one reference further away.
pub struct Type<T>(PhantomData<T>);

impl<T> Type<T> {
    /// The type of its parameter.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "only the macro's output makes one")]
    pub fn new() -> Type<T> {
        Type(PhantomData)
    }

    /// The type of a value.
    #[must_use]
    pub fn of(_value: &T) -> Type<T> {
        Type(PhantomData)
    }
}

/// Found first, for a type that can be deserialized.
pub trait Traced {
    #[doc(hidden)]
    fn trace(&self) -> Option<Trace>;
}

impl<T: Deserialize<'static>> Traced for Type<T> {
    fn trace(&self) -> Option<Trace> {
        Some(trace::<T>())
    }
}

/// Found for all other types: nothing is known of them.
pub trait Untraced {
    #[doc(hidden)]
    fn trace(&self) -> Option<Trace>;
}

impl<T> Untraced for &Type<T> {
    fn trace(&self) -> Option<Trace> {
        Some(Trace::default())
    }
}

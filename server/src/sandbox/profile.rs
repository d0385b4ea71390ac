//! Which engine settings code is compiled for.

use farside_protocol::ModuleHash;
use serde::{Deserialize, Serialize};

/// A set of engine settings. Part of the name under which compiled code is cached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) enum Profile {
    /// For all that nothing else was asked for.
    Standard,
    /// Counts fuel: what each call executes, the same on every machine.
    Metered,
}

impl Profile {
    /// All profiles.
    pub(super) const ALL: [Profile; 2] = [Profile::Standard, Profile::Metered];

    /// That of an upload which asks for fuel, or does not.
    pub(crate) fn counting(fuel: bool) -> Profile {
        if fuel { Profile::Metered } else { Profile::Standard }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Profile::Standard => "standard",
            Profile::Metered => "metered",
        }
    }
}

/// Names compiled code: a module's, for a profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct CodeId {
    pub(crate) hash: ModuleHash,
    pub(crate) profile: Profile,
}

impl CodeId {
    /// The code of a module that nothing else was asked for.
    pub(super) fn standard(hash: ModuleHash) -> CodeId {
        CodeId { hash, profile: Profile::Standard }
    }
}

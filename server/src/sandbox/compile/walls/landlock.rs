//! No files, no network, no other processes: Landlock, as far as the kernel has it.
//! Nothing is exempt, so not even the program's own file can be opened.

use super::Wall;

/// What was asked of Landlock, and what holds.
pub(super) struct Landlock(Result<Holds, String>);

/// Which of its walls the kernel has.
struct Holds {
    version: i32,
    files: bool,
    network: bool,
    signals: bool,
}

impl Landlock {
    /// Raises those of its walls that are among these.
    pub(super) fn raise(walls: &[Wall]) -> Landlock {
        Landlock(raise(walls))
    }

    /// Whether a wall of its stands.
    pub(super) fn holds(&self, wall: Wall) -> Result<(), String> {
        let holds = self.0.as_ref().map_err(Clone::clone)?;
        let stands = match wall {
            Wall::Files => holds.files,
            Wall::Network => holds.network,
            Wall::Signals => holds.signals,
            Wall::Descriptors | Wall::Privileges | Wall::Resources | Wall::Syscalls => false,
        };
        match stands {
            true => Ok(()),
            false => Err(format!("the kernel's Landlock is of version {}", holds.version)),
        }
    }
}

#[cfg(target_os = "linux")]
fn raise(walls: &[Wall]) -> Result<Holds, String> {
    use landlock::{
        ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, LandlockStatus, Ruleset,
        RulesetAttr, RulesetError, RulesetStatus, Scope,
    };

    /// The newest whose restrictions are known here.
    const NEWEST: ABI = ABI::V6;

    let restrict = || -> Result<_, RulesetError> {
        let mut ruleset = Ruleset::default().set_compatibility(CompatLevel::BestEffort);
        if walls.contains(&Wall::Files) {
            ruleset = ruleset.handle_access(AccessFs::from_all(NEWEST))?;
        }
        if walls.contains(&Wall::Network) {
            ruleset = ruleset.handle_access(AccessNet::from_all(NEWEST))?;
        }
        if walls.contains(&Wall::Signals) {
            ruleset = ruleset.scope(Scope::from_all(NEWEST))?;
        }
        ruleset.create()?.restrict_self()
    };
    let status = restrict().map_err(|error| error.to_string())?;
    let abi = match status.landlock {
        LandlockStatus::Available { effective_abi, .. } => effective_abi,
        LandlockStatus::NotEnabled => {
            return Err("the kernel was started without Landlock".to_owned());
        }
        LandlockStatus::NotImplemented => return Err("the kernel has no Landlock".to_owned()),
    };
    let any = status.ruleset != RulesetStatus::NotEnforced;
    Ok(Holds {
        version: abi as i32,
        files: any && abi >= ABI::V1,
        network: any && abi >= ABI::V4,
        signals: any && abi >= ABI::V6,
    })
}

#[cfg(not(target_os = "linux"))]
fn raise(_walls: &[Wall]) -> Result<Holds, String> {
    Err(super::NOT_HERE.to_owned())
}

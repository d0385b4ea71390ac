//! A module's manifest: what it says of itself, or what its exports show.

use std::time::Duration;

use farside_protocol::manifest::{GUEST_ABI, Manifest};
use farside_protocol::value::scan;
use farside_protocol::{ErrorCode, Failure, caps};

use super::guest::Guests;
use crate::sandbox::fault::Fault;
use crate::sandbox::module::{self, ModuleError};

/// Memory of the throw-away instance that describes a module.
const MEMORY: u64 = 64 << 20;

/// CPU time that a module may take to describe itself.
const TIME: Duration = Duration::from_secs(1);

/// Describes a module.
pub(super) fn describe(guests: &Guests) -> Result<Manifest, ModuleError> {
    let Some(names) = module::sdk_functions(guests.code()) else {
        return module::plain_manifest(guests.code());
    };
    module::check_counts(names.len(), 0)?;
    guests.run(TIME, ask(guests, &names)).unwrap_or_else(|| {
        let message = format!("its description takes more than {TIME:?}");
        Err(ModuleError::Manifest { message, cause: None })
    })
}

async fn ask(guests: &Guests, names: &[String]) -> Result<Manifest, ModuleError> {
    let mut instance = guests.instantiate(MEMORY).await.map_err(broken)?;
    let abi = instance.abi().await.map_err(broken)?;
    if abi != GUEST_ABI {
        return Err(ModuleError::Abi { found: abi });
    }
    let bytes =
        instance.describe("farside_describe", caps::MANIFEST_BYTES).await.map_err(broken)?;
    let mut left = caps::MANIFEST_BYTES - bytes.len();
    let mut manifest = decode(&bytes)?;
    manifest.abi = Some(abi);
    manifest.functions.clear();
    for name in names {
        let export = format!("farside_describe_{name}");
        let bytes = instance.describe(&export, left).await.map_err(broken)?;
        left -= bytes.len();
        let part = decode(&bytes)?;
        if manifest.docs.is_empty() {
            manifest.docs = part.docs;
        }
        manifest.functions.extend(part.functions.into_iter().take(1));
    }
    if manifest.functions.len() != names.len() {
        let message = "a function has no description".to_owned();
        return Err(ModuleError::Manifest { message, cause: None });
    }
    module::check_manifest(&manifest, names)?;
    Ok(manifest)
}

fn broken(fault: Fault) -> ModuleError {
    // What to do about it is the same whatever went wrong.
    let cause = Failure { hint: None, ..fault.failure };
    ModuleError::Manifest {
        message: "its description failed".to_owned(),
        cause: Some(Box::new(cause)),
    }
}

fn decode(bytes: &[u8]) -> Result<Manifest, ModuleError> {
    let wrong = |message: String| ModuleError::Manifest {
        message: "its description can't be read".to_owned(),
        cause: Some(Box::new(Failure::new(ErrorCode::InvalidModule, message))),
    };
    scan(bytes).map_err(|error| wrong(error.to_string()))?;
    farside_protocol::outline::decode(bytes).map_err(|error| wrong(error.to_string()))
}

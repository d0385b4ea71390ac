//! Pre-initialization: a module that exports an init entry runs it once, when it is
//! compiled, and every instance begins with what it left.

use farside_protocol::ErrorCode;

use super::guest::Guests;
use super::order::Ceilings;
use crate::config::ByteSize;
use crate::sandbox::fault::Fault;
use crate::sandbox::image::Image;
use crate::sandbox::module::ModuleError;

/// The export that prepares a module.
pub(super) const INIT: &str = "farside_init";

/// Runs the init entry of a module in an instance of its own, and takes its image.
pub(super) fn prepare(guests: &Guests, ceilings: &Ceilings) -> Result<Image, ModuleError> {
    let most = ByteSize::new(ceilings.image);
    let run = guests.run(ceilings.init_cpu, async {
        let mut instance = guests.instantiate(ceilings.image).await?;
        instance.enter(INIT).await?;
        instance.image()
    });
    match run {
        Some(Ok(image)) => Ok(image),
        Some(Err(Fault { failure, .. })) if failure.code == ErrorCode::MemoryLimit => {
            Err(ModuleError::ImageSize { most })
        }
        Some(Err(Fault { failure, .. })) => Err(ModuleError::Init { cause: Box::new(failure) }),
        None => Err(ModuleError::InitTime { most: ceilings.init_cpu }),
    }
}

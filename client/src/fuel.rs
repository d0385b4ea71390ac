//! The fuel that a call used.

use std::sync::Arc;

use farside_protocol::{Failure, RefId};

use crate::describe::DescribeError;
use crate::far::Far;
use crate::wait::WaitError;

impl<T: ?Sized> Far<T> {
    /// Waits for the call, and tells the fuel that it used: about one for each
    /// instruction that it executed, and the same wherever it runs. Calls that it made
    /// of other functions are not in it.
    ///
    /// Fuel is counted of modules that were uploaded
    /// [metered](crate::Uploader::metered), and kept as long as the reference.
    ///
    /// # Errors
    /// When it was not counted, or the connection is lost.
    pub async fn fuel(&self) -> Result<u64, FuelError> {
        let of = self.sent().map_err(|broken| FuelError::Unsent(Arc::clone(broken)))?;
        self.session().wait(&[of], 1, None).await?;
        let outline = self.session().describe_ref(of).await?;
        outline.fuel.ok_or(FuelError::Uncounted { of })
    }
}

/// Why the fuel of a call is not known.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FuelError {
    /// The reference broke before it was sent.
    #[error(transparent)]
    Unsent(Arc<Failure>),
    /// Nobody counted it.
    #[error("no fuel was counted for {of}")]
    Uncounted {
        /// The reference.
        of: RefId,
    },
    /// The call was not waited for.
    #[error(transparent)]
    Wait(#[from] WaitError),
    /// The server does not describe the reference.
    #[error(transparent)]
    Describe(#[from] DescribeError),
}

impl FuelError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            FuelError::Unsent(failure) => failure.hint.clone(),
            FuelError::Uncounted { .. } => Some(
                "upload the module metered (`uploader(..).metered()`, farside upload --metered); \
                 a call that was stopped or trapped has none"
                    .to_owned(),
            ),
            FuelError::Wait(error) => error.hint().map(str::to_owned),
            FuelError::Describe(error) => error.hint(),
        }
    }
}

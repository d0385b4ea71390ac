//! The form of a call's arguments, which depends on no session's state: whether they
//! are a value, fit the function, and which references stand in them.

use std::fmt;

use bytes::Bytes;
use farside_protocol::manifest::Function;
use farside_protocol::value::{RefSite, check_arguments, scan};
use farside_protocol::{ErrorCode, Failure, beginning, caps};

use crate::sandbox::Module;

/// Arguments of the right form: one for each parameter, and the references in them.
pub(super) struct CheckedArguments {
    pub(super) bytes: Bytes,
    pub(super) sites: Vec<RefSite>,
}

/// Checks form, depth, count and kinds. Takes time by the number of values.
pub(super) fn check_form(
    module: &Module,
    function: u32,
    bytes: Bytes,
    depth: usize,
) -> Result<CheckedArguments, Failure> {
    let invalid = |message: String| Failure::new(ErrorCode::InvalidArgument, message);
    let mut scanned = scan(&bytes).map_err(|error| invalid(error.to_string()))?;
    if scanned.depth > depth {
        let message =
            format!("the arguments are nested {} levels deep; {depth} are allowed", scanned.depth);
        return Err(Failure::new(ErrorCode::ValueTooLarge, message)
            .with_hint("flatten them, or raise limits.value_depth on the server"));
    }
    let Some(description) = module.manifest().functions.get(function as usize) else {
        return Err(Failure::new(ErrorCode::NotFound, "the function is gone"));
    };
    let mut bytes = bytes;
    let reordered = check_arguments(description, &bytes).map_err(|error| {
        let hint = beginning(Signature(description), caps::FAILURE_TEXT_BYTES);
        invalid(error.to_string()).with_hint(hint)
    })?;
    if let Some(reordered) = reordered {
        bytes = reordered.into();
        scanned = scan(&bytes).map_err(|error| invalid(error.to_string()))?;
    }
    Ok(CheckedArguments { bytes, sites: scanned.refs })
}

/// A function's signature, for hints.
struct Signature<'f>(&'f Function);

impl fmt::Display for Signature<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "its signature is {}(", self.0.name)?;
        for (place, param) in self.0.params.iter().enumerate() {
            let comma = if place == 0 { "" } else { ", " };
            write!(f, "{comma}{}: {}", param.name, param.schema)?;
        }
        write!(f, ") -> {}", self.0.result)
    }
}

//! A reference as it stands inside an argument.

use serde::ser::{Serialize, Serializer};

use crate::RefId;

/// A reference as an argument, or inside one: serializes to the extension value
/// that the server replaces by the referenced value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FarArg(pub RefId);

impl Serialize for FarArg {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let bytes = self.0.to_bits().to_be_bytes();
        let body = (super::REFERENCE, serde_bytes::Bytes::new(&bytes));
        serializer.serialize_newtype_struct("_ExtStruct", &body)
    }
}

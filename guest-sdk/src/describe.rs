//! What a function says of itself.

use farside_protocol::manifest::{self, Param};

use crate::trace::Trace;

/// A function under description; the macro's output fills it in.
pub struct Function(manifest::Function);

impl Function {
    /// A function without parameters or result.
    #[must_use]
    pub fn new(name: &str, docs: &str, pure: bool) -> Function {
        let (name, docs) = (name.to_owned(), docs.to_owned());
        Function(manifest::Function { name, docs, pure, ..manifest::Function::default() })
    }

    /// The same function with one more parameter.
    #[must_use]
    pub fn param(mut self, name: &str, ty: Option<Trace>) -> Function {
        let Trace { schema, optional } = ty.unwrap_or_default();
        self.0.params.push(Param { name: name.to_owned(), schema, optional });
        self
    }

    /// The same function with what it gives and what it fails with.
    #[must_use]
    pub fn returns(mut self, value: Option<Trace>, error: Option<Trace>) -> Function {
        self.0.result = value.unwrap_or_default().schema;
        self.0.error = error.map(|error| error.schema);
        self
    }

    pub(crate) fn into_manifest(self) -> manifest::Function {
        self.0
    }
}

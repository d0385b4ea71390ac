//! What the command shows: values, descriptions and failures as text.

mod elements;
mod item;
pub(crate) mod json;
pub(crate) mod plain;
pub(crate) mod text;

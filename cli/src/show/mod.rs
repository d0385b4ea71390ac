//! What the command shows: values, descriptions and failures as text.

pub(crate) mod announcement;
pub(crate) mod describe;
mod elements;
mod extension;
pub(crate) mod failure;
mod item;
pub(crate) mod json;
pub(crate) mod plain;
pub(crate) mod table;
pub(crate) mod text;

//! The wire and the values on it, from outside.
#![cfg(feature = "wire")]

mod arguments;
mod array;
mod message;
mod model;
mod nearest;
mod path;
mod scan;
mod select;
mod wire;

//! Everything that the server can be told.
//!
//! One table ([`settings`]) lists each setting once, with its type, default and
//! meaning. The struct, the annotated default file, the environment names, the
//! flags and the listing all come from it. A flag wins over the environment, the
//! environment over the file, the file over the default.
//!
//! Nothing here is read again after the start.

mod byte_size;
mod duration;
mod evaluator_files;
mod folders;
mod load;
mod nearest;
mod overlay;
mod pem_file;
mod process_memory;
mod setting;
mod table;
#[cfg(test)]
mod tests;
mod text;

pub use byte_size::ByteSize;
pub use evaluator_files::EvaluatorFiles;
pub use folders::usual_file;
pub use load::{ConfigError, Loaded, Origin};
pub use pem_file::PemFile;
pub use process_memory::ProcessMemory;
pub use setting::{Setting, settings};
pub use table::{Config, Guests, Limits};
pub use text::Problem;

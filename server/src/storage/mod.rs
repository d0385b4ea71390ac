//! Where modules and values are kept, behind one trait.

mod url;

pub use url::{StorageUrl, StorageUrlError};

//! Who may use this server, and what for.
//!
//! A client shows a [`Token`]; it speaks for an [`Owner`], to whom sessions and quotas
//! belong. The server's own token, which it makes at its first start, speaks for the
//! owner `local`, who may do everything. Other tokens stand in a file of the data folder
//! ([`TokensFile`]), as hashes, each with permissions and a policy.

mod owner;
mod owners;
mod permission;
mod record;
mod token;
mod tokens_file;

pub use permission::{Permission, Permissions, UnknownPermission};
pub use record::{Digest, TokenRecord};
pub use token::{Token, TokenError, local_token};
pub use tokens_file::{TokensFile, TokensFileError};

pub(crate) use owner::{Owner, OwnerId, OwnerSession};
pub(crate) use owners::{Admission, Owners};

//! The subcommands, one file each.

pub(crate) mod call;
pub(crate) mod cancel;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod describe;
pub(crate) mod eval;
pub(crate) mod execute;
pub(crate) mod get;
pub(crate) mod new;
pub(crate) mod refs;
pub(crate) mod release;
pub(crate) mod renew;
pub(crate) mod repl;
pub(crate) mod serve;
pub(crate) mod session;
pub(crate) mod token;
pub(crate) mod upload;
pub(crate) mod version;

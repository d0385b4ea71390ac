mod backends;
mod modules;
mod texts;
mod values;

use std::path::Path;
use std::sync::Arc;

use super::{Entry, Key, Storage, StorageError, StorageUrl, open};
use crate::config::ByteSize;
use crate::meter::Meter;

fn key(text: &str) -> Key {
    Key::parse(text).unwrap()
}

/// A storage in files in `folder`.
async fn files(folder: &Path) -> Arc<dyn Storage> {
    open(&StorageUrl::File { folder: None }, folder, &Meter::new(ByteSize::mib(64))).await.unwrap()
}

async fn keys(storage: &dyn Storage, folder: Option<&Key>) -> Vec<(String, u64)> {
    let entries = storage.list(folder).await.unwrap();
    let mut keys: Vec<_> =
        entries.into_iter().map(|Entry { key, len }| (key.to_string(), len)).collect();
    keys.sort();
    keys
}

/// An error as a person sees it, with the causes in one line.
fn told(error: &StorageError) -> String {
    let cause = std::error::Error::source(error).map_or_else(String::new, |at| format!(": {at}"));
    let hint = error.hint().map_or_else(String::new, |hint| format!("\nhint: {hint}"));
    format!("{error}{cause}{hint}")
}

/// Bytes of which no two chunks are alike.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    (0..len)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as u8
        })
        .collect()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().build().unwrap()
}

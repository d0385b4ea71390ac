use std::sync::Arc;

use bytes::Bytes;
use farside_protocol::ModuleHash;
use tempfile::TempDir;

use super::{files, told};
use crate::storage::faulty::{Fault, FaultyStorage};
use crate::storage::{Key, Modules};

const MODULE: Bytes = Bytes::from_static(b"\0asm\x01\0\0\0");

fn hash() -> ModuleHash {
    ModuleHash::of(&MODULE)
}

#[tokio::test]
async fn modules_outlive_the_server() {
    let folder = TempDir::new().unwrap();
    let modules = Modules::open(files(folder.path()).await).await.unwrap();
    assert!(!modules.contains(hash()));
    modules.put(hash(), MODULE).await.unwrap();
    assert!(modules.contains(hash()));
    drop(modules);

    let modules = Modules::open(files(folder.path()).await).await.unwrap();
    assert!(modules.contains(hash()));
    assert_eq!(modules.get(hash()).await.unwrap(), MODULE);
}

#[tokio::test]
async fn a_damaged_module_is_not_given_and_can_be_put_again() {
    let faulty = FaultyStorage::new();
    let modules = Modules::open(Arc::<FaultyStorage>::clone(&faulty)).await.unwrap();
    modules.put(hash(), MODULE).await.unwrap();
    for bit in 0..8 * MODULE.len() as u64 {
        faulty.set(Some(Fault::FlippedBit(bit)));
        let error = modules.get(hash()).await.unwrap_err();
        let text = told(&error).replace(&Key::module(hash()).to_string(), "KEY");
        assert_eq!(text, "what is stored as KEY is damaged: it has another hash");
        assert!(!modules.contains(hash()));

        faulty.set(None);
        modules.put(hash(), MODULE).await.unwrap();
        assert_eq!(modules.get(hash()).await.unwrap(), MODULE);
    }
}

#[tokio::test]
async fn a_module_that_was_not_written_is_not_there() {
    let faulty = FaultyStorage::new();
    let modules = Modules::open(Arc::<FaultyStorage>::clone(&faulty)).await.unwrap();
    faulty.set(Some(Fault::FullDisk));
    modules.put(hash(), MODULE).await.unwrap_err();
    assert!(!modules.contains(hash()));
    modules.get(hash()).await.unwrap_err();
}

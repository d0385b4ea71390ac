//! Files that stay open for a while: a value that is read in parts is read again soon,
//! and opening it takes longer than reading a part.

use std::collections::VecDeque;
use std::fs::File;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Key;

/// Files that stay open, those that were read last. Few, since each is a descriptor.
const MOST: usize = 32;

/// Open files by their keys, the last one read first.
#[derive(Debug, Default)]
pub(super) struct OpenFiles {
    recent: Mutex<VecDeque<(Key, Arc<File>)>>,
}

impl OpenFiles {
    fn recent(&self) -> MutexGuard<'_, VecDeque<(Key, Arc<File>)>> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The file of a key, opened if it is not open.
    pub(super) fn get(&self, key: &Key, open: impl FnOnce() -> Option<File>) -> Option<Arc<File>> {
        let mut recent = self.recent();
        match recent.iter().position(|(other, _)| other == key) {
            Some(0) => {}
            Some(place) => {
                let entry = recent.remove(place)?;
                recent.push_front(entry);
            }
            None => {
                drop(recent);
                let file = Arc::new(open()?);
                recent = self.recent();
                recent.push_front((key.clone(), file));
                recent.truncate(MOST);
            }
        }
        recent.front().map(|(_, file)| Arc::clone(file))
    }

    /// The file of a key is no longer what it was.
    pub(super) fn close(&self, key: &Key) {
        self.recent().retain(|(other, _)| other != key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_files_are_open_those_read_last() {
        let files = OpenFiles::default();
        let open = || Some(tempfile::tempfile().unwrap());
        let keys: Vec<_> =
            (0..=MOST).map(|number| Key::parse(&format!("values/{number}")).unwrap()).collect();
        for key in &keys[..MOST] {
            files.get(key, open).unwrap();
        }
        files.get(&keys[0], || unreachable!("it is open")).unwrap();
        files.get(&keys[MOST], open).unwrap();
        assert_eq!(files.recent().len(), MOST);
        // The second one was read longest ago.
        assert!(files.get(&keys[1], || None).is_none());
        files.get(&keys[0], || unreachable!("it is open")).unwrap();
        files.close(&keys[0]);
        assert!(files.get(&keys[0], || None).is_none());
    }
}

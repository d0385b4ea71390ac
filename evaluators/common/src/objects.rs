//! What callers may refer to: results that are no plain data, and stay here.

use std::collections::BTreeMap;

use farside_guest::session;

/// Objects by the ids that callers know them by.
///
/// Each is kept until nobody refers to it any more, which the server is asked for.
#[derive(Debug)]
pub struct Objects<T> {
    /// How many were given away, ever.
    given: u64,
    kept: BTreeMap<u64, T>,
}

impl<T> Objects<T> {
    /// Keeps none yet.
    #[must_use]
    pub const fn new() -> Objects<T> {
        Objects { given: 0, kept: BTreeMap::new() }
    }

    /// Keeps an object; gives its id, which no other one ever has.
    pub fn keep(&mut self, object: T) -> u64 {
        self.given += 1;
        self.kept.insert(self.given, object);
        self.given
    }

    /// The object of an id.
    #[must_use]
    pub fn get(&self, id: u64) -> Option<&T> {
        self.kept.get(&id)
    }

    /// The ids of those that nobody refers to any more. The server tells each once.
    #[must_use]
    pub fn released(&self) -> Vec<u64> {
        if self.kept.is_empty() { Vec::new() } else { session::released() }
    }

    /// Keeps some no more.
    pub fn forget(&mut self, ids: &[u64]) {
        ids.iter().for_each(|id| drop(self.kept.remove(id)));
    }

    /// Keeps none of them any more. Their ids stay theirs.
    pub fn clear(&mut self) {
        self.kept.clear();
    }
}

impl<T> Default for Objects<T> {
    fn default() -> Objects<T> {
        Objects::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_given_once() {
        let mut objects = Objects::new();
        let (one, two) = (objects.keep("one"), objects.keep("two"));
        assert_eq!((objects.get(one), objects.get(two)), (Some(&"one"), Some(&"two")));
        objects.forget(&[one, 99]);
        assert_eq!((objects.get(one), objects.get(two)), (None, Some(&"two")));
        objects.clear();
        assert_eq!(objects.get(two), None);
        assert!(objects.keep("three") > two);
    }
}

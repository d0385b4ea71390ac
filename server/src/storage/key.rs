//! What stored bytes are called.

use std::borrow::Cow;
use std::fmt;

use farside_protocol::ModuleHash;

/// The name of stored bytes: segments of `a-z`, `0-9`, `.`, `_` and `-`, joined by
/// `/`. No segment begins with a dot, so a key is a path that stays inside its
/// folder on every system, and a backend has names left for itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(Cow<'static, str>);

impl Key {
    /// The folder of values.
    pub(crate) const VALUES: Key = Key(Cow::Borrowed("values"));

    /// The folder of modules.
    pub(crate) const MODULES: Key = Key(Cow::Borrowed("modules"));

    /// The folder of what each owner is known to have.
    pub(crate) const KNOWN: Key = Key(Cow::Borrowed("known"));

    /// Longest key, in bytes.
    pub(crate) const MAX: usize = 200;

    /// Where a module is kept.
    pub(crate) fn module(hash: ModuleHash) -> Key {
        Key(format!("{}/{hash}", Key::MODULES).into())
    }

    /// The mark that an owner has shown a module. Of the owner's name the hash stands in
    /// it, since names have letters that keys have not.
    pub(crate) fn known(owner: &str, hash: ModuleHash) -> Key {
        let owner = ModuleHash::of(owner.as_bytes());
        Key(format!("{}/{owner}/{hash}", Key::KNOWN).into())
    }

    /// Where a value is kept: its SHA-256, and a number that tells this writing of
    /// it from earlier ones that are still being deleted.
    pub(crate) fn value(hash: [u8; 32], writing: u64) -> Key {
        Key(format!("{}/{}.{writing}", Key::VALUES, ModuleHash(hash)).into())
    }

    /// A key from text; none if it is not of the form.
    pub(crate) fn parse(text: &str) -> Option<Key> {
        let segment = |segment: &str| {
            !segment.is_empty()
                && !segment.starts_with('.')
                && segment
                    .bytes()
                    .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-'))
        };
        (text.len() <= Key::MAX && text.split('/').all(segment))
            .then(|| Key(text.to_owned().into()))
    }

    /// Its text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The last segment.
    pub(crate) fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }

    /// Whether it lies in a folder, at any depth.
    pub(crate) fn is_in(&self, folder: &Key) -> bool {
        self.0.strip_prefix(&*folder.0).is_some_and(|rest| rest.starts_with('/'))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, is_key: bool) {
        assert_eq!(Key::parse(text).is_some(), is_key, "{text:?}");
    }

    #[test]
    fn keys_stay_inside_their_folder() {
        check("modules/0af3", true);
        check("a/b/c.d_e-f", true);
        check("", false);
        check("/a", false);
        check("a/", false);
        check("a//b", false);
        check("..", false);
        check("a/../b", false);
        check(".unfinished/x", false);
        check("a\\b", false);
        check("A", false);
        check("a b", false);
        check("a\0", false);
        check("ä", false);
        check(&"a".repeat(Key::MAX), true);
        check(&"a".repeat(Key::MAX + 1), false);
    }

    #[test]
    fn made_keys_are_of_the_form() {
        check(Key::module(ModuleHash([255; 32])).as_str(), true);
        check(Key::value([0; 32], u64::MAX).as_str(), true);
    }

    #[test]
    fn a_folder_is_not_a_prefix() {
        let key = Key::parse("values/a/b").unwrap();
        assert!(key.is_in(&Key::VALUES));
        assert!(!key.is_in(&Key::MODULES));
        assert!(!Key::parse("values2/a").unwrap().is_in(&Key::VALUES));
        assert!(!Key::VALUES.is_in(&Key::VALUES));
        assert_eq!(key.name(), "b");
    }
}

//! An exception that source text raised, as its evaluator returns it: a map of its
//! `type`, its `message` and the `traceback` as the language's own shell prints it.

use farside_protocol::value::{Head, Kind};

/// Lines of a traceback that become a failure's backtrace.
const LINES: usize = 64;

/// What an evaluator's error value says.
pub(super) struct Raised {
    /// The exception in one line.
    pub(super) message: String,
    /// The traceback, line by line.
    pub(super) backtrace: Vec<String>,
}

impl Raised {
    /// The exception in an error's bytes, if they are one.
    pub(super) fn of(value: &[u8]) -> Option<Raised> {
        let head = Head::read(value).filter(|head| head.kind == Kind::Map && head.items == 6)?;
        let mut rest = value.get(head.len..)?;
        let mut text = || {
            let head = Head::read(rest).filter(|head| head.kind == Kind::String)?;
            let end = head.len.checked_add(usize::try_from(head.body).ok()?)?;
            let (text, after) = (rest.get(head.len..end)?, rest.get(end..)?);
            rest = after;
            std::str::from_utf8(text).ok()
        };
        let (mut kind, mut message, mut traceback) = (None, None, None);
        for _ in 0..3 {
            match (text()?, text()?) {
                ("type", value) => kind = Some(value),
                ("message", value) => message = Some(value),
                ("traceback", value) => traceback = Some(value),
                _ => return None,
            }
        }
        let message = match (kind?, message?) {
            (kind, "") => kind.to_owned(),
            (kind, message) => format!("{kind}: {message}"),
        };
        let mut lines: Vec<String> = traceback?.lines().map(str::to_owned).collect();
        // It is the message already.
        if lines.last() == Some(&message) {
            lines.pop();
        }
        // The end says what it was, which is what matters of a deep recursion.
        let cut = lines.len().saturating_sub(LINES);
        Some(Raised { message, backtrace: lines[cut..].to_vec() })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn check(entries: &[(&str, &str)], expected: Option<(&str, usize)>) {
        let map: BTreeMap<_, _> = entries.iter().copied().collect();
        let raised = Raised::of(&rmp_serde::to_vec(&map).unwrap());
        let found = raised.as_ref().map(|raised| (&*raised.message, raised.backtrace.len()));
        assert_eq!(found, expected);
    }

    #[test]
    fn exceptions_are_told_from_other_errors() {
        let (kind, text) = (("type", "ValueError"), ("message", "no"));
        check(&[kind, text, ("traceback", "one\n  two")], Some(("ValueError: no", 2)));
        check(&[kind, text, ("traceback", "one\nValueError: no")], Some(("ValueError: no", 1)));
        check(&[kind, ("message", ""), ("traceback", "")], Some(("ValueError", 0)));
        check(&[kind, text, ("traceback", &"line\n".repeat(100))], Some(("ValueError: no", 64)));
        check(&[kind, text, ("other", "")], None);
        check(&[kind, text], None);
        assert!(Raised::of(&[0x86]).is_none());
        assert!(Raised::of(b"\xa2no").is_none());
    }
}

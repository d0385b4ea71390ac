//! A failure that crossed the wire, with its backtrace and its causes.

use farside_protocol::{ErrorCode, Failure};
use serde_json::{Value, json};

use super::plain::plain;
use super::text::show_inline;

/// What stands after `error: ..: ` for a failure, in one line.
pub(crate) fn headline(failure: &Failure) -> String {
    let message = plain(&failure.message).into_owned();
    match own_error(failure) {
        // The server may have put a short text into its message.
        Some(value) if !message.contains(value.trim_matches('"')) => format!("{message}: {value}"),
        _ => message,
    }
}

/// The backtrace and the causes, in lines; empty if there are none.
pub(crate) fn details(failure: &Failure) -> String {
    let mut blocks = Vec::new();
    blocks.extend(backtrace(failure));
    for cause in failure.causes() {
        blocks.push(format!("caused by: {}", headline(cause)));
        blocks.extend(backtrace(cause));
    }
    blocks.join("\n\n")
}

/// The traceback of an evaluated language, if the failure is an exception of one.
pub(crate) fn traceback(failure: &Failure) -> Option<String> {
    let text = backtrace(failure).filter(|_| is_traceback(failure))?;
    // The server leaves its last line out if that is the message.
    let message = failure.message.lines().next().unwrap_or_default();
    let is_told = failure.backtrace.iter().any(|line| line == message);
    Some(if is_told { text } else { format!("{text}\n{}", plain(&failure.message)) })
}

/// The nearest hint: the failure's own, or that of what led to it.
pub(crate) fn hint(failure: &Failure) -> Option<&str> {
    std::iter::once(failure).chain(failure.causes()).find_map(|one| one.hint.as_deref())
}

/// A failure for scripts.
pub(crate) fn to_json(failure: &Failure) -> Value {
    json!({
        "code": failure.code.name(),
        "message": failure.message,
        "hint": failure.hint,
        "backtrace": failure.backtrace,
        "value": own_error_json(failure),
        "cause": failure.cause.as_deref().map(to_json),
    })
}

fn backtrace(failure: &Failure) -> Option<String> {
    if failure.backtrace.is_empty() {
        return None;
    }
    if is_traceback(failure) {
        let lines: Vec<_> = failure.backtrace.iter().map(|line| plain(line)).collect();
        return Some(lines.join("\n"));
    }
    let mut lines = vec!["backtrace of the guest, innermost first:".to_owned()];
    lines.extend(failure.backtrace.iter().enumerate().map(|(place, frame)| {
        let frame = plain(frame).replace('\n', "\n       ");
        format!("  {place:>2}: {frame}")
    }));
    Some(lines.join("\n"))
}

/// Whether the backtrace is that of an evaluated language, in its own form: only a
/// guest that trapped has one otherwise.
fn is_traceback(failure: &Failure) -> bool {
    failure.code == ErrorCode::GuestError && !failure.backtrace.is_empty()
}

/// The error value of a function that returned one. That of an exception is in the
/// message already.
fn own_error(failure: &Failure) -> Option<String> {
    match failure.code {
        ErrorCode::GuestError if !is_traceback(failure) => {
            show_inline(failure.detail.as_ref()?).ok()
        }
        _ => None,
    }
}

fn own_error_json(failure: &Failure) -> Option<Value> {
    let mut out = Vec::new();
    let content = farside_protocol::ContentType::MSGPACK;
    super::json::write_json(&mut out, &content, failure.detail.as_ref()?).ok()?;
    serde_json::from_slice(&out).ok()
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;

    fn chain() -> Failure {
        let panic = Failure {
            backtrace: vec![
                "core::panicking::panic_bounds_check".to_owned(),
                "stats::mean at src/lib.rs:12:5".to_owned(),
            ],
            hint: Some("`farside renew stats` gives it a fresh instance".to_owned()),
            ..Failure::new(ErrorCode::Trap, "stats.mean panicked: index out of bounds")
        };
        Failure::new(ErrorCode::Trap, "the argument `data` is broken").with_cause(panic)
    }

    #[test]
    fn causes_and_backtraces_follow_the_headline() {
        let failure = chain();
        assert_snapshot!(headline(&failure), @"the argument `data` is broken");
        assert_snapshot!(details(&failure), @r"
        caused by: stats.mean panicked: index out of bounds

        backtrace of the guest, innermost first:
           0: core::panicking::panic_bounds_check
           1: stats::mean at src/lib.rs:12:5
        ");
        assert_eq!(hint(&failure), Some("`farside renew stats` gives it a fresh instance"));
    }

    #[test]
    fn a_traceback_says_what_was_raised() {
        fn check(backtrace: &[&str], expected: &str) {
            let backtrace = backtrace.iter().map(|line| (*line).to_owned()).collect();
            let failure = Failure::new(ErrorCode::GuestError, "Error: no");
            assert_eq!(traceback(&Failure { backtrace, ..failure }).as_deref(), Some(expected));
        }
        check(&["  line 1"], "  line 1\nError: no");
        check(&["Error: no", "  at line 1"], "Error: no\n  at line 1");
        assert_eq!(traceback(&chain()), None);
    }

    #[test]
    fn a_functions_own_error_is_shown_with_its_value() {
        #[derive(serde::Serialize)]
        struct Divided {
            by: i64,
        }
        let detail = rmp_serde::to_vec_named(&Divided { by: 0 }).unwrap();
        let failure = Failure {
            detail: Some(detail.into()),
            ..Failure::new(ErrorCode::GuestError, "hello.divide returned an error")
        };
        assert_snapshot!(headline(&failure), @r#"hello.divide returned an error: {"by": 0}"#);
        assert_snapshot!(to_json(&failure), @r#"{"backtrace":[],"cause":null,"code":"GuestError","hint":null,"message":"hello.divide returned an error","value":{"by":0}}"#);
    }

    #[test]
    fn a_failure_has_a_form_for_scripts() {
        assert_snapshot!(to_json(&chain()), @r#"{"backtrace":[],"cause":{"backtrace":["core::panicking::panic_bounds_check","stats::mean at src/lib.rs:12:5"],"cause":null,"code":"Trap","hint":"`farside renew stats` gives it a fresh instance","message":"stats.mean panicked: index out of bounds","value":null},"code":"Trap","hint":null,"message":"the argument `data` is broken","value":null}"#);
    }
}

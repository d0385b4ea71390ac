//! What is shown of a result: all of it, if that is little, or its beginning with what it
//! is, its size and its reference. Only what is shown is fetched.

use bytes::Bytes;
use farside::outline::RefOutline;
use farside::{ContentType, Far, RefState, Session};
use farside_protocol::value::scan;

use crate::delivery::DeliveryError;
use crate::fault::{Blame, Fault};
use crate::show::plain::{plain, size};
use crate::show::text::show_value;

/// Most bytes of a value, or of a part of it, that are fetched to be shown.
const MOST: u64 = 64 << 10;

/// A result, as it is shown.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    /// The value or its beginning; none of a large value that has no beginning.
    pub(crate) text: Option<String>,
    /// What it is, how large, and its reference, where not all of it is shown.
    pub(crate) rest: Option<String>,
}

/// Waits for a result, and gives what it is without fetching it.
///
/// # Errors
/// What broke it.
pub(crate) async fn settled(
    session: &Session,
    far: &Far<()>,
    what: &str,
) -> Result<RefOutline, Fault> {
    let states = session.wait(&[far.id()], 1, None).await.blame(what)?;
    if states.first() != Some(&RefState::Ready) {
        // Asking for the value is asking for the failure.
        far.get_raw(None).await.blame(what)?;
    }
    session.describe_ref(far.id()).await.blame(what)
}

/// Whether it is the result of what has none, such as a statement.
pub(crate) fn is_nil(outline: &RefOutline) -> bool {
    outline.kind.as_deref() == Some("nil")
}

/// Fetches what is to be shown of a value that is there.
///
/// # Errors
/// It can't be fetched, or is no value.
pub(crate) async fn show(
    session: &Session,
    far: &Far<()>,
    outline: &RefOutline,
    what: &str,
) -> Result<Shown, Fault> {
    if let Some(object) = &outline.shown {
        return Ok(Shown { text: Some(plain(object).into_owned()), rest: None });
    }
    if is_small(outline) {
        let (content, value) = far.get_raw(None).await.blame(what)?;
        let (text, is_cut) = text(&content, &value).blame(what)?;
        return Ok(Shown { text: Some(text), rest: is_cut.then(|| rest(outline, true)) });
    }
    let text = match beginning(outline) {
        Some(path) => fetch_beginning(session, &far.select(path), what).await,
        None => None,
    };
    let rest = rest(outline, text.is_some());
    Ok(Shown { text, rest: Some(rest) })
}

fn is_small(outline: &RefOutline) -> bool {
    outline.bytes.is_none_or(|bytes| bytes <= MOST)
}

/// The path of the first elements of a value.
fn beginning(outline: &RefOutline) -> Option<&'static str> {
    match outline.kind.as_deref() {
        Some("a string") => Some("[:200]"),
        Some("a list" | "a byte string" | "an array") => Some("[:10]"),
        _ => None,
    }
}

/// The text of a part; none if that is large, too, or can't be had.
async fn fetch_beginning(session: &Session, part: &Far<()>, what: &str) -> Option<String> {
    let outline = settled(session, part, what).await.ok()?;
    if !is_small(&outline) {
        return None;
    }
    let (content, value) = part.get_raw(None).await.ok()?;
    Some(text(&content, &value).ok()?.0)
}

/// A value's text, and whether some of the value is left out.
fn text(content: &ContentType, value: &Bytes) -> Result<(String, bool), DeliveryError> {
    if let Some(media_type) = content.other() {
        return Ok((plain(media_type).into_owned(), true));
    }
    let shown = scan(value).and_then(|_| show_value(value));
    let shown = shown.map_err(|source| DeliveryError::NoValue { source })?;
    Ok((shown.text, shown.cut))
}

fn rest(outline: &RefOutline, is_begun: bool) -> String {
    let kind = plain(outline.kind.as_deref().unwrap_or("a value"));
    let size = size(outline.bytes.unwrap_or_default());
    let begun = if is_begun { "… part of " } else { "" };
    format!("{begun}{kind} of {size}, kept as {}", outline.id)
}

#[cfg(test)]
mod tests {
    use farside::RefId;

    use super::*;

    fn outline(kind: &str, bytes: u64) -> RefOutline {
        RefOutline {
            id: RefId::from_bits(7),
            state: "ready".to_owned(),
            origin: String::new(),
            kind: Some(kind.to_owned()),
            shown: None,
            bytes: Some(bytes),
            fuel: None,
            failure: None,
        }
    }

    #[test]
    fn what_is_left_out_is_named() {
        let id = RefId::from_bits(7);
        let list = outline("a list", 300_000);
        assert_eq!(rest(&list, true), format!("… part of a list of 293.0 KiB, kept as {id}"));
        let map = outline("a map", 1 << 20);
        assert_eq!(rest(&map, false), format!("a map of 1.0 MiB, kept as {id}"));
    }

    #[test]
    fn a_value_is_small_or_has_a_beginning_or_is_named_alone() {
        assert!(is_small(&outline("a map", MOST)));
        assert!(!is_small(&outline("a list", MOST + 1)));
        assert_eq!(beginning(&outline("a list", MOST + 1)), Some("[:10]"));
        assert_eq!(beginning(&outline("a map", MOST + 1)), None);
        assert!(is_nil(&outline("nil", 1)));
    }

    #[test]
    fn a_text_says_whether_it_is_all() {
        let value = |value: &[i32]| Bytes::from(rmp_serde::to_vec(value).unwrap());
        let (whole, is_cut) = text(&ContentType::MSGPACK, &value(&[1, 2])).unwrap();
        assert_eq!((whole.as_str(), is_cut), ("[1, 2]", false));
        assert!(text(&ContentType::MSGPACK, &value(&[0; 101])).unwrap().1);
        assert!(text(&ContentType::MSGPACK, &Bytes::from_static(&[0x92])).is_err());
    }
}

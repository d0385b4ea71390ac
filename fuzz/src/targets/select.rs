//! Paths and selection: any text is a path or an error, any bytes and any path give a part
//! or an error, and of a proper value the part is what the model says.

use arbitrary::Unstructured;
use farside_protocol::value::path::{Path, Step};
use farside_protocol::value::{scan, select as select_part};

use super::model::Node;
use super::node;

/// A value and a path into it, of either of two forms: bytes and text as they are, or a
/// value and steps that fit each other now and then.
///
/// # Panics
/// When a part is not what it must be.
pub fn select(data: &[u8]) {
    let mut u = Unstructured::new(data);
    let Ok(is_raw) = u.arbitrary::<bool>() else { return };
    if is_raw { raw(&mut u) } else { proper(&mut u) }
}

/// Text and bytes of which nothing is known.
fn raw(u: &mut Unstructured<'_>) {
    let Ok(text) = u.arbitrary::<&str>() else { return };
    let value = u.peek_bytes(u.len()).unwrap_or_default();
    let is_value = scan(value).is_ok();
    let Ok(path) = text.parse::<Path>() else { return };
    assert_eq!(path.to_string().parse::<Path>().as_ref(), Ok(&path), "{text:?}");
    if let Ok(selection) = select_part(value, &path) {
        let part = selection.assemble(value);
        assert_eq!(part.len() as u64, selection.len());
        assert!(!is_value || scan(&part).is_ok(), "{path} of {value:02x?} is {part:02x?}");
    }
}

/// A value of known meaning.
fn proper(u: &mut Unstructured<'_>) {
    let Ok((node, steps, is_wide)) = drawn(u) else { return };
    let text: String = steps.iter().map(ToString::to_string).collect();
    let path: Path =
        text.parse().unwrap_or_else(|error| panic!("the text of steps is no path: {error}"));
    assert_eq!(path.steps(), steps, "{text}");
    let mut value = Vec::new();
    node.encode(is_wide, &mut value);
    assert!(scan(&value).is_ok());
    let expected = node.select(&steps);
    match select_part(&value[..], &path) {
        Err(error) => assert_eq!(expected, None, "{path} failed: {error}"),
        Ok(selection) => {
            let part = selection.assemble(&value);
            assert_eq!(part.len() as u64, selection.len());
            assert!(scan(&part).is_ok());
            assert_eq!(Some(Node::decode(&part)), expected, "{path}");
        }
    }
}

fn drawn(u: &mut Unstructured<'_>) -> arbitrary::Result<(Node, Vec<Step>, bool)> {
    let is_wide = u.arbitrary()?;
    let steps = node::steps(u)?;
    Ok((node::node(u, 0)?, steps, is_wide))
}

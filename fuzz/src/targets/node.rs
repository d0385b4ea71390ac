//! Values and steps drawn from bytes.

use std::num::NonZeroI128;

use arbitrary::{Result, Unstructured};
use farside_protocol::array::Dtype;
use farside_protocol::value::path::{Item, Slice, Step};

use super::model::Node;

/// Deepest nesting of a value that is drawn.
const DEPTH: usize = 5;

/// Most elements of whatever has elements.
const ELEMENTS: usize = 6;

/// Any value.
pub(super) fn node(u: &mut Unstructured<'_>, depth: usize) -> Result<Node> {
    let kinds = if depth < DEPTH { 10 } else { 8 };
    Ok(match u.int_in_range(0..=kinds - 1)? {
        0 => Node::Nil,
        1 => Node::Bool(u.arbitrary()?),
        2 => Node::Int(u.arbitrary::<u64>()?.into()),
        3 => Node::Int(i128::from(u.arbitrary::<i64>()?).min(-1)),
        4 => Node::Float(u.arbitrary()?),
        5 => Node::Text(u.arbitrary()?),
        6 => Node::Bytes(u.arbitrary()?),
        7 => array(u)?,
        8 => {
            let count = u.int_in_range(0..=ELEMENTS)?;
            Node::List((0..count).map(|_| node(u, depth + 1)).collect::<Result<_>>()?)
        }
        _ => {
            let count = u.int_in_range(0..=ELEMENTS)?;
            let entries = (0..count).map(|_| Ok((key(u)?, node(u, depth + 1)?)));
            Node::Map(entries.collect::<Result<_>>()?)
        }
    })
}

fn key(u: &mut Unstructured<'_>) -> Result<Node> {
    Ok(match u.int_in_range(0..=3)? {
        0 => Node::Int(u.int_in_range(-2_i8..=3)?.into()),
        1 => Node::Nil,
        _ => Node::Text(field(u)?),
    })
}

fn field(u: &mut Unstructured<'_>) -> Result<String> {
    Ok((*u.choose(&["a", "b", "odd key", "", "größe", "\u{7}\"\\"])?).to_owned())
}

fn array(u: &mut Unstructured<'_>) -> Result<Node> {
    let dtype = *u.choose(Dtype::ALL)?;
    let dimensions = u.int_in_range(0..=3)?;
    let shape: Vec<usize> =
        (0..dimensions).map(|_| u.int_in_range(0..=4)).collect::<Result<_>>()?;
    let item = |u: &mut Unstructured<'_>| {
        Ok(match dtype {
            Dtype::Bool => vec![u.int_in_range(0..=1)?],
            // Conversions between floats may change the bits of a NaN.
            Dtype::F32 => f32::from(u.arbitrary::<i8>()?).to_le_bytes().to_vec(),
            _ => u.bytes(dtype.size())?.to_vec(),
        })
    };
    let count = shape.iter().product::<usize>();
    let items = (0..count).map(|_| item(u)).collect::<Result<_>>()?;
    Ok(Node::Array { dtype, shape, items })
}

/// Some steps, of which each may fit or not.
pub(super) fn steps(u: &mut Unstructured<'_>) -> Result<Vec<Step>> {
    let count = u.int_in_range(0..=6)?;
    (0..count).map(|_| step(u)).collect()
}

fn step(u: &mut Unstructured<'_>) -> Result<Step> {
    if u.ratio(2, 5)? {
        return Ok(Step::Field(field(u)?));
    }
    let count = if u.ratio(1, 6)? { u.int_in_range(1..=3)? } else { 1 };
    Ok(Step::Items((0..count).map(|_| item(u)).collect::<Result<_>>()?))
}

fn item(u: &mut Unstructured<'_>) -> Result<Item> {
    if u.arbitrary()? {
        return Ok(Item::Index(number(u)?));
    }
    let bound = |u: &mut Unstructured<'_>| -> Result<Option<i128>> {
        if u.arbitrary()? { Ok(Some(number(u)?)) } else { Ok(None) }
    };
    let (start, end) = (bound(u)?, bound(u)?);
    let step = NonZeroI128::new(number(u)?).unwrap_or(ONE);
    Ok(Item::Slice(Slice { start, end, step }))
}

const ONE: NonZeroI128 = NonZeroI128::new(1).unwrap();

/// A number that can stand in a path: mostly a small one.
fn number(u: &mut Unstructured<'_>) -> Result<i128> {
    Ok(match u.int_in_range(0..=7)? {
        0 => u.arbitrary::<u64>()?.into(),
        1 => u.arbitrary::<i64>()?.into(),
        _ => u.int_in_range(-6_i8..=6)?.into(),
    })
}

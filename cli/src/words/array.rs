//! N-dimensional arrays from JSON.

use farside_protocol::array::{ArrayHeader, DIMENSIONS, Dtype};
use farside_protocol::manifest::Schema;
use serde_json::Value;

use super::argument::Argument;
use super::json::ANY;
use super::mismatch::Mismatch;
use super::special::unbounded;

/// An array from lists within lists, all of one depth and of equal lengths.
pub(super) fn array(schema: &Schema, items: &[Value]) -> Result<Argument, Mismatch> {
    let dtype = schema.dtype.as_deref().map_or(Some(Dtype::F64), dtype_of);
    let dtype = dtype.ok_or_else(|| Mismatch::new(schema, "an array of unknown element type"))?;
    let mut shape = Vec::new();
    let mut inner = Some(items);
    while let Some(items) = inner {
        shape.push(items.len() as u64);
        inner = items.first().and_then(Value::as_array).map(Vec::as_slice);
    }
    if shape.len() > DIMENSIONS {
        return Err(Mismatch::new(schema, "lists nested deeper than an array has dimensions"));
    }
    let mut elements = Vec::new();
    put_rows(schema, dtype, &shape, items, &mut elements)?;
    Ok(Argument::Array(ArrayHeader { dtype, shape }, elements))
}

fn put_rows(
    schema: &Schema,
    dtype: Dtype,
    shape: &[u64],
    items: &[Value],
    out: &mut Vec<u8>,
) -> Result<(), Mismatch> {
    if shape.first() != Some(&(items.len() as u64)) {
        return Err(Mismatch::new(schema, "rows of different lengths"));
    }
    items.iter().enumerate().try_for_each(|(place, item)| {
        let read = match (shape.len(), item) {
            (1, item) => put(dtype, item, out).ok_or_else(|| Mismatch::of_json(&ANY, item)),
            (_, Value::Array(items)) => put_rows(schema, dtype, &shape[1..], items, out),
            _ => Err(Mismatch::of_json(schema, item)),
        };
        read.map_err(|mut error| {
            if shape.len() == 1 {
                error.expected = dtype.name().to_owned();
            }
            error.within(format_args!("[{place}]"))
        })
    })
}

/// The element type of a name.
pub(super) fn dtype_of(name: &str) -> Option<Dtype> {
    Dtype::ALL.iter().copied().find(|dtype| dtype.name() == name)
}

/// Appends one element, if it is of the type and in its range.
pub(super) fn put(dtype: Dtype, json: &Value, out: &mut Vec<u8>) -> Option<()> {
    let float = || json.as_f64().or_else(|| unbounded(json.get("$float")?));
    let (signed, unsigned) = (json.as_i64(), json.as_u64());
    match dtype {
        Dtype::U8 => out.extend(u8::try_from(unsigned?).ok()?.to_le_bytes()),
        Dtype::U16 => out.extend(u16::try_from(unsigned?).ok()?.to_le_bytes()),
        Dtype::U32 => out.extend(u32::try_from(unsigned?).ok()?.to_le_bytes()),
        Dtype::U64 => out.extend(unsigned?.to_le_bytes()),
        Dtype::I8 => out.extend(i8::try_from(signed?).ok()?.to_le_bytes()),
        Dtype::I16 => out.extend(i16::try_from(signed?).ok()?.to_le_bytes()),
        Dtype::I32 => out.extend(i32::try_from(signed?).ok()?.to_le_bytes()),
        Dtype::I64 => out.extend(signed?.to_le_bytes()),
        Dtype::F32 => out.extend((float()? as f32).to_le_bytes()),
        Dtype::F64 => out.extend(float()?.to_le_bytes()),
        Dtype::Bool => out.push(u8::from(json.as_bool()?)),
    }
    Some(())
}

//! The elements of an n-dimensional array, each as the item that it would be
//! outside of it.

use farside_protocol::array::{ArrayHeader, Dtype};

use super::item::Item;

/// The element at a place in C order; nil if the array ends before it.
pub(crate) fn element<'a>(header: &ArrayHeader, bytes: &[u8], place: usize) -> Item<'a> {
    let size = header.dtype.size();
    let wanted = place.checked_mul(size).and_then(|start| bytes.get(start..)?.get(..size));
    wanted.map_or(Item::Nil, |bytes| number(header.dtype, bytes))
}

/// All elements in C order.
pub(crate) fn elements<'a>(
    header: &ArrayHeader,
    bytes: &'a [u8],
) -> impl Iterator<Item = Item<'a>> {
    let dtype = header.dtype;
    bytes.chunks_exact(dtype.size()).map(move |element| number(dtype, element))
}

fn number<'a>(dtype: Dtype, bytes: &[u8]) -> Item<'a> {
    let bits = bytes.iter().rev().fold(0u64, |sum, byte| sum << 8 | u64::from(*byte));
    let integer = match dtype {
        Dtype::Bool => return Item::Bool(bits != 0),
        Dtype::F32 => return Item::Single(f32::from_bits(bits as u32)),
        Dtype::F64 => return Item::Float(f64::from_bits(bits)),
        Dtype::U8 | Dtype::U16 | Dtype::U32 | Dtype::U64 => i128::from(bits),
        Dtype::I8 => i128::from(bits as i8),
        Dtype::I16 => i128::from(bits as i16),
        Dtype::I32 => i128::from(bits as i32),
        Dtype::I64 => i128::from(bits as i64),
    };
    Item::Integer(integer)
}

//! Parts of an n-dimensional array, as strides over its bytes. A byte string is
//! looked at as an array of one dimension.

use crate::array::{ArrayHeader, Dtype};
use crate::codec;
use crate::value::path::Item;

use super::run::Run;

/// Elements of an array, or bytes of a byte string.
#[derive(Clone, Debug)]
pub(super) struct View {
    pub(super) dtype: Dtype,
    /// Where the first element lies in the source.
    pub(super) at: u64,
    pub(super) dims: Vec<Dim>,
    /// Whether it is part of a byte string.
    pub(super) of_bytes: bool,
}

/// One dimension: how many, and how many bytes apart.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dim {
    pub(super) len: u64,
    pub(super) stride: i128,
}

/// Why items do not fit a view.
pub(super) enum Misfit {
    /// There are more of them than dimensions.
    TooMany,
    /// An index beyond its dimension, counted from 0.
    OutOfRange { index: i128, dimension: usize, len: u64 },
}

impl View {
    /// A byte string whose bytes begin at `at`.
    pub(super) fn bytes(at: u64, len: u64) -> View {
        View { dtype: Dtype::U8, at, dims: vec![Dim { len, stride: 1 }], of_bytes: true }
    }

    /// An array whose elements begin at `at`.
    pub(super) fn array(at: u64, header: &ArrayHeader) -> View {
        // The shape fits the bytes, so without a zero in it every stride is below
        // their count; with one, nothing is read.
        let mut stride = header.dtype.size() as u64;
        let mut dims = Vec::with_capacity(header.shape.len());
        for len in header.shape.iter().rev() {
            dims.push(Dim { len: *len, stride: i128::from(stride) });
            stride = stride.saturating_mul(*len);
        }
        dims.reverse();
        View { dtype: header.dtype, at, dims, of_bytes: false }
    }

    /// Bytes of the elements.
    pub(super) fn data_len(&self) -> u64 {
        let shape = self.dims.iter().map(|dim| dim.len).collect();
        ArrayHeader { dtype: self.dtype, shape }.data_len().unwrap_or(0)
    }

    /// The part that the items take, the first of them of the outermost dimension.
    pub(super) fn items(self, items: &[Item]) -> Result<View, Misfit> {
        if items.len() > self.dims.len() {
            return Err(Misfit::TooMany);
        }
        let mut at = i128::from(self.at);
        let mut dims = Vec::with_capacity(self.dims.len());
        for (place, dim) in self.dims.iter().enumerate() {
            let whole = Run::whole(dim.len);
            let (start, left) = match items.get(place) {
                Some(Item::Index(index)) => {
                    let start = whole.index(*index).ok_or(Misfit::OutOfRange {
                        index: *index,
                        dimension: place,
                        len: dim.len,
                    })?;
                    (start, None)
                }
                Some(Item::Slice(slice)) => {
                    let run = whole.slice(slice);
                    let stride = dim.stride.saturating_mul(run.step);
                    (run.start, Some(Dim { len: run.count, stride }))
                }
                None => (0, Some(*dim)),
            };
            at = at.saturating_add(dim.stride.saturating_mul(i128::from(start)));
            dims.extend(left);
        }
        // Only a view without elements can begin outside the source.
        let at = u64::try_from(at).unwrap_or(self.at);
        Ok(View { at, dims, ..self })
    }

    /// What stands before the elements in a value of its own.
    pub(super) fn header(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let data_len = self.data_len();
        if self.of_bytes {
            codec::put_bin_header(&mut out, data_len as usize);
        } else {
            let shape = self.dims.iter().map(|dim| dim.len).collect();
            let header = ArrayHeader { dtype: self.dtype, shape };
            let len = header.encoded_len() + data_len as usize;
            codec::put_ext_header(&mut out, crate::array::EXTENSION, len);
            header.encode(&mut out);
        }
        out
    }

    /// The dimensions to go through one by one, and the bytes that lie together at
    /// each place of them.
    pub(super) fn blocks(&self) -> (&[Dim], u64) {
        let mut together = self.dtype.size() as u64;
        let mut outer = &self.dims[..];
        while let [rest @ .., dim] = outer {
            if dim.len != 1 && dim.stride != i128::from(together) {
                break;
            }
            together *= dim.len;
            outer = rest;
        }
        (outer, together)
    }
}

/// One element of an array as a plain number; none unless the bytes are as many
/// as the type has.
pub(in crate::value) fn number(dtype: Dtype, bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(9);
    match dtype {
        Dtype::U8 => codec::put_uint(&mut out, u8::from_le_bytes(bytes.try_into().ok()?).into()),
        Dtype::U16 => codec::put_uint(&mut out, u16::from_le_bytes(bytes.try_into().ok()?).into()),
        Dtype::U32 => codec::put_uint(&mut out, u32::from_le_bytes(bytes.try_into().ok()?).into()),
        Dtype::U64 => codec::put_uint(&mut out, u64::from_le_bytes(bytes.try_into().ok()?)),
        Dtype::I8 => put_int(&mut out, i8::from_le_bytes(bytes.try_into().ok()?).into()),
        Dtype::I16 => put_int(&mut out, i16::from_le_bytes(bytes.try_into().ok()?).into()),
        Dtype::I32 => put_int(&mut out, i32::from_le_bytes(bytes.try_into().ok()?).into()),
        Dtype::I64 => put_int(&mut out, i64::from_le_bytes(bytes.try_into().ok()?)),
        Dtype::F32 => {
            out.push(0xca);
            out.extend(bytes.iter().rev());
        }
        Dtype::F64 => {
            out.push(0xcb);
            out.extend(bytes.iter().rev());
        }
        Dtype::Bool => out.push(if bytes == [0] { 0xc2 } else { 0xc3 }),
    }
    (bytes.len() == dtype.size()).then_some(out)
}

fn put_int(out: &mut Vec<u8>, number: i64) {
    if let Ok(number) = u64::try_from(number) {
        codec::put_uint(out, number);
    } else if number >= -32 {
        out.push(number as u8);
    } else if let Ok(small) = i8::try_from(number) {
        out.extend_from_slice(&[0xd0, small as u8]);
    } else if let Ok(small) = i16::try_from(number) {
        out.push(0xd1);
        out.extend_from_slice(&small.to_be_bytes());
    } else if let Ok(small) = i32::try_from(number) {
        out.push(0xd2);
        out.extend_from_slice(&small.to_be_bytes());
    } else {
        out.push(0xd3);
        out.extend_from_slice(&number.to_be_bytes());
    }
}

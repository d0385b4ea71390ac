//! The items of a list or of an array, one by one, and what is made of them again.

use std::ops::Range;

use bytes::Bytes;

use super::check::value_len;
use super::head::{Head, Kind};
use super::select::number;
use crate::array::{self, ArrayHeader, Dtype};
use crate::codec;

/// The items of a well-formed value, in order.
#[derive(Debug)]
pub struct Items {
    value: Bytes,
    at: usize,
    left: u64,
    dtype: Option<Dtype>,
}

/// One item.
#[derive(Clone, Debug)]
pub struct Item {
    /// A value of its own.
    pub value: Bytes,
    /// Where it stands in the whole.
    pub range: Range<usize>,
}

/// What a value is that has no items.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoItems {
    /// It is no list.
    #[error("{0} has no items to go over")]
    Kind(Kind),
    /// It is a matrix, or more.
    #[error("an array of {0} dimensions has no items to go over")]
    Dimensions(usize),
}

impl Items {
    /// Those of a list, or of an array of one dimension.
    ///
    /// # Errors
    /// When the value has none.
    pub fn of(value: Bytes) -> Result<Items, NoItems> {
        let head = Head::read(&value).ok_or(NoItems::Kind(Kind::Nil))?;
        match head.kind {
            Kind::List => Ok(Items { value, at: head.len, left: head.items, dtype: None }),
            Kind::Array => {
                let body = value.get(head.len..).unwrap_or_default();
                let header = ArrayHeader::decode(body, body.len() as u64);
                let header = header.map_err(|_| NoItems::Kind(Kind::Array))?;
                let [left] = header.shape[..] else {
                    return Err(NoItems::Dimensions(header.shape.len()));
                };
                let at = head.len + header.encoded_len();
                Ok(Items { value, at, left, dtype: Some(header.dtype) })
            }
            kind => Err(NoItems::Kind(kind)),
        }
    }

    /// The type of the items, if they are an array's.
    #[must_use]
    pub fn dtype(&self) -> Option<Dtype> {
        self.dtype
    }
}

impl Iterator for Items {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        self.left = self.left.checked_sub(1)?;
        let rest = self.value.get(self.at..)?;
        let len = match self.dtype {
            None => value_len(rest),
            Some(dtype) => dtype.size(),
        };
        let range = self.at..self.at + len;
        self.at = range.end;
        let value = match self.dtype {
            None => self.value.slice(range.clone()),
            Some(dtype) => number(dtype, rest.get(..len)?)?.into(),
        };
        Some(Item { value, range })
    }
}

/// A list of so many values whose bytes follow each other.
#[must_use]
pub fn list_of(count: u64, values: &[u8]) -> Vec<u8> {
    let mut list = Vec::with_capacity(5 + values.len());
    codec::put_array(&mut list, count as u32);
    list.extend_from_slice(values);
    list
}

/// An array of one dimension, of its elements' bytes.
#[must_use]
pub fn array_of(dtype: Dtype, elements: &[u8]) -> Vec<u8> {
    let count = (elements.len() / dtype.size()) as u64;
    let header = ArrayHeader { dtype, shape: vec![count] };
    let mut array = Vec::with_capacity(6 + header.encoded_len() + elements.len());
    codec::put_ext_header(&mut array, array::EXTENSION, header.encoded_len() + elements.len());
    header.encode(&mut array);
    array.extend_from_slice(elements);
    array
}

/// An array of values that follow each other, if all are numbers: of `i64` if all are
/// integers of that size, else of `f64`.
#[must_use]
pub fn array_of_numbers(values: &[u8]) -> Option<Vec<u8>> {
    let mut heads = Vec::new();
    let mut rest = values;
    while let Some(head) = Head::read(rest) {
        heads.push(head);
        rest = &rest[head.len..];
        head.number()?;
    }
    let integers: Option<Vec<i64>> =
        heads.iter().map(|head| i64::try_from(head.integer()?).ok()).collect();
    let (dtype, elements) = match integers {
        Some(integers) => (Dtype::I64, integers.iter().flat_map(|n| n.to_le_bytes()).collect()),
        None => {
            let floats = heads.iter().filter_map(Head::number);
            (Dtype::F64, floats.flat_map(f64::to_le_bytes).collect::<Vec<u8>>())
        }
    };
    rest.is_empty().then(|| array_of(dtype, &elements))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(value: Vec<u8>) -> Vec<Vec<u8>> {
        Items::of(value.into()).unwrap().map(|item| item.value.to_vec()).collect()
    }

    #[test]
    fn lists_and_arrays_fall_into_values() {
        assert_eq!(values(list_of(2, &[0x91, 1, 0xa1, b'x'])), [vec![0x91, 1], vec![0xa1, b'x']]);
        let array = array_of(Dtype::U16, &[1, 0, 0, 1]);
        assert_eq!(values(array.clone()), [vec![1], vec![0xcd, 1, 0]]);
        let ranges: Vec<_> =
            Items::of(array.into()).unwrap().map(|item| item.range.len()).collect();
        assert_eq!(ranges, [2, 2]);
        assert_eq!(
            Items::of(vec![7].into()).unwrap_err().to_string(),
            "an integer has no items to go over"
        );
    }

    #[test]
    fn numbers_are_an_array_again() {
        let halves = array_of_numbers(&[1, 0xca, 0x3f, 0, 0, 0]);
        let floats: Vec<u8> = [1.0_f64, 0.5].iter().flat_map(|n| n.to_le_bytes()).collect();
        assert_eq!(halves, Some(array_of(Dtype::F64, &floats)));
        let whole: Vec<u8> = [1_i64, -1].iter().flat_map(|n| n.to_le_bytes()).collect();
        assert_eq!(array_of_numbers(&[1, 0xff]), Some(array_of(Dtype::I64, &whole)));
        assert_eq!(array_of_numbers(&[1, 0xc0]), None);
        assert_eq!(array_of_numbers(&[]), Some(array_of(Dtype::I64, &[])));
    }
}

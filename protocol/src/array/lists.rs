//! An array read from a list of numbers, or from lists of equally long lists.

use std::fmt;

use serde::de::{
    self, DeserializeSeed, Deserializer, IntoDeserializer, SeqAccess, Unexpected, Visitor,
};

use super::{Array, DIMENSIONS, Element};

/// Most bytes that are set aside for a list before its elements are seen.
const SET_ASIDE: usize = 1 << 20;

/// Reads the outermost list.
pub(super) fn read<'de, T: Element, A: SeqAccess<'de>>(seq: A) -> Result<Array<T>, A::Error> {
    let mut array = Array { shape: Vec::new(), data: Vec::new() };
    Place { array: &mut array, depth: 0 }.visit_seq(seq)?;
    Ok(array)
}

/// A place among the lists. The first list of each depth gives the length of its
/// dimension, and the first number the depth of all numbers.
struct Place<'a, T> {
    array: &'a mut Array<T>,
    /// How many lists are around it.
    depth: usize,
}

impl<T: Element> Place<'_, T> {
    fn put<E: de::Error>(
        self,
        number: impl IntoDeserializer<'static, E>,
        unexpected: Unexpected<'_>,
    ) -> Result<(), E> {
        if self.depth < self.array.shape.len() {
            return Err(E::invalid_type(unexpected, &self));
        }
        self.array.data.push(T::deserialize(number.into_deserializer())?);
        Ok(())
    }
}

impl<'de, T: Element> DeserializeSeed<'de> for Place<'_, T> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, T: Element> Visitor<'de> for Place<'_, T> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.array.shape.get(self.depth) {
            Some(len) => write!(f, "a list of {len}"),
            None => f.write_str(T::DTYPE.name()),
        }
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<(), E> {
        self.put(number, Unexpected::Unsigned(number))
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<(), E> {
        self.put(number, Unexpected::Signed(number))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<(), E> {
        self.put(number, Unexpected::Float(number))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let Place { depth, .. } = self;
        let is_first = depth == self.array.shape.len();
        if is_first && !self.array.data.is_empty() {
            return Err(de::Error::invalid_type(Unexpected::Seq, &self));
        }
        if is_first && depth == DIMENSIONS {
            return Err(de::Error::custom("lists nested deeper than an array has dimensions"));
        }
        let Place { array, .. } = self;
        if is_first {
            array.shape.push(0);
        }
        let expected = seq.size_hint().unwrap_or(0);
        array.data.reserve(expected.min(SET_ASIDE / size_of::<T>()));

        let mut len = 0;
        while seq.next_element_seed(Place { array: &mut *array, depth: depth + 1 })?.is_some() {
            len += 1;
        }
        if is_first {
            array.shape[depth] = len;
        } else if array.shape[depth] != len {
            let first = array.shape[depth];
            return Err(de::Error::custom(format_args!(
                "a list of {len} beside one of {first}; those of an array are equally long"
            )));
        }
        Ok(())
    }
}

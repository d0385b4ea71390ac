//! What a [`Probe`] shows of a type's parts.

use std::vec;

use farside_protocol::array::{ArrayHeader, Dtype, EXTENSION};
use serde::de::value::{BorrowedStrDeserializer, BytesDeserializer, SeqAccessDeserializer};
use serde::de::{
    DeserializeSeed, Deserializer as _, EnumAccess, IntoDeserializer as _, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};

use super::node::{Content, Field, Node};
use super::probe::{Probe, Stop, Tracer};

/// Elements that are all of one type.
pub(super) struct Elements<'t> {
    item: &'t mut Node,
    left: usize,
    tracer: &'t mut Tracer,
}

impl<'t> Elements<'t> {
    pub(super) fn new(item: &'t mut Node, count: usize, tracer: &'t mut Tracer) -> Elements<'t> {
        Elements { item, left: count, tracer }
    }
}

impl SeqAccess<'static> for Elements<'_> {
    type Error = Stop;

    fn next_element_seed<S: DeserializeSeed<'static>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Stop> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        seed.deserialize(Probe::new(self.item, self.tracer)).map(Some)
    }
}

/// Elements that each have a type of their own.
pub(super) struct Items<'t> {
    items: std::slice::IterMut<'t, Node>,
    tracer: &'t mut Tracer,
}

impl<'t> Items<'t> {
    pub(super) fn new(items: &'t mut [Node], tracer: &'t mut Tracer) -> Items<'t> {
        Items { items: items.iter_mut(), tracer }
    }
}

impl SeqAccess<'static> for Items<'_> {
    type Error = Stop;

    fn next_element_seed<S: DeserializeSeed<'static>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Stop> {
        let Some(item) = self.items.next() else { return Ok(None) };
        seed.deserialize(Probe::new(item, self.tracer)).map(Some)
    }
}

/// The only entry of a map.
pub(super) struct Entry<'t> {
    value: &'t mut Node,
    wanted: bool,
    tracer: &'t mut Tracer,
}

impl<'t> Entry<'t> {
    /// The entry, or an empty map if none is wanted.
    pub(super) fn new(value: &'t mut Node, wanted: bool, tracer: &'t mut Tracer) -> Entry<'t> {
        Entry { value, wanted, tracer }
    }
}

impl MapAccess<'static> for Entry<'_> {
    type Error = Stop;

    fn next_key_seed<S: DeserializeSeed<'static>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Stop> {
        if !std::mem::take(&mut self.wanted) {
            return Ok(None);
        }
        seed.deserialize(Probe::new(&mut Node::default(), self.tracer)).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'static>>(&mut self, seed: S) -> Result<S::Value, Stop> {
        seed.deserialize(Probe::new(self.value, self.tracer))
    }
}

/// Fields of a struct, in the order given.
pub(super) struct Fields<'t> {
    fields: &'t mut [Field],
    order: vec::IntoIter<usize>,
    /// The field whose name was taken, but whose value was not asked for.
    offered: Option<usize>,
    tracer: &'t mut Tracer,
}

impl<'t> Fields<'t> {
    pub(super) fn new(
        fields: &'t mut [Field],
        order: Vec<usize>,
        tracer: &'t mut Tracer,
    ) -> Fields<'t> {
        Fields { fields, order: order.into_iter(), offered: None, tracer }
    }

    /// The place of the field whose name was refused.
    pub(super) fn unasked(&self) -> Option<usize> {
        self.offered
    }
}

impl MapAccess<'static> for Fields<'_> {
    type Error = Stop;

    fn next_key_seed<S: DeserializeSeed<'static>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Stop> {
        self.offered = self.order.next();
        let Some(place) = self.offered else { return Ok(None) };
        let name: BorrowedStrDeserializer<'static, Stop> =
            BorrowedStrDeserializer::new(self.fields[place].name);
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'static>>(&mut self, seed: S) -> Result<S::Value, Stop> {
        let place = self.offered.take().ok_or(Stop::Rejected)?;
        seed.deserialize(Probe::new(&mut self.fields[place].node, self.tracer))
    }
}

/// One variant of an enum.
pub(super) struct OneVariant<'t> {
    name: &'static str,
    content: &'t mut Content,
    tracer: &'t mut Tracer,
}

impl<'t> OneVariant<'t> {
    pub(super) fn new(
        name: &'static str,
        content: &'t mut Content,
        tracer: &'t mut Tracer,
    ) -> OneVariant<'t> {
        OneVariant { name, content, tracer }
    }

    fn probe(self) -> Result<Probe<'t>, Stop> {
        if matches!(self.content, Content::Unasked) {
            *self.content = Content::Some(Box::default());
        }
        match self.content {
            Content::Some(node) => Ok(Probe::new(node, self.tracer)),
            Content::Unasked | Content::Unit => Err(Stop::Rejected),
        }
    }
}

impl EnumAccess<'static> for OneVariant<'_> {
    type Error = Stop;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'static>>(self, seed: S) -> Result<(S::Value, Self), Stop> {
        let name: BorrowedStrDeserializer<'static, Stop> = BorrowedStrDeserializer::new(self.name);
        Ok((seed.deserialize(name)?, self))
    }
}

impl VariantAccess<'static> for OneVariant<'_> {
    type Error = Stop;

    fn unit_variant(self) -> Result<(), Stop> {
        *self.content = Content::Unit;
        Ok(())
    }

    fn newtype_variant_seed<S: DeserializeSeed<'static>>(self, seed: S) -> Result<S::Value, Stop> {
        seed.deserialize(self.probe()?)
    }

    fn tuple_variant<V: Visitor<'static>>(self, len: usize, visitor: V) -> Result<V::Value, Stop> {
        self.probe()?.deserialize_tuple(len, visitor)
    }

    fn struct_variant<V: Visitor<'static>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        self.probe()?.deserialize_struct("", fields, visitor)
    }
}

/// An array without elements, as an extension value.
pub(super) struct EmptyArray {
    dtype: Dtype,
    taken: usize,
}

impl EmptyArray {
    pub(super) fn deserializer(dtype: Dtype) -> SeqAccessDeserializer<EmptyArray> {
        SeqAccessDeserializer::new(EmptyArray { dtype, taken: 0 })
    }
}

impl SeqAccess<'static> for EmptyArray {
    type Error = Stop;

    fn next_element_seed<S: DeserializeSeed<'static>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Stop> {
        self.taken += 1;
        match self.taken {
            1 => seed.deserialize(EXTENSION.into_deserializer()).map(Some),
            2 => {
                let mut bytes = Vec::new();
                ArrayHeader { dtype: self.dtype, shape: vec![0] }.encode(&mut bytes);
                let bytes: BytesDeserializer<'_, Stop> = BytesDeserializer::new(&bytes);
                seed.deserialize(bytes).map(Some)
            }
            _ => Ok(None),
        }
    }
}

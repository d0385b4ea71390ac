//! A deserializer that notes what is asked of it.

use std::any::type_name;
use std::collections::BTreeMap;
use std::fmt;

use farside_protocol::array::Dtype;
use farside_protocol::manifest::{Schema, TypeName};
use serde::de::{self, Deserializer, Expected, Visitor};

use super::access::{Elements, EmptyArray, Entry, Fields, Items, OneVariant};
use super::node::{Content, Enum, Field, Node, Shape, Stage, Struct, Tuple, Variant, title_of};
use crate::decode::EXTENSION_STRUCT;
use crate::raw::RAW_STRUCT;

/// Most places of one type that are described; what lies beyond admits anything.
const PLACES: usize = 4096;

/// Longest tuple whose elements are described one by one.
const TUPLE_ITEMS: usize = 32;

/// Why a pass ended early.
#[derive(Debug)]
pub(super) enum Stop {
    /// A struct got no value for a field.
    Missing(&'static str),
    /// A struct was offered a field again, under another of its names.
    Repeated(&'static str),
    /// A type rejected its value, or contains itself.
    Rejected,
}

impl de::Error for Stop {
    fn custom<T: fmt::Display>(_text: T) -> Stop {
        Stop::Rejected
    }

    fn missing_field(name: &'static str) -> Stop {
        Stop::Missing(name)
    }

    fn duplicate_field(name: &'static str) -> Stop {
        Stop::Repeated(name)
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stop::Missing(name) => write!(f, "no value for {name}"),
            Stop::Repeated(name) => write!(f, "another value for {name}"),
            Stop::Rejected => f.write_str("the value was rejected"),
        }
    }
}

impl std::error::Error for Stop {}

/// What all places of a trace share.
#[derive(Debug, Default)]
pub(super) struct Tracer {
    found: usize,
    /// The named types around the present place. A type is known by its visitor's
    /// name, which holds its path and its parameters.
    around: Vec<&'static str>,
    /// For each enum a variant that was accepted: it ends a recursion.
    accepted: BTreeMap<&'static str, usize>,
    /// Inside a value that only ends a recursion: options and lists are empty.
    shallow: bool,
}

impl Tracer {
    /// How much was found so far.
    pub(super) fn found(&self) -> usize {
        self.found
    }
}

/// Stands at one place of a type.
pub(super) struct Probe<'t> {
    node: &'t mut Node,
    tracer: &'t mut Tracer,
}

type Answer<'de, V> = Result<<V as Visitor<'de>>::Value, Stop>;

impl<'t> Probe<'t> {
    pub(super) fn new(node: &'t mut Node, tracer: &'t mut Tracer) -> Probe<'t> {
        Probe { node, tracer }
    }

    /// Notes the place's shape, if it was not asked before.
    fn note(&mut self, shape: impl FnOnce() -> Shape) {
        if matches!(self.node.shape, Shape::Unasked) {
            let beyond = self.tracer.found >= PLACES;
            self.node.shape = if beyond { Shape::Simple(Schema::default()) } else { shape() };
            self.tracer.found += usize::from(!beyond);
        }
    }

    fn simple(&mut self, ty: TypeName, format: &str) {
        self.note(|| match format {
            "" => Shape::Simple(Schema::of(ty)),
            format => Shape::Simple(Schema::of(ty).with_format(format)),
        });
    }

    /// Whether the type contains itself at this place, which ends its description.
    fn recurs<V>(&mut self, name: &str) -> bool {
        let recurs = self.tracer.around.contains(&type_name::<V>());
        if recurs {
            self.note(|| Shape::Simple(Schema { title: title_of(name), ..Schema::default() }));
        }
        recurs
    }

    /// Runs one visit inside a named type.
    fn inside<V, T>(self, visit: impl FnOnce(&mut Shape, &mut Tracer) -> T) -> T {
        self.tracer.around.push(type_name::<V>());
        let visited = visit(&mut self.node.shape, self.tracer);
        self.tracer.around.pop();
        visited
    }

    fn tuple<V: Visitor<'static>>(
        mut self,
        title: &'static str,
        len: usize,
        visitor: V,
    ) -> Answer<'static, V> {
        if len > TUPLE_ITEMS {
            self.note(|| Shape::List(Box::default()));
        }
        self.note(|| {
            let items = std::iter::repeat_with(Node::default).take(len).collect();
            Shape::Tuple(Tuple { title, items })
        });
        self.inside::<V, _>(|shape, tracer| match shape {
            Shape::Tuple(tuple) => visitor.visit_seq(Items::new(&mut tuple.items, tracer)),
            Shape::List(item) => visitor.visit_seq(Elements::new(item, len, tracer)),
            _ => Err(Stop::Rejected),
        })
    }
}

macro_rules! simple {
    ($($deserialize:ident = $Type:ident($format:literal), $visit:ident($($value:expr)?);)*) => {$(
        fn $deserialize<V: Visitor<'static>>(mut self, visitor: V) -> Answer<'static, V> {
            self.simple(TypeName::$Type, $format);
            visitor.$visit($($value)?)
        }
    )*};
}

/// Values are such that most types take them: a one is also no zero, and the text
/// is also a number.
impl Deserializer<'static> for Probe<'_> {
    type Error = Stop;

    fn is_human_readable(&self) -> bool {
        false
    }

    simple! {
        deserialize_bool = Boolean(""), visit_bool(true);
        deserialize_i8 = Integer("int8"), visit_i8(1);
        deserialize_i16 = Integer("int16"), visit_i16(1);
        deserialize_i32 = Integer("int32"), visit_i32(1);
        deserialize_i64 = Integer("int64"), visit_i64(1);
        deserialize_u8 = Integer("uint8"), visit_u8(1);
        deserialize_u16 = Integer("uint16"), visit_u16(1);
        deserialize_u32 = Integer("uint32"), visit_u32(1);
        deserialize_u64 = Integer("uint64"), visit_u64(1);
        deserialize_f32 = Number("float"), visit_f32(1.0);
        deserialize_f64 = Number("double"), visit_f64(1.0);
        deserialize_char = String("char"), visit_char('1');
        deserialize_str = String(""), visit_borrowed_str("1");
        deserialize_string = String(""), visit_borrowed_str("1");
        deserialize_identifier = String(""), visit_borrowed_str("1");
        deserialize_bytes = String("bytes"), visit_borrowed_bytes(b"1");
        deserialize_byte_buf = String("bytes"), visit_borrowed_bytes(b"1");
        deserialize_unit = Null(""), visit_unit();
    }

    fn deserialize_i128<V: Visitor<'static>>(mut self, visitor: V) -> Answer<'static, V> {
        self.note(|| Shape::Simple(wide_integer("int128")));
        visitor.visit_i128(1)
    }

    fn deserialize_u128<V: Visitor<'static>>(mut self, visitor: V) -> Answer<'static, V> {
        self.note(|| Shape::Simple(wide_integer("uint128")));
        visitor.visit_u128(1)
    }

    fn deserialize_any<V: Visitor<'static>>(mut self, visitor: V) -> Answer<'static, V> {
        let Some(dtype) = expected_dtype(&visitor) else {
            self.note(|| Shape::Simple(Schema::default()));
            return visitor.visit_unit();
        };
        self.note(|| {
            let array = Schema::of(TypeName::Array).with_format("ndarray");
            Shape::Simple(Schema { dtype: Some(dtype.name().to_owned()), ..array })
        });
        visitor.visit_newtype_struct(EmptyArray::deserializer(dtype))
    }

    fn deserialize_ignored_any<V: Visitor<'static>>(self, visitor: V) -> Answer<'static, V> {
        self.deserialize_any(visitor)
    }

    fn deserialize_option<V: Visitor<'static>>(mut self, visitor: V) -> Answer<'static, V> {
        self.note(|| Shape::Option(Box::default()));
        match &mut self.node.shape {
            Shape::Option(inner) if !inner.is_done() && !self.tracer.shallow => {
                visitor.visit_some(Probe::new(inner, self.tracer))
            }
            _ => visitor.visit_none(),
        }
    }

    /// `struct Unit;` is an empty list.
    fn deserialize_unit_struct<V: Visitor<'static>>(
        mut self,
        name: &'static str,
        visitor: V,
    ) -> Answer<'static, V> {
        self.note(|| {
            Shape::Simple(Schema { title: title_of(name), ..Schema::of(TypeName::Array) })
        });
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'static>>(
        mut self,
        name: &'static str,
        visitor: V,
    ) -> Answer<'static, V> {
        if name == EXTENSION_STRUCT || name == RAW_STRUCT {
            return self.deserialize_any(visitor);
        }
        if self.recurs::<V>(name) {
            return Err(Stop::Rejected);
        }
        self.note(|| Shape::Newtype(name, Box::default()));
        self.inside::<V, _>(|shape, tracer| match shape {
            Shape::Newtype(_, inner) => visitor.visit_newtype_struct(Probe::new(inner, tracer)),
            _ => Err(Stop::Rejected),
        })
    }

    fn deserialize_seq<V: Visitor<'static>>(mut self, visitor: V) -> Answer<'static, V> {
        self.note(|| Shape::List(Box::default()));
        let Shape::List(item) = &mut self.node.shape else { return Err(Stop::Rejected) };
        let count = usize::from(!item.is_done() && !self.tracer.shallow);
        visitor.visit_seq(Elements::new(item, count, self.tracer))
    }

    fn deserialize_tuple<V: Visitor<'static>>(self, len: usize, visitor: V) -> Answer<'static, V> {
        self.tuple("", len, visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'static>>(
        mut self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Answer<'static, V> {
        if self.recurs::<V>(name) {
            return Err(Stop::Rejected);
        }
        self.tuple(name, len, visitor)
    }

    fn deserialize_map<V: Visitor<'static>>(mut self, visitor: V) -> Answer<'static, V> {
        self.note(|| Shape::Map(Box::default()));
        let Shape::Map(value) = &mut self.node.shape else { return Err(Stop::Rejected) };
        let wanted = !value.is_done() && !self.tracer.shallow;
        visitor.visit_map(Entry::new(value, wanted, self.tracer))
    }

    fn deserialize_struct<V: Visitor<'static>>(
        mut self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Answer<'static, V> {
        if self.recurs::<V>(name) {
            return Err(Stop::Rejected);
        }
        self.note(|| {
            let field = |name: &&'static str| Field {
                name,
                node: Node::default(),
                own_name: false,
                required: false,
            };
            let fields = fields.iter().map(field).collect();
            Shape::Struct(Struct { title: name, fields, stage: Stage::Fields })
        });
        self.inside::<V, _>(|shape, tracer| match shape {
            Shape::Struct(shape) => visit_struct(shape, tracer, visitor),
            _ => Err(Stop::Rejected),
        })
    }

    fn deserialize_enum<V: Visitor<'static>>(
        mut self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Answer<'static, V> {
        if self.recurs::<V>(name) {
            return end_recursion(variants, self.tracer, visitor);
        }
        self.note(|| {
            let variant =
                |name: &&'static str| Variant { name, tries: 0, content: Content::Unasked };
            Shape::Enum(Enum { title: name, variants: variants.iter().map(variant).collect() })
        });
        self.inside::<V, _>(|shape, tracer| match shape {
            Shape::Enum(shape) => visit_enum(shape, tracer, visitor),
            _ => Err(Stop::Rejected),
        })
    }
}

/// Integers for which MessagePack has no number travel as sixteen bytes.
fn wide_integer(format: &str) -> Schema {
    let integer = Schema::of(TypeName::Integer).with_format(format);
    let bytes = Schema::of(TypeName::String).with_format("bytes");
    Schema { any_of: vec![integer, bytes], ..Schema::default() }
}

/// The element type of the array that a visitor expects; it says so in words.
fn expected_dtype(visitor: &dyn Expected) -> Option<Dtype> {
    let expected = visitor.to_string();
    let name = expected.strip_prefix("an array of ")?;
    Dtype::ALL.iter().copied().find(|dtype| dtype.name() == name)
}

/// Visits a struct with the fields that its stage wants to know of.
fn visit_struct<V: Visitor<'static>>(
    shape: &mut Struct,
    tracer: &mut Tracer,
    visitor: V,
) -> Answer<'static, V> {
    let offered = shape.offered();
    let mut fields = Fields::new(&mut shape.fields, offered, tracer);
    let visited = visitor.visit_map(&mut fields);
    let refused = fields.unasked();

    let stage = shape.stage;
    match (stage, &visited) {
        (Stage::Fields | Stage::Names, Err(Stop::Repeated(name))) => {
            shape.keep_name(name, refused);
            tracer.found += 1;
        }
        (Stage::Fields, Ok(_)) if shape.is_explored() => shape.stage = Stage::Required,
        (Stage::Fields, _) if shape.is_explored() => shape.stage = Stage::Names,
        (Stage::Names, _) => shape.stage = Stage::Required,
        (Stage::Required, Err(Stop::Missing(name))) if shape.require(name) => tracer.found += 1,
        (Stage::Required, Ok(_)) => shape.stage = Stage::Known,
        (Stage::Required, Err(_)) => {
            shape.require_all();
            shape.stage = Stage::Known;
        }
        (Stage::Fields | Stage::Known, _) => {}
    }
    tracer.found += usize::from(shape.stage != stage);
    visited.map_err(|_| Stop::Rejected)
}

fn visit_enum<V: Visitor<'static>>(
    shape: &mut Enum,
    tracer: &mut Tracer,
    visitor: V,
) -> Answer<'static, V> {
    let accepted = tracer.accepted.get(type_name::<V>()).copied();
    let undone = shape.variants.iter().enumerate().filter(|(_, variant)| !variant.is_done());
    let least_tried = undone.min_by_key(|(_, variant)| variant.tries).map(|(place, _)| place);
    let place = least_tried.or(accepted).unwrap_or(0);
    let variant = shape.variants.get_mut(place).ok_or(Stop::Rejected)?;
    variant.tries += 1;
    let visited =
        visitor.visit_enum(OneVariant::new(variant.name, &mut variant.content, tracer))?;
    tracer.accepted.entry(type_name::<V>()).or_insert(place);
    Ok(visited)
}

/// Gives a value of an enum inside itself, once a variant is known that does not
/// need another one.
fn end_recursion<V: Visitor<'static>>(
    variants: &'static [&'static str],
    tracer: &mut Tracer,
    visitor: V,
) -> Answer<'static, V> {
    let accepted = tracer.accepted.get(type_name::<V>());
    let name = accepted.and_then(|place| variants.get(*place)).ok_or(Stop::Rejected)?;
    let outer = std::mem::replace(&mut tracer.shallow, true);
    let visited = visitor.visit_enum(OneVariant::new(name, &mut Content::Unasked, tracer));
    tracer.shallow = outer;
    visited
}

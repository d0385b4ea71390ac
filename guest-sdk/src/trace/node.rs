//! What is known of one place in a type.

use farside_protocol::manifest::{Schema, TypeName};

/// One place in a type.
#[derive(Debug, Default)]
pub(super) struct Node {
    pub(super) shape: Shape,
}

/// What a place asked for.
#[derive(Debug, Default)]
pub(super) enum Shape {
    /// Nothing yet.
    #[default]
    Unasked,
    /// Something without parts to look at.
    Simple(Schema),
    Option(Box<Node>),
    List(Box<Node>),
    /// A map, by its values; keys are not described.
    Map(Box<Node>),
    Tuple(Tuple),
    Newtype(&'static str, Box<Node>),
    Struct(Struct),
    Enum(Enum),
}

#[derive(Debug)]
pub(super) struct Tuple {
    /// The type's name; empty for one without.
    pub(super) title: &'static str,
    pub(super) items: Vec<Node>,
}

#[derive(Debug)]
pub(super) struct Struct {
    /// The type's name; empty for a variant's content.
    pub(super) title: &'static str,
    pub(super) fields: Vec<Field>,
    pub(super) stage: Stage,
}

/// What is to be found out next of a struct.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// The types of the fields: all are offered, first those not yet looked at.
    Fields,
    /// Which names are one field's: all are offered.
    Names,
    /// Which fields are required: only those known to be are offered.
    Required,
    /// Nothing more.
    Known,
}

#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) node: Node,
    /// Whether the type itself uses this name, of several for the same field.
    pub(super) own_name: bool,
    pub(super) required: bool,
}

#[derive(Debug)]
pub(super) struct Enum {
    pub(super) title: &'static str,
    pub(super) variants: Vec<Variant>,
}

#[derive(Debug)]
pub(super) struct Variant {
    pub(super) name: &'static str,
    pub(super) tries: u32,
    pub(super) content: Content,
}

/// What a variant holds.
#[derive(Debug, Default)]
pub(super) enum Content {
    /// Nobody asked: the name stands for no variant of its own.
    #[default]
    Unasked,
    Unit,
    Some(Box<Node>),
}

impl Node {
    /// Whether another pass would show nothing new of it.
    pub(super) fn is_done(&self) -> bool {
        match &self.shape {
            Shape::Unasked => false,
            Shape::Simple(_) => true,
            Shape::Option(inner) | Shape::List(inner) | Shape::Map(inner) => inner.is_done(),
            Shape::Newtype(_, inner) => inner.is_done(),
            Shape::Tuple(tuple) => tuple.items.iter().all(Node::is_done),
            Shape::Struct(shape) => shape.stage == Stage::Known,
            Shape::Enum(shape) => shape.variants.iter().all(Variant::is_done),
        }
    }

    pub(super) fn is_option(&self) -> bool {
        matches!(self.shape, Shape::Option(_))
    }

    pub(super) fn into_schema(self) -> Schema {
        match self.shape {
            Shape::Unasked => Schema::default(),
            Shape::Simple(schema) => schema,
            Shape::Option(inner) => inner.into_schema().or_null(),
            Shape::List(items) => {
                let items = Some(Box::new(items.into_schema()));
                Schema { items, ..Schema::of(TypeName::Array) }
            }
            Shape::Map(values) => {
                let additional_properties = Some(Box::new(values.into_schema()));
                Schema { additional_properties, ..Schema::of(TypeName::Object) }
            }
            Shape::Tuple(Tuple { title: name, items }) => {
                let prefix_items = items.into_iter().map(Node::into_schema).collect();
                Schema { title: title_of(name), prefix_items, ..Schema::of(TypeName::Array) }
            }
            Shape::Newtype(name, inner) => {
                let schema = inner.into_schema();
                Schema { title: schema.title.or_else(|| title_of(name)), ..schema }
            }
            Shape::Struct(shape) => shape.into_schema(),
            Shape::Enum(shape) => shape.into_schema(),
        }
    }
}

/// A type's name for its schema.
pub(super) fn title_of(name: &str) -> Option<String> {
    (!name.is_empty()).then(|| name.to_owned())
}

/// A schema that also admits nil.
trait OrNull {
    fn or_null(self) -> Schema;
}

impl OrNull for Schema {
    fn or_null(self) -> Schema {
        // A recursive type's end is empty but for its title.
        if self.title.is_none() && self.admits_null() {
            return self;
        }
        Schema { any_of: vec![self, Schema::of(TypeName::Null)], ..Schema::default() }
    }
}

impl Struct {
    pub(super) fn is_explored(&self) -> bool {
        self.fields.iter().all(|field| field.node.is_done())
    }

    /// The places of the fields that the stage offers, in order.
    pub(super) fn offered(&self) -> Vec<usize> {
        let that = |holds: fn(&Field) -> bool| {
            self.fields.iter().enumerate().filter(move |(_, field)| holds(field))
        };
        let places = |(place, _)| place;
        if self.stage == Stage::Required {
            return that(|field| field.required).map(places).collect();
        }
        that(|field| field.own_name)
            .chain(that(|field| !field.own_name && !field.node.is_done()))
            .chain(that(|field| !field.own_name && field.node.is_done()))
            .map(places)
            .collect()
    }

    /// Of two names of one field, keeps the one that the type itself uses; the
    /// field at `refused` was offered as well.
    pub(super) fn keep_name(&mut self, own: &str, refused: Option<usize>) {
        let Some(place) = refused else { return };
        if self.fields[place].name == own {
            self.fields[place].own_name = true;
        } else {
            self.fields.remove(place);
        }
    }

    /// Notes that a field is required; false if there is nothing to note.
    pub(super) fn require(&mut self, name: &str) -> bool {
        let mut fields = self.fields.iter_mut();
        let Some(field) = fields.find(|field| field.name == name && !field.required) else {
            return false;
        };
        field.required = true;
        true
    }

    /// A field rejects its value, so that no other can be missed: takes every
    /// field for required that is no option.
    pub(super) fn require_all(&mut self) {
        for field in &mut self.fields {
            field.required |= !field.node.is_option();
        }
    }

    fn into_schema(self) -> Schema {
        let required = self.fields.iter().filter(|field| field.required);
        let required = required.map(|field| field.name.to_owned()).collect();
        let fields = self.fields.into_iter();
        let properties =
            fields.map(|field| (field.name.to_owned(), field.node.into_schema())).collect();
        Schema { title: title_of(self.title), properties, required, ..Schema::of(TypeName::Object) }
    }
}

impl Variant {
    pub(super) fn is_done(&self) -> bool {
        match &self.content {
            Content::Unasked => self.tries > 0,
            Content::Unit => true,
            Content::Some(node) => node.is_done(),
        }
    }
}

impl Enum {
    /// Unit variants are their names, others maps from their name to what they
    /// hold.
    fn into_schema(self) -> Schema {
        let mut names = Vec::new();
        let mut any_of = Vec::new();
        for Variant { name, content, .. } in self.variants {
            match content {
                Content::Unasked => {}
                Content::Unit => names.push(name.to_owned()),
                Content::Some(node) => any_of.push(Schema {
                    properties: [(name.to_owned(), node.into_schema())].into(),
                    required: vec![name.to_owned()],
                    ..Schema::of(TypeName::Object)
                }),
            }
        }
        let units = Schema { names, ..Schema::of(TypeName::String) };
        if any_of.is_empty() {
            return Schema { title: title_of(self.title), ..units };
        }
        if !units.names.is_empty() {
            any_of.insert(0, units);
        }
        Schema { title: title_of(self.title), any_of, ..Schema::default() }
    }
}

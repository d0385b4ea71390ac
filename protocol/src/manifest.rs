//! What a module says of itself: its functions, their parameters, types and docs.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// Version of the contract between SDK guests and the server.
pub const GUEST_ABI: u32 = 1;

/// What a module exports, as clients see it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The guest ABI that the module was built for; none for a plain module,
    /// whose exported functions over numbers are called as they are.
    #[serde(default)]
    pub abi: Option<u32>,
    /// What the module is for.
    #[serde(default)]
    pub docs: String,
    /// Where small arguments are written (SDK modules).
    #[serde(default)]
    pub inbox: Option<Inbox>,
    /// Why the state of its instances can't be captured; none if it can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub obstacle: Option<String>,
    /// The callable functions.
    #[serde(default)]
    pub functions: Vec<Function>,
}

/// A fixed piece of guest memory for small arguments, so that a small call needs
/// no allocation in the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inbox {
    /// Where it begins.
    pub address: u32,
    /// Its bytes' count.
    pub size: u32,
}

/// One callable of a module.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Function {
    /// Its name within the module.
    pub name: String,
    /// Its doc comment.
    #[serde(default)]
    pub docs: String,
    /// Its parameters, in order.
    #[serde(default)]
    pub params: Vec<Param>,
    /// The type of its result.
    #[serde(default)]
    pub result: Schema,
    /// The type of its own errors, where it has any.
    #[serde(default)]
    pub error: Option<Schema>,
    /// Declared deterministic and stateless: each call has a store of its own.
    #[serde(default)]
    pub pure: bool,
}

/// One parameter of a function.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Param {
    /// Its name.
    pub name: String,
    /// Its type.
    #[serde(default)]
    pub schema: Schema,
    /// Whether a call may leave it out; it is nil then.
    #[serde(default)]
    pub optional: bool,
}

/// A type, as the part of JSON Schema (2020-12) that Farside uses. An empty
/// schema admits every value.
///
/// Two forms go beyond JSON: a byte string is `{"type":"string","format":"bytes"}`
/// and an n-dimensional array is `{"type":"array","format":"ndarray"}` with the
/// name of its element type as `x-dtype`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Schema {
    /// `null`, `boolean`, `integer`, `number`, `string`, `array` or `object`.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub ty: Option<TypeName>,
    /// The Rust type's name, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// `int32`, `uint64`, `double`, `bytes`, `ndarray`, `char`, ..
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// The element type of an n-dimensional array.
    #[serde(rename = "x-dtype", default, skip_serializing_if = "Option::is_none")]
    pub dtype: Option<String>,
    /// The type of a list's elements.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items: Option<Box<Schema>>,
    /// The types of a tuple's elements.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub prefix_items: Vec<Schema>,
    /// The fields of a struct.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub properties: BTreeMap<String, Schema>,
    /// The fields that must be there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub required: Vec<String>,
    /// The type of a map's values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub additional_properties: Option<Box<Schema>>,
    /// The alternatives of an enum or an option.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub any_of: Vec<Schema>,
    /// The names that a unit variant may have.
    #[serde(rename = "enum", default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
}

/// The `type` keyword's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TypeName {
    /// Nil.
    Null,
    /// True or false.
    Boolean,
    /// A whole number.
    Integer,
    /// Any number.
    Number,
    /// Text, or a byte string by its format.
    String,
    /// A list or tuple, or an n-dimensional array by its format.
    Array,
    /// A map or struct.
    Object,
}

impl Schema {
    /// The schema of a simple type.
    #[must_use]
    pub fn of(ty: TypeName) -> Schema {
        Schema { ty: Some(ty), ..Schema::default() }
    }

    /// The same schema with a format.
    #[must_use]
    pub fn with_format(mut self, format: &str) -> Schema {
        self.format = Some(format.to_owned());
        self
    }

    /// Whether nil fits.
    #[must_use]
    pub fn admits_null(&self) -> bool {
        self.is_any()
            || self.ty == Some(TypeName::Null)
            || self.any_of.iter().any(Schema::admits_null)
    }

    /// Whether every value fits.
    #[must_use]
    pub fn is_any(&self) -> bool {
        self.ty.is_none() && self.any_of.is_empty() && self.names.is_empty()
    }
}

impl Manifest {
    /// The function of a name, and its place.
    #[must_use]
    pub fn function(&self, name: &str) -> Option<(u32, &Function)> {
        let place = self.functions.iter().position(|function| function.name == name)?;
        Some((place as u32, &self.functions[place]))
    }
}

/// The type as a person would write it: `i64`, `list of string`, `{x: f64, y: f64}`.
impl fmt::Display for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.any_of.is_empty() {
            let (null, rest): (Vec<_>, Vec<_>) =
                self.any_of.iter().partition(|one| one.ty == Some(TypeName::Null));
            for (place, one) in rest.iter().enumerate() {
                write!(f, "{}{one}", if place == 0 { "" } else { " | " })?;
            }
            return match (null.is_empty(), rest.is_empty()) {
                (true, _) => Ok(()),
                (false, true) => f.write_str("nil"),
                (false, false) => f.write_str(" or nil"),
            };
        }
        if !self.names.is_empty() {
            for (place, name) in self.names.iter().enumerate() {
                write!(f, "{}{name:?}", if place == 0 { "" } else { " | " })?;
            }
            return Ok(());
        }
        let Some(ty) = self.ty else { return f.write_str("any value") };
        match (ty, self.format.as_deref()) {
            (TypeName::Null, _) => f.write_str("nil"),
            (TypeName::Boolean, _) => f.write_str("bool"),
            (TypeName::Integer, Some(format)) => match format.strip_prefix("uint") {
                Some(bits) => write!(f, "u{bits}"),
                None => write!(f, "i{}", format.trim_start_matches("int")),
            },
            (TypeName::Integer, None) => f.write_str("integer"),
            (TypeName::Number, Some("float")) => f.write_str("f32"),
            (TypeName::Number, _) => f.write_str("f64"),
            (TypeName::String, Some("bytes")) => f.write_str("bytes"),
            (TypeName::String, Some(format)) => f.write_str(format),
            (TypeName::String, None) => f.write_str("string"),
            (TypeName::Array, Some("ndarray")) => {
                write!(f, "array of {}", self.dtype.as_deref().unwrap_or("numbers"))
            }
            (TypeName::Array, _) if !self.prefix_items.is_empty() => {
                f.write_str("(")?;
                for (place, item) in self.prefix_items.iter().enumerate() {
                    write!(f, "{}{item}", if place == 0 { "" } else { ", " })?;
                }
                f.write_str(")")
            }
            (TypeName::Array, _) => match &self.items {
                Some(item) => write!(f, "list of {}", Inner(item)),
                None => f.write_str("list"),
            },
            (TypeName::Object, _) => self.fmt_object(f),
        }
    }
}

impl Schema {
    fn fmt_object(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(value) = &self.additional_properties {
            return write!(f, "map to {}", Inner(value));
        }
        if self.properties.is_empty() {
            return f.write_str(self.title.as_deref().unwrap_or("map"));
        }
        f.write_str("{")?;
        for (place, (name, schema)) in self.properties.iter().enumerate() {
            let optional = if self.required.contains(name) { "" } else { "?" };
            write!(f, "{}{name}{optional}: {schema}", if place == 0 { "" } else { ", " })?;
        }
        f.write_str("}")
    }
}

/// A type inside another: in parentheses where it has alternatives.
struct Inner<'s>(&'s Schema);

impl fmt::Display for Inner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let alternatives = self.0.any_of.len().max(self.0.names.len());
        if alternatives > 1 { write!(f, "({})", self.0) } else { self.0.fmt(f) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str, expected: &str) {
        let schema: Schema = serde_json::from_str(json).unwrap();
        assert_eq!(schema.to_string(), expected, "{json}");
        let again = serde_json::to_string(&schema).unwrap();
        assert_eq!(serde_json::from_str::<Schema>(&again).unwrap(), schema);
    }

    #[test]
    fn a_type_reads_as_a_person_would_write_it() {
        check("{}", "any value");
        check(r#"{"type":"null"}"#, "nil");
        check(r#"{"type":"boolean"}"#, "bool");
        check(r#"{"type":"integer"}"#, "integer");
        check(r#"{"type":"integer","format":"int64"}"#, "i64");
        check(r#"{"type":"integer","format":"uint8"}"#, "u8");
        check(r#"{"type":"number","format":"float"}"#, "f32");
        check(r#"{"type":"number"}"#, "f64");
        check(r#"{"type":"string"}"#, "string");
        check(r#"{"type":"string","format":"char"}"#, "char");
        check(r#"{"type":"string","format":"bytes"}"#, "bytes");
    }

    #[test]
    fn lists_arrays_and_tuples_say_of_what() {
        check(r#"{"type":"array"}"#, "list");
        check(r#"{"type":"array","items":{"type":"string"}}"#, "list of string");
        check(r#"{"type":"array","format":"ndarray","x-dtype":"f64"}"#, "array of f64");
        check(r#"{"type":"array","format":"ndarray"}"#, "array of numbers");
        check(
            r#"{"type":"array","prefixItems":[{"type":"string"},{"type":"boolean"}]}"#,
            "(string, bool)",
        );
    }

    #[test]
    fn maps_and_structs_say_what_is_in_them() {
        check(r#"{"type":"object"}"#, "map");
        check(r#"{"type":"object","title":"Point"}"#, "Point");
        check(r#"{"type":"object","additionalProperties":{"type":"number"}}"#, "map to f64");
        check(
            r#"{"type":"object","required":["x"],
                "properties":{"y":{"type":"number"},"x":{"type":"number"}}}"#,
            "{x: f64, y?: f64}",
        );
    }

    #[test]
    fn alternatives_are_told_apart_from_what_they_are_inside_of() {
        let option = r#"{"anyOf":[{"type":"string"},{"type":"null"}]}"#;
        check(option, "string or nil");
        check(r#"{"anyOf":[{"type":"null"}]}"#, "nil");
        check(r#"{"enum":["red","green"]}"#, r#""red" | "green""#);
        check(r#"{"anyOf":[{"type":"string"},{"type":"integer"}]}"#, "string | integer");
        check(&format!(r#"{{"type":"array","items":{option}}}"#), "list of (string or nil)");
        check(
            r#"{"anyOf":[{"type":"array","items":{"type":"string"}},{"type":"null"}]}"#,
            "list of string or nil",
        );
        check(
            r#"{"type":"object","additionalProperties":{"enum":["on","off"]}}"#,
            r#"map to ("on" | "off")"#,
        );
    }

    #[test]
    fn nil_fits_where_a_type_says_so() {
        assert!(Schema::default().admits_null());
        assert!(Schema::of(TypeName::Null).admits_null());
        assert!(!Schema::of(TypeName::String).admits_null());
        let names = Schema { names: vec!["on".to_owned()], ..Schema::default() };
        assert!(!names.admits_null());
        let any_of = vec![names, Schema::of(TypeName::Null)];
        assert!(Schema { any_of, ..Schema::default() }.admits_null());
    }

    #[test]
    fn a_function_is_found_with_its_place() {
        let named = |name: &str| Function { name: name.to_owned(), ..Function::default() };
        let manifest =
            Manifest { functions: vec![named("mean"), named("spread")], ..Manifest::default() };
        assert_eq!(manifest.function("spread").map(|(place, _)| place), Some(1));
        assert!(manifest.function("median").is_none());
    }
}

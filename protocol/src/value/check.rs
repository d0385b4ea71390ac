//! Arguments against a manifest: count, names and top-level kind. Client and
//! server both ask here; what lies deeper is for the guest's decoder to say.

use crate::array::{ArrayHeader, Dtype};
use crate::manifest::{Function, Param, Schema, TypeName};
use crate::{beginning, caps};

use super::head::{Head, Kind};

/// Why arguments do not fit a function.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ArgumentError {
    /// They are neither a list nor a map.
    #[error("the arguments of {function} are {found}, not a list or a map by name")]
    NotArguments {
        /// The function.
        function: String,
        /// What they are.
        found: String,
    },
    /// More than the function has parameters.
    #[error("{function} takes {expected}, not {found}")]
    TooMany {
        /// The function.
        function: String,
        /// How many it takes, in words.
        expected: String,
        /// How many came.
        found: usize,
    },
    /// One that must be there is not.
    #[error("{function} needs an argument for `{param}` ({expected})")]
    Missing {
        /// The function.
        function: String,
        /// The parameter.
        param: String,
        /// Its type.
        expected: String,
    },
    /// A name that is no parameter's.
    #[error("{function} has no parameter `{name}`; it takes {params}")]
    UnknownName {
        /// The function.
        function: String,
        /// The name that came.
        name: String,
        /// The names that it has.
        params: String,
    },
    /// A name that stands there twice.
    #[error("{function} got `{name}` twice")]
    Repeated {
        /// The function.
        function: String,
        /// The name.
        name: String,
    },
    /// One of the wrong kind.
    #[error("argument `{param}` of {function}: expected {expected}, got {found}")]
    WrongKind {
        /// The function.
        function: String,
        /// The parameter.
        param: String,
        /// Its type.
        expected: String,
        /// What came.
        found: String,
    },
}

/// Checks the arguments of one call. They must have passed [`scan`](super::scan).
///
/// # Returns
/// The arguments as a list with one value for each parameter, where the given
/// ones were by name or left out optional ones; none if they can go as they are.
///
/// # Errors
/// Which parameter, what was expected and what came.
pub fn check_arguments(function: &Function, args: &[u8]) -> Result<Option<Vec<u8>>, ArgumentError> {
    let head = Head::read(args);
    match head.map(|head| (head.kind, head)) {
        Some((Kind::List, head)) => positional(function, args, &head),
        Some((Kind::Map, head)) => by_name(function, args, &head).map(Some),
        found => Err(ArgumentError::NotArguments {
            function: function.name.clone(),
            found: found.map_or("nothing".to_owned(), |(kind, _)| kind.to_string()),
        }),
    }
}

fn positional(
    function: &Function,
    args: &[u8],
    head: &Head,
) -> Result<Option<Vec<u8>>, ArgumentError> {
    let (params, found) = (&function.params, head.items as usize);
    if found > params.len() {
        let required = params.iter().filter(|param| !param.optional).count();
        let plural = if params.len() == 1 { "" } else { "s" };
        let expected = match params.len() {
            0 => "no arguments".to_owned(),
            most if most == required => format!("{most} argument{plural}"),
            most => format!("{required} to {most} argument{plural}"),
        };
        return Err(ArgumentError::TooMany { function: function.name.clone(), expected, found });
    }
    let mut at = head.len;
    for param in &params[..found] {
        check_kind(function, param, &args[at..])?;
        at += value_len(&args[at..]);
    }
    match params[found..].iter().find(|param| !param.optional) {
        Some(param) => Err(missing(function, param)),
        None if found == params.len() => Ok(None),
        None => {
            let mut full = Vec::with_capacity(args.len() + params.len());
            crate::codec::put_array(&mut full, params.len() as u32);
            full.extend_from_slice(&args[head.len..]);
            full.resize(full.len() + params.len() - found, 0xc0);
            Ok(Some(full))
        }
    }
}

fn by_name(function: &Function, args: &[u8], head: &Head) -> Result<Vec<u8>, ArgumentError> {
    let mut given: Vec<Option<&[u8]>> = vec![None; function.params.len()];
    let mut at = head.len;
    for _ in 0..head.items / 2 {
        let key = text_at(&args[at..]);
        at += value_len(&args[at..]);
        let value = &args[at..at + value_len(&args[at..])];
        at += value.len();
        let place = function.params.iter().position(|param| Some(param.name.as_str()) == key);
        match place {
            Some(place) if given[place].is_some() => {
                return Err(ArgumentError::Repeated {
                    function: function.name.clone(),
                    name: function.params[place].name.clone(),
                });
            }
            Some(place) => given[place] = Some(value),
            None => {
                let params: Vec<_> =
                    function.params.iter().map(|param| format!("`{}`", param.name)).collect();
                return Err(ArgumentError::UnknownName {
                    function: function.name.clone(),
                    name: beginning(key.unwrap_or("(no text)"), caps::NAME_BYTES),
                    params: if params.is_empty() { "none".to_owned() } else { params.join(", ") },
                });
            }
        }
    }
    let mut list = Vec::with_capacity(args.len());
    crate::codec::put_array(&mut list, given.len() as u32);
    for (param, value) in function.params.iter().zip(given) {
        match value {
            Some(value) => {
                check_kind(function, param, value)?;
                list.extend_from_slice(value);
            }
            None if param.optional => list.push(0xc0),
            None => return Err(missing(function, param)),
        }
    }
    Ok(list)
}

fn missing(function: &Function, param: &Param) -> ArgumentError {
    ArgumentError::Missing {
        function: function.name.clone(),
        param: param.name.clone(),
        expected: param.schema.to_string(),
    }
}

/// Checks one argument's top-level kind, and an integer's range.
///
/// # Errors
/// [`ArgumentError::WrongKind`].
fn check_kind(function: &Function, param: &Param, value: &[u8]) -> Result<(), ArgumentError> {
    let Some(head) = Head::read(value) else { return Ok(()) };
    let array = match head.kind {
        Kind::Array => {
            value.get(head.len..).and_then(|body| ArrayHeader::decode(body, head.body).ok())
        }
        _ => None,
    };
    if head.kind == Kind::Reference
        || fits(&param.schema, &head, array.as_ref())
        || (param.optional && head.kind == Kind::Nil)
    {
        return Ok(());
    }
    let found = match (head.kind, head.integer(), array) {
        (_, Some(number), _) => format!("the integer {number}"),
        (_, _, Some(ArrayHeader { dtype, shape })) => match shape.len() {
            1 => format!("an array of {}", dtype.name()),
            dimensions => format!("a {dimensions}-dimensional array of {}", dtype.name()),
        },
        (Kind::String, ..) => match text_at(value) {
            Some(text) if text.len() <= 40 => format!("the string {text:?}"),
            _ => "a string".to_owned(),
        },
        (kind, ..) => kind.to_string(),
    };
    Err(ArgumentError::WrongKind {
        function: function.name.clone(),
        param: param.name.clone(),
        expected: param.schema.to_string(),
        found,
    })
}

/// Whether a value with this head can be what the schema describes, as the guests'
/// decoder reads it; an array has a header of its own.
fn fits(schema: &Schema, head: &Head, array: Option<&ArrayHeader>) -> bool {
    if !schema.any_of.is_empty() {
        return schema.any_of.iter().any(|one| fits(one, head, array));
    }
    let Some(ty) = schema.ty else { return true };
    let format = schema.format.as_deref();
    match (ty, head.kind) {
        (TypeName::Null, Kind::Nil) | (TypeName::Boolean, Kind::Bool) => true,
        (TypeName::Integer, Kind::Integer) => in_range(schema, head),
        (TypeName::Number, Kind::Integer | Kind::Float) => true,
        (TypeName::String, Kind::String) => format != Some("bytes"),
        (TypeName::String, Kind::Bytes) => format == Some("bytes"),
        (TypeName::Array, Kind::Array) => array.is_some_and(|array| {
            let wanted = schema.dtype.as_deref();
            match format {
                Some("ndarray") => wanted.is_none_or(|wanted| array.dtype.name() == wanted),
                _ => is_read_from(schema, array.dtype, array.shape.len()),
            }
        }),
        // An array is read from a list of numbers, too.
        (TypeName::Array, Kind::List) => true,
        // A list of small integers is read from a byte string, too.
        (TypeName::Array, Kind::Bytes) => {
            let items = schema.items.as_ref().and_then(|items| items.format.as_deref());
            items == Some("uint8")
        }
        // A struct is read from a list of its fields, too.
        (TypeName::Object, Kind::Map) => true,
        (TypeName::Object, Kind::List) => !schema.properties.is_empty(),
        _ => false,
    }
}

/// Whether an array of numbers is read as what the schema describes: one with
/// dimensions as a list, one without as a number.
fn is_read_from(schema: &Schema, dtype: Dtype, dimensions: usize) -> bool {
    if !schema.any_of.is_empty() {
        return schema.any_of.iter().any(|one| is_read_from(one, dtype, dimensions));
    }
    let is_float = matches!(dtype, Dtype::F32 | Dtype::F64);
    match (schema.ty, dimensions) {
        (None, _) => true,
        (Some(TypeName::Array), 1..) => {
            let mut items = schema.prefix_items.iter().chain(schema.items.as_deref());
            items.all(|item| is_read_from(item, dtype, dimensions - 1))
        }
        (Some(TypeName::Boolean), 0) => dtype == Dtype::Bool,
        (Some(TypeName::Integer), 0) => dtype != Dtype::Bool && !is_float,
        (Some(TypeName::Number), 0) => dtype != Dtype::Bool,
        _ => false,
    }
}

fn in_range(schema: &Schema, head: &Head) -> bool {
    let Some(number) = head.integer() else { return false };
    match schema.format.as_deref() {
        Some("int8") => i8::try_from(number).is_ok(),
        Some("int16") => i16::try_from(number).is_ok(),
        Some("int32") => i32::try_from(number).is_ok(),
        Some("int64") => i64::try_from(number).is_ok(),
        Some("uint8") => u8::try_from(number).is_ok(),
        Some("uint16") => u16::try_from(number).is_ok(),
        Some("uint32") => u32::try_from(number).is_ok(),
        Some("uint64") => u64::try_from(number).is_ok(),
        _ => true,
    }
}

/// The bytes of the well-formed value that `bytes` begin with.
pub(super) fn value_len(bytes: &[u8]) -> usize {
    let (mut at, mut left) = (0, 1u64);
    while left > 0 {
        let Some(head) = bytes.get(at..).and_then(Head::read) else { break };
        at += head.len + head.body as usize;
        left = (left - 1).saturating_add(head.items);
    }
    at.min(bytes.len())
}

fn text_at(bytes: &[u8]) -> Option<&str> {
    let head = Head::read(bytes)?;
    let body = bytes.get(head.len..head.len + head.body as usize)?;
    (head.kind == Kind::String).then(|| std::str::from_utf8(body).ok())?
}

//! A kept value: in memory while it is small or new, in storage once it is
//! spilled.

use std::sync::Arc;

use bytes::Bytes;
use farside_protocol::ContentType;
use farside_protocol::value::Kind;

use crate::storage::StoredValue;

/// A value that a reference holds. Cloning is cheap.
#[derive(Clone, Debug)]
pub(crate) struct Value {
    pub(crate) content: ContentType,
    /// What it is, if it is MessagePack.
    pub(crate) kind: Kind,
    pub(crate) body: Body,
}

/// Where a value's bytes are.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    Memory(Bytes),
    Stored(Arc<StoredValue>),
}

impl Value {
    pub(crate) fn new(content: ContentType, kind: Kind, bytes: Bytes) -> Value {
        Value { content, kind, body: Body::Memory(bytes) }
    }

    pub(crate) fn len(&self) -> u64 {
        match &self.body {
            Body::Memory(bytes) => bytes.len() as u64,
            Body::Stored(stored) => stored.len(),
        }
    }

    /// What it is, for people.
    pub(crate) fn describe_kind(&self) -> String {
        match self.content.other() {
            Some(media_type) => media_type.to_owned(),
            None if self.is_object() => match self.object() {
                Some(object) => format!("object: {}", object.kind),
                None => self.kind.to_string(),
            },
            None => self.kind.to_string(),
        }
    }
}

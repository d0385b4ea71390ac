//! What a server tells of a session when it is asked to describe it. These cross
//! the wire as MessagePack maps, by field name: they are read by people and
//! scripts, not on a hot path.

use serde::{Deserialize, Serialize};

use crate::manifest::Manifest;
use crate::{ModuleHash, RefId, SessionId};

/// A session: its modules, and how much of its limits it uses.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SessionOutline {
    /// The session's id, as text.
    #[serde(with = "as_text")]
    pub session: SessionId,
    /// Its modules.
    pub modules: Vec<ModuleOutline>,
    /// Its references' count.
    pub refs: u64,
    /// Bytes of the values that it keeps.
    pub kept_bytes: u64,
    /// Linear memory of its instances, in bytes.
    pub memory_bytes: u64,
    /// Live instances, fresh calls included.
    pub instances: u64,
    /// CPU time that its calls have used, in microseconds.
    #[serde(default)]
    pub cpu_us: u64,
    /// Calls that have not finished.
    pub pending_calls: u64,
    /// Connections attached to it.
    pub connections: u64,
    /// Milliseconds that it outlives its last connection.
    pub lease_ms: u64,
}

/// A module in a session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModuleOutline {
    /// Its number in the session, for calls.
    pub number: u32,
    /// Its name in the session.
    pub name: String,
    /// SHA-256 of its bytes, as text.
    #[serde(with = "as_text")]
    pub hash: ModuleHash,
    /// `none` before the first call, `live`, or `poisoned`.
    pub instance: String,
    /// Why it is poisoned, if it is.
    pub poison: Option<String>,
    /// Whether the fuel of its calls is counted.
    #[serde(default)]
    pub metered: bool,
    /// What it exports.
    pub manifest: Manifest,
}

/// The functions of a session as its evaluators are told of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallablesOutline {
    /// Changes with the functions.
    pub version: u64,
    /// The modules, by name.
    pub modules: Vec<CallableOutline>,
}

/// A module as evaluators are told of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallableOutline {
    /// Its name in the session.
    pub name: String,
    /// What it is for.
    pub docs: String,
    /// Its functions.
    pub functions: Vec<FunctionOutline>,
}

/// A function as evaluators are told of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionOutline {
    /// Its name within the module.
    pub name: String,
    /// Its doc comment.
    pub docs: String,
    /// The names of its parameters, in order.
    pub params: Vec<String>,
}

impl CallableOutline {
    /// What a manifest says that evaluators need.
    #[must_use]
    pub fn new(name: &str, manifest: &Manifest) -> CallableOutline {
        let functions = manifest.functions.iter().map(|function| FunctionOutline {
            name: function.name.clone(),
            docs: function.docs.clone(),
            params: function.params.iter().map(|param| param.name.clone()).collect(),
        });
        CallableOutline {
            name: name.to_owned(),
            docs: manifest.docs.clone(),
            functions: functions.collect(),
        }
    }
}

/// A reference of a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefOutline {
    /// Its id, as text.
    #[serde(with = "as_text")]
    pub id: RefId,
    /// `pending`, `ready` or `failed`.
    pub state: String,
    /// What made it: `call hello.square`, `put`, `select far:7 rows[0]`.
    pub origin: String,
    /// The value's kind, once it is ready.
    pub kind: Option<String>,
    /// How its language shows an object, which can't be fetched; cut short.
    #[serde(default)]
    pub shown: Option<String>,
    /// The value's bytes, once it is ready.
    pub bytes: Option<u64>,
    /// The fuel that its call used, if its module is metered and it came to its end.
    #[serde(default)]
    pub fuel: Option<u64>,
    /// The failure's message, if it failed.
    pub failure: Option<String>,
}

/// One of an owner's sessions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionSummary {
    /// The session's id, as text.
    #[serde(with = "as_text")]
    pub session: SessionId,
    /// The owner's name.
    pub owner: String,
    /// Seconds since it was opened.
    pub age_s: u64,
    /// Connections attached to it.
    pub connections: u64,
    /// Names of its modules.
    pub modules: Vec<String>,
    /// Its references' count.
    pub refs: u64,
    /// Bytes of the values that it keeps.
    pub kept_bytes: u64,
    /// Seconds until it expires, while nothing is attached.
    pub expires_in_s: Option<u64>,
}

/// A description's wire bytes.
///
/// # Errors
/// None in practice: every type of this module has a MessagePack form.
pub fn encode<T: Serialize>(outline: &T) -> Result<Vec<u8>, rmp_serde::encode::Error> {
    rmp_serde::to_vec_named(outline)
}

/// A description from its wire bytes.
///
/// # Errors
/// When the bytes are of another type.
pub fn decode<T: for<'de> Deserialize<'de>>(bytes: &[u8]) -> Result<T, rmp_serde::decode::Error> {
    rmp_serde::from_slice(bytes)
}

mod as_text {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<T: Display, S: Serializer>(id: &T, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(id)
    }

    pub(super) fn deserialize<'de, T, D>(d: D) -> Result<T, D::Error>
    where
        T: FromStr<Err: Display>,
        D: Deserializer<'de>,
    {
        String::deserialize(d)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Seq, WriterId};

    #[test]
    fn descriptions_survive_the_wire() {
        let module = ModuleOutline {
            number: 0,
            name: "hello".to_owned(),
            hash: ModuleHash::of(b"module"),
            instance: "live".to_owned(),
            poison: None,
            metered: true,
            manifest: Manifest { docs: "greets".to_owned(), ..Manifest::default() },
        };
        let session = SessionOutline {
            session: SessionId([7; 16]),
            modules: vec![module],
            refs: 1,
            kept_bytes: 2,
            memory_bytes: 3,
            instances: 4,
            cpu_us: 8,
            pending_calls: 5,
            connections: 6,
            lease_ms: 7,
        };
        let bytes = encode(&session).unwrap();
        assert_eq!(decode::<SessionOutline>(&bytes).unwrap(), session);
        assert!(decode::<RefOutline>(&bytes).is_err());
    }

    #[test]
    fn ids_are_text_for_scripts() {
        let outline = RefOutline {
            id: RefId::new(WriterId(7), Seq::FIRST),
            state: "ready".to_owned(),
            origin: "call hello.square".to_owned(),
            kind: Some("an integer".to_owned()),
            shown: None,
            bytes: Some(1),
            fuel: Some(9),
            failure: None,
        };
        let bytes = encode(&outline).unwrap();
        assert_eq!(decode::<RefOutline>(&bytes).unwrap(), outline);
        insta::assert_snapshot!(
            serde_json::to_string(&outline).unwrap(),
            @r#"{"id":"far:65543","state":"ready","origin":"call hello.square","kind":"an integer","shown":null,"bytes":1,"fuel":9,"failure":null}"#
        );
        let wrong = serde_json::to_string(&outline).unwrap().replace("far:", "fer:");
        let error = serde_json::from_str::<RefOutline>(&wrong).unwrap_err().to_string();
        assert!(error.starts_with("`fer:65543` is not a reference like far:65543"), "{error}");
    }
}

//! One entry of the file of tokens.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq};

use super::permission::{Permission, Permissions};

/// SHA-256 of a token's text. Tokens are 32 random bytes, so that nothing is found by
/// guessing, and no slower hash is needed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Of a token's text.
    #[must_use]
    pub fn of(text: &str) -> Digest {
        Digest(Sha256::digest(text.as_bytes()).into())
    }

    /// Whether both are the same; takes as long whatever they are.
    pub(super) fn is(&self, other: &Digest) -> Choice {
        self.0.ct_eq(&other.0)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = String;

    fn from_str(text: &str) -> Result<Digest, String> {
        let wrong = || "no SHA-256 of 64 hex digits".to_owned();
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        let mut bytes = [0; 32];
        for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
            let digits = std::str::from_utf8(digits).map_err(|_| wrong())?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_| wrong())?;
        }
        Ok(Digest(bytes))
    }
}

/// A token as the file has it: whom it speaks for, and what it permits.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenRecord {
    /// The owner's name.
    pub name: String,
    /// Of the token's text, which is kept nowhere.
    pub sha256: Digest,
    /// When it is good for nothing any more.
    pub expires: Option<SystemTime>,
    /// What it permits.
    pub allow: Permissions,
    /// The owner's own limits, by their names without `limits.`; others are the server's.
    pub limits: BTreeMap<String, String>,
}

impl TokenRecord {
    /// When it expires, as text.
    #[must_use]
    pub fn expires_text(&self) -> Option<String> {
        self.expires.and_then(timestamp)
    }

    /// Whether its time is over.
    #[must_use]
    pub fn is_expired(&self, now: SystemTime) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
}

/// Longest name of an owner, in bytes.
const NAME_BYTES: usize = 64;

/// The owner of the server's own token.
pub(crate) const LOCAL: &str = "local";

/// Checks a name, which stands in files, logs and errors.
pub(super) fn check_name(name: &str) -> Result<(), String> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if name == LOCAL {
        return Err(format!("`{LOCAL}` is the owner of the server's own token"));
    }
    if name.is_empty() || name.len() > NAME_BYTES || !name.bytes().all(fits) {
        return Err(format!(
            "a name has 1 to {NAME_BYTES} letters, digits, dots, dashes and underscores"
        ));
    }
    Ok(())
}

/// A record as TOML has it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Form {
    name: String,
    sha256: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires: Option<toml::value::Datetime>,
    allow: Vec<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    limits: BTreeMap<String, toml::Value>,
}

impl Form {
    pub(super) fn name(&self) -> &str {
        &self.name
    }
}

impl From<&TokenRecord> for Form {
    fn from(record: &TokenRecord) -> Form {
        let text = |value: &String| toml::Value::String(value.clone());
        Form {
            name: record.name.clone(),
            sha256: record.sha256.to_string(),
            expires: record.expires.and_then(|at| timestamp(at)?.parse().ok()),
            allow: record.allow.iter().map(|permission| permission.name().to_owned()).collect(),
            limits: record.limits.iter().map(|(key, value)| (key.clone(), text(value))).collect(),
        }
    }
}

impl TryFrom<Form> for TokenRecord {
    type Error = String;

    fn try_from(form: Form) -> Result<TokenRecord, String> {
        check_name(&form.name)?;
        let expires = form.expires.map(|at| parse_timestamp(&at.to_string()));
        let allow = form.allow.iter().map(|name| name.parse::<Permission>());
        let allow = allow.collect::<Result<_, _>>().map_err(|error| error.to_string())?;
        let text = |value| match value {
            toml::Value::String(text) => text,
            other => other.to_string(),
        };
        Ok(TokenRecord {
            sha256: form.sha256.parse().map_err(|error| format!("`sha256` is {error}"))?,
            expires: expires.transpose()?,
            allow,
            limits: form.limits.into_iter().map(|(key, value)| (key, text(value))).collect(),
            name: form.name,
        })
    }
}

/// A point in time as text, to the second; none beyond the years that have four digits.
fn timestamp(at: SystemTime) -> Option<String> {
    let at = jiff::Timestamp::try_from(at).ok()?;
    let at = jiff::Timestamp::from_second(at.as_second()).ok()?;
    Some(at.to_string())
}

fn parse_timestamp(text: &str) -> Result<SystemTime, String> {
    let wrong = |_| format!("`expires` is `{text}`; write it like 2027-01-31T12:00:00Z");
    text.parse::<jiff::Timestamp>().map(SystemTime::from).map_err(wrong)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn digests_are_text() {
        let digest = Digest::of("abc");
        // FIPS 180-2, appendix B.1.
        let text = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(digest.to_string(), text);
        assert_eq!(text.parse(), Ok(digest));
        assert!(bool::from(digest.is(&Digest::of("abc"))));
        assert!(!bool::from(digest.is(&Digest::of("abd"))));
        for wrong in ["", "ba78", &text.replace('b', "g"), &format!("{text}0")] {
            assert!(wrong.parse::<Digest>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn names() {
        for good in ["alice", "build-bot_2", "a.b", "A"] {
            assert_eq!(check_name(good), Ok(()), "{good}");
        }
        for bad in ["", "local", "a b", "ü", "a/b", &"x".repeat(65), "a\n"] {
            assert!(check_name(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn points_in_time_are_text_to_the_second() {
        let at = UNIX_EPOCH + Duration::from_millis(1_800_000_000_999);
        assert_eq!(timestamp(at).unwrap(), "2027-01-15T08:00:00Z");
        let back = parse_timestamp("2027-01-15T09:00:00+01:00").unwrap();
        assert_eq!(back, UNIX_EPOCH + Duration::from_secs(1_800_000_000));
        assert!(parse_timestamp("2027-01-15").is_err());
    }
}

//! How settings are written as text: one spelling in files, environment and flags.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use super::folders;
use crate::storage::{StorageUrl, StorageUrlError};

/// What is wrong with a setting's text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Text of another form.
    #[error("not {expected}")]
    NotA {
        /// What it should have been.
        expected: &'static str,
        /// How that is written.
        such_as: &'static str,
    },
    /// Below the least that makes sense.
    #[error("too small")]
    TooSmall {
        /// The least.
        least: String,
    },
    /// Above the most that the server can keep its promises with.
    #[error("too large")]
    TooLarge {
        /// The most.
        most: String,
    },
    /// A storage that this server does not have.
    #[error(transparent)]
    Storage(#[from] StorageUrlError),
}

impl Problem {
    /// What to write instead.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Problem::NotA { such_as, .. } => format!("write it like {such_as}"),
            Problem::TooSmall { least } => format!("the least is {least}"),
            Problem::TooLarge { most } => format!("the most is {most}"),
            Problem::Storage(error) => error.hint().to_owned(),
        }
    }
}

/// A type that a setting can have.
pub(super) trait SettingText: Sized {
    /// Whether TOML has the type itself, so that a file says it without quotes.
    const BARE: bool = false;

    /// Reads it. Text that is too large for the type becomes the largest, so that
    /// the setting's range refuses it.
    fn parse(text: &str) -> Result<Self, Problem>;

    /// Writes it so that [`parse`](SettingText::parse) gives it back.
    fn show(&self) -> String;
}

/// Refuses what is outside of a setting's range.
pub(super) fn within<T>(value: T, range: RangeInclusive<T>) -> Result<T, Problem>
where
    T: SettingText + PartialOrd,
{
    if value < *range.start() {
        Err(Problem::TooSmall { least: range.start().show() })
    } else if value > *range.end() {
        Err(Problem::TooLarge { most: range.end().show() })
    } else {
        Ok(value)
    }
}

/// Splits `10 GiB` into its number and its unit. `_` may group digits; a number
/// beyond 64 bits is the largest of them.
pub(super) fn number_and_unit(text: &str) -> Option<(u64, &str)> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '_').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let mut digits = number.bytes().filter(|byte| *byte != b'_').peekable();
    digits.peek()?;
    let number = digits
        .fold(0u64, |sum, digit| sum.saturating_mul(10).saturating_add(u64::from(digit - b'0')));
    Some((number, unit.trim()))
}

impl SettingText for usize {
    const BARE: bool = true;

    fn parse(text: &str) -> Result<usize, Problem> {
        match number_and_unit(text) {
            Some((number, "")) => Ok(usize::try_from(number).unwrap_or(usize::MAX)),
            _ => Err(Problem::NotA { expected: "a count", such_as: "1000 or 1_000" }),
        }
    }

    fn show(&self) -> String {
        let digits = self.to_string();
        let mut text = String::with_capacity(digits.len() * 4 / 3);
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                text.push('_');
            }
            text.push(digit);
        }
        text
    }
}

impl SettingText for u64 {
    const BARE: bool = true;

    fn parse(text: &str) -> Result<u64, Problem> {
        match number_and_unit(text) {
            Some((number, "")) => Ok(number),
            _ => Err(Problem::NotA { expected: "a number", such_as: "0 or 123456789" }),
        }
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl SettingText for bool {
    const BARE: bool = true;

    fn parse(text: &str) -> Result<bool, Problem> {
        match text.trim() {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => {
                Err(Problem::NotA { expected: "a yes or no", such_as: "true (yes) or false (no)" })
            }
        }
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl SettingText for String {
    fn parse(text: &str) -> Result<String, Problem> {
        Ok(text.to_owned())
    }

    fn show(&self) -> String {
        self.clone()
    }
}

impl SettingText for SocketAddr {
    fn parse(text: &str) -> Result<SocketAddr, Problem> {
        text.trim().parse().map_err(|_| Problem::NotA {
            expected: "an address and port",
            such_as: "127.0.0.1:7327 or [::1]:7327; port 0 takes a free one",
        })
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

impl SettingText for PathBuf {
    fn parse(text: &str) -> Result<PathBuf, Problem> {
        if text.is_empty() {
            return Err(Problem::NotA { expected: "a path", such_as: "/var/lib/farside" });
        }
        Ok(folders::expand_home(text))
    }

    fn show(&self) -> String {
        folders::shorten_home(self)
    }
}

impl SettingText for StorageUrl {
    fn parse(text: &str) -> Result<StorageUrl, Problem> {
        Ok(text.parse()?)
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

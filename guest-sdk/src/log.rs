//! Lines for the client's log.
//!
//! Use the macros [`error!`](crate::error), [`warn!`](crate::warn),
//! [`info!`](crate::info) and [`debug!`](crate::debug). What a call may log is
//! bounded by the server, which cuts the rest with a note.

use std::fmt;

use crate::imports;

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Something failed.
    Error = 1,
    /// Something looks wrong.
    Warn = 2,
    /// Something happened that a user may want to know.
    Info = 3,
    /// Something happened that an author may want to know.
    Debug = 4,
}

/// Writes one line.
///
/// ```
/// use farside_guest::log::{self, Level};
/// log::write(Level::Info, format_args!("{} lines", 3));
/// ```
pub fn write(level: Level, text: fmt::Arguments<'_>) {
    match text.as_str() {
        Some(text) => imports::log(level as u32, text),
        None => imports::log(level as u32, &text.to_string()),
    }
}

/// Logs that something failed; takes what `format!` takes.
#[macro_export]
macro_rules! error {
    ($($text:tt)+) => {
        $crate::log::write($crate::log::Level::Error, ::core::format_args!($($text)+))
    };
}

/// Logs that something looks wrong; takes what `format!` takes.
#[macro_export]
macro_rules! warn {
    ($($text:tt)+) => {
        $crate::log::write($crate::log::Level::Warn, ::core::format_args!($($text)+))
    };
}

/// Logs what a user may want to know; takes what `format!` takes.
#[macro_export]
macro_rules! info {
    ($($text:tt)+) => {
        $crate::log::write($crate::log::Level::Info, ::core::format_args!($($text)+))
    };
}

/// Logs what an author may want to know; takes what `format!` takes.
#[macro_export]
macro_rules! debug {
    ($($text:tt)+) => {
        $crate::log::write($crate::log::Level::Debug, ::core::format_args!($($text)+))
    };
}

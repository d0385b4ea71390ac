//! Where text goes: data to standard output, all else to standard error.

use std::fmt::Display;
use std::io::{self, Write};

use serde::Serialize;

/// Prints a line of data, or several. What escapes it has for colour are left
/// out where standard output is no terminal, and where `NO_COLOR` is set.
///
/// # Errors
/// Standard output is closed or full.
pub(crate) fn print(text: impl Display) -> io::Result<()> {
    let mut out = anstream::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()
}

/// Prints a value as one line of JSON.
///
/// # Errors
/// Standard output is closed or full.
pub(crate) fn print_json(value: &impl Serialize) -> io::Result<()> {
    print(serde_json::to_string(value)?)
}

/// Says something beside the data. It is no failure of the command if nobody can
/// read it.
pub(crate) fn note(text: impl Display) {
    let _ = writeln!(anstream::stderr().lock(), "{text}");
}

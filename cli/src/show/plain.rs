//! Text that came from somebody else, made safe for a terminal, and numbers as
//! people read them.

use std::borrow::Cow;
use std::fmt::Write;

/// A text without anything that a terminal would act upon: control characters
/// but line ends and tabs, and marks that reorder text, become escapes.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    let acts = |c: char| acts_on_terminal(c) && c != '\n' && c != '\t';
    if !text.contains(acts) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().fold(String::with_capacity(text.len()), |mut safe, c| {
        match acts(c) {
            true => safe.extend(c.escape_unicode()),
            false => safe.push(c),
        }
        safe
    }))
}

/// A text in double quotes, as JSON, with every acting character escaped.
pub(crate) fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            // All of them are in the basic plane, where four digits suffice.
            c if acts_on_terminal(c) => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

fn acts_on_terminal(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A whole number with its digits in groups: `1,234,567`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A count of bytes: `512 bytes`, `3.4 KiB`, `64.0 MiB`.
pub(crate) fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} byte{}", if bytes == 1 { "" } else { "s" });
    }
    let mut amount = bytes as f64 / 1024.0;
    let mut unit = 0;
    while amount >= 1023.95 && unit + 1 < UNITS.len() {
        amount /= 1024.0;
        unit += 1;
    }
    format!("{amount:.1} {}", UNITS[unit])
}

/// A span of time in its two largest units: `3 h 20 min`, `5 s`.
pub(crate) fn span(seconds: u64) -> String {
    let units = [("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)];
    let largest = units.iter().position(|(_, of)| seconds >= *of).unwrap_or(units.len() - 1);
    let (unit, of) = units[largest];
    let first = format!("{} {unit}", seconds / of);
    match units.get(largest + 1) {
        Some((unit, next)) if seconds % of >= *next => {
            format!("{first} {} {unit}", seconds % of / next)
        }
        _ => first,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_act_upon_is_escaped() {
        assert_eq!(plain("a\tb\nc"), "a\tb\nc");
        assert_eq!(plain("\x1b[31mred\u{202e}"), "\\u{1b}[31mred\\u{202e}");
        assert_eq!(quoted("\x1b[31m\"red\"\u{9b}\n"), r#""\u001b[31m\"red\"\u009b\n""#);
    }

    #[test]
    fn quoted_text_is_json() {
        let text: String = (0..0x3000).filter_map(char::from_u32).collect();
        assert_eq!(serde_json::from_str::<String>(&quoted(&text)).unwrap(), text);
    }

    #[test]
    fn numbers_are_readable() {
        assert_eq!(grouped(7), "7");
        assert_eq!(grouped(123_456), "123,456");
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(size(1), "1 byte");
        assert_eq!(size(1023), "1023 bytes");
        assert_eq!(size(1024), "1.0 KiB");
        assert_eq!(size((1 << 20) - 1), "1.0 MiB");
        assert_eq!(size(64 << 20), "64.0 MiB");
        assert_eq!(span(0), "0 s");
        assert_eq!(span(3600), "1 h");
        assert_eq!(span(86_399), "23 h 59 min");
        assert_eq!(span(90_061), "1 d 1 h");
    }
}

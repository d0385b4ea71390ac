//! What the extensions of MessagePack that are known here stand for: points in time, and
//! integers beyond 64 bits.

use farside_protocol::value::BIG_INTEGER;

/// MessagePack's own extension for a point in time.
const TIMESTAMP: i8 = -1;

/// A value that has a form of its own.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// A point in time, as RFC 3339 writes it, in UTC.
    Time(String),
    /// An integer, in decimal digits.
    Integer(String),
}

impl Known {
    /// What an extension stands for, if it is known and well-formed.
    pub(super) fn of(number: i8, body: &[u8]) -> Option<Known> {
        match number {
            TIMESTAMP => time(body).map(Known::Time),
            BIG_INTEGER => Some(Known::Integer(decimal(body))),
            _ => None,
        }
    }
}

/// <https://github.com/msgpack/msgpack/blob/master/spec.md#timestamp-extension-type>
fn time(body: &[u8]) -> Option<String> {
    let (seconds, nanoseconds) = match body.len() {
        4 => (i64::from(u32::from_be_bytes(body.try_into().ok()?)), 0),
        8 => {
            let both = u64::from_be_bytes(body.try_into().ok()?);
            ((both & 0x3_ffff_ffff).cast_signed(), (both >> 34) as u32)
        }
        12 => {
            let (nanoseconds, seconds) = body.split_at(4);
            let nanoseconds = u32::from_be_bytes(nanoseconds.try_into().ok()?);
            (i64::from_be_bytes(seconds.try_into().ok()?), nanoseconds)
        }
        _ => return None,
    };
    let (year, month, day) = civil(seconds.div_euclid(86_400));
    let second = seconds.rem_euclid(86_400);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let fraction = match nanoseconds {
        0 => String::new(),
        1_000_000_000.. => return None,
        _ => format!(".{nanoseconds:09}").trim_end_matches('0').to_owned(),
    };
    Some(format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}Z"))
}

/// Year, month and day of a day counted from 1970, in the Gregorian calendar
/// (<https://howardhinnant.github.io/date_algorithms.html#civil_from_days>).
fn civil(day: i64) -> (i64, i64, i64) {
    let day = day + 719_468;
    let era = day.div_euclid(146_097);
    let of_era = day.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

/// Bytes of an integer that are written in decimal; that takes a time that grows with
/// their square.
const DECIMAL: usize = 4096;

/// An integer in two's complement, big-endian.
fn decimal(body: &[u8]) -> String {
    if body.len() > DECIMAL {
        return format!("an integer of {} bytes", body.len());
    }
    let is_negative = body.first().is_some_and(|first| first & 0x80 != 0);
    let mut magnitude = body.to_vec();
    if is_negative {
        let mut carry = true;
        for byte in magnitude.iter_mut().rev() {
            (*byte, carry) = (!*byte).overflowing_add(u8::from(carry));
        }
    }
    let mut digits = Vec::new();
    while magnitude.iter().any(|byte| *byte != 0) {
        let mut rest = 0;
        for byte in &mut magnitude {
            let value = rest << 8 | u32::from(*byte);
            (*byte, rest) = ((value / 10) as u8, value % 10);
        }
        digits.extend(char::from_digit(rest, 10));
    }
    if digits.is_empty() {
        digits.push('0');
    }
    let sign = if is_negative { "-" } else { "" };
    format!("{sign}{}", digits.iter().rev().collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_in_time_are_read_in_all_their_lengths() {
        let check = |body: &[u8], expected: Option<&str>| {
            let expected = expected.map(|text| Known::Time(text.to_owned()));
            assert_eq!(Known::of(TIMESTAMP, body), expected);
        };
        check(&[0; 4], Some("1970-01-01T00:00:00Z"));
        check(&951_868_800_u32.to_be_bytes(), Some("2000-03-01T00:00:00Z"));
        let half = 500_000_000_u64 << 34 | 1_709_210_096;
        check(&half.to_be_bytes(), Some("2024-02-29T12:34:56.5Z"));
        let before = [&[0; 4][..], &(-1_i64).to_be_bytes()].concat();
        check(&before, Some("1969-12-31T23:59:59Z"));
        check(&[0xff; 8], None);
        check(&[0; 5], None);
    }

    #[test]
    fn integers_are_written_in_decimal() {
        let check = |number: i128, bytes: usize| {
            let body = number.to_be_bytes();
            let expected = Some(Known::Integer(number.to_string()));
            assert_eq!(Known::of(BIG_INTEGER, &body[16 - bytes..]), expected);
        };
        check(0, 1);
        check(1 << 64, 9);
        check(-(1 << 64), 9);
        check(i128::MIN, 16);
        check(i128::MAX, 16);
        assert_eq!(Known::of(7, &[0]), None);
    }
}

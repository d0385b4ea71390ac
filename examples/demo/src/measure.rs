//! What something cost: its time and what crossed the wire for it.

use std::time::{Duration, Instant};

use farside::{Session, WireCounts};

/// What came of something, and what it cost.
pub(crate) struct Measured<T> {
    pub(crate) value: T,
    pub(crate) took: Duration,
    pub(crate) wire: WireCounts,
}

/// Does something with a session, and measures it.
pub(crate) async fn measure<T>(session: &Session, work: impl Future<Output = T>) -> Measured<T> {
    let before = session.wire();
    let start = Instant::now();
    let value = work.await;
    let took = start.elapsed();
    let after = session.wire();
    let wire = WireCounts {
        round_trips: after.round_trips - before.round_trips,
        frames_sent: after.frames_sent - before.frames_sent,
        frames_received: after.frames_received - before.frames_received,
        bytes_sent: after.bytes_sent - before.bytes_sent,
        bytes_received: after.bytes_received - before.bytes_received,
        messages_sent: after.messages_sent - before.messages_sent,
        messages_received: after.messages_received - before.messages_received,
    };
    Measured { value, took, wire }
}

/// A time with three digits or so: `412 us`, `3.1 ms`, `2.0 s`.
pub(crate) fn time(took: Duration) -> String {
    let seconds = took.as_secs_f64();
    match seconds {
        ..0.001 => format!("{:.0} us", seconds * 1e6),
        ..0.1 => format!("{:.1} ms", seconds * 1e3),
        ..1.0 => format!("{:.0} ms", seconds * 1e3),
        _ => format!("{seconds:.1} s"),
    }
}

/// A number of bytes, exact while it is small: `412 bytes`, `3.1 KiB`, `64.0 MiB`.
pub(crate) fn bytes(count: u64) -> String {
    match count {
        0..10_000 => format!("{} bytes", grouped(count)),
        10_000..10_000_000 => format!("{:.1} KiB", count as f64 / 1024.0),
        _ => format!("{:.1} MiB", count as f64 / (1024.0 * 1024.0)),
    }
}

/// A number with its thousands set apart: `100,000`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A count of something, in singular or plural: `1 round trip`, `2 round trips`.
pub(crate) fn count(number: u64, what: &str) -> String {
    format!("{} {what}{}", grouped(number), if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short() {
        assert_eq!(time(Duration::from_micros(412)), "412 us");
        assert_eq!(time(Duration::from_micros(3_140)), "3.1 ms");
        assert_eq!(time(Duration::from_millis(512)), "512 ms");
        assert_eq!(time(Duration::from_secs(2)), "2.0 s");
        assert_eq!(bytes(1_234), "1,234 bytes");
        assert_eq!(bytes(64 << 20), "64.0 MiB");
        assert_eq!(count(1, "round trip"), "1 round trip");
        assert_eq!(count(100_000, "call"), "100,000 calls");
    }
}

//! How memory and descriptors change over the time, as lines of least squares.

use std::time::Instant;

use farside_tests::Process;

/// Growth over the time looked at that counts as a leak: of memory, in KiB, and of
/// descriptors. Sessions come and go at random, and so does what they hold.
const MEMORY_KIB: f64 = 24.0 * 1024.0;
const DESCRIPTORS: f64 = 24.0;

/// A process, looked at every now and then.
pub(crate) struct Slope {
    process: Process,
    begun: Instant,
    looks: Vec<Look>,
}

/// What was seen at one moment.
#[derive(Clone, Copy)]
struct Look {
    minutes: f64,
    memory_kib: f64,
    descriptors: f64,
}

impl Slope {
    pub(crate) fn of(process: Process, begun: Instant) -> Slope {
        Slope { process, begun, looks: Vec::new() }
    }

    /// Looks once more. Where the system tells nothing, nothing is seen.
    pub(crate) fn look(&mut self) {
        let seen = self.process.resident().zip(self.process.descriptors());
        self.looks.extend(seen.map(|(memory, descriptors)| Look {
            minutes: self.begun.elapsed().as_secs_f64() / 60.0,
            memory_kib: (memory / 1024) as f64,
            descriptors: descriptors as f64,
        }));
    }

    /// What was seen last.
    pub(crate) fn line(&self) -> String {
        self.looks.last().map_or_else(String::new, |look| {
            format!("{:.0} MiB, {} descriptors", look.memory_kib / 1024.0, look.descriptors)
        })
    }

    /// Prints the slopes over the last two thirds; true if neither is a leak.
    pub(crate) fn print_and_judge(&self) -> bool {
        let late = &self.looks[self.looks.len() / 3..];
        let (Some(first), Some(last)) = (late.first(), late.last()) else {
            println!("the system does not tell what the server holds");
            return true;
        };
        let minutes = last.minutes - first.minutes;
        let memory = slope(late, |look| look.memory_kib);
        let descriptors = slope(late, |look| look.descriptors);
        println!(
            "over the last {minutes:.1} minutes: memory {memory:+.1} KiB/min, descriptors {descriptors:+.2}/min"
        );
        memory * minutes <= MEMORY_KIB && descriptors * minutes <= DESCRIPTORS
    }
}

/// The slope per minute of the line that fits best.
fn slope(looks: &[Look], value: impl Fn(&Look) -> f64) -> f64 {
    let count = looks.len() as f64;
    let mean = |of: &dyn Fn(&Look) -> f64| looks.iter().map(of).sum::<f64>() / count;
    let (x, y) = (mean(&|look| look.minutes), mean(&value));
    let (mut over, mut under) = (0.0, 0.0);
    for look in looks {
        over += (look.minutes - x) * (value(look) - y);
        under += (look.minutes - x).powi(2);
    }
    if under > 0.0 { over / under } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_its_slope_and_noise_around_it_none() {
        let look = |minutes: u32, memory_kib| Look {
            minutes: f64::from(minutes),
            memory_kib,
            descriptors: 0.0,
        };
        let line: Vec<Look> = (0..10).map(|n| look(n, 5.0 + 3.0 * f64::from(n))).collect();
        assert!((slope(&line, |look| look.memory_kib) - 3.0).abs() < 1e-9);
        let noise = [0.0, 1.0, 0.0, -1.0, 0.0, 1.0, 0.0, -1.0, 0.0];
        let noise: Vec<Look> = (0..).zip(noise).map(|(n, y)| look(n, y)).collect();
        assert!(slope(&noise, |look| look.memory_kib).abs() < 0.1);
        assert!(slope(&line[..1], |look| look.memory_kib).abs() < 1e-9);
    }
}

//! `farside-soak`: a real server for minutes on end, with clients that come and go as real
//! ones do, and a hostile tenth among them. Every answer is compared with what it must be.
//!
//! It ends with a verdict: wrong answers, answers that never came, and whether memory and
//! descriptors grow. A failed one is exit code 1.

mod client;
mod hostile;
mod rest;
mod slope;
mod tally;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Parser;
use farside_tests::{Process, corpus};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::client::Client;
use crate::hostile::Hostile;
use crate::slope::Slope;
use crate::tally::Tally;

/// Keep a server busy for a long time and see whether anything is lost
#[derive(Parser)]
#[command(name = "farside-soak")]
struct Soak {
    /// For how long
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..))]
    minutes: u64,
    /// Sessions in all, spread over that time
    #[arg(long, default_value_t = 2000, value_parser = clap::value_parser!(u64).range(1..))]
    sessions: u64,
    /// Sessions at once
    #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u64).range(1..))]
    at_once: u64,
    /// What clients do is drawn from this
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// One of so many sessions is hostile.
const HOSTILE: u32 = 10;

/// How long the last sessions may take to end after the time is over.
const FAREWELL: Duration = Duration::from_secs(90);

fn main() -> anyhow::Result<ExitCode> {
    let soak = Soak::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    Ok(runtime.block_on(soak.run()))
}

impl Soak {
    async fn run(&self) -> ExitCode {
        let server = Arc::new(corpus::server().start());
        let process = Process::of(server.pid());
        client::warm_up(&server).await;
        let (tally, hostile) = (Arc::new(Tally::default()), Arc::new(Hostile::new()));
        let (begun, lasts) = (Instant::now(), Duration::from_secs(60 * self.minutes));
        // Each place has as many sessions one after the other.
        let turns = self.sessions.div_ceil(self.at_once);
        let length = lasts / u32::try_from(turns).unwrap_or(u32::MAX);

        let mut places = tokio::task::JoinSet::new();
        for place in 0..self.at_once {
            let (server, tally) = (Arc::clone(&server), Arc::clone(&tally));
            let hostile = Arc::clone(&hostile);
            let mut rng = StdRng::seed_from_u64(self.seed.wrapping_mul(1_000_003) + place);
            // They do not all begin at once.
            let later = length.mul_f64(rng.random());
            places.spawn(async move {
                tokio::time::sleep(later).await;
                for turn in 0..turns {
                    let until = begun + later + length * (turn as u32 + 1);
                    let until = until.min(begun + lasts);
                    if rng.random_ratio(1, HOSTILE) {
                        hostile.run(&server, &tally, &mut rng).await;
                    } else {
                        Client::new(&server, &tally, &mut rng).live(until).await;
                    }
                }
            });
        }
        let mut slope = Slope::of(process, begun);
        let ended = self.look(&mut places, &tally, &mut slope, begun + lasts).await;
        places.abort_all();
        println!("{}", tally.summary());
        let is_level = slope.print_and_judge();
        let is_at_rest = rest::comes(&server, process).await;
        if !ended {
            println!("some sessions did not come to an end");
        }
        match ended && is_level && is_at_rest && tally.is_good() {
            true => {
                println!("verdict: good");
                ExitCode::SUCCESS
            }
            false => {
                println!("verdict: FAILED");
                ExitCode::FAILURE
            }
        }
    }

    /// Prints a line a minute until all have ended; false if they have not in time.
    async fn look(
        &self,
        places: &mut tokio::task::JoinSet<()>,
        tally: &Tally,
        slope: &mut Slope,
        over: Instant,
    ) -> bool {
        let mut second = tokio::time::interval(Duration::from_secs(1));
        let mut seconds = 0_u64;
        loop {
            tokio::select! {
                ended = places.join_next() => match ended {
                    None => return true,
                    Some(Ok(())) => {}
                    Some(Err(error)) => tally.wrong(format!("a client failed: {error}")),
                },
                now = second.tick() => {
                    if now.into_std() < over {
                        slope.look();
                    }
                    seconds += 1;
                    if seconds.is_multiple_of(60) {
                        println!("{:>3} min: {}, {}", seconds / 60, tally.line(), slope.line());
                    }
                    if now.into_std() > over + FAREWELL {
                        return false;
                    }
                }
            }
        }
    }
}

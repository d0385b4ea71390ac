//! Large values: out, in, there and back, and a slice of one.

use std::hint::black_box;
use std::time::Instant;

use anyhow::{Result, ensure};
use bytes::Bytes;
use farside::{Array, ContentType, Far, RefState, Session};
use farside_protocol::caps;

use super::small::request_size;
use crate::latency::{Cadence, micros};
use crate::row::Spec;
use crate::runner::Runner;
use crate::samples::Samples;
use crate::stage::Stage;
use crate::target::Target;
use crate::unit::Unit;
use crate::wire::Echo;

const GROUP: &str = "large values";

/// The large value.
const LARGE: usize = 64 << 20;

/// Numbers of the array that goes there and back: 8 MiB.
const NUMBERS: usize = 1 << 20;

/// The part of the large value that is fetched alone.
const SLICE: usize = 1024;

pub(crate) async fn measure(runner: &mut Runner, stage: &Stage) -> Result<()> {
    array(runner, stage).await?;
    let session = stage.server.client().await?.session().await?;
    out(runner, stage, &session).await?;
    inward(runner, stage, &session).await?;
    slice(runner, stage, &session).await?;
    session.close().await?;
    Ok(())
}

/// Keeps a byte string on the server, and waits until it is there.
pub(crate) async fn keep(session: &Session, value: &Bytes) -> Result<Far<Bytes>> {
    let far = session.put_bytes(ContentType::MSGPACK, value.clone());
    let states = session.wait(&[far.id()], 1, None).await?;
    if states != [RefState::Ready] {
        far.get_raw(None).await?;
    }
    Ok(far)
}

/// A byte string of so many bytes, encoded.
pub(crate) fn byte_string(bytes: usize) -> Result<Bytes> {
    Ok(Bytes::from(rmp_serde::to_vec(&serde_bytes::Bytes::new(&vec![7; bytes]))?))
}

/// Does something that moves bytes; gives millions of bytes in a second.
async fn megabytes(bytes: usize, work: impl AsyncFnOnce() -> Result<()>) -> Result<f64> {
    let begun = Instant::now();
    work().await?;
    Ok(bytes as f64 / micros(begun.elapsed()))
}

/// The echo of the chunks that a large value is moved in.
struct Chunks {
    echo: Echo,
    chunk: Bytes,
}

const CHUNKS: &str = "bare echo, 64 KiB chunks";

impl Chunks {
    async fn connect(stage: &Stage) -> Result<Chunks> {
        let echo = Echo::connect(stage.echo.address()).await?;
        Ok(Chunks { echo, chunk: Bytes::from(vec![7; caps::CHUNK_BYTES]) })
    }

    /// Sends so many bytes and gets them back, once the server is quiet; gives
    /// millions of bytes in a second, in both directions.
    async fn megabytes(&mut self, stage: &Stage, bytes: usize) -> Result<f64> {
        stage.server.process().quiet().await?;
        megabytes(2 * bytes, async || self.echo.bulk(bytes, &self.chunk).await).await
    }
}

const BOTH_WAYS: &str =
    "bytes in both directions are counted, on either side: an echo moves each byte twice";

const QUIET: &str = "each run, on either side, begins once the server is quiet";

async fn array(runner: &mut Runner, stage: &Stage) -> Result<()> {
    let (session, module) = stage.server.session().await?;
    let double = module.function("double")?;
    let data = Array::from(vec![1.5_f64; NUMBERS]);
    let bytes = NUMBERS * size_of::<f64>();
    let mut chunks = Chunks::connect(stage).await?;
    let spec = Spec::higher(GROUP, "8 MiB f64 array, there and back", Unit::MegabytesPerSecond)
        .note("a call that doubles every number; the client's encoding and decoding included")
        .note(BOTH_WAYS)
        .note(QUIET);
    runner
        .pair(
            spec,
            async || {
                stage.server.process().quiet().await?;
                megabytes(2 * bytes, async || {
                    let doubled: Array<f64> = double.value((&data,)).await?;
                    ensure!(doubled.data().first() == Some(&3.0), "wrong numbers");
                    Ok(())
                })
                .await
            },
            CHUNKS,
            async || chunks.megabytes(stage, bytes).await,
        )
        .await?;
    session.close().await?;
    Ok(())
}

async fn out(runner: &mut Runner, stage: &Stage, session: &Session) -> Result<()> {
    const NAMES: [&str; 2] = ["64 MiB out", "64 MiB out, against memory"];
    if !runner.wants_any(GROUP, &NAMES) {
        return Ok(());
    }
    let far = keep(session, &byte_string(LARGE)?).await?;
    let get = async || {
        stage.server.process().quiet().await?;
        megabytes(LARGE, async || {
            let (_, value) = far.get_raw(None).await?;
            ensure!(value.len() > LARGE, "{} bytes came", value.len());
            Ok(())
        })
        .await
    };
    let mut chunks = Chunks::connect(stage).await?;
    let spec = Spec::higher(GROUP, NAMES[0], Unit::MegabytesPerSecond)
        .target(Target::ratio_at_least(0.7))
        .note("get of a byte string that lies in storage: it is beyond storage_spill (1 MiB)")
        .note(BOTH_WAYS)
        .note(QUIET);
    runner.pair(spec, get, CHUNKS, async || chunks.megabytes(stage, LARGE).await).await?;

    let source = vec![7_u8; LARGE];
    let mut target = vec![0_u8; LARGE];
    let spec = Spec::higher(GROUP, NAMES[1], Unit::MegabytesPerSecond);
    let copy = async || {
        megabytes(LARGE, async || {
            target.copy_from_slice(black_box(&source));
            black_box(&target);
            Ok(())
        })
        .await
    };
    runner.pair(spec, get, "memcpy", copy).await
}

/// A value put, and what the server spends on it until it lies in storage.
async fn inward(runner: &mut Runner, stage: &Stage, session: &Session) -> Result<()> {
    let (rate, work) = ("64 MiB in", "64 MiB in, until it lies in storage: server time");
    if !runner.wants_any(GROUP, &[rate, work]) {
        return Ok(());
    }
    let value = byte_string(LARGE)?;
    let mut chunks = Chunks::connect(stage).await?;
    let (ours, echoes) = runner
        .alternate(
            async || {
                let server = stage.server.process();
                server.quiet().await?;
                let used = server.cpu_time()?;
                let mut far = None;
                let put = async || {
                    far = Some(keep(session, &value).await?);
                    Ok(())
                };
                let rate = megabytes(LARGE, put).await?;
                server.quiet().await?;
                let spent = micros(server.cpu_time()?.saturating_sub(used));
                // Given up sooner, it might not be written at all.
                drop(far);
                Ok((rate, spent))
            },
            async || {
                let used = stage.echo.cpu_time()?;
                let rate = chunks.megabytes(stage, LARGE).await?;
                Ok((rate, micros(stage.echo.cpu_time()?.saturating_sub(used))))
            },
        )
        .await?;
    let (ours, spent): (Vec<_>, Vec<_>) = ours.into_iter().unzip();
    let (echoes, spent_by_echo): (Vec<_>, Vec<_>) = echoes.into_iter().unzip();
    let spec = Spec::higher(GROUP, rate, Unit::MegabytesPerSecond)
        .target(Target::ratio_at_least(0.7))
        .note("put and wait until it is ready; it is written to storage after that")
        .note(BOTH_WAYS)
        .note(QUIET);
    runner.add(spec, Samples::new(ours)?, Some((CHUNKS, Samples::new(echoes)?)))?;
    let spec = Spec::lower(GROUP, work, Unit::Micros)
        .note("processor time of the server's process, checksums and file included")
        .note("the echo's time is that for 64 MiB there and back");
    runner.add(spec, Samples::new(spent)?, Some((CHUNKS, Samples::new(spent_by_echo)?)))
}

/// A slice of the large value, against a small call and what its bytes cost the echo.
async fn slice(runner: &mut Runner, stage: &Stage, session: &Session) -> Result<()> {
    let far = keep(session, &byte_string(LARGE)?).await?;
    stage.server.process().quiet().await?;
    let (small_session, module) = stage.server.session().await?;
    let square = module.function("square")?;
    let from = LARGE / 2 + 1;
    let path = format!("[{from}:{}]", from + SLICE);
    let part = async || {
        let part: serde_bytes::ByteBuf = far.get_part(&path).await?;
        ensure!(part.len() == SLICE, "{} bytes came", part.len());
        Ok(())
    };
    let small = async || {
        let _: i64 = square.value((1_234_567,)).await?;
        Ok(())
    };
    small().await?;
    let mut echo = Echo::connect(stage.echo.address()).await?;
    let small_frame = request_size(&small_session, small).await?;
    let large_frame = Bytes::from(vec![7; SLICE + small_frame.len()]);
    let time = runner.plan().run_time() / 2;
    for cadence in [Cadence::Idle, Cadence::Awake] {
        let _state = cadence.enter(&stage.cores)?;
        let name = format!("1 KiB slice of 64 MiB, {}", cadence.name());
        let spec = Spec::lower(GROUP, name, Unit::Micros)
            .target(Target::ratio_at_most(1.0))
            .note(cadence.note())
            .note("the value lies in storage; beside it a small call + value, and what 1 KiB more costs the echo there and back");
        runner
            .pair(
                spec,
                async || cadence.median(time, part).await,
                "small call + bytes",
                async || {
                    let call = cadence.median(time, small).await?;
                    let large =
                        cadence.median(time, async || echo.round_trip(&large_frame).await).await?;
                    let small =
                        cadence.median(time, async || echo.round_trip(&small_frame).await).await?;
                    Ok(call + (large - small).max(0.0))
                },
            )
            .await?;
    }
    small_session.close().await?;
    Ok(())
}

//! From no connection to the first answer.

use anyhow::{Result, ensure};
use bytes::Bytes;
use farside::Session;

use super::small::request_size;
use crate::latency::Cadence;
use crate::row::Spec;
use crate::runner::Runner;
use crate::stage::Stage;
use crate::unit::Unit;
use crate::wire::Echo;

const GROUP: &str = "sessions";

/// Round trips that a first call takes: hello, attach, upload, call.
const ROUND_TRIPS: usize = 4;

pub(crate) async fn measure(runner: &mut Runner, stage: &Stage) -> Result<()> {
    let (session, module) = stage.server.session().await?;
    let code = Bytes::from(std::fs::read(stage.server.guest("workload"))?);
    let square = module.function("square")?;
    let frame = request_size(&session, async || {
        let _: i64 = square.value((12,)).await?;
        Ok(())
    });
    let frame = frame.await?;
    let time = runner.plan().run_time();
    for cadence in [Cadence::Idle, Cadence::Awake] {
        let _state = cadence.enter(&stage.cores)?;
        let name = format!("connect, open, first call, {}", cadence.name());
        let spec = Spec::lower(GROUP, name, Unit::Micros)
            .note(cadence.note())
            .note(format!(
                "the module of {} KiB is known; beside it, connecting and {ROUND_TRIPS} round \
                 trips of {} bytes",
                code.len() / 1024,
                frame.len()
            ))
            .note("the client hashes the module each time; it closes the session off the clock");
        runner
            .pair(
                spec,
                async || {
                    let open = async || {
                        let session = stage.server.client().await?.session().await?;
                        let module = session.uploader(code.clone()).send().await?;
                        let squared: i64 = module.function("square")?.value((12,)).await?;
                        ensure!(squared == 144, "a wrong square: {squared}");
                        Ok(session)
                    };
                    cadence
                        .median_then(time, open, async |session: Session| {
                            Ok(session.close().await?)
                        })
                        .await
                },
                "bare echo",
                async || {
                    let open = async || {
                        let mut echo = Echo::connect(stage.echo.address()).await?;
                        for _ in 0..ROUND_TRIPS {
                            echo.round_trip(&frame).await?;
                        }
                        Ok(echo)
                    };
                    cadence.median_then(time, open, async |echo: Echo| echo.close().await).await
                },
            )
            .await?;
    }
    Ok(())
}

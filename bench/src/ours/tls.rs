//! What TLS costs: the same server with a certificate and without.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::time::Instant;

use anyhow::{Result, ensure};
use farside::{Client, Function, Session};

use super::large::{byte_string, keep};
use crate::cores::Place;
use crate::latency::{Cadence, micros};
use crate::row::Spec;
use crate::runner::Runner;
use crate::server::{DataFolder, Server};
use crate::stage::Stage;
use crate::unit::Unit;

const GROUP: &str = "TLS";

const CALL: &str = "small call + value over TLS, awake";
const OPEN: &str = "connect and open a session over TLS, awake";
const OUT: &str = "16 MiB out over TLS";

/// The large value, which is sent whole.
const LARGE: usize = 16 << 20;

const WITHOUT: &str = "without TLS";

pub(crate) async fn measure(runner: &mut Runner, stage: &Stage) -> Result<()> {
    if !runner.wants_any(GROUP, &[CALL, OPEN, OUT]) {
        return Ok(());
    }
    let data = DataFolder::new()?;
    let (certificate, key) = (data.path().join("cert.pem"), data.path().join("key.pem"));
    let pair = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()])?;
    fs::write(&certificate, pair.cert.pem())?;
    fs::write(&key, pair.signing_key.serialize_pem())?;
    // A server takes no key that others can read.
    fs::set_permissions(&key, Permissions::from_mode(0o600))?;
    let (certificate, key) = (certificate.display().to_string(), key.display().to_string());
    let flags = ["--tls-certificate", &certificate, "--tls-key", &key];
    let server = Server::start(&stage.cores, Place::Server, &data, &flags)?;
    let builder = Client::builder().url(server.url()).token(server.token()).ca_file(&certificate);
    let ends = Ends { over: builder.connect().await?, without: stage.server.client().await? };

    calls(runner, stage, &ends).await?;
    opening(runner, stage, &ends).await?;
    out(runner, stage, &ends).await?;
    drop(ends);
    server.stop()
}

/// A client of each server.
struct Ends {
    over: Client,
    without: Client,
}

async fn calls(runner: &mut Runner, stage: &Stage, ends: &Ends) -> Result<()> {
    let _state = Cadence::Awake.enter(&stage.cores)?;
    let (over, function_over) = square(stage, &ends.over).await?;
    let (without, function_without) = square(stage, &ends.without).await?;
    let time = runner.plan().run_time();
    let median = async |function: &Function| {
        Cadence::Awake
            .median(time, async || {
                let squared: i64 = function.value((12,)).await?;
                ensure!(squared == 144, "a wrong square: {squared}");
                Ok(())
            })
            .await
    };
    let spec = Spec::lower(GROUP, CALL, Unit::Micros).note(Cadence::Awake.note());
    let ours = async || median(&function_over).await;
    runner.pair(spec, ours, WITHOUT, async || median(&function_without).await).await?;
    over.close().await?;
    without.close().await?;
    Ok(())
}

async fn square(stage: &Stage, client: &Client) -> Result<(Session, Function)> {
    let session = client.session().await?;
    let module = session.upload(stage.server.guest("workload")).await?;
    let function = module.function("square")?;
    Ok((session, function))
}

/// A session is a connection of its own.
async fn opening(runner: &mut Runner, stage: &Stage, ends: &Ends) -> Result<()> {
    let _state = Cadence::Awake.enter(&stage.cores)?;
    let time = runner.plan().run_time();
    let median = async |client: &Client| {
        let open = async || Ok(client.session().await?);
        let close = async |session: Session| Ok(session.close().await?);
        Cadence::Awake.median_then(time, open, close).await
    };
    let spec = Spec::lower(GROUP, OPEN, Unit::Micros)
        .note(
            "a handshake of TLS 1.3, which goes on from an earlier one where client and server can",
        )
        .note("the client closes the session off the clock");
    let ours = async || median(&ends.over).await;
    runner.pair(spec, ours, WITHOUT, async || median(&ends.without).await).await
}

async fn out(runner: &mut Runner, stage: &Stage, ends: &Ends) -> Result<()> {
    let (over, without) = (ends.over.session().await?, ends.without.session().await?);
    let value = byte_string(LARGE)?;
    let (far_over, far_without) = (keep(&over, &value).await?, keep(&without, &value).await?);
    let rate = async |far: &farside::Far<bytes::Bytes>| {
        stage.server.process().quiet().await?;
        let begun = Instant::now();
        let (_, value) = far.get_raw(None).await?;
        ensure!(value.len() > LARGE, "{} bytes came", value.len());
        Ok(LARGE as f64 / micros(begun.elapsed()))
    };
    let spec = Spec::higher(GROUP, OUT, Unit::MegabytesPerSecond)
        .note("get of a byte string that lies in storage");
    let ours = async || rate(&far_over).await;
    runner.pair(spec, ours, WITHOUT, async || rate(&far_without).await).await?;
    over.close().await?;
    without.close().await?;
    Ok(())
}

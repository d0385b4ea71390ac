//! `farside version`: every version that matters when two sides disagree.

use clap::Args;
use farside::ServerVersions;
use farside_server::versions;
use serde_json::{Value, json};

use crate::fault::{Blame, Fault};
use crate::options::Format;
use crate::output::{note, print, print_json};
use crate::remote::Remote;

/// Print versions: this program's, and the server's if it can be reached
#[derive(Args)]
pub(crate) struct Version {
    #[command(flatten)]
    pub(crate) format: Format,
    #[command(flatten)]
    remote: Remote,
}

impl Version {
    pub(crate) async fn run(self) -> Result<(), Fault> {
        const WHAT: &str = "cannot print the versions";
        let reached = self.remote.connect().await;
        if self.format.json {
            let server = reached.as_ref().ok().map(|client| to_json(client.server()));
            let error = reached.as_ref().err().map(Fault::headline);
            let program = to_json(&own());
            let all = json!({ "program": program, "server": server, "server_error": error });
            return print_json(&all).blame(WHAT);
        }
        print(format_args!("this program\n{}", listing(&own()))).blame(WHAT)?;
        match &reached {
            Ok(client) => {
                let listing = listing(client.server());
                print(format_args!("\nserver at {}\n{listing}", self.remote.url)).blame(WHAT)
            }
            Err(fault) => {
                note(format_args!("\nserver not reached: {}", fault.headline()));
                Ok(())
            }
        }
    }
}

fn own() -> ServerVersions {
    let own = versions();
    ServerVersions {
        server: own.server.to_owned(),
        protocol: own.protocol,
        guest_abi: own.guest_abi,
        data_format: own.data_format,
        wasmtime: own.wasmtime.to_owned(),
    }
}

fn listing(versions: &ServerVersions) -> String {
    let ServerVersions { server, protocol, guest_abi, data_format, wasmtime } = versions;
    format!(
        "  release      {server}\n  \
           protocol     {protocol}\n  \
           guest ABI    {guest_abi}\n  \
           data format  {data_format}\n  \
           wasmtime     {wasmtime}"
    )
}

fn to_json(versions: &ServerVersions) -> Value {
    json!({
        "release": versions.server,
        "protocol": versions.protocol,
        "guest_abi": versions.guest_abi,
        "data_format": versions.data_format,
        "wasmtime": versions.wasmtime,
    })
}

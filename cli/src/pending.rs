//! A result that is on its way: waited for and handed over, or left on the server.

use bytes::Bytes;
use farside::{ContentType, Far, GetError};
use serde_json::json;

use crate::delivery::Delivery;
use crate::fault::{Blame, Fault, Why};
use crate::guest_log::GuestLog;
use crate::output::{note, print, print_json};
use crate::remote::Here;
use crate::shell::stop::Stop;

/// How to see all of a value that is shown in part.
const MORE: &str = "--path fetches a part, --json and --out FILE give all of it, and --far keeps it \
                    on the server for `farside get`";

/// A call whose result has not come.
pub(crate) struct Pending<'a> {
    here: &'a Here,
    far: Far<()>,
    /// What could not be done if it fails: `cannot call hello.greet`.
    what: String,
    log: GuestLog,
    /// Whether its fuel is counted.
    metered: bool,
}

/// What became of a call.
struct Fetched {
    value: Result<(ContentType, Bytes), Fault>,
    /// The fuel that it used, where that is counted.
    fuel: Option<u64>,
}

impl<'a> Pending<'a> {
    /// A call that `make` makes, with the lines that its guest logs.
    ///
    /// # Errors
    /// It broke before it was sent, or its value could not be written where it shall.
    pub(crate) fn new(
        here: &'a Here,
        delivery: &Delivery,
        what: String,
        make: impl FnOnce() -> Far<()>,
    ) -> Result<Pending<'a>, Fault> {
        delivery.check().blame(&what)?;
        let log = GuestLog::of(&here.session, delivery.json);
        let far = make();
        match far.broken() {
            Some(failure) => Err(Fault::new(what, GetError::Failed(failure.clone()))),
            None => Ok(Pending { here, far, what, log, metered: false }),
        }
    }

    /// The same call, whose fuel is counted and told, or not.
    pub(crate) fn metered(self, metered: bool) -> Pending<'a> {
        Pending { metered, ..self }
    }

    /// Waits for the result, or for a part of it, and hands it over.
    ///
    /// # Errors
    /// The call failed, was interrupted, or its value can't be handed over.
    pub(crate) async fn deliver(
        self,
        delivery: &Delivery,
        path: Option<&str>,
    ) -> Result<(), Fault> {
        let what = self.what.clone();
        let Fetched { value, fuel } = self.fetch(path).await;
        let delivered = match value {
            Ok((content, value)) => delivery.deliver(&content, &value, MORE).blame(&what),
            Err(fault) => Err(fault),
        };
        match fuel {
            Some(fuel) if delivery.json => note(json!({ "fuel": fuel })),
            Some(fuel) => note(format_args!("fuel: {fuel}")),
            None => {}
        }
        delivered
    }

    /// Waits until it is done; its value is of no interest.
    ///
    /// # Errors
    /// The call failed or was interrupted.
    pub(crate) async fn finish(self) -> Result<(), Fault> {
        self.fetch(None).await.value.map(drop)
    }

    async fn fetch(self, path: Option<&str>) -> Fetched {
        let Pending { here, far, what, mut log, metered } = self;
        let mut stop = match Stop::new().blame(&what) {
            Ok(stop) => stop,
            Err(fault) => return Fetched { value: Err(fault), fuel: None },
        };
        let value = tokio::select! {
            fetched = far.get_raw(path) => fetched.blame(&what),
            never = log.follow() => match never {},
            () = stop.next() => {
                far.cancel();
                Err(Fault::new(&what, Why::Interrupted))
            }
        };
        let fuel = match metered {
            true => tokio::select! {
                // How the call went is known already.
                fuel = far.fuel() => fuel.ok(),
                () = stop.next() => None,
            },
            false => None,
        };
        drop(far);
        // The process must not end before the server knows what was cancelled and
        // that the result can go, unless it is told to. How the call went is known
        // already, and does not change if the server goes away meanwhile.
        tokio::select! {
            _ = here.session.flush() => {}
            () = stop.next() => {}
        }
        log.finish().await;
        Fetched { value, fuel }
    }

    /// Leaves the result on the server, and prints its reference once the server
    /// has taken the call.
    ///
    /// # Errors
    /// The connection was lost before, or the reference can't be remembered.
    pub(crate) async fn keep(self, delivery: &Delivery) -> Result<(), Fault> {
        let Pending { here, far, what, .. } = self;
        let id = far.keep();
        here.session.flush().await.blame(&what)?;
        here.remember(id)?;
        let printed = match delivery.json {
            true => print_json(&json!({ "far": id.to_string() })),
            false => print(id),
        };
        printed.blame(&what)
    }
}

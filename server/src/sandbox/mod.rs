//! The sandbox: where guests run. The only folder that names wasmtime.
//!
//! A [`Module`] is compiled once and instantiated for each session in a store of
//! its own, within the session's [`Budget`]. A call is a future ([`run`]) that
//! yields at every tick; dropping it stops the guest.

mod arguments;
mod budget;
mod capacity;
mod catalog;
mod compile;
mod compiled;
mod ending;
mod engine;
mod executor;
mod fault;
mod host;
mod host_calls;
mod image;
mod imports;
mod instance;
mod module;
mod needs;
mod nested;
mod parking;
mod places;
mod plain;
mod profile;
mod raised;
mod rounds;
mod shape;
mod stock;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use crate::auth::Owner;
use crate::config::Config;
use crate::meter::Meter;

pub(crate) use arguments::Arguments;
pub(crate) use budget::Budget;
pub use capacity::Capacity;
pub(crate) use catalog::Catalog;
pub(crate) use compile::Product;
pub use compile::run_if_compiler;
pub(crate) use engine::{TICK, WASMTIME_VERSION};
pub(crate) use executor::{Begun, Bounds, Executor, GuestFuture, Payer, Running, Stop};
pub(crate) use fault::Fault;
pub(crate) use host::{CallLog, Grants, LogSink};
pub(crate) use host_calls::{HostCallRate, HostCalls};
pub(crate) use instance::{
    Finished, Ground, Instance, Invocation, Output, UNCOUNTED, run, too_large,
};
pub(crate) use module::{Module, ModuleError};
pub(crate) use needs::functions_of;
pub(crate) use nested::{Answering, Callees, Caller};
pub(crate) use profile::{CodeId, Profile};

use catalog::Linkers;
use compile::{Ceilings, Compiler, Order};
use compiled::CompiledCode;
use engine::Ticker;
use host::Policy;
pub(crate) use places::Permit;
use places::Places;
pub(crate) use rounds::Lane;
use shape::Shape;
use stock::Stock;

/// Everything that runs guests in this process.
pub(crate) struct Sandbox {
    pub(crate) catalog: Catalog,
    pub(crate) executor: Executor,
    pub(crate) places: Places,
    pub(crate) stock: Stock,
    pub(crate) capacity: Capacity,
    ticker: Arc<Ticker>,
}

/// Why the sandbox could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The engine refuses its settings, or the pool's memory can't be reserved.
    #[error("the WebAssembly engine can't start: {message}")]
    Engine {
        /// What it says.
        message: String,
    },
    /// The folder of compiled code can't be used.
    #[error("the folder {folder} can't be used: {source}")]
    Folder {
        /// Its path.
        folder: String,
        /// What the system says.
        source: io::Error,
    },
    /// The program that shall compile is not there.
    #[error("there is no program {} to compile with", program.display())]
    Compiler {
        /// Its path.
        program: PathBuf,
    },
    /// The system gives no thread.
    #[error("no thread can be started: {0}")]
    Thread(io::Error),
}

impl Sandbox {
    /// Sets up the engine, its clock and its threads; compiled code is kept in
    /// `folder` and counts as `space`.
    pub(crate) fn start(
        config: &Config,
        folder: &Path,
        space: Arc<Meter>,
    ) -> Result<Sandbox, SandboxError> {
        let engine_error =
            |error: wasmtime::Error| SandboxError::Engine { message: format!("{error:#}") };
        let capacity = Capacity::measure(config);
        let engine = engine::new_engine(&capacity).map_err(engine_error)?;
        let metered = engine::metered_engine(&capacity).map_err(engine_error)?;
        let grants =
            Grants { clock: config.guests.clock, random: config.guests.random, calls: false };
        let policy = Policy {
            grants,
            is_deterministic: config.guests.deterministic,
            seed: config.guests.seed,
        };
        let linkers = Linkers {
            standard: host::linker(&engine, policy).map_err(engine_error)?,
            metered: host::linker(&metered, policy).map_err(engine_error)?,
            evaluator: host::evaluator_linker(&engine, policy).map_err(engine_error)?,
        };
        let compiled = CompiledCode::open(folder.to_owned(), space).map_err(|source| {
            SandboxError::Folder { folder: folder.display().to_string(), source }
        })?;
        let ticker = Arc::new(Ticker::start(vec![engine, metered]).map_err(SandboxError::Thread)?);
        let threads = match config.guest_threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        };
        let executor =
            Executor::start(threads, Arc::clone(&ticker)).map_err(SandboxError::Thread)?;
        let limits = &config.limits;
        let ceilings = Ceilings {
            cpu: limits.compile_cpu,
            memory: limits.compile_memory.bytes(),
            init_cpu: limits.init_cpu,
            image: limits.image_bytes.bytes(),
            shape: Shape::OF_CLIENTS,
        };
        let order = Order { profile: Profile::Standard, grants, sizes: capacity.sizes, ceilings };
        let compiler = Compiler::new(&config.compiler)
            .map_err(|program| SandboxError::Compiler { program })?;
        Ok(Sandbox {
            catalog: Catalog::new(linkers, compiler, order, compiled),
            executor,
            places: Places::new(capacity.instances),
            stock: Stock::default(),
            capacity,
            ticker,
        })
    }

    /// Takes the places of an owner's instance, if they are free or can be freed.
    pub(crate) fn try_place(&self, module: &Module, owner: &Owner) -> Option<Permit> {
        loop {
            let permit = self.places.try_take(module, owner);
            // Where the owner has its share, only what is its own makes room.
            let of = (!self.places.are_taken()).then(|| owner.id());
            if permit.is_some() || !self.stock.give_up_one(of) {
                return permit;
            }
        }
    }

    /// Keeps the instance of a fresh call that has ended for the next one, or drops it.
    pub(crate) fn put_by(&self, lane: Lane, instance: Box<Instance>) {
        // Where all places are taken, others wait for this one.
        if !self.places.are_taken() {
            self.stock.put(lane, instance);
        }
    }

    /// Lets a new call run for at most one tick on this thread, from now on.
    pub(crate) fn begin(
        &self,
        future: GuestFuture,
        stop: Stop,
        bounds: Bounds,
        now: Instant,
        payer: Payer<'_>,
    ) -> Begun {
        Running::begin(future, stop, bounds, now, payer, &self.ticker)
    }
}

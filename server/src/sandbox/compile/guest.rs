//! Instances of a module that is being compiled, which describe and prepare it.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use farside_protocol::ModuleHash;
use farside_protocol::manifest::Manifest;
use wasmtime::Engine;

use super::order::{Birth, Order};
use crate::config::ByteSize;
use crate::meter::Meter;
use crate::sandbox::budget::Budget;
use crate::sandbox::engine::Ticker;
use crate::sandbox::executor::thread_cpu_time;
use crate::sandbox::fault::Fault;
use crate::sandbox::host;
use crate::sandbox::instance::Instance;
use crate::sandbox::module::{Module, ModuleError};
use crate::sandbox::places::Places;
use crate::sandbox::profile::CodeId;

/// Table elements of such an instance.
const TABLE: usize = 100_000;

/// Makes instances of one module.
pub(super) struct Guests {
    code: wasmtime::Module,
    module: Arc<Module>,
    ticker: Ticker,
}

impl Guests {
    /// Instances can log and panic; what they are granted beyond that is not there
    /// yet, and says so.
    pub(super) fn new(
        engine: &Engine,
        code: wasmtime::Module,
        order: &Order,
    ) -> Result<Guests, ModuleError> {
        let invalid = |error: wasmtime::Error| ModuleError::Invalid { message: error.to_string() };
        let linker = host::compiler_linker(engine, order.grants).map_err(invalid)?;
        let pre = linker.instantiate_pre(&code).map_err(invalid)?;
        let unnamed = CodeId { hash: ModuleHash([0; 32]), profile: order.profile };
        let module =
            Arc::new(Module::new(unnamed, &code, pre, Manifest::default(), Birth::default())?);
        let ticker = Ticker::start(vec![engine.clone()]).map_err(|error| ModuleError::Compile {
            message: format!("no thread can be started: {error}"),
        })?;
        Ok(Guests { code, module, ticker })
    }

    pub(super) fn code(&self) -> &wasmtime::Module {
        &self.code
    }

    /// A new instance with so much memory.
    pub(super) async fn instantiate(&self, memory: u64) -> Result<Instance, Fault> {
        let limit = usize::try_from(memory).unwrap_or(usize::MAX);
        let process = Meter::new(ByteSize::new(memory));
        let budget = Arc::new(Budget::new(limit, TABLE, process));
        // The places are new.
        let permit = Places::new(1).take_only();
        let permit = permit.ok_or_else(|| Fault::broken_contract("no instance can be made"))?;
        Instance::create(Arc::clone(&self.module), budget, permit, None).await
    }

    /// Polls a guest's future on this thread until it ends or has used its CPU time;
    /// none then.
    pub(super) fn run<T>(&self, cpu: Duration, future: impl Future<Output = T>) -> Option<T> {
        let until = thread_cpu_time() + cpu;
        let mut future = pin!(future);
        let mut context = Context::from_waker(Waker::noop());
        while thread_cpu_time() < until {
            self.ticker.guest_runs();
            if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
                return Some(output);
            }
        }
        None
    }
}

//! An instance: a module in a store of its own, and how a call enters it.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use farside_protocol::manifest::{Function, Inbox};
use farside_protocol::value::{Head, Kind, ScanError, scan};
use farside_protocol::{Buffer, ErrorCode, Failure, caps};
use wasmtime::{Memory, Store, TypedFunc};

use super::arguments::Arguments;
use super::budget::{Budget, Share};
use super::fault::{self, Fault};
use super::host::{self, CallLog, Host};
use super::image::Image;
use super::module::{Entry, Module};
use super::places::Permit;
use super::plain;
use super::raised::Raised;
use crate::failures;
use crate::meter::{Charge, Meter};

mod fuel;
mod recovery;
mod renewal;
mod run;
mod stack;

use recovery::Recovery;
use renewal::Renewal;
pub(crate) use run::{Finished, Ground, run};
use stack::Stack;

/// A module instantiated for a session. Its memory is freed when it is dropped.
pub(crate) struct Instance {
    store: Store<Host>,
    instance: wasmtime::Instance,
    memory: Option<Memory>,
    entries: Vec<Option<SdkEntry>>,
    alloc: Option<TypedFunc<u32, u32>>,
    module: Arc<Module>,
    /// What it is brought back with when a call has to be stopped, if it can be.
    recovery: Option<Recovery>,
    /// What it is made new with after a fresh call, if it can be.
    renewal: Option<Renewal>,
    stack: Stack,
    _permit: Permit,
}

type SdkEntry = TypedFunc<(u32, u32), u64>;

/// One call as the sandbox sees it.
pub(crate) struct Invocation {
    /// The function's place in the manifest.
    pub(crate) function: u32,
    pub(crate) arguments: Arguments,
    /// Largest result, in bytes.
    pub(crate) value_bytes: u64,
    /// Deepest result.
    pub(crate) value_depth: usize,
    /// What the result is counted as.
    pub(crate) memory: Arc<Meter>,
}

/// A call's result.
#[derive(Debug)]
pub(crate) struct Output {
    /// Counted as memory, unless they are at most [`UNCOUNTED`] bytes: most of those
    /// are on their way to the client at once.
    pub(crate) bytes: Bytes,
    pub(crate) kind: Kind,
}

/// Results up to this many bytes are not counted as memory here.
pub(crate) const UNCOUNTED: usize = 1024;

/// Bytes of an error's text that become part of a failure's message.
const ERROR_TEXT_BYTES: usize = 1024;

/// Ticks that a call may run before it first yields: between one and two, so that
/// a short call that straddles a tick still finishes at once.
pub(super) const FIRST_TICKS: u32 = 2;

impl Instance {
    pub(super) async fn create(
        module: Arc<Module>,
        budget: Arc<Budget>,
        permit: Permit,
        log: Option<CallLog>,
    ) -> Result<Instance, Fault> {
        let mut store =
            Store::new(module.engine(), Host::new(Share::of(budget, module.image()), log));
        store.limiter(|host| &mut host.share);
        match module.recovers() {
            true => store.epoch_deadline_callback(host::tick),
            false => store.epoch_deadline_async_yield_and_update(1),
        }
        store.set_epoch_deadline(FIRST_TICKS.into());
        fuel::fill(&mut store, &module)?;
        let instance = match module.pre().instantiate_async(&mut store).await {
            Ok(instance) => instance,
            Err(error) => return Err(fault::from_wasmtime(&error, store.data_mut())),
        };
        let memory = instance.get_memory(&mut store, "memory");
        let alloc = instance.get_typed_func(&mut store, "farside_alloc").ok();
        let entries = module.manifest().functions.iter().map(|_| None).collect();
        Ok(Instance {
            store,
            instance,
            memory,
            entries,
            alloc,
            module,
            recovery: None,
            renewal: None,
            stack: Stack::default(),
            _permit: permit,
        })
    }

    /// Runs what every new instance runs before its first call.
    async fn prepare(&mut self) -> Result<(), Fault> {
        if let Some(wake) = self.module.wake() {
            let func = self.instance.get_module_export(&mut self.store, wake);
            self.enter_func(func.and_then(wasmtime::Extern::into_func), "farside_wake").await?;
        }
        self.find_recovery().await
    }

    /// Runs an export that takes nothing and gives nothing.
    pub(super) async fn enter(&mut self, export: &str) -> Result<(), Fault> {
        let func = self.instance.get_func(&mut self.store, export);
        self.enter_func(func, export).await
    }

    async fn enter_func(&mut self, func: Option<wasmtime::Func>, name: &str) -> Result<(), Fault> {
        let func = func
            .and_then(|func| func.typed::<(), ()>(&self.store).ok())
            .ok_or_else(|| Fault::broken_contract(format!("the guest has no proper {name}")))?;
        match func.call_async(&mut self.store, ()).await {
            Ok(()) => Ok(()),
            Err(error) => Err(fault::from_wasmtime(&error, self.store.data_mut())),
        }
    }

    /// Copies its state; no guest is running in it.
    pub(super) fn image(&mut self) -> Result<Image, Fault> {
        let code = self.module.pre().module();
        Image::capture(code, &self.instance, &mut self.store)
            .map_err(|error| Fault::broken_contract(format!("its state can't be had: {error}")))
    }

    /// Runs one function to its end.
    async fn call(&mut self, invocation: &Invocation) -> Result<Output, Fault> {
        let Invocation { arguments, memory, .. } = invocation;
        let (function, value_bytes) = (invocation.function, invocation.value_bytes);
        self.store.set_epoch_deadline(FIRST_TICKS.into());
        let module = Arc::clone(&self.module);
        let Some(description) = module.manifest().functions.get(function as usize) else {
            let message =
                format!("module {} has no function number {function}", module.hash().short());
            return Err(Fault::orderly(Failure::new(ErrorCode::NotFound, message)));
        };
        if arguments.len() as u64 > value_bytes {
            return Err(Fault::orderly(too_large(
                "the arguments, with the referenced values in them,",
                arguments.len() as u64,
                value_bytes,
            )));
        }
        let bytes = match module.entry(function) {
            Entry::Sdk(export) => {
                let entry = match &self.entries[function as usize] {
                    Some(entry) => entry.clone(),
                    None => {
                        let entry: SdkEntry = self
                            .instance
                            .get_module_export(&mut self.store, export)
                            .and_then(wasmtime::Extern::into_func)
                            .and_then(|func| func.typed(&self.store).ok())
                            .ok_or_else(|| {
                                Fault::broken_contract("the guest's entry has a wrong type")
                            })?;
                        self.entries[function as usize].insert(entry).clone()
                    }
                };
                let inbox = module.manifest().inbox;
                let result = self
                    .call_sdk(&entry, inbox, arguments, description, value_bytes, memory)
                    .await?;
                match result.len() {
                    ..=UNCOUNTED => Bytes::copy_from_slice(result),
                    len => charge(memory, len)?.hold(Buffer::copy_of(result)),
                }
            }
            Entry::Plain(export) => {
                let func = self
                    .instance
                    .get_module_export(&mut self.store, export)
                    .and_then(wasmtime::Extern::into_func)
                    .ok_or_else(|| Fault::broken_contract("the export is no function"))?;
                let result = plain::call(&mut self.store, func, arguments, description).await?;
                match result.len() {
                    ..=UNCOUNTED => Bytes::from(result),
                    len => charge(memory, len)?.hold(result),
                }
            }
        };
        let scanned = scan(&bytes).map_err(|error| match error {
            ScanError::TooDeep => Fault::orderly(too_deep(description, error)),
            _ => Fault::broken_contract(format!(
                "the result of {} is no valid value: {error}",
                description.name
            )),
        })?;
        if !scanned.refs.is_empty() {
            let message = format!("the result of {} holds a reference", description.name);
            return Err(Fault::orderly(
                Failure::new(ErrorCode::NotMaterializable, message)
                    .with_hint("return the value itself; guests can't make references"),
            ));
        }
        if scanned.depth > invocation.value_depth {
            let allowed = invocation.value_depth;
            let why = format!("it has {} levels, and {allowed} are allowed", scanned.depth);
            let failure = too_deep(description, why);
            return Err(Fault::orderly(
                failure.with_hint("raise limits.value_depth on the server"),
            ));
        }
        Ok(Output { bytes, kind: scanned.kind })
    }

    async fn call_sdk(
        &mut self,
        entry: &SdkEntry,
        inbox: Option<Inbox>,
        arguments: &Arguments,
        description: &Function,
        value_bytes: u64,
        counted: &Arc<Meter>,
    ) -> Result<&[u8], Fault> {
        let Some(memory) = self.memory else {
            return Err(Fault::broken_contract("the guest exports no memory"));
        };
        let len = u32::try_from(arguments.len())
            .map_err(|_| Fault::orderly(too_large("the arguments", u64::MAX, value_bytes)))?;
        let at = match inbox {
            Some(inbox) if len <= inbox.size => inbox.address,
            _ => self.allocate(len).await?,
        };
        slice_mut(memory.data_mut(&mut self.store), at, len)
            .map(|target| arguments.write_into(target))
            .ok_or_else(|| {
                Fault::broken_contract("the guest's allocator points outside its memory")
            })?;
        let packed = match entry.call_async(&mut self.store, (at, len)).await {
            Ok(packed) => packed,
            Err(error) => return Err(fault::from_wasmtime(&error, self.store.data_mut())),
        };
        let (at, len, failed) = unpack(packed);
        if u64::from(len) > value_bytes {
            return Err(Fault::orderly(too_large(
                &format!("the result of {}", description.name),
                u64::from(len),
                value_bytes,
            )));
        }
        let result = slice(memory.data(&self.store), at, len)
            .ok_or_else(|| Fault::broken_contract("the guest's result lies outside its memory"))?;
        if failed {
            return Err(guest_error(result, description, counted));
        }
        Ok(result)
    }

    async fn allocate(&mut self, len: u32) -> Result<u32, Fault> {
        let Some(alloc) = self.alloc.clone() else {
            return Err(Fault::broken_contract("the guest exports no farside_alloc"));
        };
        match alloc.call_async(&mut self.store, len).await {
            Ok(0) => {
                let mut fault = Fault::broken_contract(format!(
                    "the guest could not take {len} bytes of arguments"
                ));
                if self.store.data().share.refused.is_some() {
                    let error = wasmtime::Error::msg("allocation refused");
                    fault = fault::from_wasmtime(&error, self.store.data_mut());
                }
                Err(fault)
            }
            Ok(at) => Ok(at),
            Err(error) => Err(fault::from_wasmtime(&error, self.store.data_mut())),
        }
    }

    /// The ABI version that the module says it was built for.
    pub(super) async fn abi(&mut self) -> Result<u32, Fault> {
        let func = self
            .instance
            .get_typed_func::<(), u32>(&mut self.store, "farside_abi")
            .map_err(|_| Fault::broken_contract("the guest has no proper farside_abi"))?;
        self.enter_typed(&func).await
    }

    /// Calls what takes nothing and gives a number.
    async fn enter_typed(&mut self, func: &TypedFunc<(), u32>) -> Result<u32, Fault> {
        match func.call_async(&mut self.store, ()).await {
            Ok(number) => Ok(number),
            Err(error) => Err(fault::from_wasmtime(&error, self.store.data_mut())),
        }
    }

    /// Calls an export without arguments that gives packed bytes: a description.
    pub(super) async fn describe(&mut self, export: &str, most: usize) -> Result<Bytes, Fault> {
        let func = self
            .instance
            .get_typed_func::<(), u64>(&mut self.store, export)
            .map_err(|_| Fault::broken_contract(format!("the guest has no proper {export}")))?;
        let packed = match func.call_async(&mut self.store, ()).await {
            Ok(packed) => packed,
            Err(error) => return Err(fault::from_wasmtime(&error, self.store.data_mut())),
        };
        let (at, len, failed) = unpack(packed);
        let bytes = self
            .memory
            .filter(|_| !failed && len as usize <= most)
            .and_then(|memory| slice(memory.data(&self.store), at, len))
            .ok_or_else(|| Fault::broken_contract(format!("{export} gives no description")))?;
        Ok(Bytes::copy_from_slice(bytes))
    }
}

/// A guest's packed result: address, length, and whether it is an error.
fn unpack(packed: u64) -> (u32, u32, bool) {
    (packed as u32, (packed >> 32) as u32 & 0x7fff_ffff, packed >> 63 == 1)
}

fn slice(memory: &[u8], at: u32, len: u32) -> Option<&[u8]> {
    memory.get(at as usize..)?.get(..len as usize)
}

fn slice_mut(memory: &mut [u8], at: u32, len: u32) -> Option<&mut [u8]> {
    memory.get_mut(at as usize..)?.get_mut(..len as usize)
}

/// Counts a result that is about to be copied out of the guest.
fn charge(memory: &Arc<Meter>, len: usize) -> Result<Charge, Fault> {
    memory.charge(len as u64).map_err(|exceeded| Fault::orderly(failures::of_memory(&exceeded)))
}

pub(crate) fn too_large(what: &str, size: u64, limit: u64) -> Failure {
    Failure::new(
        ErrorCode::ValueTooLarge,
        format!("{what} would be {size} bytes; a value may have {limit}"),
    )
    .with_hint("split it, or raise limits.value_bytes on the server")
}

fn too_deep(function: &Function, why: impl fmt::Display) -> Failure {
    let message = format!("the result of {} is nested too deep: {why}", function.name);
    Failure::new(ErrorCode::ValueTooLarge, message).with_hint("return a flatter value")
}

/// What the SDK says when a call did not give a value: `[kind, value]`.
fn guest_error(bytes: &[u8], description: &Function, memory: &Arc<Meter>) -> Fault {
    let name = &description.name;
    let (kind, value) = match bytes {
        [0x92, kind, value @ ..] => (*kind, value),
        _ => return Fault::broken_contract(format!("{name} failed without saying how")),
    };
    if scan(value).is_err() {
        return Fault::broken_contract(format!(
            "{name} failed with an error that is no valid value"
        ));
    }
    let text = Head::read(value)
        .filter(|head| head.kind == Kind::String)
        .map(|head| String::from_utf8_lossy(&value[head.len..]));
    let text = text.as_deref().map(|text| &text[..text.floor_char_boundary(ERROR_TEXT_BYTES)]);
    let charge = match charge(memory, value.len()) {
        Ok(charge) => charge,
        Err(full) => return full,
    };
    Fault::orderly(match (kind, text) {
        (1, text) => Failure::new(
            ErrorCode::InvalidArgument,
            format!("{name}: {}", text.unwrap_or_default()),
        ),
        (2, text) => Failure::new(
            ErrorCode::GuestError,
            format!("the result of {name} could not be encoded: {}", text.unwrap_or_default()),
        ),
        _ if value.len() > caps::INLINE_BYTES => Failure::new(
            ErrorCode::ValueTooLarge,
            format!(
                "{name} returned an error of {} bytes; an error may have {}",
                value.len(),
                caps::INLINE_BYTES
            ),
        )
        .with_hint("return what is large as a value, and say in the error what went wrong"),
        (_, text) => {
            let (message, backtrace) = match (text, Raised::of(value)) {
                (_, Some(Raised { message, backtrace })) => (message, backtrace),
                (Some(text), None) => (format!("{name} returned an error: {text}"), Vec::new()),
                (None, None) => (format!("{name} returned an error"), Vec::new()),
            };
            let detail = Some(charge.hold(value.to_vec()));
            Failure { detail, backtrace, ..Failure::new(ErrorCode::GuestError, message) }
        }
    })
}

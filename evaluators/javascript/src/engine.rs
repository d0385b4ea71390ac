//! The interpreter and its one context.

use std::collections::{BTreeMap, BTreeSet};

use evaluator_common::{DEFAULT_NAME, EvalError, Sources};
use farside_guest::{Raw, session};
use rquickjs::context::EvalOptions;
use rquickjs::promise::PromiseState;
use rquickjs::{Context, Ctx, Function, Object, Persistent, Promise, Runtime, Value};

use crate::{INTERRUPT, convert, failure, native};

/// Most of the linear memory's stack that scripts may use. The guest's own stack, which
/// the server bounds, runs out 8 to 16 times as fast in the parser.
const STACK_BYTES: usize = 256 << 10;

const BOOT: &str = include_str!("boot.js");

/// What is wanted of a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// The value of its last expression.
    Value,
    /// That it runs.
    Nothing,
}

/// The interpreter, its context, and what `boot.js` gave.
pub(crate) struct Engine {
    runtime: Runtime,
    context: Context,
    tools: Persistent<Object<'static>>,
    sources: Sources,
    /// Names of `let`, `const` and `class`, which the global object does not have.
    declared: BTreeSet<String>,
    /// The version of the session's functions that scripts see.
    functions: u64,
}

impl Engine {
    pub(crate) fn start() -> Result<Engine, EvalError> {
        let runtime = Runtime::new().map_err(|error| broken(&error))?;
        runtime.set_max_stack_size(STACK_BYTES);
        runtime.set_interrupt_handler(Some(Box::new(|| INTERRUPT.is_requested())));
        let (context, tools) = boot(&runtime)?;
        let (sources, declared) = (Sources::new(), BTreeSet::new());
        Ok(Engine { runtime, context, tools, sources, declared, functions: 0 })
    }

    /// Forgets every variable.
    pub(crate) fn reset(&mut self) -> Result<(), EvalError> {
        let (context, tools) = boot(&self.runtime)?;
        self.tools = tools;
        self.context = context;
        self.sources = Sources::new();
        self.declared.clear();
        self.functions = 0;
        self.runtime.run_gc();
        Ok(())
    }

    pub(crate) fn run(
        &mut self,
        source: &str,
        bindings: Option<BTreeMap<String, Raw>>,
        name: Option<&str>,
        wanted: Wanted,
    ) -> Result<Raw, EvalError> {
        INTERRUPT.clear();
        let name = self.sources.keep(name.unwrap_or(DEFAULT_NAME), source);
        let functions = session::functions(self.functions);
        let (sources, known) = (&self.sources, &mut self.functions);
        let result = self.context.with(|ctx| {
            let tools = self.tools.clone().restore(&ctx).map_err(|error| broken(&error))?;
            let tell = |error| failure::tell(&ctx, error, sources, &tools);
            if let Some(functions) = functions {
                let functions = convert::read(&ctx, &tools, &functions).map_err(tell)?;
                let bind: rquickjs::Result<Function> = tools.get("bind");
                let bound: rquickjs::Result<f64> = bind.and_then(|bind| bind.call((functions,)));
                *known = bound.map_err(|error| tell(error.into()))? as u64;
            }
            for (name, raw) in bindings.into_iter().flatten() {
                let value = convert::read(&ctx, &tools, raw.as_bytes()).map_err(tell)?;
                ctx.globals().set(name, value).map_err(|error| tell(error.into()))?;
            }
            let value = evaluate(&ctx, source, &name).map_err(tell)?;
            match wanted {
                Wanted::Value => convert::write(&tools, value).map_err(tell),
                Wanted::Nothing => Ok(Raw::default()),
            }
        });
        if result.is_ok() {
            self.declared.extend(declarations(source));
        }
        if INTERRUPT.clear() && result.is_err() { Err(EvalError::interrupted()) } else { result }
    }

    pub(crate) fn names(&mut self, prefix: &str) -> Result<Vec<String>, EvalError> {
        let mut names = self.declared.clone();
        names.retain(|name| name.starts_with(prefix));
        self.context.with(|ctx| {
            let tools = self.tools.clone().restore(&ctx).map_err(|error| broken(&error))?;
            let candidates: rquickjs::Result<Vec<String>> =
                tools.get::<_, Function>("candidates").and_then(|find| find.call((prefix,)));
            match candidates {
                Ok(found) => names.extend(found),
                Err(_) => drop(ctx.catch()),
            }
            Ok(names.into_iter().collect())
        })
    }
}

fn broken(error: &rquickjs::Error) -> EvalError {
    EvalError::new("InternalError", error.to_string())
}

fn boot(runtime: &Runtime) -> Result<(Context, Persistent<Object<'static>>), EvalError> {
    let context = Context::full(runtime).map_err(|error| broken(&error))?;
    let tools = context.with(|ctx| {
        let booted = (|| {
            let boot: Function = ctx.eval_with_options(BOOT, options("<boot>"))?;
            let tools: Object = boot.call((native::object(&ctx)?,))?;
            Ok(Persistent::save(&ctx, tools))
        })();
        booted.map_err(|error: rquickjs::Error| {
            let thrown = ctx.catch();
            let stack = thrown.as_object().and_then(|error| error.get::<_, String>("stack").ok());
            EvalError::new("InternalError", format!("{error} {thrown:?} {stack:?}"))
        })
    })?;
    Ok((context, tools))
}

fn options(name: &str) -> EvalOptions {
    let mut options = EvalOptions::default();
    options.strict = false;
    options.filename = Some(name.to_owned());
    options
}

/// Runs a script and all that it left to do; a promise gives what it became.
fn evaluate<'js>(ctx: &Ctx<'js>, source: &str, name: &str) -> Result<Value<'js>, failure::Failure> {
    let awaits = source.contains("await");
    let mut options = options(name);
    options.promise = awaits;
    let value: Value = ctx.eval_with_options(source, options)?;
    while ctx.execute_pending_job() {}
    if INTERRUPT.is_requested() {
        return Err(failure::Failure::Other(EvalError::interrupted()));
    }
    let value = settled(value)?;
    if !awaits {
        return Ok(value);
    }
    // A script that may wait gives an object around its value.
    match value.as_object() {
        Some(object) => settled(object.get("value")?),
        None => Ok(value),
    }
}

fn settled(value: Value<'_>) -> Result<Value<'_>, failure::Failure> {
    match value.as_promise().map(Promise::state) {
        None => Ok(value),
        Some(PromiseState::Pending) => Err(failure::Failure::not_plain("a pending Promise", "")),
        Some(_) => {
            let result = value.as_promise().and_then(Promise::result::<Value>);
            Ok(result.unwrap_or_else(|| Ok(value.clone()))?)
        }
    }
}

/// The names behind `let`, `const` and `class`, roughly: wherever those words stand.
fn declarations(source: &str) -> impl Iterator<Item = String> {
    let mut words = source
        .split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '$'))
        .filter(|word| !word.is_empty())
        .peekable();
    std::iter::from_fn(move || {
        loop {
            let word = words.next()?;
            if matches!(word, "let" | "const" | "class")
                && let Some(name) = words.peek()
            {
                return Some((*name).to_owned());
            }
        }
    })
}

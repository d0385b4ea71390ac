//! The interpreter and its one context.

use std::collections::BTreeSet;

use evaluator_common::value::Writer;
use evaluator_common::{
    DEFAULT_NAME, EvalError, Evaluator, Interrupt, Objects, Script, Sources, Wanted,
};
use farside_guest::{Raw, session};
use rquickjs::context::EvalOptions;
use rquickjs::convert::List;
use rquickjs::function::Args;
use rquickjs::promise::PromiseState;
use rquickjs::{Context, Ctx, Function, Object, Persistent, Promise, Runtime, Value};

use crate::failure::Failure;
use crate::{INTERRUPT, convert, failure, native};

/// Most of the linear memory's stack that scripts may use. The guest's own stack, which
/// the server bounds, runs out 8 to 16 times as fast in the parser.
const STACK_BYTES: usize = 256 << 10;

const BOOT: &str = include_str!("boot.js");
const OBJECTS: &str = include_str!("objects.js");

/// A value that scripts keep for their callers.
pub(crate) type Kept = Persistent<Value<'static>>;

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
    objects: Objects<Kept>,
}

impl Evaluator for Engine {
    const INTERRUPT: Interrupt = INTERRUPT;

    fn start() -> Result<Engine, EvalError> {
        let runtime = Runtime::new().map_err(|error| broken(&error))?;
        runtime.set_max_stack_size(STACK_BYTES);
        runtime.set_interrupt_handler(Some(Box::new(|| INTERRUPT.is_requested())));
        let (context, tools) = boot(&runtime)?;
        let (sources, declared) = (Sources::new(), BTreeSet::new());
        let (functions, objects) = (0, Objects::new());
        Ok(Engine { runtime, context, tools, sources, declared, functions, objects })
    }

    fn wake(&mut self) -> Result<(), EvalError> {
        native::seed();
        Ok(())
    }

    fn reset(&mut self) -> Result<(), EvalError> {
        let (context, tools) = boot(&self.runtime)?;
        self.tools = tools;
        self.context = context;
        self.sources = Sources::new();
        self.declared.clear();
        self.functions = 0;
        self.objects.clear();
        self.runtime.run_gc();
        Ok(())
    }

    fn run(&mut self, script: Script) -> Result<Raw, EvalError> {
        let Script { source, bindings, name, wanted } = script;
        let name = self.sources.keep(&name, &source);
        let result = self.enter(wanted, |ctx, tools, objects| {
            for (name, raw) in bindings {
                let value = convert::read(ctx, tools, objects, raw.as_bytes())?;
                ctx.globals().set(name, value)?;
            }
            evaluate(ctx, &source, &name)
        });
        if result.is_ok() {
            self.declared.extend(declarations(&source));
        }
        result
    }

    fn apply(&mut self, what: &str, arguments: &[Raw]) -> Result<Raw, EvalError> {
        self.enter(Wanted::Value, |ctx, tools, objects| {
            let tool: Function = tools.get(what)?;
            let mut values = Args::new(ctx.clone(), arguments.len());
            for argument in arguments {
                values.push_arg(convert::read(ctx, tools, objects, argument.as_bytes())?)?;
            }
            let value: Value = tool.call_arg(values)?;
            finished(ctx, value)
        })
    }

    fn define(&mut self, source: &str) -> Result<Raw, EvalError> {
        let expression = format!("({}\n)", source.trim_end().trim_end_matches(';'));
        let names = [source, &expression].map(|text| self.sources.keep(DEFAULT_NAME, text));
        self.enter(Wanted::Value, |ctx, tools, _| {
            // An expression, statements, and else what is told of the text as it is.
            let value = match evaluate(ctx, &expression, &names[1]) {
                Err(failure) if is_syntax_error(ctx, &failure) => {
                    let definition: Function = tools.get("definition")?;
                    let wrapped: String = definition.call((source,))?;
                    match evaluate(ctx, &wrapped, &names[0]) {
                        Err(failure) if is_syntax_error(ctx, &failure) => {
                            evaluate(ctx, source, &names[0])?
                        }
                        other => other?,
                    }
                }
                other => other?,
            };
            let defined: Function = tools.get("defined")?;
            Ok(defined.call((value,))?)
        })
    }

    fn names(&mut self, prefix: &str) -> Result<Vec<String>, EvalError> {
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

impl Engine {
    /// Does one thing for a caller: with the session's functions as they are, and without
    /// the objects that nobody refers to any more.
    fn enter(
        &mut self,
        wanted: Wanted,
        work: impl for<'js> FnOnce(
            &Ctx<'js>,
            &Object<'js>,
            &Objects<Kept>,
        ) -> Result<Value<'js>, Failure>,
    ) -> Result<Raw, EvalError> {
        let functions = session::functions(self.functions);
        let released = self.objects.released();
        let Engine { context, tools, sources, functions: known, objects, .. } = self;
        context.with(|ctx| {
            let tools = tools.clone().restore(&ctx).map_err(|error| broken(&error))?;
            let done: Result<Raw, Failure> = (|| {
                if let Some(functions) = functions {
                    let functions = convert::read(&ctx, &tools, objects, &functions)?;
                    let bind: Function = tools.get("bind")?;
                    *known = bind.call::<_, f64>((functions,))? as u64;
                }
                let value = work(&ctx, &tools, objects);
                // Not before: an argument may be one of them.
                objects.forget(&released);
                let value = value?;
                if wanted == Wanted::Nothing {
                    return Ok(Raw::default());
                }
                match convert::write(&tools, value.clone()) {
                    Err(Failure::NotPlain { path, .. }) if path.is_empty() => {
                        let tell: Function = tools.get("tell")?;
                        let List((kind, text)) =
                            tell.call::<_, List<(String, String)>>((value.clone(),))?;
                        let id = objects.keep(Persistent::save(&ctx, value));
                        let mut writer = Writer::new();
                        writer.object(id, &kind, &text);
                        Ok(Raw::from_bytes(writer.into_bytes()))
                    }
                    written => written,
                }
            })();
            done.map_err(|error| failure::tell(&ctx, error, sources, &tools))
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
            let more: Function = ctx.eval_with_options(OBJECTS, options("<objects>"))?;
            let tools: Object = boot.call((native::object(&ctx)?, more))?;
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
fn evaluate<'js>(ctx: &Ctx<'js>, source: &str, name: &str) -> Result<Value<'js>, Failure> {
    let awaits = source.contains("await");
    let mut options = options(name);
    options.promise = awaits;
    let value: Value = ctx.eval_with_options(source, options)?;
    let value = finished(ctx, value)?;
    if !awaits {
        return Ok(value);
    }
    // A script that may wait gives an object around its value.
    match value.as_object() {
        Some(object) => settled(object.get("value")?),
        None => Ok(value),
    }
}

/// What a value became when all that was left to do is done.
fn finished<'js>(ctx: &Ctx<'js>, value: Value<'js>) -> Result<Value<'js>, Failure> {
    while ctx.execute_pending_job() {}
    if INTERRUPT.is_requested() {
        return Err(Failure::Other(EvalError::interrupted()));
    }
    settled(value)
}

/// Whether it is one; the context still holds it if it is not.
fn is_syntax_error(ctx: &Ctx<'_>, failure: &Failure) -> bool {
    if !matches!(failure, Failure::Thrown(rquickjs::Error::Exception)) {
        return false;
    }
    let thrown = ctx.catch();
    let name = thrown.as_object().and_then(|error| error.get::<_, String>("name").ok());
    let is_one = name.is_some_and(|name| name == "SyntaxError");
    if !is_one {
        ctx.throw(thrown);
    }
    is_one
}

fn settled(value: Value<'_>) -> Result<Value<'_>, Failure> {
    match value.as_promise().map(Promise::state) {
        None => Ok(value),
        Some(PromiseState::Pending) => {
            let error = EvalError::not_plain("a pending Promise", "");
            Err(Failure::Other(error))
        }
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

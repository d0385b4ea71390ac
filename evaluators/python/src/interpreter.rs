//! The interpreter, its global variables, and what `boot.py` gave.

use evaluator_common::value::Writer;
use evaluator_common::{DEFAULT_NAME, EvalError, Evaluator, Interrupt, Objects, Script, Wanted};
use farside_guest::{Raw, session};
use rustpython_vm::builtins::PySet;
use rustpython_vm::common::rc::PyRc;
use rustpython_vm::compiler::Mode;
use rustpython_vm::function::FuncArgs;
use rustpython_vm::scope::Scope;
use rustpython_vm::{Interpreter, PyObjectRef, PyPayload as _, PyResult, Settings, VirtualMachine};

use crate::convert::Forms;
use crate::failure::Failure;
use crate::native::{self, SOURCES};
use crate::{array, convert, failure};

const BOOT: &str = concat!(
    include_str!("system.py"),
    include_str!("boot.py"),
    include_str!("session.py"),
    include_str!("objects.py"),
);

/// The functions of `boot.py` and its like that Rust calls.
pub(crate) struct Tools {
    pub(crate) format_error: PyObjectRef,
    forms: Forms,
    wake: PyObjectRef,
    names: PyObjectRef,
    bind: PyObjectRef,
    tell: PyObjectRef,
    define: PyObjectRef,
    uses: PyObjectRef,
}

/// The interpreter, its global variables, and what it keeps for callers.
pub(crate) struct Python {
    interpreter: Interpreter,
    scope: Scope,
    tools: Tools,
    objects: Objects<PyObjectRef>,
    /// The version of the session's functions that code sees.
    functions: u64,
}

impl Evaluator for Python {
    /// RustPython itself looks there.
    const INTERRUPT: Interrupt = Interrupt::at(&rustpython_vm::signal::INTERRUPT);

    fn start() -> Result<Python, EvalError> {
        let interpreter = build();
        let started = interpreter.enter(|vm| {
            let started: PyResult<(Scope, Tools)> = (|| {
                let tools = boot(vm)?;
                let scope = main(vm)?;
                // Parser and compiler are warm in the image.
                let code = vm.compile("1 + 1", Mode::BlockExpr, DEFAULT_NAME);
                let code = code.map_err(|error| error.into_pyexception(vm, None))?;
                vm.run_code_obj(code, scope.clone())?;
                Ok((scope, tools))
            })();
            started.map_err(|exception| failure::untold(vm, &exception))
        });
        let (scope, tools) = started?;
        Ok(Python { interpreter, scope, tools, objects: Objects::new(), functions: 0 })
    }

    fn wake(&mut self) -> Result<(), EvalError> {
        self.interpreter.enter(|vm| {
            let woken = self.tools.wake.call((), vm);
            woken.map(drop).map_err(|exception| failure::untold(vm, &exception))
        })
    }

    fn reset(&mut self) -> Result<(), EvalError> {
        SOURCES.take();
        let Python { interpreter, scope, objects, .. } = self;
        interpreter.enter(|vm| {
            objects.clear();
            *scope = main(vm).map_err(|exception| failure::untold(vm, &exception))?;
            Ok(())
        })
    }

    fn run(&mut self, script: Script) -> Result<Raw, EvalError> {
        let Script { source, bindings, name, wanted } = script;
        let name = SOURCES.with_borrow_mut(|sources| sources.keep(&name, &source));
        self.enter(wanted, |vm, Tools { forms, .. }, scope, objects| {
            for (name, raw) in bindings {
                let value = convert::read(vm, forms, objects, raw.as_bytes())?;
                scope.globals.set_item(name.as_str(), value, vm)?;
            }
            let mode = match wanted {
                Wanted::Value => Mode::BlockExpr,
                Wanted::Nothing => Mode::Exec,
            };
            let code = vm.compile(&source, mode, name.clone());
            let code = code.map_err(|error| error.into_pyexception(vm, Some(&source)))?;
            let value = vm.run_code_obj(code, scope.clone())?;
            // RustPython gives what the last statement defines, be it no expression.
            Ok(if ends_with_definition(&source) { vm.ctx.none() } else { value })
        })
    }

    fn apply(&mut self, what: &str, arguments: &[Raw]) -> Result<Raw, EvalError> {
        self.enter(Wanted::Value, |vm, tools, _, objects| {
            let tool = tools.uses.get_item(what, vm)?;
            let read = |raw: &Raw| convert::read(vm, &tools.forms, objects, raw.as_bytes());
            let values = arguments.iter().map(read).collect::<Result<Vec<_>, _>>()?;
            Ok(tool.call(FuncArgs::from(values), vm)?)
        })
    }

    fn define(&mut self, source: &str) -> Result<Raw, EvalError> {
        self.enter(Wanted::Value, |vm, tools, scope, _| {
            Ok(tools.define.call((source.to_owned(), scope.globals.clone()), vm)?)
        })
    }

    fn names(&mut self, prefix: &str) -> Result<Vec<String>, EvalError> {
        self.interpreter.enter(|vm| {
            let names: PyResult<Vec<String>> = (|| {
                let globals: PyObjectRef = self.scope.globals.clone().into();
                let found = self.tools.names.call((globals, prefix.to_owned()), vm)?;
                found.try_to_value(vm)
            })();
            names.map_err(|exception| failure::untold(vm, &exception))
        })
    }
}

impl Python {
    /// Does one thing for a caller: with the session's functions as they are, and without
    /// the objects that nobody refers to any more.
    fn enter(
        &mut self,
        wanted: Wanted,
        work: impl FnOnce(
            &VirtualMachine,
            &Tools,
            &Scope,
            &Objects<PyObjectRef>,
        ) -> Result<PyObjectRef, Failure>,
    ) -> Result<Raw, EvalError> {
        let functions = session::functions(self.functions);
        let released = self.objects.released();
        let Python { interpreter, scope, tools, objects, functions: known } = self;
        interpreter.enter(|vm| {
            let done: Result<Raw, Failure> = (|| {
                if let Some(functions) = functions {
                    let functions = convert::read(vm, &tools.forms, objects, &functions)?;
                    *known = tools.bind.call((functions,), vm)?.try_to_value(vm)?;
                }
                let value = work(vm, tools, scope, objects);
                // Not before: an argument may be one of them.
                objects.forget(&released);
                let value = value?;
                if wanted == Wanted::Nothing {
                    return Ok(Raw::default());
                }
                match convert::write(vm, &tools.forms, &value) {
                    Err(Failure::NotPlain { path, .. }) if path.is_empty() => {
                        let told = tools.tell.call((value.clone(),), vm)?;
                        let told: Vec<String> = told.try_to_value(vm)?;
                        let mut told = told.iter().map(String::as_str);
                        let mut text = || told.next().unwrap_or_default();
                        let mut writer = Writer::new();
                        writer.object(objects.keep(value), text(), text());
                        Ok(Raw::from_bytes(writer.into_bytes()))
                    }
                    written => written,
                }
            })();
            done.map_err(|failure| {
                // While it is asked for, nothing of the language runs.
                if Self::INTERRUPT.is_requested() {
                    EvalError::interrupted()
                } else {
                    failure::tell(vm, failure, tools)
                }
            })
        })
    }
}

fn build() -> Interpreter {
    let mut settings = Settings::default();
    settings.install_signal_handlers = false;
    settings.import_site = false;
    settings.user_site_directory = false;
    settings.isolated = true;
    settings.ignore_environment = true;
    settings.write_bytecode = false;
    settings.allow_external_library = false;
    // The tables that the image holds were made with it; it cannot be made anew.
    settings.hash_seed = Some(0);
    let builder = Interpreter::builder(settings);
    let modules = rustpython_stdlib::stdlib_module_defs(&builder.ctx);
    let farside = array::module_def(&builder.ctx);
    builder
        .add_native_modules(&modules)
        .add_native_module(farside)
        .add_frozen_modules(rustpython_pylib::FROZEN_STDLIB)
        .init_hook(|vm| {
            if let Some(state) = PyRc::get_mut(&mut vm.state) {
                state.config.paths.stdlib_dir = Some("/lib/python3".to_owned());
            }
        })
        .build()
}

fn boot(vm: &VirtualMachine) -> PyResult<Tools> {
    let scope = vm.new_scope_with_builtins();
    for (name, function) in native::functions(vm) {
        scope.globals.set_item(name, function, vm)?;
    }
    let code = vm.compile(BOOT, Mode::Exec, "<boot>");
    let code = code.map_err(|error| error.into_pyexception(vm, Some(BOOT)))?;
    vm.run_code_obj(code, scope.clone())?;
    let tool = |name| scope.globals.get_item(name, vm);
    let forms = Forms { describe: tool("describe")?, moment: tool("moment")? };
    scope.globals.set_item("_call", native::caller(vm, forms.clone()), vm)?;
    Ok(Tools {
        forms,
        format_error: tool("format_error")?,
        wake: tool("wake")?,
        names: tool("names")?,
        bind: tool("bind")?,
        tell: tool("tell")?,
        define: tool("define")?,
        uses: tool("USES")?,
    })
}

/// Whether the last statement of a text defines a function or class, as far as the first
/// words of its lines tell.
fn ends_with_definition(source: &str) -> bool {
    let begins = |line: &&str| !line.is_empty() && !line.starts_with([' ', '\t', '#', ')', ']']);
    let last = source.lines().rev().find(begins).unwrap_or_default();
    ["def ", "async def ", "class "].iter().any(|word| last.starts_with(word))
}

/// Fresh global variables.
fn main(vm: &VirtualMachine) -> PyResult<Scope> {
    let scope = vm.new_scope_with_main()?;
    // Without it `x: int = 3` fails in code whose value is wanted (RustPython 0.6).
    let annotations = PySet::default().into_ref(&vm.ctx);
    scope.globals.set_item("__conditional_annotations__", annotations.into(), vm)?;
    Ok(scope)
}

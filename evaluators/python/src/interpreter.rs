//! The interpreter, its global variables, and what `boot.py` gave.

use evaluator_common::{DEFAULT_NAME, EvalError, Evaluator, Interrupt, Script, Wanted};
use farside_guest::Raw;
use rustpython_vm::builtins::PySet;
use rustpython_vm::common::rc::PyRc;
use rustpython_vm::compiler::Mode;
use rustpython_vm::scope::Scope;
use rustpython_vm::{Interpreter, PyObjectRef, PyPayload as _, PyResult, Settings, VirtualMachine};

use crate::native::{self, SOURCES};
use crate::{array, convert, failure};

const BOOT: &str = concat!(include_str!("system.py"), include_str!("boot.py"));

/// The functions of `boot.py` that Rust calls.
pub(crate) struct Tools {
    pub(crate) describe: PyObjectRef,
    pub(crate) moment: PyObjectRef,
    pub(crate) format_error: PyObjectRef,
    wake: PyObjectRef,
    names: PyObjectRef,
}

/// The interpreter and its global variables.
pub(crate) struct Python {
    interpreter: Interpreter,
    scope: Scope,
    tools: Tools,
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
        Ok(Python { interpreter, scope, tools })
    }

    fn wake(&mut self) -> Result<(), EvalError> {
        self.interpreter.enter(|vm| {
            let woken = self.tools.wake.call((), vm);
            woken.map(drop).map_err(|exception| failure::untold(vm, &exception))
        })
    }

    fn reset(&mut self) -> Result<(), EvalError> {
        SOURCES.take();
        self.scope = self
            .interpreter
            .enter(|vm| main(vm).map_err(|exception| failure::untold(vm, &exception)))?;
        Ok(())
    }

    fn run(&mut self, script: Script) -> Result<Raw, EvalError> {
        let Script { source, bindings, name, wanted } = script;
        let name = SOURCES.with_borrow_mut(|sources| sources.keep(&name, &source));
        self.interpreter.enter(|vm| {
            let ran: Result<Raw, failure::Failure> = (|| {
                for (name, raw) in bindings {
                    let value = convert::read(vm, &self.tools, raw.as_bytes())?;
                    self.scope.globals.set_item(name.as_str(), value, vm)?;
                }
                let mode = match wanted {
                    Wanted::Value => Mode::BlockExpr,
                    Wanted::Nothing => Mode::Exec,
                };
                let code = vm.compile(&source, mode, name.clone());
                let code = code.map_err(|error| error.into_pyexception(vm, Some(&source)))?;
                let value = vm.run_code_obj(code, self.scope.clone())?;
                match wanted {
                    Wanted::Value => convert::write(vm, &self.tools, &value),
                    Wanted::Nothing => Ok(Raw::default()),
                }
            })();
            ran.map_err(|failure| {
                // While it is asked for, nothing of the language runs.
                if Self::INTERRUPT.is_requested() {
                    EvalError::interrupted()
                } else {
                    failure::tell(vm, failure, &self.tools)
                }
            })
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
    Ok(Tools {
        describe: tool("describe")?,
        moment: tool("moment")?,
        format_error: tool("format_error")?,
        wake: tool("wake")?,
        names: tool("names")?,
    })
}

/// Fresh global variables.
fn main(vm: &VirtualMachine) -> PyResult<Scope> {
    let scope = vm.new_scope_with_main()?;
    // Without it `x: int = 3` fails in code whose value is wanted (RustPython 0.6).
    let annotations = PySet::default().into_ref(&vm.ctx);
    scope.globals.set_item("__conditional_annotations__", annotations.into(), vm)?;
    Ok(scope)
}

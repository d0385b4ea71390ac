//! Exceptions become errors as callers see them.

use evaluator_common::EvalError;
use rustpython_vm::builtins::{PyBaseExceptionRef, PyTuple};
use rustpython_vm::{AsObject as _, PyResult, VirtualMachine};

use crate::interpreter::Tools;
use crate::native::SOURCES;

/// Why source text or a conversion ended early.
pub(crate) enum Failure {
    /// By an exception.
    Raised(PyBaseExceptionRef),
    /// By a value that is no plain one, with the way to it.
    NotPlain { what: String, path: String },
    /// By an error that is not the language's.
    Other(EvalError),
}

impl Failure {
    /// There is no plain value for it; a path tells where it is in the result.
    pub(crate) fn not_plain(what: &str, path: &str) -> Failure {
        Failure::NotPlain { what: what.to_owned(), path: path.to_owned() }
    }

    /// The exception for what went wrong with an argument of a function of the session.
    pub(crate) fn raised(self, vm: &VirtualMachine) -> PyBaseExceptionRef {
        match self {
            Failure::Raised(exception) => exception,
            Failure::NotPlain { what, path } => {
                vm.new_type_error(EvalError::argument_not_plain(&what, &path).message)
            }
            Failure::Other(error) => vm.new_type_error(error.message),
        }
    }
}

impl From<PyBaseExceptionRef> for Failure {
    fn from(exception: PyBaseExceptionRef) -> Failure {
        Failure::Raised(exception)
    }
}

/// What callers are told.
pub(crate) fn tell(vm: &VirtualMachine, failure: Failure, tools: &Tools) -> EvalError {
    match failure {
        Failure::Other(error) => error,
        Failure::NotPlain { what, path } => EvalError::not_plain(&what, &path),
        Failure::Raised(exception) => {
            told(vm, &exception, tools).unwrap_or_else(|_| untold(vm, &exception))
        }
    }
}

fn told(vm: &VirtualMachine, exception: &PyBaseExceptionRef, tools: &Tools) -> PyResult<EvalError> {
    let formatted = tools.format_error.call((exception.clone(),), vm)?;
    let texts: Vec<String> = match formatted.downcast_ref::<PyTuple>() {
        Some(texts) => {
            let texts = texts.as_slice().iter();
            texts
                .map(|text| Ok(text.str(vm)?.to_string_lossy().into_owned()))
                .collect::<PyResult<_>>()?
        }
        None => Vec::new(),
    };
    let mut texts =
        texts.into_iter().map(|text| SOURCES.with_borrow(|sources| sources.show_names(&text)));
    let mut text = || texts.next().unwrap_or_default();
    Ok(EvalError { kind: text(), message: text(), traceback: text() })
}

/// What callers are told where the language cannot tell it.
pub(crate) fn untold(vm: &VirtualMachine, exception: &PyBaseExceptionRef) -> EvalError {
    let kind = exception.class().name().to_string();
    let message = exception.as_object().str(vm);
    let message = message.map(|text| text.to_string_lossy().into_owned()).unwrap_or_default();
    let mut traceback = String::new();
    if vm.write_exception(&mut traceback, exception).is_err() {
        traceback = format!("{kind}: {message}");
    }
    EvalError { kind, message, traceback }
}

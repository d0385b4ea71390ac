//! Errors as scripts see them become errors as callers see them.

use evaluator_common::{EvalError, Sources};
use rquickjs::{Ctx, Function, Object, Value};

/// Why a script or a conversion ended early.
pub(crate) enum Failure {
    /// By an exception, which the context still holds.
    Thrown(rquickjs::Error),
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
}

impl From<rquickjs::Error> for Failure {
    fn from(error: rquickjs::Error) -> Failure {
        Failure::Thrown(error)
    }
}

/// Words of other surroundings, and what there is instead.
const ABSENT: [(&str, &str); 9] = [
    ("require", "there are no modules in the sandbox"),
    ("module", "there are no modules in the sandbox"),
    ("exports", "there are no modules in the sandbox"),
    ("process", "there is no process and no environment in the sandbox"),
    ("fetch", "there is no network in the sandbox"),
    ("XMLHttpRequest", "there is no network in the sandbox"),
    ("Buffer", "there is no Buffer in the sandbox; use Uint8Array"),
    ("setTimeout", "there are no timers in the sandbox"),
    ("setInterval", "there are no timers in the sandbox"),
];

/// How the stack names the evaluator's own scripts.
const OWN: [&str; 2] = ["<boot>:", "<objects>:"];

/// What callers are told.
pub(crate) fn tell<'js>(
    ctx: &Ctx<'js>,
    failure: Failure,
    sources: &Sources,
    tools: &Object<'js>,
) -> EvalError {
    match failure {
        Failure::Other(error) => error,
        Failure::NotPlain { what, path } => EvalError::not_plain(&what, &path),
        Failure::Thrown(rquickjs::Error::Exception) => {
            let thrown = ctx.catch();
            match thrown.as_object().filter(|_| thrown.is_error()) {
                Some(error) => of_error(error, sources),
                None => of_value(ctx, &thrown, tools),
            }
        }
        Failure::Thrown(rquickjs::Error::Allocation) => {
            EvalError::new("InternalError", "out of memory")
        }
        Failure::Thrown(error) => EvalError::new("InternalError", error.to_string()),
    }
}

fn of_error(error: &Object<'_>, sources: &Sources) -> EvalError {
    let text = |name| {
        let value = error.get::<_, Value>(name).ok()?;
        let text = value.as_string()?.to_string().ok()?;
        (!text.is_empty()).then_some(text)
    };
    let kind = text("name").unwrap_or_else(|| "Error".to_owned());
    let mut message = text("message").unwrap_or_default();
    if let Some(hint) = absent(&kind, &message) {
        message = format!("{message}: {hint}");
    }
    let head = if message.is_empty() { kind.clone() } else { format!("{kind}: {message}") };
    let stack = text("stack").unwrap_or_default();
    // What the evaluator itself does explains nothing.
    let own = |line: &&str| !OWN.iter().any(|name| line.contains(name));
    let stack = stack.lines().filter(own).collect::<Vec<_>>().join("\n");
    let place = place(&stack, sources);
    let stack = sources.show_names(stack.trim_end());
    let mut traceback = String::new();
    if let Some(Place { name, line, column, text }) = place {
        let caret: String = text
            .chars()
            .take(column.saturating_sub(1))
            .map(|c| if c == '\t' { '\t' } else { ' ' })
            .collect();
        traceback = format!("{name}:{line}\n{text}\n{caret}^\n\n");
    }
    traceback.push_str(&head);
    if !stack.is_empty() {
        traceback.push('\n');
        traceback.push_str(&stack);
    }
    EvalError { kind, message, traceback }
}

fn absent(kind: &str, message: &str) -> Option<&'static str> {
    let name = message.strip_suffix(" is not defined").filter(|_| kind == "ReferenceError")?;
    let name = name.trim_matches('\'');
    ABSENT.iter().find(|(absent, _)| *absent == name).map(|(_, hint)| *hint)
}

/// The first place of a stack whose source is known.
struct Place<'a> {
    name: &'a str,
    line: usize,
    column: usize,
    text: &'a str,
}

fn place<'a>(stack: &'a str, sources: &'a Sources) -> Option<Place<'a>> {
    stack.lines().find_map(|frame| {
        // `    at f (NAME:LINE:COLUMN)`, or without the function and the brackets.
        let frame = frame.trim().trim_end_matches(')');
        let (rest, column) = frame.rsplit_once(':')?;
        let (rest, line) = rest.rsplit_once(':')?;
        let name = rest.rsplit_once('(').map_or(rest, |(_, name)| name);
        let name = name.strip_prefix("at ").unwrap_or(name);
        let (line, column) = (line.parse().ok()?, column.parse().ok()?);
        let text = sources.line(name, line)?;
        Some(Place { name: sources.shown(name), line, column, text })
    })
}

/// Anything may be thrown.
fn of_value<'js>(ctx: &Ctx<'js>, thrown: &Value<'js>, tools: &Object<'js>) -> EvalError {
    let inspect: rquickjs::Result<Function> = tools.get("inspect");
    let text: rquickjs::Result<String> = inspect.and_then(|inspect| inspect.call((thrown,)));
    let message = text.unwrap_or_else(|_| {
        drop(ctx.catch());
        "a value that cannot be shown".to_owned()
    });
    let traceback = format!("Uncaught {message}");
    EvalError { kind: "Uncaught".to_owned(), message, traceback }
}

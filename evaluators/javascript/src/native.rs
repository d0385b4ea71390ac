//! What scripts get from outside of the language: lines, randomness, the time.

use std::cell::Cell;

use evaluator_common::{EvalError, Lines, Objects};
use farside_guest::log::Level;
use farside_guest::session;
use rquickjs::{Array, Ctx, Exception, Function, Object, Result, Value};

use crate::convert;
use crate::failure::Failure;

/// The functions that `boot.js` is given.
pub(crate) fn object<'js>(ctx: &Ctx<'js>) -> Result<Object<'js>> {
    let native = Object::new(ctx.clone())?;
    native.set("log", Function::new(ctx.clone(), log))?;
    native.set("random", Function::new(ctx.clone(), random))?;
    native.set("call", Function::new(ctx.clone(), call))?;
    Ok(native)
}

fn log(level: u32, text: rquickjs::String<'_>) {
    let level = match level {
        1 => Level::Error,
        2 => Level::Warn,
        4 => Level::Debug,
        _ => Level::Info,
    };
    let text = text.to_string().unwrap_or_else(|_| "(text that is no Unicode)".to_owned());
    Lines::log(level, &text);
}

/// Calls a function of the session: gives whether it succeeded, and its value or its
/// failure.
fn call<'js>(
    ctx: Ctx<'js>,
    tools: Object<'js>,
    function: String,
    arguments: Value<'js>,
) -> Result<Array<'js>> {
    let arguments = thrown(&ctx, convert::write(&tools, arguments))?;
    let (succeeded, answer) = match session::call(&function, arguments.as_bytes()) {
        Ok(value) => (true, value),
        Err(failure) => (false, failure),
    };
    let outcome = Array::new(ctx.clone())?;
    outcome.set(0, succeeded)?;
    // No object leaves its evaluator, so there is none in an answer.
    let answer = convert::read(&ctx, &tools, &Objects::new(), &answer);
    outcome.set(1, thrown(&ctx, answer)?)?;
    Ok(outcome)
}

/// A value, or the exception for what went wrong with an argument.
fn thrown<T>(ctx: &Ctx<'_>, converted: std::result::Result<T, Failure>) -> Result<T> {
    converted.map_err(|failure| match failure {
        Failure::Thrown(error) => error,
        Failure::Other(error) => Exception::throw_type(ctx, &error.message),
        Failure::NotPlain { what, path } => {
            let error = EvalError::argument_not_plain(&what, &path);
            Exception::throw_type(ctx, &error.message)
        }
    })
}

thread_local! {
    /// The state of `Math.random`; the same in all sessions until the seed.
    static STATE: Cell<u64> = const { Cell::new(0x9e37_79b9_7f4a_7c15) };
}

/// Makes `Math.random` begin somewhere else than in other sessions.
pub(crate) fn seed() {
    let mut bytes = [0; 8];
    evaluator_common::random(&mut bytes);
    STATE.set(u64::from_le_bytes(bytes) | 1);
}

/// A number from 0 to below 1, by xorshift64*, as good as what other engines have.
fn random() -> f64 {
    let mut state = STATE.get();
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    STATE.set(state);
    let bits = state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11;
    bits as f64 / (1_u64 << 53) as f64
}

/// The clock of QuickJS, in microseconds. It has none before the instance is awake.
#[cfg(target_arch = "wasm32")]
#[expect(unsafe_code, reason = "QuickJS finds it by name")]
#[unsafe(no_mangle)]
extern "C" fn __rquickjs_host_now_us() -> f64 {
    evaluator_common::now().as_nanos() as f64 / 1000.0
}

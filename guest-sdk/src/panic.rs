//! Panics told to the server.

use std::panic::PanicHookInfo;

/// Makes panics known to the server, from the first entry on.
#[cfg(target_arch = "wasm32")]
pub(crate) fn report_to_server() {
    use std::sync::Once;

    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        std::panic::set_hook(Box::new(|panic| crate::imports::panic(&text(panic))));
    });
}

/// Off the wasm target a panic goes where it always goes.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn report_to_server() {}

/// What a panic says and where: `out of bounds, at src/lib.rs:12:5`.
#[cfg_attr(not(any(target_arch = "wasm32", test)), expect(dead_code, reason = "told to servers"))]
fn text(panic: &PanicHookInfo<'_>) -> String {
    let message = panic.payload_as_str().unwrap_or("a panic without a message");
    match panic.location() {
        Some(place) => format!("{message}, at {place}"),
        None => message.to_owned(),
    }
}

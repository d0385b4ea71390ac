//! Panics told to the server.

/// Makes panics known to the server, from the first entry on.
#[cfg(target_arch = "wasm32")]
pub(crate) fn report_to_server() {
    use std::panic::{self, PanicHookInfo};
    use std::sync::Once;

    static HOOK: Once = Once::new();

    /// What a panic says and where: `out of bounds, at src/lib.rs:12:5`.
    fn text(panic: &PanicHookInfo<'_>) -> String {
        let message = panic.payload_as_str().unwrap_or("a panic without a message");
        match panic.location() {
            Some(place) => format!("{message}, at {place}"),
            None => message.to_owned(),
        }
    }

    HOOK.call_once(|| panic::set_hook(Box::new(|panic| crate::imports::panic(&text(panic)))));
}

/// Off the wasm target a panic goes where it always goes.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn report_to_server() {}

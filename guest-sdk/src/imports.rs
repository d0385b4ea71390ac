//! What the server offers to a guest, and stand-ins for it off the wasm target.

/// The server's imports. Each appears in a module only if it is used there.
#[cfg(target_arch = "wasm32")]
#[expect(unsafe_code, reason = "imports are foreign functions")]
mod server {
    mod farside {
        #[link(wasm_import_module = "farside")]
        unsafe extern "C" {
            pub(super) fn call(
                function: *const u8,
                function_len: usize,
                arguments: *const u8,
                len: usize,
            ) -> u64;
            pub(super) safe fn clock() -> i64;
            pub(super) safe fn functions(known: u64) -> u64;
            pub(super) fn log(level: u32, text: *const u8, len: usize);
            pub(super) fn panic(text: *const u8, len: usize) -> !;
            pub(super) fn random(bytes: *mut u8, len: usize);
            pub(super) safe fn released() -> u64;
            pub(super) fn take(bytes: *mut u8, len: usize);
        }
    }

    pub(crate) fn call(function: &str, arguments: &[u8]) -> u64 {
        let (name, len) = (function.as_ptr(), function.len());
        // SAFETY: both lie in memory for as long as the server reads them.
        unsafe { farside::call(name, len, arguments.as_ptr(), arguments.len()) }
    }

    pub(crate) fn clock() -> i64 {
        farside::clock()
    }

    pub(crate) fn functions(known: u64) -> u64 {
        farside::functions(known)
    }

    pub(crate) fn released() -> u64 {
        farside::released()
    }

    pub(crate) fn take(bytes: &mut [u8]) {
        // SAFETY: the server writes exactly these bytes.
        unsafe { farside::take(bytes.as_mut_ptr(), bytes.len()) }
    }

    pub(crate) fn log(level: u32, text: &str) {
        // SAFETY: the text lies in memory for as long as the server reads it.
        unsafe { farside::log(level, text.as_ptr(), text.len()) }
    }

    pub(crate) fn panic(text: &str) -> ! {
        // SAFETY: the text lies in memory for as long as the server reads it.
        unsafe { farside::panic(text.as_ptr(), text.len()) }
    }

    pub(crate) fn random(bytes: &mut [u8]) {
        // SAFETY: the server writes exactly these bytes.
        unsafe { farside::random(bytes.as_mut_ptr(), bytes.len()) }
    }
}

/// Stand-ins for a guest's own tests.
#[cfg(not(target_arch = "wasm32"))]
mod stand_in {
    use std::hash::{BuildHasher as _, RandomState};
    use std::time::{SystemTime, UNIX_EPOCH};

    pub(crate) fn clock() -> i64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(now.as_nanos()).unwrap_or(i64::MAX)
    }

    /// There is no session: a call gives nil, and there are no functions.
    pub(crate) fn call(_function: &str, _arguments: &[u8]) -> u64 {
        1
    }

    pub(crate) fn functions(_known: u64) -> u64 {
        0
    }

    pub(crate) fn log(_level: u32, text: &str) {
        eprintln!("{text}");
    }

    pub(crate) fn released() -> u64 {
        0
    }

    pub(crate) fn take(bytes: &mut [u8]) {
        bytes.fill(0xc0);
    }

    pub(crate) fn random(bytes: &mut [u8]) {
        for (place, chunk) in bytes.chunks_mut(size_of::<u64>()).enumerate() {
            let word = RandomState::new().hash_one(place).to_ne_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
    }
}

#[cfg(target_arch = "wasm32")]
pub(crate) use server::{call, clock, functions, log, panic, random, released, take};
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use stand_in::{call, clock, functions, log, random, released, take};

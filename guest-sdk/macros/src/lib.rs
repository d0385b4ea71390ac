//! The attribute macros of `farside-guest`, which re-exports them.

mod docs;
mod expand;
mod options;
mod signature;

use proc_macro::TokenStream;
use quote::quote;

use crate::options::Options;
use crate::signature::Signature;

/// Makes a function callable by clients of the module.
///
/// Parameters are any types that serde deserializes, the result any type that it
/// serializes. A `Result` gives its `Err` to the caller as the function's own
/// error. A parameter of type `Option` may be left out of a call. The doc comment
/// and the parameters' names are shown to clients.
///
/// Parameters own their values; only `&str` and `&[u8]` may be borrowed.
///
/// `#[farside_guest::function(pure)]` declares that the result depends on the
/// arguments alone and that nothing outlives the call. Each call then has a store
/// of its own, and calls run in parallel.
///
/// ```
/// /// The square of a number.
/// #[farside_guest::function(pure)]
/// fn square(n: i64) -> i64 {
///     n * n
/// }
/// ```
#[proc_macro_attribute]
pub fn function(options: TokenStream, item: TokenStream) -> TokenStream {
    let entries = Options::parse(options).and_then(|options| {
        let signature = Signature::parse(item.clone())?;
        Ok(expand::entries(&options, &signature))
    });
    let entries = entries.unwrap_or_else(syn::Error::into_compile_error);
    let item = proc_macro2::TokenStream::from(item);
    quote! { #item #entries }.into()
}

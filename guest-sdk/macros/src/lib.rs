//! The attribute macros of `farside-guest`, which re-exports and describes them.

mod check;
mod docs;
mod expand;
mod hook;
mod options;
mod signature;

use proc_macro::TokenStream;
use quote::quote;

use crate::hook::Hook;
use crate::options::Options;
use crate::signature::Signature;

/// Described where it is re-exported.
#[proc_macro_attribute]
pub fn function(options: TokenStream, item: TokenStream) -> TokenStream {
    let item = proc_macro2::TokenStream::from(item);
    let entries = Options::parse(options.into()).and_then(|options| {
        let signature = Signature::parse(item.clone())?;
        Ok(expand::entries(&options, &signature))
    });
    let entries = entries.unwrap_or_else(syn::Error::into_compile_error);
    quote! { #item #entries }.into()
}

/// Described where it is re-exported.
#[proc_macro_attribute]
pub fn init(options: TokenStream, item: TokenStream) -> TokenStream {
    hook(Hook::Init, options, item)
}

/// Described where it is re-exported.
#[proc_macro_attribute]
pub fn wake(options: TokenStream, item: TokenStream) -> TokenStream {
    hook(Hook::Wake, options, item)
}

fn hook(hook: Hook, options: TokenStream, item: TokenStream) -> TokenStream {
    let item = proc_macro2::TokenStream::from(item);
    let entry = hook.entry(&options.into(), item.clone());
    let entry = entry.unwrap_or_else(syn::Error::into_compile_error);
    quote! { #item #entry }.into()
}

//! The entries that stand beside a function: one to call it, one to describe it.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::ext::IdentExt as _;
use syn::spanned::Spanned as _;

use crate::options::Options;
use crate::signature::Signature;

/// The exported entries of a function.
///
/// All tokens but names and types of the author's have the macro's own span: the
/// `unsafe` in them is the macro's, and a guest may forbid it in its own code.
pub(crate) fn entries(options: &Options, signature: &Signature) -> TokenStream {
    let Signature { ident, docs, params, result } = signature;
    let name = ident.unraw().to_string();
    let call_name = format!("farside_call_{name}");
    let describe_name = format!("farside_describe_{name}");
    let pure = options.pure;
    let arity = params.len() as u32;

    let arguments = params.iter().map(|param| {
        let (name, ty) = (&param.name, &param.ty);
        quote_spanned! { at(ty.span())=> __call.argument::<#ty>(#name)? }
    });
    let described = params.iter().map(|param| {
        let (name, ty) = (&param.name, &param.ty);
        quote! { .param(#name, (&::farside_guest::glue::Type::<#ty>::new()).trace()) }
    });
    let answer = quote_spanned! { at(result.span())=> __returns.answer(__value, __call) };

    // Names with underscores and full paths: the author's function and types may
    // have any other name.
    quote! {
        const _: () = {
            use ::farside_guest::glue::{ReturnsResult as _, ReturnsValue as _};
            use ::farside_guest::glue::{Traced as _, Untraced as _};

            #[cfg_attr(target_arch = "wasm32", unsafe(export_name = #call_name))]
            extern "C" fn __farside_call(address: u32, len: u32) -> u64 {
                // SAFETY: the server, which alone calls this, passes arguments.
                unsafe {
                    ::farside_guest::glue::call(address, len, #arity, |__call| {
                        let __value = #ident(#(#arguments),*);
                        let __returns = (&::farside_guest::glue::Type::of(&__value)).returns();
                        #answer
                    })
                }
            }

            #[cfg_attr(target_arch = "wasm32", unsafe(export_name = #describe_name))]
            extern "C" fn __farside_describe() -> u64 {
                let __returns = (&::farside_guest::glue::Type::<#result>::new()).returns();
                let function = ::farside_guest::glue::Function::new(#name, #docs, #pure)
                    #(#described)*
                    .returns((&__returns.value).trace(), (&__returns.error).trace());
                ::farside_guest::glue::describe(::core::env!("CARGO_PKG_DESCRIPTION"), function)
            }

            // Off the wasm target nobody calls the entries; naming them keeps what
            // they call from being reported as dead.
            const _: (extern "C" fn(u32, u32) -> u64, extern "C" fn() -> u64) =
                (__farside_call, __farside_describe);
        };
    }
}

/// Where an error about the author's type is shown; the tokens stay the macro's.
fn at(span: Span) -> Span {
    Span::call_site().located_at(span)
}

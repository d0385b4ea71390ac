//! A function that the server calls of its own accord: `init` and `wake`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{FnArg, Ident, ItemFn, ReturnType, Type};

use crate::check::Check;

/// When the server calls it.
#[derive(Clone, Copy)]
pub(crate) enum Hook {
    /// Once, when the module is first compiled.
    Init,
    /// In each new instance, before its first call.
    Wake,
}

impl Hook {
    /// The exported entry of a function without parameters and result.
    pub(crate) fn entry(
        self,
        options: &TokenStream,
        item: TokenStream,
    ) -> syn::Result<TokenStream> {
        let item: ItemFn = syn::parse2(item)?;
        let mut check = Check::new(self.subject());
        if !options.is_empty() {
            check.refuse(options, "it has no options");
        }
        check.qualifiers(&item.sig);
        for input in &item.sig.inputs {
            check.refuse(
                input,
                match input {
                    FnArg::Receiver(_) => "it cannot be a method: it takes no self",
                    FnArg::Typed(_) => "it takes no parameters: the server has nothing to pass",
                },
            );
        }
        if let ReturnType::Type(_, ty) = &item.sig.output
            && !is_unit(ty)
        {
            check.refuse(ty, "it gives no result: nobody would see it");
        }
        check.finish()?;
        Ok(self.export(&item.sig.ident))
    }

    fn subject(self) -> &'static str {
        match self {
            Hook::Init => "an init function",
            Hook::Wake => "a wake function",
        }
    }

    fn export(self, ident: &Ident) -> TokenStream {
        let name = match self {
            Hook::Init => "farside_init",
            Hook::Wake => "farside_wake",
        };
        quote! {
            const _: () = {
                #[cfg_attr(target_arch = "wasm32", unsafe(export_name = #name))]
                extern "C" fn __farside_hook() {
                    ::farside_guest::glue::hook(#ident);
                }

                const _: extern "C" fn() = __farside_hook;
            };
        }
    }
}

fn is_unit(ty: &Type) -> bool {
    matches!(ty, Type::Tuple(tuple) if tuple.elems.is_empty())
}

//! What stands in the attribute's parentheses.

use proc_macro2::TokenStream;
use syn::meta;
use syn::parse::Parser as _;

/// The attribute's options.
#[derive(Default)]
pub(crate) struct Options {
    /// Deterministic and stateless.
    pub(crate) pure: bool,
}

impl Options {
    pub(crate) fn parse(tokens: TokenStream) -> syn::Result<Options> {
        let mut options = Options::default();
        let parser = meta::parser(|option| {
            if !option.path.is_ident("pure") {
                return Err(option.error("unknown option: the only one is `pure`"));
            }
            if options.pure {
                return Err(option.error("`pure` stands here twice"));
            }
            options.pure = true;
            Ok(())
        });
        parser.parse2(tokens)?;
        Ok(options)
    }
}

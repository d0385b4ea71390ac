//! A function's signature, checked for what can cross the wire.

use proc_macro2::TokenStream;
use syn::ext::IdentExt as _;
use syn::visit::{self, Visit};
use syn::{
    FnArg, Ident, ItemFn, Pat, PatType, ReturnType, Type, TypeImplTrait, TypePtr, TypeReference,
    parse_quote,
};

use crate::check::Check;
use crate::docs;

/// A function that can be called from outside.
pub(crate) struct Signature {
    pub(crate) ident: Ident,
    pub(crate) docs: String,
    pub(crate) params: Vec<Param>,
    pub(crate) result: Type,
}

/// One parameter.
pub(crate) struct Param {
    pub(crate) name: String,
    pub(crate) ty: Type,
}

impl Signature {
    pub(crate) fn parse(item: TokenStream) -> syn::Result<Signature> {
        let item: ItemFn = syn::parse2(item)?;
        let mut check = Check::new("a guest function");
        check.qualifiers(&item.sig);
        let params = item.sig.inputs.iter().filter_map(|input| check.param(input)).collect();
        let result = check.result(&item.sig.output);
        check.finish()?;
        Ok(Signature { ident: item.sig.ident, docs: docs::text(&item.attrs), params, result })
    }
}

/// The text of errors names the function as `it`.
impl Check {
    fn param(&mut self, input: &FnArg) -> Option<Param> {
        let PatType { attrs, pat, ty, .. } = match input {
            FnArg::Typed(param) => param,
            FnArg::Receiver(receiver) => {
                self.refuse(receiver, "it cannot be a method: it takes no self");
                return None;
            }
        };
        for attribute in attrs {
            self.refuse(attribute, "a guest function's parameters take no attributes");
        }
        ParamTypes(self).visit_type(ty);
        match &**pat {
            Pat::Ident(name) if name.by_ref.is_none() && name.subpat.is_none() => {
                Some(Param { name: name.ident.unraw().to_string(), ty: (**ty).clone() })
            }
            _ => {
                self.refuse(pat, "a parameter needs a plain name: callers see it");
                None
            }
        }
    }

    fn result(&mut self, output: &ReturnType) -> Type {
        match output {
            ReturnType::Default => parse_quote!(()),
            ReturnType::Type(_, ty) => {
                ResultTypes(self).visit_type(ty);
                (**ty).clone()
            }
        }
    }
}

const IMPL_TRAIT: &str = "`impl Trait` has no name to describe: write the type";

/// Looks for what a parameter's type cannot hold.
struct ParamTypes<'a>(&'a mut Check);

impl<'ast> Visit<'ast> for ParamTypes<'_> {
    fn visit_type_reference(&mut self, reference: &'ast TypeReference) {
        if let Some(token) = &reference.mutability {
            self.0.refuse(token, "an argument cannot be borrowed mutably: take it by value");
        } else if !is_borrowable(&reference.elem) {
            let why = "an argument cannot be borrowed, except as `&str` or `&[u8]`: \
                       take it by value";
            self.0.refuse(reference, why);
        } else if let Some(lifetime) = &reference.lifetime
            && lifetime.ident == "static"
        {
            self.0.refuse(lifetime, "an argument lives only as long as the call");
        }
    }

    fn visit_type_impl_trait(&mut self, ty: &'ast TypeImplTrait) {
        self.0.refuse(ty, IMPL_TRAIT);
    }

    fn visit_type_ptr(&mut self, ty: &'ast TypePtr) {
        self.0.refuse(ty, "a pointer cannot cross the wire");
    }
}

/// Looks for what a result's type cannot hold.
struct ResultTypes<'a>(&'a mut Check);

impl<'ast> Visit<'ast> for ResultTypes<'_> {
    fn visit_type(&mut self, ty: &'ast Type) {
        match ty {
            Type::Never(_) => self.0.refuse(ty, "it gives a result: leave `!` out"),
            Type::ImplTrait(_) => self.0.refuse(ty, IMPL_TRAIT),
            Type::Ptr(_) => self.0.refuse(ty, "a pointer cannot cross the wire"),
            _ => visit::visit_type(self, ty),
        }
    }
}

/// Whether serde lends it from the argument's own bytes: `str` and `[u8]`.
fn is_borrowable(ty: &Type) -> bool {
    match ty {
        Type::Path(path) => path.path.is_ident("str"),
        Type::Slice(slice) => matches!(&*slice.elem, Type::Path(path) if path.path.is_ident("u8")),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use quote::{ToTokens as _, quote};

    use super::*;

    /// Beside the compile-fail tests, for what the compiler itself also refuses.
    #[test]
    fn a_variadic_function_is_refused() {
        let item = quote! { fn print(format: i64, _: ...) {} };
        let error = Signature::parse(item).err().unwrap();
        assert_eq!(error.to_string(), "a guest function cannot be variadic");
    }

    #[test]
    fn names_docs_and_types_are_kept() {
        let item = quote! {
            /// Moves it.
            ///
            ///     indented
            #[inline]
            fn r#move(mut r#type: Vec<u8>) {}
        };
        let Signature { ident, docs, params, result } = Signature::parse(item).unwrap();
        assert_eq!(ident, "r#move");
        assert_eq!(docs, "Moves it.\n\n    indented");
        assert_eq!(params[0].name, "type");
        assert_eq!(params[0].ty.to_token_stream().to_string(), "Vec < u8 >");
        assert_eq!(result.to_token_stream().to_string(), "()");
    }
}

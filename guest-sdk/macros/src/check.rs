//! What is wrong with a function, gathered.

use quote::ToTokens;

/// Gathers everything that is wrong, so that one build shows it all.
pub(crate) struct Check {
    /// What the function is, such as `a guest function`.
    subject: &'static str,
    error: Option<syn::Error>,
}

impl Check {
    pub(crate) fn new(subject: &'static str) -> Check {
        Check { subject, error: None }
    }

    /// Notes an error whose text begins with `it` where the function is meant.
    pub(crate) fn refuse(&mut self, place: impl ToTokens, why: &str) {
        let text = match why.strip_prefix("it ") {
            Some(rest) => format!("{} {rest}", self.subject),
            None => why.to_owned(),
        };
        let error = syn::Error::new_spanned(place, text);
        match &mut self.error {
            Some(first) => first.combine(error),
            None => self.error = Some(error),
        }
    }

    pub(crate) fn finish(self) -> syn::Result<()> {
        self.error.map_or(Ok(()), Err)
    }

    /// Refuses what no function can be that is entered from outside.
    pub(crate) fn qualifiers(&mut self, signature: &syn::Signature) {
        if let Some(token) = &signature.asyncness {
            self.refuse(token, "it cannot be async: the guest runs to its result");
        }
        if let Some(token) = &signature.unsafety {
            self.refuse(token, "it cannot be unsafe: anyone may call it");
        }
        if let Some(abi) = &signature.abi {
            self.refuse(abi, "it cannot be extern: the macro makes its entry");
        }
        if !signature.generics.params.is_empty() {
            let why = "it cannot be generic: its callers know only its name";
            self.refuse(&signature.generics, why);
        }
        if let Some(clause) = &signature.generics.where_clause {
            self.refuse(clause, "it cannot have a where clause");
        }
        if let Some(variadic) = &signature.variadic {
            self.refuse(variadic, "it cannot be variadic");
        }
    }
}

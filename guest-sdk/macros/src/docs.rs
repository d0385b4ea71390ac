//! The doc comment of an item.

use syn::{Attribute, Expr, ExprLit, Lit, Meta};

/// The text of an item's doc comments, without the space that opens each line.
pub(crate) fn text(attributes: &[Attribute]) -> String {
    let lines: Vec<String> = attributes.iter().filter_map(line).collect();
    lines.join("\n").trim().to_owned()
}

fn line(attribute: &Attribute) -> Option<String> {
    let Meta::NameValue(doc) = &attribute.meta else { return None };
    let Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) = &doc.value else { return None };
    let text = text.value();
    let unindented = text.lines().map(|line| line.strip_prefix(' ').unwrap_or(line));
    doc.path.is_ident("doc").then(|| unindented.collect::<Vec<_>>().join("\n"))
}

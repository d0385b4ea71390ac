//! Modules and functions as people want to read them.

use farside_protocol::manifest::{Function, Param, TypeName};
use farside_protocol::outline::ModuleOutline;

use super::plain::plain;

/// Columns that a signature should not go beyond on one line.
const WIDTH: usize = 88;

/// A function's signature: `greet(name: string, greeting?: string) -> string`.
pub(crate) fn signature(function: &Function) -> String {
    let params: Vec<_> = function.params.iter().map(parameter).collect();
    let result = match function.result.ty {
        Some(TypeName::Null) => String::new(),
        _ => format!(" -> {}", function.result),
    };
    let name = &function.name;
    let line = format!("{name}({}){result}", params.join(", "));
    let text = match line.chars().count() <= WIDTH || params.is_empty() {
        true => line,
        false => format!("{name}(\n    {},\n){result}", params.join(",\n    ")),
    };
    plain(&text).into_owned()
}

/// `name: string`, or `name?: string` for what may be left out.
fn parameter(param: &Param) -> String {
    let ty = param.schema.to_string();
    match param.optional {
        true => format!("{}?: {}", param.name, ty.strip_suffix(" or nil").unwrap_or(&ty)),
        false => format!("{}: {ty}", param.name),
    }
}

/// A function with what its author says of it.
pub(crate) fn function(function: &Function) -> String {
    let mut lines = vec![signature(function)];
    lines.extend(indented(&function.docs));
    if let Some(error) = &function.error {
        lines.push(format!("    fails with: {}", plain(&error.to_string())));
    }
    if function.pure {
        lines.push("    pure: each call has a store of its own".to_owned());
    }
    lines.join("\n")
}

/// A module, its state in the session, and its functions.
pub(crate) fn module(module: &ModuleOutline) -> String {
    let mut kind = if module.manifest.abi.is_some() { "" } else { ", plain" }.to_owned();
    if module.metered {
        kind += ", metered";
    }
    let instance = match module.instance.as_str() {
        "none" => "not called yet",
        other => other,
    };
    let mut blocks =
        vec![format!("{} ({}{kind}, {instance})", plain(&module.name), module.hash.short())];
    if let Some(poison) = &module.poison {
        blocks[0] += &format!("\n    poisoned by: {}", plain(poison));
        blocks[0] += &format!("\n    `farside renew {}` gives it a fresh instance", module.name);
    }
    let docs: Vec<_> = indented(&module.manifest.docs).collect();
    if !docs.is_empty() {
        blocks[0] += &format!("\n{}", docs.join("\n"));
    }
    blocks.extend(module.manifest.functions.iter().map(function));
    if module.manifest.functions.is_empty() {
        blocks.push("no functions".to_owned());
    }
    blocks.join("\n\n")
}

fn indented(docs: &str) -> impl Iterator<Item = String> {
    let lines = docs.trim().lines().map(|line| match line.trim_end() {
        "" => String::new(),
        line => format!("    {}", plain(line)),
    });
    lines.collect::<Vec<_>>().into_iter()
}

#[cfg(test)]
mod tests {
    use farside_protocol::ModuleHash;
    use farside_protocol::manifest::{Manifest, Schema};
    use insta::assert_snapshot;

    use super::*;

    fn param(name: &str, schema: Schema, optional: bool) -> Param {
        Param { name: name.to_owned(), schema, optional }
    }

    fn option(schema: Schema) -> Schema {
        Schema { any_of: vec![schema, Schema::of(TypeName::Null)], ..Schema::default() }
    }

    fn hello() -> ModuleOutline {
        let text = || Schema::of(TypeName::String);
        let greet = Function {
            name: "greet".to_owned(),
            docs: "Greets somebody.\n\nIn English, unless told otherwise.".to_owned(),
            params: vec![param("name", text(), false), param("greeting", option(text()), true)],
            result: text(),
            ..Function::default()
        };
        let long = Function {
            name: "histogram".to_owned(),
            params: vec![
                param("samples", Schema::of(TypeName::Array).with_format("ndarray"), false),
                param("lowest", option(Schema::of(TypeName::Number)), true),
                param("highest", option(Schema::of(TypeName::Number)), true),
            ],
            result: Schema {
                items: Some(Box::new(Schema::of(TypeName::Integer).with_format("uint64"))),
                ..Schema::of(TypeName::Array)
            },
            error: Some(text()),
            pure: true,
            ..Function::default()
        };
        let manifest = Manifest {
            abi: Some(1),
            docs: "Small functions to begin with.".to_owned(),
            functions: vec![greet, long],
            ..Manifest::default()
        };
        ModuleOutline {
            number: 0,
            name: "hello".to_owned(),
            hash: ModuleHash([0xab; 32]),
            instance: "none".to_owned(),
            poison: None,
            metered: false,
            manifest,
        }
    }

    #[test]
    fn a_module_reads_well() {
        assert_snapshot!(module(&hello()), @r"
        hello (abababab, not called yet)
            Small functions to begin with.

        greet(name: string, greeting?: string) -> string
            Greets somebody.

            In English, unless told otherwise.

        histogram(samples: array of numbers, lowest?: f64, highest?: f64) -> list of u64
            fails with: string
            pure: each call has a store of its own
        ");
    }

    #[test]
    fn a_poisoned_plain_module_says_what_to_do() {
        let poison = Some("the guest panicked: \x1b[31mred".to_owned());
        let manifest = Manifest::default();
        let instance = "poisoned".to_owned();
        let poisoned = ModuleOutline { instance, poison, metered: true, manifest, ..hello() };
        assert_snapshot!(module(&poisoned), @r"
        hello (abababab, plain, metered, poisoned)
            poisoned by: the guest panicked: \u{1b}[31mred
            `farside renew hello` gives it a fresh instance

        no functions
        ");
    }

    #[test]
    fn a_function_without_result_has_no_arrow() {
        let result = Schema::of(TypeName::Null);
        let clear = Function { name: "clear".to_owned(), result, ..Function::default() };
        assert_snapshot!(signature(&clear), @"clear()");
    }

    #[test]
    fn a_long_result_of_no_parameters_stays_on_its_line() {
        let one = || Schema::of(TypeName::String);
        let result = Schema { any_of: (0..20).map(|_| one()).collect(), ..Schema::default() };
        let shapes = Function { name: "shapes".to_owned(), result, ..Function::default() };
        let signature = signature(&shapes);
        assert!(signature.starts_with("shapes() -> ") && signature.len() > WIDTH, "{signature}");
    }
}

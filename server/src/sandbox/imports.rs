//! What a module may import, and what is said of the rest.

use std::fmt;

use wasmparser::{
    BinaryReaderError, CompositeInnerType, FuncType, Parser, Payload, RecGroup, TypeRef,
};

use super::host::{Grants, IMPORT_MODULE};
use super::module::ModuleError;
use super::nested;

/// What guests can import from the module `farside`: name and type.
const PROVIDED: [(&str, &str); 4] = [
    ("log", "(i32, i32, i32)"),
    ("panic", "(i32, i32)"),
    ("clock", "() -> i64"),
    ("random", "(i32, i32)"),
];

/// Imports that a refusal names; it counts the rest.
const NAMED: usize = 16;

/// Refuses a module that imports what is not there, or is not granted.
pub(super) fn check(binary: &[u8], grants: Grants) -> Result<(), ModuleError> {
    let invalid = |error: BinaryReaderError| ModuleError::Invalid { message: error.to_string() };
    let mut types = Vec::new();
    let mut refused = Vec::new();
    for payload in Parser::new(0).parse_all(binary) {
        match payload.map_err(invalid)? {
            Payload::TypeSection(groups) => {
                for group in groups {
                    types.extend(signatures(group.map_err(invalid)?));
                }
            }
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    let import = import.map_err(invalid)?;
                    let wanted = Wanted::new(import.ty, &types);
                    let reason = Reason::of(import.module, import.name, &wanted, grants);
                    if let Some(reason) = reason {
                        let name = format!("{}.{}", import.module, import.name);
                        refused.push(Refused { name, wanted, reason });
                    }
                }
            }
            Payload::FunctionSection(_) | Payload::CodeSectionStart { .. } => break,
            _ => {}
        }
    }
    if refused.is_empty() {
        return Ok(());
    }
    let hint = hint(&refused);
    let unnamed = refused.len().saturating_sub(NAMED);
    let mut imports: Vec<String> = refused.iter().take(NAMED).map(ToString::to_string).collect();
    if unnamed > 0 {
        imports.push(format!("and {unnamed} more"));
    }
    Err(ModuleError::Imports { imports, hint })
}

/// What a module wants an import to be.
enum Wanted {
    Function(String),
    Other(&'static str),
}

impl Wanted {
    fn new(ty: TypeRef, types: &[String]) -> Wanted {
        match ty {
            TypeRef::Func(number) | TypeRef::FuncExact(number) => {
                let signature = types.get(number as usize).cloned();
                Wanted::Function(signature.unwrap_or_else(|| "function".to_owned()))
            }
            TypeRef::Table(_) => Wanted::Other("table"),
            TypeRef::Memory(_) => Wanted::Other("memory"),
            TypeRef::Global(_) => Wanted::Other("global"),
            TypeRef::Tag(_) => Wanted::Other("tag"),
        }
    }
}

/// Why an import can't be had.
#[derive(PartialEq, Eq)]
enum Reason {
    Unknown,
    /// It is there, and of this type.
    OtherType(&'static str),
    /// It is there, and the policy does not grant it.
    Withheld,
}

impl Reason {
    fn of(module: &str, name: &str, wanted: &Wanted, grants: Grants) -> Option<Reason> {
        // What evaluators have beyond that is unknown to others.
        let evaluators = nested::PROVIDED.iter().filter(|_| grants.calls);
        let mut all = PROVIDED.iter().chain(evaluators);
        let provided = all.find(|(provided, _)| *provided == name);
        let Some((_, has)) = provided.filter(|_| module == IMPORT_MODULE) else {
            return Some(Reason::Unknown);
        };
        let granted = match name {
            "clock" => grants.clock,
            "random" => grants.random,
            _ => true,
        };
        match wanted {
            Wanted::Function(wanted) if wanted == has => (!granted).then_some(Reason::Withheld),
            _ => Some(Reason::OtherType(has)),
        }
    }
}

/// An import that can't be had.
struct Refused {
    name: String,
    wanted: Wanted,
    reason: Reason,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.wanted {
            Wanted::Function(signature) => write!(f, "{} {signature}", self.name)?,
            Wanted::Other(kind) => write!(f, "{} ({kind})", self.name)?,
        }
        match &self.reason {
            Reason::OtherType(has) => write!(f, ", which is a function {has} here"),
            Reason::Unknown | Reason::Withheld => Ok(()),
        }
    }
}

fn hint(refused: &[Refused]) -> String {
    let any = |what: &dyn Fn(&str) -> bool| refused.iter().any(|import| what(&import.name));
    if any(&|name| name.starts_with("wasi_") || name.starts_with("wasi:")) {
        return "this is a WASI module, and guests have no files, environment or network here: \
                build for wasm32-unknown-unknown"
            .to_owned();
    }
    if any(&|name| name.contains("wbindgen")) {
        return "this module was made for a browser (wasm-bindgen): leave out the crates that \
                need JavaScript"
            .to_owned();
    }
    let withheld: Vec<&str> = refused
        .iter()
        .filter(|import| import.reason == Reason::Withheld)
        .filter_map(|import| import.name.strip_prefix("farside."))
        .collect();
    if !withheld.is_empty() {
        let settings: Vec<String> =
            withheld.iter().map(|name| format!("guests.{name} = true")).collect();
        return format!("the server's operator grants it with {}", settings.join(" and "));
    }
    let names: Vec<String> =
        PROVIDED.iter().map(|(name, _)| format!("{IMPORT_MODULE}.{name}")).collect();
    format!("a guest can import {} and nothing else", names.join(", "))
}

/// The function types of a group, as text.
fn signatures(group: RecGroup) -> impl Iterator<Item = String> {
    group.into_types().map(|ty| match ty.composite_type.inner {
        CompositeInnerType::Func(ty) => signature(&ty),
        _ => "function".to_owned(),
    })
}

fn signature(ty: &FuncType) -> String {
    let list = |types: &[wasmparser::ValType]| {
        types.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    };
    let params = list(ty.params());
    match ty.results() {
        [] => format!("({params})"),
        [one] => format!("({params}) -> {one}"),
        many => format!("({params}) -> ({})", list(many)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said of a module with these imports.
    fn refusal(imports: &str, grants: Grants) -> String {
        let binary = wat::parse_str(format!("(module {imports})")).unwrap();
        match check(&binary, grants) {
            Err(ModuleError::Imports { imports, hint }) => {
                format!("{}\n{hint}", imports.join("\n"))
            }
            other => format!("{other:?}"),
        }
    }

    const NONE: Grants = Grants { clock: false, random: false, calls: false };

    #[test]
    fn what_is_provided_can_be_imported() {
        let imports = r#"(import "farside" "log" (func (param i32 i32 i32)))
            (import "farside" "panic" (func (param i32 i32)))
            (import "farside" "clock" (func (result i64)))"#;
        assert_eq!(refusal(imports, Grants { clock: true, ..NONE }), "Ok(())");
        insta::assert_snapshot!(refusal(imports, NONE), @"
        farside.clock () -> i64
        the server's operator grants it with guests.clock = true
        ");
    }

    #[test]
    fn the_sessions_functions_are_for_evaluators() {
        let imports = r#"(import "farside" "call" (func (param i32 i32 i32 i32) (result i64)))
            (import "farside" "functions" (func (param i64) (result i64)))
            (import "farside" "released" (func (result i64)))
            (import "farside" "take" (func (param i32 i32)))"#;
        assert_eq!(refusal(imports, Grants { calls: true, ..NONE }), "Ok(())");
        insta::assert_snapshot!(refusal(imports, NONE), @"
        farside.call (i32, i32, i32, i32) -> i64
        farside.functions (i64) -> i64
        farside.released () -> i64
        farside.take (i32, i32)
        a guest can import farside.log, farside.panic, farside.clock, farside.random and nothing else
        ");
    }

    #[test]
    fn each_refused_import_is_named_with_its_type() {
        insta::assert_snapshot!(refusal(
            r#"(import "env" "f" (func (param i32 f64) (result i32 i64)))
               (import "env" "memory" (memory 1))
               (import "env" "table" (table 1 funcref))
               (import "env" "global" (global i32))
               (import "farside" "log" (func (param i64)))
               (import "farside" "panic" (global i32))"#, NONE), @"
        env.f (i32, f64) -> (i32, i64)
        env.memory (memory)
        env.table (table)
        env.global (global)
        farside.log (i64), which is a function (i32, i32, i32) here
        farside.panic (global), which is a function (i32, i32) here
        a guest can import farside.log, farside.panic, farside.clock, farside.random and nothing else
        ");
    }

    #[test]
    fn very_many_are_counted() {
        let imports: String = (0..20).map(|n| format!(r#"(import "env" "f{n}" (func))"#)).collect();
        let refusal = refusal(&imports, NONE);
        assert!(refusal.contains("env.f15 ()\nand 4 more\n"), "{refusal}");
    }
}

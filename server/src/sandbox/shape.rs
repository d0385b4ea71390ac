//! What a module may consist of: ceilings that are looked at before anything is done with
//! its bytes but reading them once, so that what would cost the compiler far more than
//! its size is refused by name and number, not by its time running out.
//!
//! They are constants, several times what the largest real modules have. What a module
//! may take when it runs is a matter of [`needs`](super::needs) and of its session.

use serde::{Deserialize, Serialize};
use wasmparser::{BinaryReaderError, FunctionBody, Operator, Parser, Payload};

use super::module::ModuleError;

/// Something of which a module may have so much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Types,
    Imports,
    Functions,
    Globals,
    Exports,
    Tags,
    ElementSegments,
    Elements,
    DataSegments,
    DataBytes,
    CustomSections,
    CustomBytes,
    Locals,
    /// Of the function of that number.
    BodyBytes(u32),
    FunctionLocals(u32),
    Nesting(u32),
    Targets(u32),
}

/// How much of each part a module may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Shape {
    types: u64,
    imports: u64,
    functions: u64,
    globals: u64,
    exports: u64,
    tags: u64,
    element_segments: u64,
    elements: u64,
    data_segments: u64,
    data_bytes: u64,
    custom_sections: u64,
    custom_bytes: u64,
    locals: u64,
    body_bytes: u64,
    function_locals: u64,
    nesting: u64,
    targets: u64,
}

impl Shape {
    /// Of modules that clients send.
    pub(super) const OF_CLIENTS: Shape = Shape {
        types: 10_000,
        imports: 1_000,
        functions: 100_000,
        globals: 10_000,
        exports: 25_000,
        tags: 100,
        element_segments: 10_000,
        elements: 1_000_000,
        data_segments: 50_000,
        data_bytes: 256 << 20,
        custom_sections: 1_000,
        custom_bytes: 256 << 20,
        locals: 2_000_000,
        body_bytes: 1 << 20,
        function_locals: 10_000,
        nesting: 4_000,
        targets: 20_000,
    };

    /// Of evaluators, which the operator provides.
    pub(super) const OF_EVALUATORS: Shape = Shape {
        functions: 400_000,
        locals: 10_000_000,
        body_bytes: 7 << 20,
        function_locals: 50_000,
        nesting: 20_000,
        targets: 100_000,
        ..Shape::OF_CLIENTS
    };

    fn most(&self, part: Part) -> u64 {
        match part {
            Part::Types => self.types,
            Part::Imports => self.imports,
            Part::Functions => self.functions,
            Part::Globals => self.globals,
            Part::Exports => self.exports,
            Part::Tags => self.tags,
            Part::ElementSegments => self.element_segments,
            Part::Elements => self.elements,
            Part::DataSegments => self.data_segments,
            Part::DataBytes => self.data_bytes,
            Part::CustomSections => self.custom_sections,
            Part::CustomBytes => self.custom_bytes,
            Part::Locals => self.locals,
            Part::BodyBytes(_) => self.body_bytes,
            Part::FunctionLocals(_) => self.function_locals,
            Part::Nesting(_) => self.nesting,
            Part::Targets(_) => self.targets,
        }
    }

    fn bound(&self, part: Part, found: u64) -> Result<(), ModuleError> {
        let most = self.most(part);
        match found > most {
            true => Err(ModuleError::Shape { part, found, most }),
            false => Ok(()),
        }
    }

    /// Refuses a module that has more of anything.
    pub(super) fn check(&self, binary: &[u8]) -> Result<(), ModuleError> {
        let mut seen = Seen::default();
        for payload in Parser::new(0).parse_all(binary) {
            match payload.map_err(invalid)? {
                Payload::TypeSection(groups) => {
                    let mut types = 0;
                    for group in groups {
                        types += group.map_err(invalid)?.types().len() as u64;
                    }
                    self.bound(Part::Types, types)?;
                }
                Payload::ImportSection(section) => {
                    let mut imports = 0;
                    for import in section.into_imports() {
                        import.map_err(invalid)?;
                        imports += 1;
                    }
                    self.bound(Part::Imports, imports)?;
                }
                Payload::FunctionSection(section) => {
                    self.bound(Part::Functions, section.count().into())?;
                }
                Payload::GlobalSection(section) => {
                    self.bound(Part::Globals, section.count().into())?;
                }
                Payload::ExportSection(section) => {
                    self.bound(Part::Exports, section.count().into())?;
                }
                Payload::TagSection(section) => self.bound(Part::Tags, section.count().into())?,
                Payload::ElementSection(section) => {
                    self.bound(Part::ElementSegments, section.count().into())?;
                    let mut elements: u64 = 0;
                    for segment in section {
                        elements += match segment.map_err(invalid)?.items {
                            wasmparser::ElementItems::Functions(items) => u64::from(items.count()),
                            wasmparser::ElementItems::Expressions(_, items) => items.count().into(),
                        };
                    }
                    self.bound(Part::Elements, elements)?;
                }
                Payload::DataSection(section) => {
                    self.bound(Part::DataSegments, section.count().into())?;
                    let mut bytes = 0;
                    for segment in section {
                        bytes += segment.map_err(invalid)?.data.len() as u64;
                    }
                    self.bound(Part::DataBytes, bytes)?;
                }
                Payload::CustomSection(section) => {
                    seen.custom_sections += 1;
                    seen.custom_bytes += section.data().len() as u64;
                }
                Payload::CodeSectionEntry(body) => {
                    seen.locals += self.check_body(seen.bodies, &body)?;
                    seen.bodies += 1;
                }
                _ => {}
            }
        }
        self.bound(Part::Locals, seen.locals)?;
        self.bound(Part::CustomSections, seen.custom_sections)?;
        self.bound(Part::CustomBytes, seen.custom_bytes)
    }

    /// Refuses a function that has more of anything; else tells how many locals it has.
    fn check_body(&self, number: u32, body: &FunctionBody<'_>) -> Result<u64, ModuleError> {
        self.bound(Part::BodyBytes(number), body.range().len() as u64)?;
        let mut locals: u64 = 0;
        for run in body.get_locals_reader().map_err(invalid)? {
            locals += u64::from(run.map_err(invalid)?.0);
        }
        self.bound(Part::FunctionLocals(number), locals)?;
        let mut depth: u64 = 0;
        let mut operators = body.get_operators_reader().map_err(invalid)?;
        while !operators.eof() {
            match operators.read().map_err(invalid)? {
                Operator::Block { .. }
                | Operator::Loop { .. }
                | Operator::If { .. }
                | Operator::TryTable { .. } => {
                    depth += 1;
                    self.bound(Part::Nesting(number), depth)?;
                }
                Operator::End => depth = depth.saturating_sub(1),
                Operator::BrTable { targets } => {
                    self.bound(Part::Targets(number), targets.len().into())?;
                }
                _ => {}
            }
        }
        Ok(locals)
    }
}

/// What is counted over the whole module.
#[derive(Default)]
struct Seen {
    bodies: u32,
    locals: u64,
    custom_sections: u64,
    custom_bytes: u64,
}

fn invalid(error: BinaryReaderError) -> ModuleError {
    ModuleError::Invalid { message: error.to_string() }
}

impl Part {
    /// What there is too much of, for people.
    pub(super) fn told(self, found: u64) -> String {
        match self {
            Part::Types => format!("has {found} types"),
            Part::Imports => format!("has {found} imports"),
            Part::Functions => format!("has {found} functions"),
            Part::Globals => format!("has {found} globals"),
            Part::Exports => format!("has {found} exports"),
            Part::Tags => format!("has {found} tags"),
            Part::ElementSegments => format!("has {found} element segments"),
            Part::Elements => format!("has {found} elements in its segments"),
            Part::DataSegments => format!("has {found} data segments"),
            Part::DataBytes => format!("has {found} bytes in its data segments"),
            Part::CustomSections => format!("has {found} custom sections"),
            Part::CustomBytes => format!("has {found} bytes in its custom sections"),
            Part::Locals => format!("has {found} locals in all its functions"),
            Part::BodyBytes(number) => {
                format!("has {found} bytes of code in its function {number}")
            }
            Part::FunctionLocals(number) => format!("has {found} locals in its function {number}"),
            Part::Nesting(number) => {
                format!("has blocks nested {found} deep in its function {number}")
            }
            Part::Targets(number) => {
                format!("has a branch table of {found} targets in its function {number}")
            }
        }
    }

    /// What to do about it.
    pub(super) fn hint(self) -> &'static str {
        match self {
            Part::CustomSections | Part::CustomBytes => {
                "leave out debug information (for Rust: `strip = true` in the profile)"
            }
            Part::DataSegments | Part::DataBytes | Part::Elements | Part::ElementSegments => {
                "send large tables as values, not as parts of the module"
            }
            Part::BodyBytes(_) | Part::FunctionLocals(_) | Part::Nesting(_) | Part::Targets(_) => {
                "split that function; the count begins after the imports"
            }
            _ => "split the module",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a shape says of a module.
    fn check(shape: Shape, text: &str) -> String {
        let binary = wat::parse_str(format!("(module {text})")).unwrap();
        match shape.check(&binary) {
            Ok(()) => "ok".to_owned(),
            Err(error) => {
                let failure = error.into_failure();
                let hint = failure.hint.as_deref().unwrap_or_default();
                format!("{}: {failure}\n{hint}", failure.code)
            }
        }
    }

    const MOST: Shape = Shape::OF_CLIENTS;

    /// Checks that one text is within a shape, and what is said of another one.
    fn bound(shape: Shape, within: &str, beyond: &str) -> String {
        assert_eq!(check(shape, within), "ok");
        assert_eq!(check(MOST, beyond), "ok");
        check(shape, beyond)
    }

    #[test]
    fn parts_of_a_module() {
        let said = [
            bound(Shape { types: 1, ..MOST }, "(type (func))", "(type (func)) (type (func))"),
            bound(
                Shape { types: 1, ..MOST },
                "(type (func))",
                "(rec (type (func)) (type (func (param i32))))",
            ),
            bound(
                Shape { imports: 1, ..MOST },
                r#"(import "a" "b" (func))"#,
                r#"(import "a" "b" (func)) (import "a" "c" (func))"#,
            ),
            bound(Shape { functions: 1, ..MOST }, "(func)", "(func) (func)"),
            bound(
                Shape { globals: 1, ..MOST },
                "(global i32 (i32.const 0))",
                "(global i32 (i32.const 0)) (global i32 (i32.const 0))",
            ),
            bound(
                Shape { exports: 1, ..MOST },
                r#"(func (export "a"))"#,
                r#"(func (export "a") (export "b"))"#,
            ),
            bound(Shape { tags: 0, ..MOST }, "", "(tag)"),
        ];
        insta::assert_snapshot!(said.join("\n"), @"
        CompileLimit: the module has 2 types; there may be 1
        split the module
        CompileLimit: the module has 2 types; there may be 1
        split the module
        CompileLimit: the module has 2 imports; there may be 1
        split the module
        CompileLimit: the module has 2 functions; there may be 1
        split the module
        CompileLimit: the module has 2 globals; there may be 1
        split the module
        CompileLimit: the module has 2 exports; there may be 1
        split the module
        CompileLimit: the module has 1 tags; there may be 0
        split the module
        ");
    }

    #[test]
    fn tables_and_data() {
        let elements = "(table 2 funcref) (func $f)";
        let said = [
            bound(
                Shape { element_segments: 1, ..MOST },
                &format!("{elements} (elem (i32.const 0) $f)"),
                &format!("{elements} (elem (i32.const 0) $f) (elem (i32.const 1) $f)"),
            ),
            bound(
                Shape { elements: 1, ..MOST },
                &format!("{elements} (elem (i32.const 0) $f)"),
                &format!("{elements} (elem (i32.const 0) $f $f)"),
            ),
            bound(
                Shape { elements: 1, ..MOST },
                &format!("{elements} (elem (i32.const 0) funcref (ref.func $f))"),
                &format!("{elements} (elem (i32.const 0) funcref (ref.null func) (ref.func $f))"),
            ),
            bound(Shape { data_segments: 1, ..MOST }, r#"(data "ab")"#, r#"(data "a") (data "b")"#),
            bound(Shape { data_bytes: 2, ..MOST }, r#"(data "ab")"#, r#"(data "ab") (data "c")"#),
            bound(
                Shape { custom_sections: 1, ..MOST },
                r#"(@custom "a" "b")"#,
                r#"(@custom "a" "b") (@custom "c" "")"#,
            ),
            bound(
                Shape { custom_bytes: 2, ..MOST },
                r#"(@custom "a" "bc")"#,
                r#"(@custom "a" "bc") (@custom "d" "e")"#,
            ),
        ];
        insta::assert_snapshot!(said.join("\n"), @"
        CompileLimit: the module has 2 element segments; there may be 1
        send large tables as values, not as parts of the module
        CompileLimit: the module has 2 elements in its segments; there may be 1
        send large tables as values, not as parts of the module
        CompileLimit: the module has 2 elements in its segments; there may be 1
        send large tables as values, not as parts of the module
        CompileLimit: the module has 2 data segments; there may be 1
        send large tables as values, not as parts of the module
        CompileLimit: the module has 3 bytes in its data segments; there may be 2
        send large tables as values, not as parts of the module
        CompileLimit: the module has 2 custom sections; there may be 1
        leave out debug information (for Rust: `strip = true` in the profile)
        CompileLimit: the module has 3 bytes in its custom sections; there may be 2
        leave out debug information (for Rust: `strip = true` in the profile)
        ");
    }

    #[test]
    fn parts_of_a_function() {
        let nested =
            |depth| format!("(func) (func {}{})", "(block ".repeat(depth), ")".repeat(depth));
        let branches =
            |targets| format!("(func (block (br_table {} 0 (i32.const 0))))", "0 ".repeat(targets));
        let said = [
            bound(
                Shape { function_locals: 2, ..MOST },
                "(func (local i32 i64))",
                "(func (local i32 i64 i32))",
            ),
            bound(
                Shape { locals: 3, ..MOST },
                "(func (local i32 i64)) (func (local i32))",
                "(func (local i32 i64)) (func (local i32 i32))",
            ),
            bound(Shape { body_bytes: 3, ..MOST }, "(func nop)", "(func nop nop)"),
            bound(Shape { nesting: 2, ..MOST }, &nested(2), &nested(3)),
            bound(
                Shape { nesting: 1, ..MOST },
                "(func (block) (loop) (if (i32.const 0) (then)))",
                "(func (loop (if (i32.const 0) (then))))",
            ),
            bound(Shape { targets: 2, ..MOST }, &branches(2), &branches(3)),
        ];
        insta::assert_snapshot!(said.join("\n"), @"
        CompileLimit: the module has 3 locals in its function 0; there may be 2
        split that function; the count begins after the imports
        CompileLimit: the module has 4 locals in all its functions; there may be 3
        split the module
        CompileLimit: the module has 4 bytes of code in its function 0; there may be 3
        split that function; the count begins after the imports
        CompileLimit: the module has blocks nested 3 deep in its function 1; there may be 2
        split that function; the count begins after the imports
        CompileLimit: the module has blocks nested 2 deep in its function 0; there may be 1
        split that function; the count begins after the imports
        CompileLimit: the module has a branch table of 3 targets in its function 0; there may be 2
        split that function; the count begins after the imports
        ");
    }

    #[test]
    fn locals_that_no_number_holds() {
        // Two runs of 2^32 - 1 locals each, in a function of a few bytes.
        let code = [
            1, 15, 2, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x7f, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x7f, 0x0b,
        ];
        let mut binary = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x0a\x10".to_vec();
        binary.extend_from_slice(&code);
        let error = MOST.check(&binary).unwrap_err();
        assert!(
            matches!(error, ModuleError::Shape { .. } | ModuleError::Invalid { .. }),
            "{error}"
        );
    }

    #[test]
    fn what_is_cut_short_is_invalid() {
        let whole = wat::parse_str("(module (func (local i32) nop) (data \"abc\"))").unwrap();
        for end in 9..whole.len() - 1 {
            let error = MOST.check(&whole[..end]);
            let is_fine = matches!(error, Ok(()) | Err(ModuleError::Invalid { .. }));
            assert!(is_fine, "{end}: {error:?}");
        }
    }
}

//! What a module may consist of: ceilings that are looked at before anything is done with
//! its bytes but reading them once, so that what would cost the compiler far more than
//! its size is refused by name and number, not by its time running out.
//!
//! They are constants, several times what the largest real modules have. What a module
//! may take when it runs is a matter of [`needs`](super::needs) and of its session.

use serde::{Deserialize, Serialize};
use wasmparser::{
    BinaryReaderError, Export, ExternalKind, FunctionBody, Operator, Parser, Payload,
};

use super::module::{ABI, CALL_PREFIX, ModuleError, check_counts, is_plain};

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
                    check_functions(section)?;
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

/// Refuses a module of which more functions could be called than a manifest may list:
/// those of the SDK, or all of a plain one.
fn check_functions(section: wasmparser::ExportSectionReader<'_>) -> Result<(), ModuleError> {
    let (mut is_sdk, mut of_sdk, mut plain) = (false, 0, 0);
    for export in section {
        let Export { name, kind, .. } = export.map_err(invalid)?;
        let is_function = matches!(kind, ExternalKind::Func | ExternalKind::FuncExact);
        is_sdk |= name == ABI;
        of_sdk += usize::from(name.starts_with(CALL_PREFIX));
        plain += usize::from(is_function && is_plain(name));
    }
    check_counts(if is_sdk { of_sdk } else { plain }, 0)
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
mod tests;

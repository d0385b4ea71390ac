use farside_protocol::caps;

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
fn functions_that_can_be_called() {
    let module = |count, prefix, more: &str| {
        let exports = (0..count).map(|n| format!(r#"(export "{prefix}{n}" (func 0))"#));
        format!("(func) {} {more}", exports.collect::<String>())
    };
    let sdk = r#"(export "farside_abi" (func 0))"#;
    let said = [
        check(MOST, &module(caps::FUNCTIONS, "f", "")),
        check(MOST, &module(caps::FUNCTIONS + 1, "f", "")),
        check(MOST, &module(caps::FUNCTIONS, "farside_call_f", sdk)),
        check(MOST, &module(caps::FUNCTIONS + 1, "farside_call_f", sdk)),
        // What nobody can call.
        check(MOST, &module(caps::FUNCTIONS + 1, "farside_describe_f", sdk)),
        check(MOST, &module(caps::FUNCTIONS + 1, "f", sdk)),
    ];
    insta::assert_snapshot!(said.join("\n"), @"
    ok
    InvalidModule: the module has more than 10000 functions
    split it into several modules
    ok
    InvalidModule: the module has more than 10000 functions
    split it into several modules
    ok
    ok
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
    let nested = |depth| format!("(func) (func {}{})", "(block ".repeat(depth), ")".repeat(depth));
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
    let code =
        [1, 15, 2, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x7f, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x7f, 0x0b];
    let mut binary = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x0a\x10".to_vec();
    binary.extend_from_slice(&code);
    let error = MOST.check(&binary).unwrap_err();
    assert!(matches!(error, ModuleError::Shape { .. } | ModuleError::Invalid { .. }), "{error}");
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

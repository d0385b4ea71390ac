//! What the macro accepts, and what it says of the rest.

#[test]
fn misuse_is_a_compile_error_at_the_right_token() {
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/pass/*.rs");
    cases.compile_fail("tests/ui/fail/*.rs");
}

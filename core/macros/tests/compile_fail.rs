//! Wrong log calls, which the compiler reports with what to write.
#![cfg(not(miri))]

#[test]
fn wrong_calls_do_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}

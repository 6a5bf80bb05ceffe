//! Misuse that the compiler refuses: each file in `ui/` breaks one promise of the types, and its message names the
//! promise.
#![cfg(not(miri))]

#[test]
fn misuse_does_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}

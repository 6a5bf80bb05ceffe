//! What the compiler must refuse: each file in `ui/` breaks one promise of the types, and says which.
#![cfg(not(miri))]

#[test]
fn misuse_does_not_compile() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}

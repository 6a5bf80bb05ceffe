//! Cost of the encryption.
fn main() {}

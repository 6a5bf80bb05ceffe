//! How do I make a key pair? Prints it: the recipient is for the settings of the writer, the identity for the reader alone.
#![expect(clippy::print_stdout, reason = "the program prints its result")]

use fapilog_encryption::{EncryptError, Identity};

#[cfg_attr(test, test)]
fn main() -> Result<(), EncryptError> {
    let identity = Identity::generate()?;
    println!("recipient: {}", identity.recipient());
    println!("identity:  {}", *identity.to_secret_text());
    Ok(())
}

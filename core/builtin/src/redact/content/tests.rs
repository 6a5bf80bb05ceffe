//! The promises of the scanner.

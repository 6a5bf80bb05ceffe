//! The parser of fapilog's macros: `info!`, `event!`, `scope!` and the others hand their tokens on to it.
//!
//! It makes one flat form of a call, `__fapilog_log!` or `__fapilog_scope!`, which the facade expands to a static call site and
//! one function call. It knows no types and looks at no value: an expression goes through as it came.
//!
//! | module | content |
//! |---|---|
//! | `segment` | a call cut into the pieces between its commas |
//! | `field` | a piece as a field: key, group, sigil, value |
//! | `message` | a literal message and its placeholders |
//! | `log_call`, `scope` | the whole of a call, and its expansion |
//! | `audit` | the schema of audit events, as far as a call shows it |
//! | `written` | tokens as an error shows them |
//! | `error` | errors, each at the tokens that it is about |
//! | `derive`, `attributes` | the derive of values |

mod attributes;
#[cfg_attr(test, allow(clippy::unwrap_used, reason = "its tests"))]
mod audit;
mod derive;
mod error;
mod field;
mod log_call;
mod message;
mod scope;
mod segment;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "test code")]
mod tests;
mod written;

use proc_macro::TokenStream;

/// `log_call!([$crate] [level] tokens of the call)`.
#[doc(hidden)]
#[proc_macro]
pub fn log_call(tokens: TokenStream) -> TokenStream {
    log_call::expand(tokens.into()).into()
}

/// `scope!([$crate] tokens of the call)`.
#[doc(hidden)]
#[proc_macro]
pub fn scope(tokens: TokenStream) -> TokenStream {
    scope::expand(tokens.into()).into()
}

/// See `fapilog::event::Value`.
#[proc_macro_derive(Value, attributes(fapilog))]
pub fn derive_value(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as syn::DeriveInput);
    derive::value(&input).unwrap_or_else(|error| error.into_compile_error()).into()
}

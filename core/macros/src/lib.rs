//! The macros of fapilog that are programs. Programs use them through the crate `fapilog`, which documents them.

mod attributes;
mod derive;

use proc_macro::TokenStream;

/// See `fapilog::event::Value`.
#[proc_macro_derive(Value, attributes(fapilog))]
pub fn derive_value(input: TokenStream) -> TokenStream {
    let input = syn::parse_macro_input!(input as syn::DeriveInput);
    derive::value(&input).unwrap_or_else(|error| error.into_compile_error()).into()
}

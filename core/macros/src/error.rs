//! Errors in a call.

use proc_macro2::{Span, TokenStream};
use quote::quote_spanned;

/// An error, and the tokens that it is about.
#[derive(Debug)]
pub(crate) struct CallError {
    span: Span,
    message: String,
}

impl CallError {
    pub(crate) fn new(span: Span, message: impl Into<String>) -> Self {
        Self { span, message: message.into() }
    }

    /// The report of the compiler.
    pub(crate) fn into_tokens(self) -> TokenStream {
        let Self { span, message } = self;
        quote_spanned! { span => ::core::compile_error!(#message) }
    }

    #[cfg(test)]
    pub(crate) fn message(&self) -> &str {
        &self.message
    }
}

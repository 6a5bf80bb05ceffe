//! A scope: `scope!(order_id, tags.region = "eu", correlation_id: id)`.

use proc_macro2::{Literal, Span, TokenStream, TokenTree};
use quote::{quote, quote_spanned};

use crate::{
    error::CallError,
    field::{Field, Group, OptionsOf, check_keys, in_parentheses},
    segment::split,
};

/// Expands `[$crate] fields`.
pub(crate) fn expand(tokens: TokenStream) -> TokenStream {
    let mut tokens = tokens.into_iter();
    let Some(TokenTree::Group(krate)) = tokens.next() else {
        return CallError::new(Span::call_site(), "this macro is for the macros of fapilog").into_tokens();
    };
    match parse(tokens.collect()) {
        Ok(fields) => expansion(&krate.stream(), &fields),
        Err(error) => error.into_tokens(),
    }
}

pub(crate) fn parse(tokens: TokenStream) -> Result<Vec<Field>, CallError> {
    let segments = split(tokens)?;
    if segments.is_empty() {
        return Err(CallError::new(
            Span::call_site(),
            "expected fields: `order_id, %address, tags.region = \"eu\"`, or an option: `correlation_id: id`, `task: name`",
        ));
    }
    let fields = segments.iter().map(|field| Field::parse(field, OptionsOf::Scope)).collect::<Result<Vec<_>, _>>()?;
    check_keys(&fields)?;
    Ok(fields)
}

fn expansion(krate: &TokenStream, fields: &[Field]) -> TokenStream {
    fields.iter().fold(quote!(#krate::Scope::new()), |scope, field| match field.group {
        Group::CorrelationId | Group::Task => {
            let value = in_parentheses(&field.value);
            let method = if field.group == Group::Task { quote!(task) } else { quote!(correlation_id) };
            quote_spanned!(field.span => #scope.#method(::core::convert::AsRef::<::core::primitive::str>::as_ref(&#value)))
        }
        _ => {
            let (group, key, reference) = (field.group_ident(), Literal::string(&field.key), field.reference(krate));
            quote!(#scope.bind(#krate::__private::FieldGroup::#group, #key, #reference))
        }
    })
}

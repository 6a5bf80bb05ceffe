//! A log call: `info!(log, "message", key = value)`, with a logger or without.

use proc_macro2::{Group as TokenGroup, Ident, Literal, Span, TokenStream, TokenTree};
use quote::{quote, quote_spanned};

use crate::{
    audit,
    error::CallError,
    field::{Field, Group, OptionsOf, Sigil, check_keys, in_parentheses},
    message::{Message, Placeholder, PlaceholderStyle, text_of_literal},
    segment::{Segment, is_punct, split},
    written::{key_for, text_of, tokens_of},
};

/// Expands `[$crate] [level] tokens of the call`.
pub(crate) fn expand(tokens: TokenStream) -> TokenStream {
    let mut tokens = tokens.into_iter();
    let (Some(TokenTree::Group(krate)), Some(TokenTree::Group(level))) = (tokens.next(), tokens.next()) else {
        return CallError::new(Span::call_site(), "this macro is for the macros of fapilog").into_tokens();
    };
    let parsed = ParsedCall::parse(tokens.collect());
    match parsed.and_then(|call| if is_audit(&level) { call.check_audit().map(|()| call) } else { Ok(call) }) {
        Ok(call) => call.expansion(&krate.stream(), &level),
        Err(error) => error.into_tokens(),
    }
}

/// Whether the level is that of `audit!`. That of `event!` is an expression, known at run time.
fn is_audit(level: &TokenGroup) -> bool {
    let mut tokens = level.stream().into_iter();
    let (first, second) = (tokens.next(), tokens.next());
    matches!((first, second), (Some(TokenTree::Ident(word)), Some(TokenTree::Ident(name))) if word == "const" && name == "Audit")
}

/// A call taken apart.
#[derive(Debug)]
pub(crate) struct ParsedCall {
    logger: TokenStream,
    /// Empty where a field is the message.
    message: Literal,
    is_template: bool,
    target: CallTarget,
    fields: Vec<Field>,
}

/// The target of a call.
#[derive(Debug)]
enum CallTarget {
    /// The module that the call is in.
    Module,
    /// Known when the program is compiled.
    Fixed(Literal),
    /// Known at run time.
    Dynamic(TokenStream),
}

impl ParsedCall {
    pub(crate) fn parse(tokens: TokenStream) -> Result<Self, CallError> {
        let segments = split(tokens)?;
        let (logger, tail) = logger(&segments)?;
        let Some((message, tail)) = tail.split_first() else {
            let logger = text_of(segments.first().map(Segment::tokens).unwrap_or_default());
            return Err(CallError::new(
                segments.first().map_or_else(Span::call_site, Segment::span),
                format!(
                    "expected a message behind the logger: `{logger}, \"ready\"`. Without a logger, a message is a literal"
                ),
            ));
        };
        check_order(message)?;
        check_message(&segments, message, tail)?;
        // The message is read before the fields: the arguments of its `{}` are no fields.
        let parsed_message = message_of(message)?;
        let mut fields =
            tail.iter().map(|field| Field::parse(field, OptionsOf::Call)).collect::<Result<Vec<_>, _>>()?;
        check_keys(&fields)?;
        let target = take_target(&mut fields)?;
        let (message, is_template) = match parsed_message {
            ParsedMessage::Literal(Message::Fixed(literal)) => (literal, false),
            ParsedMessage::Literal(Message::Template(literal, placeholders)) => {
                capture(&mut fields, &placeholders, literal.span())?;
                (literal, true)
            }
            ParsedMessage::Field(field) => {
                fields.insert(0, field);
                (Literal::string(""), false)
            }
        };
        Ok(Self { logger, message, is_template, target, fields })
    }

    /// Checks the schema of audit events.
    pub(crate) fn check_audit(&self) -> Result<(), CallError> {
        audit::check(&self.message, &self.fields)
    }

    #[cfg(test)]
    pub(crate) fn fields(&self) -> &[Field] {
        &self.fields
    }

    #[cfg(test)]
    pub(crate) fn message(&self) -> &Literal {
        &self.message
    }

    fn expansion(&self, krate: &TokenStream, level: &TokenGroup) -> TokenStream {
        let Self { logger, message, .. } = self;
        let template = self.is_template.then(|| Ident::new("with_placeholders", Span::mixed_site()));
        let names = self.fields.iter().map(|field| {
            let (group, key) = (field.group_ident(), Literal::string(&field.key));
            quote!((#group #key))
        });
        let arguments =
            self.fields.iter().rev().fold(quote!((#krate::__private::End)), |tail, field| field.argument(krate, &tail));
        let log = |target: TokenStream, names: TokenStream, arguments: TokenStream| {
            quote! {
                #krate::__fapilog_log! { #level [#logger] [#target] #message [#template] [#names] #arguments }
            }
        };
        match &self.target {
            CallTarget::Module => log(quote!(), quote!(#(#names)*), arguments),
            CallTarget::Fixed(literal) => log(quote!(#literal), quote!(#(#names)*), arguments),
            CallTarget::Dynamic(target) => {
                // Evaluated once: it decides whether the event is wanted, and it is logged.
                let variable = Ident::new("target", Span::mixed_site());
                let place = target.clone().into_iter().next().map_or_else(Span::call_site, |first| first.span());
                let target = in_parentheses(target);
                let names = quote!((Target "") #(#names)*);
                let arguments = quote_spanned!(place=> (#krate::__private::Arg(#variable), #arguments));
                let call = log(quote!(dynamic #variable), names, arguments);
                // The temporaries of a `match` live as long as the call, those of a `let` do not.
                let text = quote_spanned!(place=> ::core::convert::AsRef::<::core::primitive::str>::as_ref(&#target));
                quote! {{
                    match #text {
                        #variable => #call
                    };
                }}
            }
        }
    }
}

/// The logger in front, if there is one, and the segments behind it.
fn logger(segments: &[Segment]) -> Result<(TokenStream, &[Segment]), CallError> {
    let Some((first, tail)) = segments.split_first() else {
        return Err(CallError::new(
            Span::call_site(),
            "expected a message: `\"ready\", key = value`, or behind a logger: `log, \"ready\", key = value`",
        ));
    };
    let is_message = matches!(first.tokens(), [TokenTree::Literal(_)]) || Sigil::strip(first.tokens()).0 != Sigil::None;
    if is_message {
        return Ok((TokenStream::new(), segments));
    }
    check_order(first)?;
    Ok((first.stream(), tail))
}

/// Whether a field stands where the message has to.
fn check_order(segment: &Segment) -> Result<(), CallError> {
    let tokens = segment.tokens();
    let (key, tail) = match tokens {
        [TokenTree::Ident(group), dot, key, tail @ ..]
            if is_punct(dot, '.') && Group::of_prefix(&group.to_string()).is_some() =>
        {
            (key, tail)
        }
        [key, tail @ ..] => (key, tail),
        [] => return Ok(()),
    };
    let is_doubled = |next: &TokenTree| is_punct(next, '=') || is_punct(next, ':');
    let is_field = matches!(key, TokenTree::Ident(_) | TokenTree::Literal(_))
        && tail.first().is_some_and(|sign| is_punct(sign, '=') || is_punct(sign, ':'))
        && !tail.get(1).is_some_and(is_doubled);
    if !is_field {
        return Ok(());
    }
    let field = segment.text();
    Err(CallError::new(
        segment.span(),
        format!("the message stands in front of the fields: `\"message\", {field}`, or `log, \"message\", {field}`"),
    ))
}

/// Whether a value stands where the literal message has to, which comes behind it, or an error.
fn check_message(segments: &[Segment], message: &Segment, tail: &[Segment]) -> Result<(), CallError> {
    if matches!(message.tokens(), [TokenTree::Literal(_)]) {
        return Ok(());
    }
    let text = |segment: &Segment| match segment.tokens() {
        [TokenTree::Literal(literal)] => text_of_literal(literal).map(|_| literal.clone()),
        _ => None,
    };
    let literal = tail.iter().find_map(text);
    let written = literal.as_ref().map_or_else(|| "\"message\"".to_owned(), Literal::to_string);
    let logger = match segments.first() {
        Some(first) if !std::ptr::eq(first, message) => format!("{}, ", first.text()),
        _ => String::new(),
    };
    let (sigil, value) = Sigil::strip(message.tokens());
    if sigil == Sigil::Error {
        let error = text_of(value);
        return Err(CallError::new(
            message.span(),
            format!("an error is a field and no message: `{logger}{written}, error = #{error}`"),
        ));
    }
    let Some(literal) = literal else { return Ok(()) };
    let field = match value {
        [TokenTree::Ident(_)] => message.text(),
        _ => format!("{} = {}", key_for(value), message.text()),
    };
    Err(CallError::new(
        literal.span(),
        format!("the message stands in front of the fields: `{logger}{literal}, {field}`"),
    ))
}

enum ParsedMessage {
    Literal(Message),
    /// A value that is known at run time.
    Field(Field),
}

fn message_of(segment: &Segment) -> Result<ParsedMessage, CallError> {
    if let [TokenTree::Literal(literal)] = segment.tokens() {
        let Some(text) = text_of_literal(literal) else {
            return Err(CallError::new(
                literal.span(),
                format!("a message is text, found `{literal}`: a value is a field, `\"message\", key = {literal}`"),
            ));
        };
        return Message::parse(literal.clone(), &text).map(ParsedMessage::Literal);
    }
    let (sigil, value) = Sigil::strip(segment.tokens());
    if value.is_empty() {
        return Err(CallError::new(segment.span(), format!("expected a value behind `{}`", sigil.text())));
    }
    if sigil == Sigil::Redacted {
        let key = key_for(value);
        let field = match value {
            [TokenTree::Ident(_)] => segment.text(),
            _ => format!("{key} = {}", segment.text()),
        };
        return Err(CallError::new(
            segment.span(),
            format!("`~` redacts a field and no message: write `\"message\", {field}`"),
        ));
    }
    let value = value.iter().cloned().collect();
    let (key, span) = (String::new(), segment.span());
    Ok(ParsedMessage::Field(Field { group: Group::Message, key, is_quoted: false, sigil, value, span }))
}

/// Takes the option `target:` out of the fields.
fn take_target(fields: &mut Vec<Field>) -> Result<CallTarget, CallError> {
    let Some(index) = fields.iter().position(|field| field.group == Group::Target) else {
        return Ok(CallTarget::Module);
    };
    let target = fields.remove(index);
    let mut tokens = target.value.clone().into_iter();
    let (Some(TokenTree::Literal(literal)), None) = (tokens.next(), tokens.next()) else {
        return Ok(CallTarget::Dynamic(target.value));
    };
    match text_of_literal(&literal) {
        Some(text) if text.is_empty() => Err(CallError::new(literal.span(), "a target is not empty")),
        Some(_) => Ok(CallTarget::Fixed(literal)),
        None => Err(CallError::new(literal.span(), format!("a target is text, found `{literal}`"))),
    }
}

/// Finds the fields that placeholders name, or takes the variables of these names as fields. With its group, a placeholder may
/// name a field that is not the call's own.
fn capture(fields: &mut Vec<Field>, placeholders: &[Placeholder], span: Span) -> Result<(), CallError> {
    let given = fields.len();
    for placeholder in placeholders {
        let name = &placeholder.name;
        let is_named = |field: &Field| {
            field.path() == *name && matches!(field.group, Group::Context | Group::Tags | Group::Metrics)
        };
        if fields.iter().take(given).any(is_named) {
            check_form_of_field(placeholder, span)?;
            continue;
        }
        if name.split_once('.').is_some_and(|(group, _)| Group::of_prefix(group).is_some()) {
            // A field of a scope, or one that an enricher adds.
            if placeholder.style == PlaceholderStyle::Value {
                continue;
            }
            return Err(CallError::new(
                span,
                format!(
                    "`{}` in a message is a field of a scope, whose form is chosen there: write `{{{name}}}`",
                    placeholder.text()
                ),
            ));
        }
        // A variable may stand in a message twice, in one form.
        let first = placeholders.iter().find(|first| first.name == *name).unwrap_or(placeholder);
        if first.style != placeholder.style {
            return Err(CallError::new(span, two_forms(first, placeholder)));
        }
        if !std::ptr::eq(first, placeholder) {
            continue;
        }
        let Some(variable) = placeholder.variable(span) else {
            return Err(CallError::new(span, no_name(placeholder)));
        };
        fields.push(Field::lone(&variable, placeholder.style.into()));
    }
    Ok(())
}

/// Checks that a placeholder leaves the form to the field of the call that it names.
fn check_form_of_field(placeholder: &Placeholder, span: Span) -> Result<(), CallError> {
    let name = &placeholder.name;
    match placeholder.style {
        PlaceholderStyle::Value => Ok(()),
        style => Err(CallError::new(
            span,
            format!(
                "`{name}` is a field of the call, whose form is chosen there: write `{{{name}}}` in the message, and \
                 `{name} = {}value` behind it",
                Sigil::from(style).text()
            ),
        )),
    }
}

/// The error about a variable that stands in a message in two forms.
fn two_forms(first: &Placeholder, second: &Placeholder) -> String {
    // The form that is no plain value needs a field that names it.
    let named = if first.style == PlaceholderStyle::Value { second.style } else { first.style };
    let (name, sigil) = (&first.name, Sigil::from(named).text());
    format!(
        "`{}` has another form than the `{}` in front of it, and a variable in a message is one field: write both alike, or \
         a field for the second form, `{{{name}_debug}}` with `{name}_debug = {sigil}{name}`",
        second.text(),
        first.text()
    )
}

/// The error about a placeholder that is neither a field nor the name of a variable.
fn no_name(placeholder: &Placeholder) -> String {
    let name = &placeholder.name;
    let wrong = format!("`{}` in the message names neither a field of the call nor a variable", placeholder.text());
    let sigil = Sigil::from(placeholder.style).text();
    match tokens_of(name) {
        // A keyword is a key.
        Some(tokens) if matches!(tokens.as_slice(), [TokenTree::Ident(_)]) => {
            format!("{wrong}: add `{name} = {sigil}value`")
        }
        Some(tokens) if !tokens.is_empty() => {
            let (key, value) = (key_for(&tokens), text_of(&tokens));
            format!("{wrong}: an expression is a field, `\"{{{key}}}\", {key} = {sigil}{value}`")
        }
        _ => format!("{wrong}: write `{{{{` and `}}}}` for braces, or `{{name}}` for a field"),
    }
}

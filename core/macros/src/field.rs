//! A piece of a call as a field.

use proc_macro2::{Delimiter, Ident, Literal, Punct, Spacing, Span, TokenStream, TokenTree};
use quote::{quote, quote_spanned};

use crate::{
    error::CallError,
    message::{PlaceholderStyle, text_of_literal},
    segment::{Segment, is_operator_word, is_punct},
    written::{key_for, text_of},
};

/// A field of a call, or one of its options.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) group: Group,
    /// Empty for an option.
    pub(crate) key: String,
    /// Whether the key is written as text: `"key" = value`.
    pub(crate) is_quoted: bool,
    pub(crate) sigil: Sigil,
    pub(crate) value: TokenStream,
    /// The span of the key.
    pub(crate) span: Span,
}

/// The part of the event that a field goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Group {
    Context,
    Tags,
    Metrics,
    Message,
    Category,
    Severity,
    Target,
    CorrelationId,
    Task,
}

impl Group {
    /// The parts of an event that stand in front of a key, with a dot.
    const PREFIXES: [(&str, Self); 3] = [("context", Self::Context), ("tags", Self::Tags), ("metrics", Self::Metrics)];

    /// The options, which stand in front of a colon.
    const OPTIONS: [(&str, Self); 5] = [
        ("category", Self::Category),
        ("severity", Self::Severity),
        ("target", Self::Target),
        ("correlation_id", Self::CorrelationId),
        ("task", Self::Task),
    ];

    /// The group that stands in front of a key.
    pub(crate) fn of_prefix(word: &str) -> Option<Self> {
        Self::PREFIXES.into_iter().find(|(prefix, _)| *prefix == word).map(|(_, group)| group)
    }

    fn of_option(word: &str) -> Option<Self> {
        Self::OPTIONS.into_iter().find(|(option, _)| *option == word).map(|(_, group)| group)
    }

    /// Where it may stand, if it is an option.
    fn is_option_of(self, options_of: OptionsOf) -> bool {
        (options_of == OptionsOf::Scope) == matches!(self, Self::CorrelationId | Self::Task)
    }

    /// The word of an option; `None` for a group of fields.
    pub(crate) fn option(self) -> Option<&'static str> {
        Self::OPTIONS.into_iter().find(|(_, group)| *group == self).map(|(option, _)| option)
    }

    /// The variant of `FieldGroup`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Context => "Context",
            Self::Tags => "Tags",
            Self::Metrics => "Metrics",
            Self::Message => "Message",
            Self::Category => "Category",
            Self::Severity => "Severity",
            Self::Target => "Target",
            Self::CorrelationId => "CorrelationId",
            Self::Task => "Task",
        }
    }

    fn prefix(self) -> &'static str {
        match self {
            Self::Tags => "tags.",
            Self::Metrics => "metrics.",
            _ => "",
        }
    }
}

/// The macro whose options these are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OptionsOf {
    Call,
    /// `scope!` and `child!`.
    Scope,
}

impl OptionsOf {
    /// The error about a word that is no option.
    fn unknown(self, word: &str, value: &[TokenTree]) -> String {
        const SUGGESTION_MAX_EDITS: usize = 2;
        let suggested = Group::OPTIONS
            .into_iter()
            .filter(|(_, group)| group.is_option_of(self))
            .map(|(option, _)| (strsim::damerau_levenshtein(&word.to_lowercase(), option), option))
            .filter(|(edits, _)| *edits <= SUGGESTION_MAX_EDITS)
            .min();
        let suggestion = suggested.map(|(_, option)| format!(": did you mean `{option}:`?")).unwrap_or_default();
        let options = match self {
            Self::Call => "`category:`, `severity:` and `target:`",
            Self::Scope => "`correlation_id:` and `task:`",
        };
        let stop = if suggestion.is_empty() { "." } else { "" };
        let value = text_of(value);
        format!("`{word}:` is no option, which are {options}{suggestion}{stop} A field is written `{word} = {value}`")
    }

    /// The error about an option of the other macros.
    fn misplaced(self, word: &str) -> String {
        match self {
            Self::Call => {
                format!("`{word}:` is an option of `scope!` and `child!`: a log call has what its scope binds")
            }
            Self::Scope => {
                format!("`{word}:` is an option of a log call; those of a scope are `correlation_id:` and `task:`")
            }
        }
    }
}

/// The sign in front of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sigil {
    /// Nothing: the value as it is.
    None,
    /// `%`: by `Display`.
    Display,
    /// `?`: by `Debug`.
    Debug,
    /// `#?`: by `Debug`, over several lines.
    PrettyDebug,
    /// `#`: an error with its sources.
    Error,
    /// `~`: the value is not read, and `[redacted]` stands for it.
    Redacted,
}

impl From<PlaceholderStyle> for Sigil {
    fn from(style: PlaceholderStyle) -> Self {
        match style {
            PlaceholderStyle::Value => Self::None,
            PlaceholderStyle::Debug => Self::Debug,
            PlaceholderStyle::PrettyDebug => Self::PrettyDebug,
        }
    }
}

impl Sigil {
    /// The sigil in front of these tokens, and what is behind it.
    pub(crate) fn strip(tokens: &[TokenTree]) -> (Self, &[TokenTree]) {
        match tokens {
            [first, second, tail @ ..] if is_punct(first, '#') && is_punct(second, '?') => (Self::PrettyDebug, tail),
            [first, tail @ ..] if is_punct(first, '#') => (Self::Error, tail),
            [first, tail @ ..] if is_punct(first, '%') => (Self::Display, tail),
            [first, tail @ ..] if is_punct(first, '?') => (Self::Debug, tail),
            [first, tail @ ..] if is_punct(first, '~') => (Self::Redacted, tail),
            _ => (Self::None, tokens),
        }
    }

    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Display => "%",
            Self::Debug => "?",
            Self::PrettyDebug => "#?",
            Self::Error => "#",
            Self::Redacted => "~",
        }
    }

    /// The function that renders a value before it is logged.
    fn function(self) -> Option<&'static str> {
        match self {
            Self::None | Self::Redacted => None,
            Self::Display => Some("display"),
            Self::Debug => Some("debug"),
            Self::PrettyDebug => Some("pretty_debug"),
            Self::Error => Some("error_chain"),
        }
    }
}

impl Field {
    /// Reads `key = value`, `key`, `%key`, `tags.key = value`, `"key" = value`, `option: value` and the like.
    pub(crate) fn parse(segment: &Segment, options_of: OptionsOf) -> Result<Self, CallError> {
        let (sigil, behind_sigil) = Sigil::strip(segment.tokens());
        if sigil != Sigil::None {
            return Self::lone_with_sigil(segment, sigil, behind_sigil);
        }
        match segment.tokens() {
            [TokenTree::Ident(name)] => Ok(Self::lone(name, Sigil::None)),
            [TokenTree::Ident(option), colon, value @ ..]
                if is_punct(colon, ':') && !value.first().is_some_and(|second| is_punct(second, ':')) =>
            {
                Self::option(option, value, options_of)
            }
            [TokenTree::Ident(key), TokenTree::Punct(sign), value @ ..] if is_assignment(sign, value) => {
                Self::with_value(Group::Context, key_of(key), key.span(), value)
            }
            [TokenTree::Ident(group), dot, ..] if is_punct(dot, '.') => Self::dotted(segment, group),
            [TokenTree::Literal(key), TokenTree::Punct(sign), value @ ..] if is_assignment(sign, value) => {
                Self::with_quoted_key(Group::Context, key, value)
            }
            [TokenTree::Literal(value)] if text_of_literal(value).is_none() => {
                Err(CallError::new(value.span(), format!("a value needs a key: write `key = {value}`")))
            }
            [TokenTree::Literal(key), ..] => Err(CallError::new(
                key.span(),
                format!(
                    "expected `= value` behind the key: `{key} = ...`. Fields stand behind the message, which is one literal"
                ),
            )),
            _ => Err(CallError::new(segment.span(), no_field(&segment.text()))),
        }
    }

    /// A variable: its name is the key.
    pub(crate) fn lone(name: &Ident, sigil: Sigil) -> Self {
        let key = key_of(name);
        Self { group: Group::Context, key, is_quoted: false, sigil, value: quote!(#name), span: name.span() }
    }

    fn lone_with_sigil(segment: &Segment, sigil: Sigil, behind: &[TokenTree]) -> Result<Self, CallError> {
        let written = sigil.text();
        check_single_sigil(sigil, behind)?;
        match behind {
            [TokenTree::Ident(name)] => Ok(Self::lone(name, sigil)),
            [TokenTree::Ident(name), TokenTree::Punct(sign), value @ ..] if is_assignment(sign, value) => {
                Err(CallError::new(
                    segment.span(),
                    format!(
                        "the `{written}` stands in front of the value: write `{name} = {written}{}`",
                        text_of(value)
                    ),
                ))
            }
            [] => Err(CallError::new(segment.span(), format!("expected a variable behind `{written}`"))),
            _ => Err(CallError::new(
                segment.span(),
                format!(
                    "a value that is no variable needs a key: write `{} = {written}{}`",
                    key_for(behind),
                    text_of(behind)
                ),
            )),
        }
    }

    fn option(option: &Ident, value: &[TokenTree], options_of: OptionsOf) -> Result<Self, CallError> {
        let word = option.to_string();
        let Some(group) = Group::of_option(&word) else {
            return Err(CallError::new(option.span(), options_of.unknown(&word, value)));
        };
        let field = Self::with_value(group, String::new(), option.span(), value)?;
        if field.sigil != Sigil::None {
            let sigil = field.sigil.text();
            return Err(CallError::new(option.span(), format!("`{word}:` takes a value as it is, without `{sigil}`")));
        }
        if group == Group::Severity {
            check_severity(value)?;
        }
        if !group.is_option_of(options_of) {
            return Err(CallError::new(option.span(), options_of.misplaced(&word)));
        }
        Ok(field)
    }

    /// `tags.key`, with a value or without.
    fn dotted(segment: &Segment, prefix: &Ident) -> Result<Self, CallError> {
        let word = prefix.to_string();
        let tokens = segment.tokens();
        let Some(group) = Group::of_prefix(&word) else {
            let (path, value) = at_assignment(tokens);
            let path = text_of(path);
            let (key, value) = match value {
                [] => (key_for(tokens), path.clone()),
                value => (format!("\"{path}\""), text_of(value)),
            };
            return Err(CallError::new(
                prefix.span(),
                format!(
                    "`{path}` is no key: write `{key} = {value}`. In front of the dot stands a part of the event: `tags`, \
                     `metrics` or `context`"
                ),
            ));
        };
        match tokens.get(2..).unwrap_or_default() {
            [TokenTree::Ident(name)] => Ok(Self { group, ..Self::lone(name, Sigil::None) }),
            [TokenTree::Ident(key), TokenTree::Punct(sign), value @ ..] if is_assignment(sign, value) => {
                Self::with_value(group, key_of(key), key.span(), value)
            }
            [TokenTree::Literal(key), TokenTree::Punct(sign), value @ ..] if is_assignment(sign, value) => {
                Self::with_quoted_key(group, key, value)
            }
            path @ [TokenTree::Ident(first), dot, ..] if is_punct(dot, '.') => {
                let (key, value) = at_assignment(path);
                let value = if value.is_empty() { "value".to_owned() } else { text_of(value) };
                Err(CallError::new(
                    first.span(),
                    format!("a key with a dot is written as text: `{word}.\"{}\" = {value}`", text_of(key)),
                ))
            }
            _ => Err(CallError::new(segment.span(), no_field(&segment.text()))),
        }
    }

    fn with_value(group: Group, key: String, span: Span, value: &[TokenTree]) -> Result<Self, CallError> {
        let (sigil, value) = Sigil::strip(value);
        check_single_sigil(sigil, value)?;
        if value.is_empty() {
            let sign = if group.option().is_some() { ":" } else { " =" };
            return Err(CallError::new(span, format!("expected a value behind `{}{sign}`", path(group, &key))));
        }
        Ok(Self { group, key, is_quoted: false, sigil, value: value.iter().cloned().collect(), span })
    }

    fn with_quoted_key(group: Group, key: &Literal, value: &[TokenTree]) -> Result<Self, CallError> {
        Ok(Self { is_quoted: true, ..Self::with_value(group, literal_key(key)?, key.span(), value)? })
    }

    /// The key with its group, as a message's placeholder names it; of an option, its word.
    pub(crate) fn path(&self) -> String {
        path(self.group, &self.key)
    }

    /// A reference to the value as it is logged.
    pub(crate) fn reference(&self, krate: &TokenStream) -> TokenStream {
        let value = in_parentheses(&self.value);
        match (self.group, self.sigil.function()) {
            (Group::Category, _) => quote!(&#krate::__private::category_number(#value)),
            (Group::Severity, _) => quote!(&#krate::__private::severity_number(#value)),
            (_, Some(function)) => {
                let function = Ident::new(function, self.span);
                quote_spanned!(self.span => &#krate::__private::#function(&#value))
            }
            // The expression is compiled, so that its variables are used, and never evaluated.
            (_, None) if self.sigil == Sigil::Redacted => quote_spanned! {self.span=>
                &{
                    if false {
                        #krate::__private::unread(&#value);
                    }
                    #krate::__private::Redacted
                }
            },
            (_, None) => quote_spanned!(self.span=> &#value),
        }
    }

    /// It as an argument of the call, with those behind it.
    pub(crate) fn argument(&self, krate: &TokenStream, tail: &TokenStream) -> TokenStream {
        let reference = self.reference(krate);
        // The compiler looks for the field whose type it reports only in tokens of one macro: these are all the user's.
        quote_spanned!(self.span=> (#krate::__private::Arg(#reference), #tail))
    }

    /// The group as an identifier of the expansion.
    pub(crate) fn group_ident(&self) -> Ident {
        Ident::new(self.group.name(), Span::mixed_site())
    }
}

/// A value as the operand of `&`: an operator in it binds less. Another macro's `$value:expr` is a group without brackets.
pub(crate) fn in_parentheses(value: &TokenStream) -> TokenStream {
    // Calls, fields and paths bind as much as it does. Without parentheses the compiler finds them for an error.
    let binds_less = |token: &TokenTree| match token {
        // Two dots are a range.
        TokenTree::Punct(punct) => match punct.as_char() {
            '.' => punct.spacing() == Spacing::Joint,
            sign => !matches!(sign, ':' | '?'),
        },
        TokenTree::Ident(word) => is_operator_word(&word.to_string()),
        TokenTree::Group(group) => group.delimiter() == Delimiter::None,
        TokenTree::Literal(_) => false,
    };
    if value.clone().into_iter().any(|token| binds_less(&token)) { quote!((#value)) } else { value.clone() }
}

fn path(group: Group, key: &str) -> String {
    group.option().map_or_else(|| format!("{}{key}", group.prefix()), str::to_owned)
}

/// A value that is not read has no form, which a second sigil would choose.
fn check_single_sigil(sigil: Sigil, behind: &[TokenTree]) -> Result<(), CallError> {
    let (second, value) = Sigil::strip(behind);
    match behind.first() {
        Some(first) if sigil == Sigil::Redacted && second != Sigil::None => Err(CallError::new(
            first.span(),
            format!("`~` redacts a value in any form: write `~{}`, without `{}`", text_of(value), second.text()),
        )),
        _ => Ok(()),
    }
}

/// Checks that no two fields have one key.
pub(crate) fn check_keys(fields: &[Field]) -> Result<(), CallError> {
    for (index, field) in fields.iter().enumerate() {
        let is_same = |other: &Field| other.group == field.group && other.key == field.key;
        if fields.iter().take(index).any(is_same) {
            return Err(CallError::new(field.span, format!("`{}` is given twice", field.path())));
        }
    }
    Ok(())
}

/// A single `=`, and not the first half of `==` or `=>`.
fn is_assignment(sign: &Punct, behind: &[TokenTree]) -> bool {
    let is_double = behind.first().is_some_and(|next| is_punct(next, '=') || is_punct(next, '>'));
    sign.as_char() == '=' && !(is_double && sign.spacing() == Spacing::Joint)
}

/// The tokens in front of the first `=`, and those behind it.
fn at_assignment(tokens: &[TokenTree]) -> (&[TokenTree], &[TokenTree]) {
    let sign = tokens.iter().position(|token| is_punct(token, '=')).unwrap_or(tokens.len());
    (tokens.get(..sign).unwrap_or_default(), tokens.get(sign + 1..).unwrap_or_default())
}

/// `r#type` is the key `type`.
fn key_of(name: &Ident) -> String {
    let name = name.to_string();
    name.strip_prefix("r#").map(str::to_owned).unwrap_or(name)
}

fn literal_key(key: &Literal) -> Result<String, CallError> {
    text_of_literal(key).ok_or_else(|| {
        CallError::new(key.span(), format!("a key is a name or text, found `{key}`: write `\"{key}\" = value`"))
    })
}

/// A severity that is known when the program is compiled.
fn check_severity(value: &[TokenTree]) -> Result<(), CallError> {
    if let [TokenTree::Literal(literal)] = value
        && let Ok(number) = syn::parse_str::<syn::LitInt>(&literal.to_string())
        && !number.base10_parse::<u64>().is_ok_and(|number| (1..=10).contains(&number))
    {
        return Err(CallError::new(literal.span(), format!("a severity is a number from 1 to 10, found `{literal}`")));
    }
    Ok(())
}

fn no_field(text: &str) -> String {
    format!(
        "expected a field, found `{text}`: write `key = {text}`, `tags.key = {text}`, `metrics.key = {text}`, or a variable alone"
    )
}

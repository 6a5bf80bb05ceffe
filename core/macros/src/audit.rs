//! The schema of audit events, as far as a call of `audit!` shows it: who, what, outcome, origin, object.
//!
//! A field that is missing is no error: a scope or a logger may have it. The processor `audit_schema` looks at whole events.

use proc_macro2::{Literal, Span, TokenTree};

use crate::{
    error::CallError,
    field::{Field, Group, Sigil},
    message::text_of_literal,
    written::text_of,
};

const NAMES: [&str; 5] = ["who", "what", "outcome", "origin", "object"];

const OUTCOMES: [&str; 4] = ["success", "failure", "denied", "unknown"];

/// The text in the place of a value that was redacted: the processor `audit_schema` takes it for none.
const REDACTED: &str = "[redacted]";

/// A name with fewer letters resembles too many words: `why` is no misspelt `who`.
const MISSPELT_LETTERS_MIN: usize = 6;

/// Checks a call of `audit!`. An empty message is none, if a field is the message.
pub(crate) fn check(message: &Literal, fields: &[Field]) -> Result<(), CallError> {
    check_message(message, fields)?;
    let context = || fields.iter().filter(|field| field.group == Group::Context);
    for field in context() {
        match NAMES.iter().find(|name| **name == field.key) {
            Some(name) => check_value(name, field)?,
            None => {
                let absent = NAMES.into_iter().filter(|name| context().all(|field| field.key != *name));
                check_spelling(field, absent)?;
            }
        }
    }
    Ok(())
}

fn check_message(message: &Literal, fields: &[Field]) -> Result<(), CallError> {
    let has_other = fields
        .iter()
        .any(|field| field.group == Group::Message || (field.group == Group::Context && field.key == "what"));
    match text_of_literal(message) {
        Some(text) if text.trim().is_empty() && !has_other => Err(CallError::new(
            message.span(),
            "the message of an audit event states what was done, and this is empty: write `\"order cancelled\"`, or a field `what`",
        )),
        _ => Ok(()),
    }
}

/// Checks the value of a field of the schema, if it is a literal.
fn check_value(name: &str, field: &Field) -> Result<(), CallError> {
    let value: Vec<TokenTree> = field.value.clone().into_iter().collect();
    if field.sigil == Sigil::Redacted {
        return Err(CallError::new(
            field.span,
            format!(
                "`~` redacts `{name}`, which an audit event has to state: write `{name} = {}`, or wrap a person in `Pii`",
                text_of(&value)
            ),
        ));
    }
    let [TokenTree::Literal(literal)] = value.as_slice() else { return check_bool_outcome(name, field, &value) };
    match text_of_literal(literal) {
        Some(text) if name == "outcome" => check_outcome(&text, literal.span()),
        Some(text) if text.trim().is_empty() => Err(CallError::new(
            literal.span(),
            format!(
                "`{name}` of an audit event is empty: write a value, or leave it out if a scope or a logger has it"
            ),
        )),
        Some(text) if text == REDACTED => Err(CallError::new(
            literal.span(),
            format!("`{name}` of an audit event is `{REDACTED}`, which stands for no value: write who or what it is"),
        )),
        None if name == "outcome" => Err(not_allowed(&literal.to_string(), literal.span(), None)),
        _ => Ok(()),
    }
}

/// `true` and `false` are words and no literals.
fn check_bool_outcome(name: &str, field: &Field, value: &[TokenTree]) -> Result<(), CallError> {
    match value {
        [TokenTree::Ident(word)] if name == "outcome" && (word == "true" || word == "false") => {
            let meant = if word == "true" { "success" } else { "failure" };
            Err(not_allowed(&word.to_string(), field.span, Some(meant)))
        }
        _ => Ok(()),
    }
}

fn check_outcome(text: &str, span: Span) -> Result<(), CallError> {
    if OUTCOMES.contains(&text) {
        return Ok(());
    }
    const SUGGESTION_MAX_EDITS: usize = 2;
    let word = text.to_lowercase();
    let meant = match word.as_str() {
        "ok" | "succeeded" | "successful" | "true" => Some("success"),
        "error" | "failed" | "fail" | "false" => Some("failure"),
        "forbidden" | "refused" | "unauthorized" => Some("denied"),
        _ => (OUTCOMES.into_iter())
            .map(|allowed| (strsim::damerau_levenshtein(&word, allowed), allowed))
            .filter(|(edits, _)| *edits <= SUGGESTION_MAX_EDITS)
            .min()
            .map(|(_, allowed)| allowed),
    };
    Err(not_allowed(&format!("{text:?}"), span, meant))
}

fn not_allowed(found: &str, span: Span, meant: Option<&str>) -> CallError {
    let suggestion = meant.map(|meant| format!(": did you mean `\"{meant}\"`?")).unwrap_or_default();
    let [first, second, third, last] = OUTCOMES;
    CallError::new(
        span,
        format!(
            "`outcome` of an audit event is one of `\"{first}\"`, `\"{second}\"`, `\"{third}\"` and `\"{last}\"`, found `{found}`{suggestion}"
        ),
    )
}

/// Whether a key resembles a name of the schema that the call does not have.
fn check_spelling(field: &Field, mut absent: impl Iterator<Item = &'static str>) -> Result<(), CallError> {
    let key = field.key.to_lowercase();
    let resembles = |name: &str| {
        let is_plural = key.strip_suffix('s') == Some(name);
        let is_misspelt = name.len() >= MISSPELT_LETTERS_MIN && strsim::damerau_levenshtein(&key, name) == 1;
        key == name || (is_misspelt && !is_plural)
    };
    let Some(name) = absent.find(|name| !field.is_quoted && resembles(name)) else { return Ok(()) };
    let (key, value) = (&field.key, text_of(&field.value.clone().into_iter().collect::<Vec<_>>()));
    let sigil = field.sigil.text();
    Err(CallError::new(
        field.span,
        format!(
            "`{key}` resembles `{name}` of an audit event, which is missing: write `{name} = {sigil}{value}`, or \
             `\"{key}\" = {sigil}{value}` if it is another field"
        ),
    ))
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use proc_macro2::TokenStream;

    use crate::log_call::ParsedCall;

    fn error(call: &str) -> String {
        let call = ParsedCall::parse(TokenStream::from_str(call).unwrap()).unwrap();
        call.check_audit().err().map(|error| error.message().to_owned()).unwrap_or_default()
    }

    #[track_caller]
    fn assert_errors<const N: usize>(calls: [(&str, &str); N]) {
        for (call, part) in calls {
            let error = error(call);
            assert!(error.contains(part), "{call}: {error}");
        }
    }

    #[track_caller]
    fn assert_right(calls: &[&str]) {
        for call in calls {
            assert_eq!(error(call), "", "{call}");
        }
    }

    #[test]
    fn a_literal_outcome_is_one_of_four() {
        for outcome in ["success", "failure", "denied", "unknown"] {
            assert_right(&[&format!(r#"log, "m", outcome = "{outcome}""#)]);
        }
        assert_right(&[
            r#"log, "m", outcome"#,
            r#""m", outcome = result.name()"#,
            r#""{outcome}""#,
            r#""m", tags.outcome = 5"#,
        ]);
        let all = "is one of `\"success\"`, `\"failure\"`, `\"denied\"` and `\"unknown\"`, found ";
        for (outcome, found) in [
            (r#""sucess""#, r#"`"sucess"`: did you mean `"success"`?"#),
            (r#""Failed""#, r#"`"Failed"`: did you mean `"failure"`?"#),
            (r#""ok""#, r#"`"ok"`: did you mean `"success"`?"#),
            (r#""forbidden""#, r#"`"forbidden"`: did you mean `"denied"`?"#),
            (r#""later""#, r#"`"later"`"#),
            (r#""""#, r#"`""`"#),
            ("7", "`7`"),
            ("true", r#"`true`: did you mean `"success"`?"#),
        ] {
            let error = error(&format!(r#"log, "m", outcome = {outcome}"#));
            assert!(error.ends_with(&format!("{all}{found}")), "{error}");
        }
    }

    #[test]
    fn a_misspelt_name_is_an_error_where_the_right_one_is_missing() {
        assert_errors([
            (
                r#"log, "m", otcome = "success""#,
                "`otcome` resembles `outcome` of an audit event, which is missing: write `outcome = \"success\"`, or `\"otcome\" = \
                 \"success\"` if it is another field",
            ),
            (r#""m", objct = %order"#, "write `object = %order`, or `\"objct\" = %order`"),
            (r#""m", orgin"#, "write `origin = orgin`"),
            (r#""m", context.obejct = 1"#, "`obejct` resembles `object`"),
            (r#""m", Who = 1"#, "`Who` resembles `who`"),
        ]);
        assert_right(&[
            r#""m", otcome = 1, outcome = "success""#,
            r#""m", "otcome" = "success""#,
            r#""m", tags.otcome = 1"#,
            r#""m", subject = 1, region = 2, original = 3, objects = 4, why = 5, how = 6, whom = 7, that = 8"#,
        ]);
    }

    #[test]
    fn a_field_of_the_schema_is_neither_empty_nor_redacted() {
        assert_errors([
            (r#""m", who = """#, "`who` of an audit event is empty"),
            (r#""m", origin = " ""#, "`origin` of an audit event is empty"),
            (
                r#""m", who = ~user.name"#,
                "`~` redacts `who`, which an audit event has to state: write `who = user.name`",
            ),
            (r#""m", ~object"#, "`~` redacts `object`"),
            (r#""m", who = "[redacted]""#, "`who` of an audit event is `[redacted]`, which stands for no value"),
        ]);
        assert_right(&[r#""m", who = "ada", object = 42, origin = ip, note = "", reason = ~reason"#]);
    }

    #[test]
    fn the_message_states_the_action_unless_a_field_does() {
        assert_errors([(r#"log, """#, "the message of an audit event states what was done, and this is empty")]);
        assert_right(&[r#"log, "", what = "cancel""#, "log, text", "log, %text", r#"log, "{what}""#]);
    }
}

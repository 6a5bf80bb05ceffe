//! Settings as they may be shown.

use serde_json::{Map, Value};

use super::{
    REDACTED,
    names::{is_key, is_secret_name, is_secret_path, is_table_of_classes, is_word, is_word_of_class},
    text::{is_variable_reference, may_be_key, redact_text},
};

/// The values with `[redacted]` in place of secrets: everything that shows settings goes through this function.
///
/// A value is a secret by the name of its setting, or by its text: see [`redact_text`]. References to secrets are shown, without
/// the arguments of a program. The names of plugins in `plugin_config` are no names of settings: its tables are redacted one by one.
#[must_use]
pub fn redact(values: &Value) -> Value {
    match values {
        Value::Object(entries) => redact_table(entries),
        Value::Array(items) => items.iter().map(redact).collect(),
        Value::String(text) => Value::String(redact_text(text).into_owned()),
        other => other.clone(),
    }
}

/// As [`redact`], of the value that a setting has.
pub fn redact_at(path: &str, value: &Value) -> Value {
    let is_word = value.as_str().is_some_and(|text| is_word_of_class(path, text));
    if is_secret_path(path) && !is_word { hidden(value) } else { of_key(path, value).unwrap_or_else(|| redact(value)) }
}

fn redact_table(entries: &Map<String, Value>) -> Value {
    if let Some(reference) = reference(entries) {
        return reference;
    }
    let entries = entries.iter().map(|(name, value)| (name.clone(), redact_entry(name, value)));
    Value::Object(entries.collect())
}

fn redact_entry(name: &str, value: &Value) -> Value {
    match value {
        value if is_secret_name(name) => hidden(value),
        Value::Object(classes) if is_table_of_classes(name) => {
            let is_word = |value: &Value| value.as_str().is_some_and(is_word);
            let shown =
                |name: &str, value: &Value| if is_word(value) { value.clone() } else { redact_entry(name, value) };
            Value::Object(classes.iter().map(|(name, value)| (name.clone(), shown(name, value))).collect())
        }
        value => of_key(name, value).unwrap_or_else(|| redact(value)),
    }
}

/// The value of a `key` that may be the key itself.
fn of_key(name: &str, value: &Value) -> Option<Value> {
    let is_secret = |text: &str| !text.is_empty() && !is_variable_reference(text) && may_be_key(text);
    let is_key = value.as_str().is_some_and(is_secret) && is_key(name);
    is_key.then(|| Value::String(REDACTED.to_owned()))
}

/// A secret: references are shown, and so are values that hold nothing. A table keeps its names.
fn hidden(value: &Value) -> Value {
    match value {
        Value::Null | Value::Bool(_) => value.clone(),
        Value::String(text) if text.is_empty() || is_variable_reference(text) => value.clone(),
        Value::Object(entries) => reference(entries).unwrap_or_else(|| {
            Value::Object(entries.iter().map(|(name, value)| (name.clone(), hidden(value))).collect())
        }),
        Value::Number(_) | Value::String(_) | Value::Array(_) => Value::String(REDACTED.to_owned()),
    }
}

/// The table of a reference as it is shown: a secret may stand among the arguments of a program.
fn reference(entries: &Map<String, Value>) -> Option<Value> {
    let is_of_reference = |(name, value): (&String, &Value)| match name.as_str() {
        "env" | "file" | "encoding" => value.is_string(),
        "command" => value.as_array().is_some_and(|words| words.iter().all(Value::is_string)),
        "allow_readable_by_others" => value.is_boolean() || value.is_string(),
        _ => false,
    };
    let has_source = ["env", "file", "command"].iter().any(|name| entries.contains_key(*name));
    if !has_source || !entries.iter().all(is_of_reference) {
        return None;
    }
    let shown = entries.iter().map(|(name, value)| {
        let shown = match value {
            Value::Array(words) => without_arguments(words),
            Value::String(text) => Value::String(redact_text(text).into_owned()),
            other => other.clone(),
        };
        (name.clone(), shown)
    });
    Some(Value::Object(shown.collect()))
}

fn without_arguments(words: &[Value]) -> Value {
    let program = words.first().map(redact).into_iter();
    let arguments = words.iter().skip(1).map(|_| Value::String(REDACTED.to_owned()));
    program.chain(arguments).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_of_secret_names_are_hidden_at_every_depth() {
        let values = json!({
            "path": "/var/log/a.log",
            "password": "hunter2",
            "pin": 4711,
            "tokens": ["hunter2", "hunter3"],
            "headers": { "Authorization": "hunter2", "X-Scope": "shop" },
            "credentials": { "user": "hunter2", "more": { "x": 1 } },
            "list": [{ "api_key": "hunter2" }],
            "url": "https://u:hunter2@host/",
        });
        let expected = json!({
            "path": "/var/log/a.log",
            "password": REDACTED,
            "pin": REDACTED,
            "tokens": REDACTED,
            "headers": { "Authorization": REDACTED, "X-Scope": "shop" },
            "credentials": { "user": REDACTED, "more": { "x": REDACTED } },
            "list": [{ "api_key": REDACTED }],
            "url": "https://[redacted]@host/",
        });
        assert_eq!(redact(&values), expected);
    }

    #[test]
    fn references_are_shown_without_the_arguments_of_a_program() {
        let values = json!({
            "password": "${DB_PASSWORD}",
            "token": { "file": "/run/secrets/token", "allow_readable_by_others": true },
            "key": { "command": ["vault", "hunter2"], "encoding": "hex" },
            "secret": "",
            "cookie": false,
        });
        let mut expected = values.clone();
        expected["key"]["command"][1] = json!(REDACTED);
        assert_eq!(redact(&values), expected);
    }

    #[test]
    fn the_actions_of_classes_of_data_are_no_secrets() {
        let values = json!({ "actions": { "credential": "hash", "default": "mask" }, "credential": "hash" });
        let expected = json!({ "actions": { "credential": "hash", "default": "mask" }, "credential": REDACTED });
        assert_eq!(redact(&values), expected);
        assert_eq!(
            redact(&json!({ "actions": { "password": "hunter2" } })),
            json!({ "actions": { "password": REDACTED } })
        );
        assert_eq!(redact_at("actions.credential", &json!("hash")), json!("hash"));
        assert_eq!(redact_at("actions.credential", &json!("hunter2")), json!(REDACTED));
    }

    #[test]
    fn a_key_is_hidden_that_looks_as_one_and_the_name_of_a_field_is_not() {
        let values = json!({ "key": "c2VjcmV0IGtleSBvZiB0aGlz", "keys": "context.user.id" });
        assert_eq!(redact(&values), json!({ "key": REDACTED, "keys": "context.user.id" }));
        assert_eq!(redact(&json!({ "key": "user_id" })), json!({ "key": "user_id" }));
        for key in ["correct horse battery staple", "p@ss-w0rd", "4711", "süß"] {
            assert_eq!(redact(&json!({ "key": key })), json!({ "key": REDACTED }), "{key}");
            assert_eq!(redact_at("plugin_config.encrypted.key", &json!(key)), json!(REDACTED), "{key}");
        }
        assert_eq!(redact(&json!({ "key": "${LOG_KEY}", "keys": "" })), json!({ "key": "${LOG_KEY}", "keys": "" }));
    }

    #[test]
    fn a_private_key_in_the_place_of_a_public_one_is_hidden() {
        let values = json!({ "recipients": ["fapilog1qpzry9x8", "fapilog-identity-1qpzry9x8"] });
        assert_eq!(redact(&values), json!({ "recipients": ["fapilog1qpzry9x8", REDACTED] }));
    }
}

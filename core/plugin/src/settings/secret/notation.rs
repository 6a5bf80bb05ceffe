//! How settings write a reference to a secret.
//!
//! No error of this file has a part of the value: a secret may stand at every place of a wrong notation.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor},
};
use serde_json::Value;

use super::{
    REDACTED, SecretEncoding, SecretRef,
    reference::{SecretSource, is_variable_name},
};

/// The front of every error about a notation. The reader of settings shows no value whose error begins so.
pub(in crate::settings) const BY_REFERENCE: &str = "a secret is given by reference: ";

const NOTATIONS: &str =
    "write \"${NAME}\", { env = \"NAME\" }, { file = \"/run/secrets/key\" } or { command = [\"prog\", \"arg\"] }";
const OF_VARIABLE: &str = "the name of a variable is of letters, digits and _, without a digit in front";
const OF_CODE: &str = "a secret that code gave is not in settings that were written";
const ONE_SOURCE: &str = "a table has one of env, file and command, and may have encoding and allow_readable_by_others";
const OF_FILE: &str = "file is the path of a file, as text in quotes";
const OF_COMMAND: &str = "command is a list of texts: a program and its arguments";
const OF_OTHERS: &str = "allow_readable_by_others is true or false, and is for a file";

impl<'de> Deserialize<'de> for SecretRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NotationVisitor)
    }
}

struct NotationVisitor;

impl<'de> Visitor<'de> for NotationVisitor {
    type Value = SecretRef;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a reference to a secret")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<SecretRef, E> {
        of_text(text).map_err(refused)
    }

    // A number and a list may be secrets as well as a text. The errors of serde would repeat a number.

    fn visit_bool<E: Error>(self, _: bool) -> Result<SecretRef, E> {
        Err(refused(NOTATIONS))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<SecretRef, E> {
        Err(refused(NOTATIONS))
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<SecretRef, E> {
        Err(refused(NOTATIONS))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<SecretRef, E> {
        Err(refused(NOTATIONS))
    }

    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, _: A) -> Result<SecretRef, A::Error> {
        Err(refused(NOTATIONS))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<SecretRef, A::Error> {
        let mut table = Notation::default();
        while let Some(name) = map.next_key::<String>()? {
            table.take(&name, map.next_value()?).map_err(refused)?;
        }
        table.into_reference().map_err(refused)
    }
}

fn refused<E: Error>(reason: &'static str) -> E {
    E::custom(format_args!("{BY_REFERENCE}{reason}"))
}

/// The reference that the whole text is: `${NAME}`.
fn of_text(text: &str) -> Result<SecretRef, &'static str> {
    if text == REDACTED {
        return Err(OF_CODE);
    }
    let name = text.strip_prefix("${").and_then(|text| text.strip_suffix('}'));
    name.ok_or(NOTATIONS).and_then(of_variable).map(SecretRef::of)
}

fn of_variable(name: &str) -> Result<SecretSource, &'static str> {
    is_variable_name(name).then(|| SecretSource::Env(name.to_owned())).ok_or(OF_VARIABLE)
}

/// A table, as far as it is read.
#[derive(Default)]
struct Notation {
    source: Option<SecretSource>,
    encoding: SecretEncoding,
    allow_readable_by_others: Option<bool>,
}

impl Notation {
    fn take(&mut self, name: &str, value: Value) -> Result<(), &'static str> {
        match (name, value) {
            ("encoding", value) => self.encoding = encoding(&value)?,
            ("allow_readable_by_others", value) => self.allow_readable_by_others = Some(boolean(&value)?),
            (name, value) => {
                let source = source(name, value)?;
                if self.source.replace(source).is_some() {
                    return Err(ONE_SOURCE);
                }
            }
        }
        Ok(())
    }

    fn into_reference(self) -> Result<SecretRef, &'static str> {
        let source = self.source.ok_or(ONE_SOURCE)?;
        if self.allow_readable_by_others.is_some() && !matches!(source, SecretSource::File(_)) {
            return Err(OF_OTHERS);
        }
        let reference = SecretRef::of(source).encoding(self.encoding);
        Ok(reference.allow_readable_by_others(self.allow_readable_by_others.unwrap_or_default()))
    }
}

fn source(name: &str, value: Value) -> Result<SecretSource, &'static str> {
    match (name, value) {
        ("env", Value::String(name)) => of_variable(&name),
        ("env", _) => Err(OF_VARIABLE),
        ("file", Value::String(path)) if !path.is_empty() => Ok(SecretSource::File(path.into())),
        ("file", _) => Err(OF_FILE),
        ("command", Value::Array(words)) => words_of(words),
        ("command", _) => Err(OF_COMMAND),
        _ => Err(ONE_SOURCE),
    }
}

fn words_of(words: Vec<Value>) -> Result<SecretSource, &'static str> {
    let words = words.into_iter().map(|word| match word {
        Value::String(word) => Some(word),
        _ => None,
    });
    let words: Option<Vec<String>> = words.collect();
    let words = words.filter(|words| words.first().is_some_and(|program| !program.is_empty()));
    words.map(SecretSource::Command).ok_or(OF_COMMAND)
}

fn encoding(value: &Value) -> Result<SecretEncoding, &'static str> {
    let name = value.as_str().and_then(|name| name.parse().ok());
    name.ok_or("encoding is text, hex or base64")
}

/// A variable of the environment gives text.
fn boolean(value: &Value) -> Result<bool, &'static str> {
    let text = value.as_str().and_then(|text| text.parse().ok());
    value.as_bool().or(text).ok_or(OF_OTHERS)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::settings::read;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Own {
        key: SecretRef,
    }

    fn key_of(value: Value) -> SecretRef {
        read::<Own>(&json!({ "key": value })).unwrap().key
    }

    #[test]
    fn every_notation_is_a_reference() {
        assert_eq!(key_of(json!("${APP_KEY}")), SecretRef::env("APP_KEY"));
        assert_eq!(key_of(json!({ "env": "APP_KEY" })), SecretRef::env("APP_KEY"));
        assert_eq!(key_of(json!({ "file": "/run/secrets/key" })), SecretRef::file("/run/secrets/key"));
        let hex = json!({ "file": "/k", "encoding": "hex", "allow_readable_by_others": true });
        let expected = SecretRef::file("/k").encoding(SecretEncoding::Hex).allow_readable_by_others(true);
        assert_eq!(key_of(hex), expected);
        let command = json!({ "command": ["vault", "read", "key"], "encoding": "base64" });
        let expected = SecretRef::command("vault", ["read", "key"]).encoding(SecretEncoding::Base64);
        assert_eq!(key_of(command), expected);
    }

    #[test]
    fn a_reference_that_is_written_is_read_back() {
        let references = [
            SecretRef::env("APP_KEY"),
            SecretRef::env("APP_KEY").encoding(SecretEncoding::Hex),
            SecretRef::file("/k").allow_readable_by_others(true),
            SecretRef::command("vault", ["read"]),
        ];
        for reference in references {
            assert_eq!(key_of(serde_json::to_value(&reference).unwrap()), reference);
        }
        assert_eq!(serde_json::to_value(SecretRef::env("APP_KEY")).unwrap(), json!("${APP_KEY}"));
    }

    #[test]
    fn a_secret_of_code_is_written_as_redacted_and_not_read_back() {
        let written = serde_json::to_value(SecretRef::bytes("hunter2")).unwrap();
        assert_eq!(written, json!(REDACTED));
        let problems = read::<Own>(&json!({ "key": written })).unwrap_err();
        assert!(problems[0].allowed.contains(OF_CODE), "{:?}", problems[0]);
    }

    #[test]
    fn a_wrong_notation_is_refused_without_its_value() {
        let wrong = [
            json!("hunter2"),
            json!("${hunter2"),
            json!("${hunter-2}"),
            json!("prefix ${hunter2}"),
            json!(""),
            json!(["hunter2"]),
            json!({ "value": "hunter2" }),
            json!({ "hunter2": 1 }),
            json!({ "env": "hunter-2" }),
            json!({ "env": { "hunter2": 1 } }),
            json!({ "file": "" }),
            json!({ "command": "echo hunter2" }),
            json!({ "command": [] }),
            json!({ "command": [["hunter2"]] }),
            json!({ "env": "A", "file": "hunter2" }),
            json!({ "env": "A", "encoding": "hunter2" }),
            json!({ "env": "A", "allow_readable_by_others": true }),
            json!({ "file": "/k", "allow_readable_by_others": "hunter2" }),
            json!({}),
        ];
        for value in wrong {
            let problems = read::<Own>(&json!({ "key": value })).unwrap_err();
            assert!(problems[0].allowed.starts_with(BY_REFERENCE), "{value}: {:?}", problems[0]);
            assert_eq!((problems.len(), problems[0].path.as_str()), (1, "key"), "{value}");
            assert_eq!(&*problems[0].value, REDACTED, "{value}");
            assert!(!format!("{problems:?}").contains("hunter"), "{value}: {problems:?}");
        }
        for number in [json!(-4711), json!(4711), json!(4711.5)] {
            let problems = read::<Own>(&json!({ "key": number })).unwrap_err();
            assert!(!format!("{problems:?}").contains("4711"), "{problems:?}");
        }
    }

    #[test]
    fn other_readers_of_serde_show_no_literal_either() {
        for text in [r#""hunter2""#, r#"{ "value": "hunter2" }"#, r#"["hunter2"]"#] {
            let error = serde_json::from_str::<SecretRef>(text).unwrap_err().to_string();
            assert!(error.starts_with(BY_REFERENCE) && !error.contains("hunter2"), "{error}");
        }
        let error = serde_json::from_str::<SecretRef>("4711").unwrap_err().to_string();
        assert!(error.starts_with(BY_REFERENCE) && !error.contains("4711"), "{error}");
    }
}

//! Values that are redacted by the call: no log has their text, whatever way they come.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "all of this program is test code")]

use std::{
    cell::Cell,
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
    time::Duration,
};

use fapilog::{
    Container, Logger, Scope, child, event,
    event::{Batch, FieldGroup, Kind, Value, serialized},
    format, info,
    plugin::PluginError,
    privacy::Secret,
    process::Processor,
    scope, sink,
};
use serde::Serialize;

const PASSWORD: &str = "swordfish";

fn secret() -> Secret<String> {
    Secret::new(PASSWORD.to_owned())
}

/// Runs `log`, checks that no line has the password, and returns the lines.
#[track_caller]
fn lines(log: impl FnOnce(&Logger)) -> Vec<String> {
    let (sink, events) = sink::Memory::new(format::Json::new);
    let logs = Container::builder().sink("memory", sink).start().unwrap();
    log(&logs.logger("test"));
    let accounts = logs.shutdown(Duration::from_secs(5)).unwrap();
    accounts.check().unwrap();
    let lines = events.lines();
    assert!(!lines.is_empty());
    assert!(lines.iter().all(|line| !line.contains(PASSWORD)), "{lines:?}");
    lines
}

#[track_caller]
fn assert_context(log: impl FnOnce(&Logger), context: &str) {
    let lines = lines(log);
    let part = format!(r#""context":{context}"#);
    assert!(lines[0].contains(&part), "{} has no {part}", lines[0]);
}

/// Not a value, and neither `Debug` nor `Display`.
struct Opaque;

#[test]
fn a_secret_is_a_field_of_every_form() {
    let password = secret();
    assert_context(
        |log| info!(log, "login", password, by_display = %password, by_debug = ?password, pretty = #?password),
        r#"{"password":"[redacted]","by_display":"[redacted]","by_debug":"[redacted]","pretty":"[redacted]"}"#,
    );
    let (some, none) = (Some(secret()), None::<Secret<Opaque>>);
    assert_context(
        |log| {
            info!(
                log,
                "login",
                some,
                none,
                list = [secret(), secret()],
                opaque = Secret::new(Opaque),
                pair = (1, secret())
            )
        },
        r#"{"some":"[redacted]","none":null,"list":["[redacted]","[redacted]"],"opaque":"[redacted]","pair":[1,"[redacted]"]}"#,
    );
    assert_context(
        |log| info!(log, "login", map = HashMap::from([("password", secret())]), held = Arc::new(Box::new(secret()))),
        r#"{"map":{"password":"[redacted]"},"held":"[redacted]"}"#,
    );
}

#[test]
fn a_secret_is_redacted_in_messages() {
    let password = secret();
    let lines = lines(|log| {
        info!(log, "the password is {password}");
        info!(log, "by debug {password:?}");
        info!(log, %password);
        info!(log, password);
    });
    assert!(lines[0].contains(r#""message":"the password is [redacted]""#), "{}", lines[0]);
    assert!(lines[1].contains(r#""message":"by debug [redacted]""#), "{}", lines[1]);
    assert!(lines[2].contains(r#""message":"[redacted]""#), "{}", lines[2]);
    assert!(lines[3].contains(r#""message":"[redacted]""#), "{}", lines[3]);
}

#[test]
fn a_secret_is_redacted_in_all_macros_scopes_and_loggers() {
    let lines = lines(|log| {
        let level = fapilog::Level::Error;
        event!(level, log, "any level", password = secret(), tags.token = secret());
        info!(child!(log, password = secret()), "logger");
        let _macro_scope = scope!(password = secret()).enter();
        let _scope = Scope::new().bind(FieldGroup::Tags, "token", &secret()).enter();
        info!(log, "scope");
    });
    for line in &lines {
        assert!(line.contains(r#""password":"[redacted]""#), "{line}");
    }
    assert!(
        lines[0].contains(r#""tags":{"token":"[redacted]"}"#) && lines[2].contains(r#""tags":{"token":"[redacted]"}"#)
    );
}

#[derive(Value, Serialize)]
struct Login {
    user: &'static str,
    password: Secret<String>,
    former: Vec<Secret<String>>,
}

#[test]
fn a_secret_within_a_struct_is_redacted_by_derive_and_serde() {
    let login = || Login { user: "ada", password: secret(), former: vec![secret()] };
    let logged = r#"{"login":{"user":"ada","password":"[redacted]","former":["[redacted]"]}}"#;
    assert_context(|log| info!(log, "login", login = login()), logged);
    assert_context(|log| info!(log, "login", login = serialized(&login())), logged);
}

#[derive(Value)]
struct Account<T> {
    id: u64,
    #[fapilog(redact)]
    key: Opaque,
    #[fapilog(redact, rename = "type")]
    kind: T,
    nested: Nested,
    wrapped: Wrapped,
}

#[derive(Value)]
enum Nested {
    Token(#[fapilog(redact)] String),
    Pair(u8, #[fapilog(redact)] String),
}

#[derive(Value)]
struct Wrapped(#[fapilog(redact)] String);

#[test]
fn a_field_with_the_attribute_is_redacted_and_needs_no_value() {
    let wrapped = || Wrapped(PASSWORD.to_owned());
    let account =
        Account { id: 7, key: Opaque, kind: Opaque, nested: Nested::Token(PASSWORD.to_owned()), wrapped: wrapped() };
    assert_context(
        |log| info!(log, "account", account, pair = Nested::Pair(1, PASSWORD.to_owned()), wrapped = wrapped()),
        concat!(
            r#"{"account":{"id":7,"key":"[redacted]","type":"[redacted]","nested":{"Token":"[redacted]"},"wrapped":"[redacted]"},"#,
            r#""pair":{"Pair":[1,"[redacted]"]},"wrapped":"[redacted]"}"#
        ),
    );
}

#[test]
fn a_tilde_redacts_a_value_of_any_type_without_reading_it() {
    let reads = Cell::new(0);
    let read = || {
        reads.set(reads.get() + 1);
        Opaque
    };
    let opaque = Opaque;
    let text = PASSWORD;
    assert_context(
        |log| info!(log, "login of {password}", password = ~read(), ~opaque, ~text, tags.token = ~text, sum = ~1 + 2),
        r#"{"password":"[redacted]","opaque":"[redacted]","text":"[redacted]","sum":"[redacted]"}"#,
    );
    assert_context(|log| info!(child!(log, password = ~read()), "logger"), r#"{"password":"[redacted]"}"#);
    assert_context(
        |log| {
            let _scope = scope!(~text, password = ~read()).enter();
            info!(log, "scope");
        },
        r#"{"text":"[redacted]","password":"[redacted]"}"#,
    );
    assert_eq!(reads.get(), 0);
}

#[test]
fn a_value_that_is_not_read_need_not_be_moved_or_succeed() {
    fn fails() -> Result<u8, String> {
        let lines = lines(|log| {
            let log_it = || -> Option<()> {
                info!(log, "m", a = ~None::<u8>?);
                Some(())
            };
            assert_eq!(log_it(), Some(()));
        });
        Ok(lines.len() as u8)
    }
    assert_eq!(fails(), Ok(1));
}

/// Collects the kinds of the fields of call sites.
#[derive(Clone, Default)]
struct Kinds {
    seen: Arc<Mutex<BTreeMap<String, (Kind, bool)>>>,
}

impl Processor for Kinds {
    fn name(&self) -> &'static str {
        "kinds"
    }

    fn process(&mut self, batch: &mut Batch<'_>) -> Result<(), PluginError> {
        let mut seen = self.seen.lock().unwrap();
        for event in batch.events() {
            for field in event.descriptor().fields() {
                seen.insert(field.name.name.to_owned(), (*field.kind, field.kind.is_redacted()));
            }
        }
        Ok(())
    }
}

#[test]
fn a_plugin_sees_by_the_call_site_which_fields_are_redacted() {
    let kinds = Kinds::default();
    let logs = {
        let kinds = kinds.clone();
        Container::builder()
            .processor(move |_| Box::new(kinds.clone()))
            .sink("null", sink::Null::new(format::Json::new))
            .start()
            .unwrap()
    };
    let log = logs.logger("test");
    info!(log, "m", plain = 1, tilde = ~2, secret = secret(), some = Some(secret()), list = vec![secret()], text = %secret());
    logs.shutdown(Duration::from_secs(5)).unwrap().check().unwrap();
    let seen = kinds.seen.lock().unwrap();
    let redacted: Vec<&str> = seen.iter().filter(|(_, (_, is))| *is).map(|(name, _)| name.as_str()).collect();
    assert_eq!(redacted, ["list", "secret", "some", "tilde"]);
    assert_eq!(seen["tilde"].0, Kind::Redacted);
}

//! Personal data is logged as a pseudonym, whatever way it comes. The key belongs to the process, and so does this program.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "all of this program is test code")]

mod law;

use std::{
    net::Ipv4Addr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use fapilog::{
    Container, Logger, child,
    event::{Value, rendered, serialized},
    info,
    privacy::{Pii, pseudonym, remove_pseudonym_key, set_pseudonym_key},
    redact::{Action, DataClass, KeyedHash, Redact, RedactBuilder},
    scope,
};
use law::{delivered, delivered_by, end, started_manual};
use serde::Serialize;

const EMAIL: &str = "ada@example.org";
const KEY: &[u8] = b"a key of 16 bytes or more";

/// A single test at a time has the key.
static HELD: Mutex<()> = Mutex::new(());

fn with_key() -> MutexGuard<'static, ()> {
    let held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
    set_pseudonym_key("k1", KEY).unwrap();
    held
}

fn email() -> Pii<String> {
    Pii::new(EMAIL.to_owned())
}

/// The context of the one event that is logged, which has no personal data.
fn context(log: impl FnOnce(&Logger)) -> serde_json::Value {
    let event = delivered(log);
    assert!(!event.to_string().contains(EMAIL), "{event}");
    event["context"].clone()
}

#[derive(Value, Serialize)]
struct User {
    id: u64,
    email: Pii<String>,
}

/// Has a text, and is no value.
#[derive(Serialize)]
struct Named(String);

impl std::fmt::Display for Named {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[derive(Value)]
struct Shown {
    #[fapilog(display)]
    name: Pii<Named>,
}

#[test]
fn every_form_of_a_field_has_the_same_pseudonym() {
    let _key = with_key();
    let expected = pseudonym(EMAIL).unwrap();
    assert!(expected.starts_with("hmac:k1:"));
    let (email, named) = (email(), Pii::new(Named(EMAIL.to_owned())));
    let context = context(|log| {
        info!(log, "m", email, lent = Pii::new(EMAIL), some = Some(&email), shown = %email, named = %named, debug = ?email);
    });
    for key in ["email", "lent", "some", "shown", "named"] {
        assert_eq!(context[key], expected.as_str(), "{key}");
    }
    assert_eq!(context["debug"], "[redacted]");
}

#[test]
fn parts_of_lists_maps_and_structs_have_it_too() {
    let _key = with_key();
    let expected = pseudonym(EMAIL).unwrap();
    let user = || User { id: 7, email: email() };
    let context = context(|log| {
        let shown = Shown { name: Pii::new(Named(EMAIL.to_owned())) };
        info!(
            log,
            "m",
            list = [email(), email()],
            pair = (1, email()),
            user = user(),
            by_serde = serialized(&user()),
            shown = rendered(&shown)
        );
    });
    let parts = [
        &context["list"][1],
        &context["pair"][1],
        &context["user"]["email"],
        &context["by_serde"]["email"],
        &context["shown"]["name"],
    ];
    assert!(parts.iter().all(|part| **part == expected.as_str()), "{context}");
}

#[test]
fn scopes_loggers_and_messages_have_it_too() {
    let _key = with_key();
    let expected = pseudonym(EMAIL).unwrap();
    let event = delivered(|log| {
        let _scope = scope!(from_scope = email()).enter();
        let email = email();
        info!(child!(log, from_logger = email), "mail to {email}");
    });
    assert_eq!(event["message"], format!("mail to {expected}"));
    assert_eq!(event["context"]["from_scope"], expected.as_str());
    assert_eq!(event["context"]["from_logger"], expected.as_str());
}

#[test]
fn events_about_one_person_match_while_the_key_stays() {
    let _key = with_key();
    let (container, mut drain, events) = started_manual(Container::builder());
    let log = container.logger("test");
    let (ada, bob) = (Pii::new(Ipv4Addr::new(192, 0, 2, 1)), Pii::new(Ipv4Addr::new(192, 0, 2, 2)));
    info!(log, "first", ip = ada);
    info!(log, "second", ip = bob);
    info!(log, "third", ip = ada);
    set_pseudonym_key("k2", &[1; 32]).unwrap_err(); // the former stays
    set_pseudonym_key("k2", b"another key of 16 bytes or more").unwrap();
    info!(log, "by another key", ip = ada);
    remove_pseudonym_key().unwrap();
    info!(log, "without a key", ip = ada);
    end(&container, &mut drain);
    let of = |place: usize| {
        let event: serde_json::Value = serde_json::from_str(&events.lines()[place]).unwrap();
        event["context"]["ip"].as_str().unwrap().to_owned()
    };
    assert_eq!(of(0), of(2));
    assert!(of(0) != of(1) && of(3).starts_with("hmac:k2:") && of(3) != of(0));
    assert_eq!(of(4), "[redacted]");
}

/// The event that is logged, behind a redactor.
fn redacted_by(redact: RedactBuilder, log: impl FnOnce(&Logger)) -> serde_json::Value {
    delivered_by(Container::builder().redactor_from(redact.build().into_factory()), log)
}

#[test]
fn a_redactor_that_hashes_under_the_same_key_makes_the_same_text() {
    let _key = with_key();
    let hash = Action::Hash(Arc::new(KeyedHash::new("k1", KEY).unwrap()));
    let event = redacted_by(Redact::builder().everything().action(DataClass::Email, hash), |log| {
        info!(log, "m", email = EMAIL, by_the_call = email(), note = format!("mail to {EMAIL}"));
    });
    let (context, expected) = (&event["context"], pseudonym(EMAIL).unwrap());
    assert_eq!((&context["email"], &context["by_the_call"]), (&expected.clone().into(), &expected.clone().into()));
    assert_eq!(context["note"], format!("mail to {expected}"));
}

#[test]
fn a_redactor_lists_what_the_call_has_redacted_and_leaves_it_as_it_is() {
    let _key = with_key();
    let expected = pseudonym(EMAIL).unwrap();
    let event = redacted_by(Redact::builder().everything().mask("***"), |log| {
        let (email, emails) = (email(), [Some(email()), None]);
        info!(log, "mail to {email}", email, emails, password = ~0, none = None::<Pii<u8>>, tags.user = email, n = 7);
    });
    assert_eq!(event["message"], format!("mail to {expected}"));
    let context = &event["context"];
    assert_eq!(context["email"], expected.as_str());
    assert_eq!(context["emails"], serde_json::json!([expected, null]));
    assert_eq!((&context["password"], &event["tags"]["user"]), (&"[redacted]".into(), &expected.as_str().into()));
    let listed = serde_json::json!(["context.email", "context.emails", "context.password", "tags.user"]);
    assert_eq!(context["redacted"], listed);
}

#[test]
fn an_event_that_is_redacted_by_the_call_alone_has_the_list_too() {
    let event = redacted_by(Redact::builder(), |log| info!(log, "m", note = ~0));
    assert_eq!(event["context"]["redacted"], serde_json::json!(["context.note"]));
    let without = redacted_by(Redact::builder().list_redacted(false), |log| info!(log, "m", note = ~0));
    assert_eq!((&without["context"]["note"], without["context"].get("redacted")), (&"[redacted]".into(), None));
}

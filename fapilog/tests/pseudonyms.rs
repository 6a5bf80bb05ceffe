//! Personal data is logged as a pseudonym, whatever way it comes. The key belongs to the process, and so does this program.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "all of this program is test code")]

mod law;

use std::{
    net::Ipv4Addr,
    sync::{Mutex, MutexGuard, PoisonError},
};

use fapilog::{
    Container, Logger, child,
    event::{Value, rendered, serialized},
    info,
    privacy::{Pii, pseudonym, remove_pseudonym_key, set_pseudonym_key},
    scope,
};
use law::{delivered, end, started_manual};
use serde::Serialize;

const EMAIL: &str = "ada@example.org";

/// A single test at a time has the key.
static HELD: Mutex<()> = Mutex::new(());

fn with_key() -> MutexGuard<'static, ()> {
    let held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
    set_pseudonym_key("k1", std::array::from_fn(|index| index as u8)).unwrap();
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
    assert!(expected.starts_with("pii:k1:"));
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
    set_pseudonym_key("k2", [1; 32]).unwrap_err(); // the former stays
    set_pseudonym_key("k2", std::array::from_fn(|index| 255 - index as u8)).unwrap();
    info!(log, "by another key", ip = ada);
    remove_pseudonym_key().unwrap();
    info!(log, "without a key", ip = ada);
    end(&container, &mut drain);
    let of = |place: usize| {
        let event: serde_json::Value = serde_json::from_str(&events.lines()[place]).unwrap();
        event["context"]["ip"].as_str().unwrap().to_owned()
    };
    assert_eq!(of(0), of(2));
    assert!(of(0) != of(1) && of(3).starts_with("pii:k2:") && of(3) != of(0));
    assert_eq!(of(4), "[redacted]");
}

//! Maps, tuples, structs and serialized values come out as they went in.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]
#![allow(dead_code, reason = "fields that are skipped are not read")]

mod law;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque},
    error::Error,
    fmt, io,
    marker::PhantomData,
};

use fapilog::{
    Container, Logger, Scope,
    event::{FieldGroup, Key, OwnedValue, Render, Value, rendered, serialized},
    format, info, sink,
};
use law::{delivered, end, only, parsed, started_manual};
use serde::{Serialize, Serializer};
use serde_json::{Value as Json, json};

fn back<T: Value>(value: T) -> Json {
    delivered(|log| info!(log, "a value", value = value))["context"]["value"].clone()
}

#[test]
fn a_map_is_an_object() {
    assert_eq!(back(BTreeMap::from([("b", 1), ("a", 2)])), json!({"a": 2, "b": 1}));
    assert_eq!(back(HashMap::from([(1_u8, vec!["x"]), (2, vec![])])), json!({"1": ["x"], "2": []}));
    assert_eq!(back(BTreeMap::from([("", BTreeMap::from([('ü', Some(true))]))])), json!({"": {"ü": true}}));
    assert_eq!(back(vec![BTreeMap::from([("a", 1)]), BTreeMap::new()]), json!([{"a": 1}, {}]));
    assert_eq!(back(None::<BTreeMap<&str, u8>>), Json::Null);
}

#[test]
fn a_tuple_and_a_collection_are_arrays() {
    assert_eq!(back((1, "a", [1.5], ((),))), json!([1, "a", [1.5], [null]]));
    assert_eq!(back(BTreeSet::from([2, 1])), json!([1, 2]));
    assert_eq!(back(HashSet::from(["a"])), json!(["a"]));
    assert_eq!(back(VecDeque::from([1, 2])), json!([1, 2]));
}

#[derive(Value)]
struct Order<'a, T, const N: usize> {
    id: u64,
    r#type: Side,
    #[fapilog(rename = "a b")]
    renamed: [T; N],
    note: &'a str,
    #[fapilog(skip)]
    skipped: PhantomData<fn()>,
    #[fapilog(skip)]
    secret: &'a str,
}

#[derive(Value, PartialEq, Eq, PartialOrd, Ord)]
enum Side {
    Buy,
    #[fapilog(rename = "sell short")]
    Sell,
}

#[derive(Value)]
struct Id(u32);

#[derive(Value)]
struct Pair<'a>(&'a str, #[fapilog(skip)] u8, u8);

#[derive(Value)]
struct Nothing;

#[derive(Value)]
struct Empty {}

#[derive(Value)]
struct EmptyTuple();

#[derive(Value, PartialEq, Eq, PartialOrd, Ord)]
enum Bare {
    Unit,
    Braces {},
    Parentheses(),
}

#[derive(Value)]
enum Kind<T> {
    Market,
    Closed {},
    Limit(f64),
    Stop(i8, T),
    Iceberg {
        shown: u8,
        #[fapilog(skip)]
        hidden: u8,
    },
}

#[derive(Value)]
struct List {
    head: u8,
    tail: Option<Box<List>>,
}

#[derive(Value)]
enum Never {}

#[test]
fn a_struct_is_an_object_of_its_fields() {
    let order =
        Order { id: 7, r#type: Side::Sell, renamed: [1.5], note: "x", skipped: PhantomData, secret: "swordfish" };
    let expected = json!({"id": 7, "type": "sell short", "a b": [1.5], "note": "x"});
    assert_eq!(back(&order), expected);
    assert_eq!(back(vec![Some(order)]), json!([expected]));
    assert_eq!(
        back(List { head: 1, tail: Some(List { head: 2, tail: None }.into()) }),
        json!({
            "head": 1, "tail": {"head": 2, "tail": null}
        })
    );
    assert_eq!(back(Pair("a", 1, 2)), json!(["a", 2]));
}

#[test]
fn a_struct_without_fields_is_nothing_however_it_is_written() {
    assert_eq!((back(Nothing), back(Empty {}), back(EmptyTuple())), (Json::Null, Json::Null, Json::Null));
    assert_eq!(back((1, Empty {})), json!([1, null]));
}

#[test]
fn a_variant_without_fields_is_its_name_however_it_is_written() {
    assert_eq!(back([Bare::Unit, Bare::Braces {}, Bare::Parentheses()]), json!(["Unit", "Braces", "Parentheses"]));
    assert_eq!(back(BTreeMap::from([(Bare::Braces {}, 1)])), json!({"Braces": 1}));
    assert_eq!(back((Kind::<u8>::Limit(1.5), Kind::<u8>::Closed {})), json!([{"Limit": 1.5}, "Closed"]));
}

#[test]
fn a_struct_around_a_value_is_the_value() {
    assert_eq!((back(Id(7)), back([Id(7), Id(8)])), (json!(7), json!([7, 8])));
    assert_eq!(back((Id(7), Some(Id(8)))), json!([7, 8]));
}

#[test]
fn an_enum_is_its_variant() {
    assert_eq!(
        (back(Side::Buy), back(Some(Side::Sell)), back(None::<Never>)),
        (json!("Buy"), json!("sell short"), Json::Null)
    );
    assert_eq!(back(Kind::<u8>::Market), "Market");
    assert_eq!(back(Kind::<u8>::Limit(1.5)), json!({"Limit": 1.5}));
    assert_eq!(back(Kind::Stop(-1, "x")), json!({"Stop": [-1, "x"]}));
    assert_eq!(back(Kind::<u8>::Iceberg { shown: 1, hidden: 2 }), json!({"Iceberg": {"shown": 1}}));
    assert_eq!(back(BTreeMap::from([(Side::Buy, 1), (Side::Sell, 2)])), json!({"Buy": 1, "sell short": 2}));
}

mod renamed {
    pub(crate) use fapilog as logging;
}

#[derive(Value)]
#[fapilog(crate = crate::renamed::logging)]
struct OfARenamedCrate {
    a: u8,
}

#[test]
fn a_derive_takes_the_path_of_the_crate() {
    assert_eq!(back(OfARenamedCrate { a: 1 }), json!({"a": 1}));
}

#[derive(Debug)]
struct Shown(&'static str);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        assert_ne!(self.0, "sour", "on purpose");
        write!(f, "<{}>", self.0)
    }
}

#[derive(Value)]
struct Report<D, E> {
    id: u8,
    #[fapilog(display)]
    shown: D,
    #[fapilog(debug, rename = "debugged")]
    debug: Option<Shown>,
    #[fapilog(error)]
    error: E,
    #[fapilog(error)]
    cause: Option<Box<dyn Error>>,
    #[fapilog(rendered)]
    inner: Vec<Inner>,
}

#[derive(Value)]
enum Inner {
    Plain,
    Shown(#[fapilog(display)] Shown),
}

fn report(shown: &'static str) -> Report<Shown, io::Error> {
    let inner = vec![Inner::Plain, Inner::Shown(Shown(shown))];
    Report {
        id: 7,
        shown: Shown(shown),
        debug: Some(Shown("b")),
        error: io::Error::other("is locked"),
        cause: Some("disk on fire".into()),
        inner,
    }
}

#[test]
fn a_struct_with_rendered_fields_is_rendered_before_the_call() {
    let expected = |shown: &str| {
        json!({
            "id": 7, "shown": shown, "debugged": "Some(Shown(\"b\"))", "error": "is locked", "cause": "disk on fire",
            "inner": ["Plain", {"Shown": shown}]
        })
    };
    assert_eq!(back(rendered(&report("a"))), expected("<a>"));
    assert_eq!(back(rendered(&[Some(report("a"))])), json!([expected("<a>")]));
    assert_eq!(back(rendered(&report("sour"))), expected("<panicked while it was formatted>"));
    assert_eq!(back((1, rendered(&Inner::Plain))), json!([1, "Plain"]));
}

#[derive(Value)]
struct Optional<'a, T> {
    #[fapilog(display)]
    shown: Option<T>,
    #[fapilog(display)]
    borrowed: &'a std::option::Option<Shown>,
}

#[test]
fn an_option_is_displayed_by_the_value_in_it() {
    let given = Optional { shown: Some(Shown("a")), borrowed: &Some(Shown("b")) };
    assert_eq!(back(rendered(&given)), json!({"shown": "<a>", "borrowed": "<b>"}));
    let missing = Optional::<Shown> { shown: None, borrowed: &None };
    assert_eq!(back(rendered(&missing)), json!({"shown": null, "borrowed": null}));
}

#[derive(Serialize)]
struct Served {
    id: u64,
    nested: BTreeMap<&'static str, (u8, Option<char>)>,
}

#[test]
fn a_serialized_value_is_what_serde_json_makes_of_it() {
    let served = Served { id: 7, nested: BTreeMap::from([("a", (1, None)), ("b", (2, Some('"')))]) };
    assert_eq!(back(serialized(&served)), serde_json::to_value(&served).unwrap());
    let value = json!({"a": [1, -1.5, "\u{1b}[2J", null, true], "b": {"c\n": {}}, "d": u64::MAX});
    assert_eq!(back(serialized(&value)), value);
}

struct Sour;

impl Serialize for Sour {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        panic!("on purpose")
    }
}

/// Logs while it is serialized.
struct Chatty<'a>(&'a Logger);

impl Serialize for Chatty<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        info!(self.0, "inside", inner = serialized(&[1]));
        serializer.serialize_str("outside")
    }
}

#[test]
fn a_serialize_may_panic_and_may_log() {
    assert_eq!(back(serialized(&(1, Sour))), "<panicked while it was serialized>");
    let (container, mut drain, events) = started_manual(Container::builder());
    let log = container.logger("values");
    info!(log, "outside", outer = serialized(&(2, Chatty(&log))));
    end(&container, &mut drain);
    let contexts: Vec<Json> = parsed(&events).into_iter().map(|event| event["context"].clone()).collect();
    assert_eq!(contexts, [json!({"inner": [1]}), json!({"outer": [2, "outside"]})]);
}

#[test]
fn a_map_can_be_a_field_of_a_scope_and_a_logger() {
    let (container, mut drain, events) = started_manual(Container::builder());
    let (map, pair) = (OwnedValue::of(&BTreeMap::from([("a", 1)])), OwnedValue::of(&(1, "b")));
    let entered = Scope::new().field(FieldGroup::Context, "map", map.view()).enter();
    info!(container.logger("values").with([("pair", pair.view())]), "in a scope");
    drop(entered);
    end(&container, &mut drain);
    assert_eq!(only(&events)["context"], json!({"map": {"a": 1}, "pair": [1, "b"]}));
}

#[test]
fn a_map_that_is_too_long_is_cut_behind_its_last_entry_and_named() {
    let map: BTreeMap<u32, String> = (0..100).map(|n| (n, "x".repeat(1000))).collect();
    let event = delivered(|log| info!(log, "long", map, short = "whole"));
    assert_eq!((&event["truncated_fields"], &event["context"]["short"]), (&json!(["context.map"]), &json!("whole")));
    let left = event["context"]["map"].as_object().unwrap();
    assert!((60..66).contains(&left.len()) && left.values().all(|text| text.as_str().unwrap().len() == 1000));
}

#[test]
fn a_map_in_the_text_formats_is_harmless_and_reads_as_one_value() {
    let map = BTreeMap::from([("a", "plain"), ("b:c", "two words"), ("d", "\u{1b}[2J\"")]);
    let line = |format: &str| {
        let (sink, events) = match format {
            "simple" => sink::Memory::new(format::Simple::new),
            "logfmt" => sink::Memory::new(format::Logfmt::new),
            _ => sink::Memory::new(format::Pretty::new),
        };
        let logs = Container::builder().sink("memory", sink).start().unwrap();
        info!(logs.logger("values"), "event", map, list = [(1, "x")], empty = BTreeMap::<u8, u8>::new());
        logs.shutdown(std::time::Duration::from_secs(5)).unwrap();
        events.lines().remove(0)
    };
    let people = r#" map={a: plain, "b:c": "two words", d: "\u001b[2J\""} list=[[1,x]] empty={}"#;
    assert!(line("simple").ends_with(people), "{}", line("simple"));
    assert!(line("pretty").ends_with(people), "{}", line("pretty"));
    let logfmt = r#" map="{a:plain,\"b:c\":\"two words\",d:\"\\u001b[2J\\\"\"}" list=[[1,x]] empty={}"#;
    assert!(line("logfmt").ends_with(logfmt), "{}", line("logfmt"));
}

/// The names that a program needs are public.
fn _generic<K: Key, V: Value, R: Render>(map: &HashMap<K, V>, render: &R, log: &Logger) {
    info!(log, "generic", map, rendered = rendered(render));
}

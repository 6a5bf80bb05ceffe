use std::{
    cell::RefCell,
    collections::{BTreeMap, HashMap},
};

use serde::ser::Error as _;
use serde_json::{json, value::RawValue};

use super::*;
use crate::{
    arguments::{Arg, End},
    as_logged,
    head::Head,
    value::{self, ValueRef},
    writer::write_record,
};

fn shown<T: Serialize + ?Sized>(value: &T) -> String {
    as_logged(&serialized(value), |value| value.to_string())
}

#[derive(Serialize)]
struct Order<'a> {
    id: u64,
    side: Side,
    #[serde(rename = "type")]
    kind: Kind,
    lots: (u8, Vec<f32>),
    note: Option<&'a str>,
    unit: Unit,
    #[serde(skip)]
    _secret: u8,
}

#[derive(Serialize)]
struct Unit;

#[derive(Serialize)]
struct Id(char);

#[derive(Serialize, PartialEq, Eq, Hash)]
enum Side {
    Buy,
}

#[derive(Serialize)]
enum Kind {
    Market,
    Limit(i32),
    Stop(i8, i16),
    Iceberg { shown: u128, hidden: i128 },
}

fn order(kind: Kind) -> Order<'static> {
    Order { id: 7, side: Side::Buy, kind, lots: (1, vec![1.5]), note: Some("x"), unit: Unit, _secret: 1 }
}

#[test]
fn a_struct_is_a_map_of_its_fields() {
    let text = |kind: &str| format!("{{id: 7, side: Buy, type: {kind}, lots: [1, [1.5]], note: x, unit: null}}");
    assert_eq!(shown(&order(Kind::Market)), text("Market"));
    assert_eq!(shown(&order(Kind::Limit(-1))), text("{Limit: -1}"));
    assert_eq!(shown(&order(Kind::Stop(-1, 2))), text("{Stop: [-1, 2]}"));
    let iceberg = Kind::Iceberg { shown: u128::MAX, hidden: i128::MIN };
    let digits = "{shown: 340282366920938463463374607431768211455, hidden: -170141183460469231731687303715884105728}";
    assert_eq!(shown(&order(iceberg)), text(&format!("{{Iceberg: {digits}}}")));
}

#[test]
fn a_scalar_is_the_scalar() {
    assert_eq!(
        [shown(&1.5), shown("a"), shown(&Id('c')), shown(&None::<u8>), shown(&())],
        ["1.5", "a", "c", "null", "null"]
    );
    as_logged(&serialized(&true), |value| assert_eq!(value, ValueRef::Bool(true)));
    as_logged(&serialized(&std::net::Ipv4Addr::LOCALHOST), |value| assert_eq!(value, ValueRef::Text("127.0.0.1")));
}

#[test]
fn a_value_of_serde_json_keeps_all_that_is_in_it() {
    let value = json!({"a": [1, -1, 1.5, u64::MAX, true, null], "b": {"c": "text", "": {}}});
    assert_eq!(shown(&value), "{a: [1, -1, 1.5, 18446744073709551615, true, null], b: {: {}, c: text}}");
    as_logged(&serialized(&json!(7)), |value| assert_eq!(value, ValueRef::U64(7)));
    as_logged(&serialized(&json!(-7)), |value| assert_eq!(value, ValueRef::I64(-7)));
    let numbers: serde_json::Value = serde_json::from_str("[-9223372036854775809, 1e400, 1e3]").unwrap();
    assert_eq!(shown(&numbers), "[-9223372036854775809, 1e+400, 1000.0]");
    assert_eq!(shown(&RawValue::from_string("[1, 2]".to_owned()).unwrap()), "[1, 2]");
}

#[test]
fn keys_are_the_texts_of_what_serde_takes_for_keys() {
    assert_eq!(shown(&BTreeMap::from([(1, 1), (-2, 2)])), "{-2: 2, 1: 1}");
    assert_eq!(shown(&HashMap::from([(Side::Buy, 'a')])), "{Buy: a}");
    let text =
        "<cannot be serialized: the key of a map must be text, an integer, a bool, a char or a variant without fields>";
    assert_eq!([shown(&BTreeMap::from([((1, 2), 1)])), shown(&BTreeMap::from([(None::<u8>, 1)]))], [text; 2]);
}

/// A `Serialize` that does as the test wants.
struct Odd(fn() -> Result<(), String>);

impl Serialize for Odd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        list.serialize_element(&1)?;
        (self.0)().map_err(S::Error::custom)?;
        list.end()
    }
}

#[test]
fn a_serialize_that_fails_or_panics_is_a_text_that_states_so() {
    assert_eq!(shown(&Odd(|| Ok(()))), "[1]");
    assert_eq!(shown(&Odd(|| Err("no luck".to_owned()))), "<cannot be serialized: no luck>");
    assert_eq!(shown(&(1, Odd(|| panic!("on purpose")))), "<panicked while it was serialized>");
    let long = shown(&Odd(|| Err("ä".repeat(9999))));
    assert_eq!(long.len(), "<cannot be serialized: >".len() + ERROR_MAX_BYTES);
}

/// A `Serialize` that ignores the errors of its parts.
struct Careless;

impl Serialize for Careless {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let _ = map.serialize_value(&1);
        let _ = map.serialize_entry("a", &Odd(|| Err("no luck".to_owned())));
        map.end()
    }
}

#[test]
fn an_error_counts_even_if_the_caller_ignores_it() {
    assert_eq!(shown(&Careless), "<cannot be serialized: a map has a value without a key>");
}

#[test]
fn values_made_while_another_is_made_do_not_get_mixed_up() {
    let outer = Odd(|| {
        assert_eq!(shown(&vec![1, 2]), "[1, 2]");
        assert_eq!(as_logged(&value::display(&"inner"), |value| value.to_string()), "inner");
        Ok(())
    });
    assert_eq!(shown(&(outer, "behind")), "[[1], behind]");
}

#[test]
fn values_can_be_dropped_in_any_order() {
    let (a, b, c) = (serialized("a"), serialized("b"), value::display(&"c"));
    drop(a);
    let d = serialized("d");
    assert_eq!(as_logged(&b, |b| b.to_string()), "b");
    drop(b);
    assert_eq!([as_logged(&c, |c| c.to_string()), as_logged(&d, |d| d.to_string())], ["c", "d"]);
    drop(c);
    drop(d);
    assert_eq!(shown("e"), "e");
}

thread_local! {
    static KEPT: RefCell<Vec<Prepared>> = const { RefCell::new(Vec::new()) };
}

#[test]
fn a_value_that_another_keeps_on_top_of_it_is_whole() {
    let keeping = Odd(|| {
        KEPT.with_borrow_mut(|kept| kept.push(serialized("kept")));
        Ok(())
    });
    assert_eq!(shown(&(keeping, "behind")), "[[1], behind]");
    KEPT.with_borrow_mut(|kept| {
        kept.drain(..).for_each(|kept| assert_eq!(as_logged(&kept, |kept| kept.to_string()), "kept"))
    });
}

struct LogsItself;

impl Serialize for LogsItself {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&shown(self))
    }
}

#[test]
fn a_value_that_logs_itself_is_stopped() {
    assert_eq!(shown(&LogsItself), "<a value that logs itself>");
}

#[test]
fn nine_levels_are_eight_and_the_event_is_marked() {
    let value = json!([[[[[[[[[1]]]]]]], 2]]);
    assert_eq!(shown(&value), "[[[[[[[[[...]]]]]]], 2]]");
    let deep = Kind::Stop(1, 2);
    assert_eq!(shown(&(((((((deep,),),),),),),)), "[[[[[[[{Stop: [...]}]]]]]]]");
    let value = serialized(&value);
    let mut record = [0; 200];
    assert!(write_record(&mut record, 0, &(Arg(&value), End), &[]).unwrap().is_cut);
}

#[test]
fn a_value_longer_than_a_record_is_cut_behind_its_last_whole_part() {
    let value = serialized(&("x".repeat(40_000), "y".repeat(40_000), 1));
    let mut record = vec![0; 100_000];
    assert!(write_record(&mut record, 0, &(Arg(&value), End), &[]).unwrap().is_cut);
    let ValueRef::Sequence(parts) = value::read(&record, Head::BYTES, &value::Kind::SelfTyped) else { panic!() };
    assert_eq!(parts.len(), 1);
    let long = serialized(&"ä".repeat(40_000));
    assert!(write_record(&mut record, 0, &(Arg(&long), End), &[]).unwrap().is_cut);
    let ValueRef::Text(text) = value::read(&record, Head::BYTES, &value::Kind::SelfTyped) else { panic!() };
    assert_eq!(text.len(), (64 * 1024 - 5) / 2 * 2);
}

#[test]
fn a_serialized_value_is_cut_with_its_record() {
    let value = serialized(&json!({"a": [1, 2, 3], "b": "text"}));
    let mut seen = Vec::new();
    for room in Head::BYTES + 9..120 {
        let mut record = vec![0; room];
        let written = write_record(&mut record, 0, &(Arg(&value), End), &[]).unwrap();
        let back = value::read(&record[..written.used_bytes], Head::BYTES, &value::Kind::SelfTyped).to_string();
        assert_eq!(written.is_cut, back != "{a: [1, 2, 3], b: text}", "in {room}");
        seen.push(back);
    }
    seen.dedup();
    assert_eq!(seen, ["null", "{}", "{a: []}", "{a: [1]}", "{a: [1, 2]}", "{a: [1, 2, 3]}", "{a: [1, 2, 3], b: text}"]);
}

#[test]
fn a_serialized_value_can_be_a_part_of_another() {
    let parts = (serialized(&json!({"a": 1})), BTreeMap::from([("b", serialized("c"))]));
    assert_eq!(as_logged(&parts, |value| value.to_string()), "[{a: 1}, {b: c}]");
}

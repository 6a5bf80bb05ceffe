//! Every value that the macros take comes out as it went in.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]
#![allow(clippy::needless_borrows_for_generic_args, reason = "what a reference is logged as is one of the questions")]

mod law;

use std::{
    borrow::Cow,
    error::Error,
    ffi::{OsStr, OsString},
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6},
    num::{NonZero, Saturating, Wrapping},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI8, AtomicU64},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use fapilog::{
    Container, Level, Logger, Scope,
    event::{Category, DynamicEvent, FieldGroup, Value, ValueRef},
    format::decode_marked_text,
    info,
};
use law::{delivered, end, only, parsed, started_manual};
use serde_json::{Value as Json, json};

/// A value as it comes out. All types use the same call site: their records must not be mixed up.
fn back<T: Value>(value: T) -> Json {
    delivered(|log| info!(log, "a value", value = value))["context"]["value"].clone()
}

fn digits(value: Json) -> String {
    assert!(value.is_number(), "{value}");
    value.to_string()
}

#[test]
fn integers_of_every_width_keep_every_digit() {
    macro_rules! both_ends {
        ($($type:ty)*) => {$(
            for n in [<$type>::MIN, <$type>::MAX, 0, 1] {
                assert_eq!(digits(back(n)), n.to_string());
            }
        )*};
    }
    both_ends!(i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize);
}

#[test]
fn finite_floats_read_back_the_same() {
    let least = f64::from_bits(1);
    for x in [0.0, -0.0, 1.0, 0.1, -2.5, 1e21, 1e-7, f64::MIN, f64::MAX, f64::EPSILON, f64::MIN_POSITIVE, least] {
        let text = digits(back(x));
        assert_eq!(text.parse::<f64>().unwrap().to_bits(), x.to_bits(), "{text}");
    }
    for x in [0.1_f32, f32::MIN, f32::MAX, f32::from_bits(1)] {
        let text = digits(back(x));
        assert_eq!(text.parse::<f32>().unwrap().to_bits(), x.to_bits(), "{text}");
    }
}

#[test]
fn a_short_float_stays_short() {
    assert_eq!((digits(back(0.1_f32)), digits(back(101.25))), ("0.1".to_owned(), "101.25".to_owned()));
}

#[test]
fn floats_that_json_has_no_number_for_are_named() {
    assert_eq!([back(f64::NAN), back(f64::INFINITY), back(f64::NEG_INFINITY)], ["NaN", "Infinity", "-Infinity"]);
    assert_eq!([back(f32::NAN), back(f32::INFINITY), back(f32::NEG_INFINITY)], ["NaN", "Infinity", "-Infinity"]);
}

#[test]
fn bool_comes_out_as_it_is() {
    assert_eq!((back(true), back(false)), (json!(true), json!(false)));
}

#[test]
fn a_char_is_a_string() {
    for c in ['a', '"', '\0', '\u{7f}', 'ü', '\u{2028}', '😀', char::MAX] {
        assert_eq!(back(c), c.to_string());
    }
}

#[test]
fn text_of_every_type_comes_out_as_it_is() {
    let text = "quote \" backslash \\ newline \n tab \t null \0 escape \u{1b} umlaut ü astral 😀";
    assert_eq!(back(text), text);
    assert_eq!(back(&text), text);
    assert_eq!(back(text.to_owned()), text);
    assert_eq!(back(&text.to_owned()), text);
    assert_eq!(back(Cow::Borrowed(text)), text);
    assert_eq!(back(Cow::<str>::Owned(text.to_owned())), text);
    assert_eq!(back(Box::<str>::from(text)), text);
    assert_eq!(back(Arc::<str>::from(text)), text);
    assert_eq!(back(""), "");
}

#[test]
fn bytes_that_are_utf_8_are_a_string() {
    assert_eq!(back("grüße".as_bytes()), "grüße");
    assert_eq!(back(b"plain".to_vec()), "plain");
    assert_eq!(back(*b"plain"), "plain");
    assert_eq!(back(b"back\\slash"), "back\\slash");
}

#[test]
fn bytes_that_are_not_utf_8_come_out_marked_and_can_be_had_back() {
    let bytes = b"caf\xe9 \\ \x00\xff";
    let event = delivered(|log| info!(log, "bytes", value = bytes));
    assert_eq!(event["not_utf8"], json!(["context.value"]));
    assert_eq!(decode_marked_text(event["context"]["value"].as_str().unwrap()).unwrap(), bytes);
}

#[test]
fn a_message_that_is_not_utf_8_is_marked_as_well() {
    let line: &[u8] = b"\xc3 line";
    let event = delivered(|log| info!(log, line, tags.file = &b"\xff"[..]));
    assert_eq!(event["not_utf8"], json!(["message", "tags.file"]));
    assert_eq!(decode_marked_text(event["message"].as_str().unwrap()).unwrap(), line);
}

#[test]
fn an_option_is_its_value_or_null() {
    assert_eq!(back(Some(7)), 7);
    assert_eq!(back(None::<i32>), Json::Null);
    assert_eq!(back(Some("text")), "text");
    assert_eq!(back(None::<&str>), Json::Null);
    assert_eq!(back(Some(None::<u8>)), Json::Null);
    assert_eq!(back(Some(Some(3_u8))), 3);
    assert_eq!(back(Some(vec![1, 2])), json!([1, 2]));
}

#[test]
fn a_duration_is_a_number_of_seconds() {
    for (span, text) in [
        (Duration::ZERO, "0"),
        (Duration::from_millis(250), "0.25"),
        (Duration::from_nanos(1), "0.000000001"),
        (Duration::new(3, 999_999_999), "3.999999999"),
        (Duration::MAX, "18446744073709551615.999999999"),
    ] {
        assert_eq!(digits(back(span)), text);
    }
}

#[test]
fn a_time_is_an_rfc_3339_string() {
    let time = |seconds, nanos| UNIX_EPOCH + Duration::new(seconds, nanos);
    assert_eq!(back(time(0, 0)), "1970-01-01T00:00:00.000000000Z");
    assert_eq!(back(time(1_769_903_999, 123_456_789)), "2026-01-31T23:59:59.123456789Z");
    assert_eq!(back(time(951_782_400, 0)), "2000-02-29T00:00:00.000000000Z");
}

#[test]
fn a_time_before_1970_is_a_string_of_seconds() {
    assert_eq!(back(UNIX_EPOCH - Duration::from_millis(1500)), "-1.5");
    assert_eq!(back(UNIX_EPOCH - Duration::from_nanos(1)), "-0.000000001");
    assert_eq!(back(UNIX_EPOCH - Duration::from_secs(86_400)), "-86400");
}

#[test]
fn a_time_beyond_rfc_3339_is_a_string_of_seconds() {
    let far = SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 40);
    assert_eq!(back(far), (1_u64 << 40).to_string());
}

#[test]
fn an_address_is_a_string() {
    let (v4, v6) = (Ipv4Addr::new(192, 0, 2, 1), "2001:db8::8a2e:370:7334".parse::<Ipv6Addr>().unwrap());
    assert_eq!((back(v4), back(IpAddr::V4(v4))), (json!("192.0.2.1"), json!("192.0.2.1")));
    assert_eq!((back(v6), back(IpAddr::V6(v6))), (json!(v6.to_string()), json!(v6.to_string())));
}

#[test]
fn a_socket_address_is_a_string() {
    let v4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 80);
    let v6 = SocketAddrV6::new("fe80::1".parse().unwrap(), 65_535, 7, 2);
    assert_eq!((back(v4), back(SocketAddr::V4(v4))), (json!("127.0.0.1:80"), json!("127.0.0.1:80")));
    assert_eq!((back(v6), back(SocketAddr::V6(v6))), (json!("[fe80::1%2]:65535"), json!("[fe80::1%2]:65535")));
}

#[test]
fn a_path_is_a_string() {
    let path = Path::new("/var/log/größe");
    assert_eq!([back(path), back(path.to_path_buf()), back(Cow::Borrowed(path))], ["/var/log/größe"; 3]);
    let name = OsStr::new("größe");
    assert_eq!([back(name), back(name.to_owned()), back(Cow::Borrowed(name))], ["größe"; 3]);
    assert_eq!(back(vec![PathBuf::from("a"), PathBuf::from("b")]), json!(["a", "b"]));
}

#[test]
fn a_path_that_is_not_utf_8_comes_out_marked_and_can_be_had_back() {
    let path = OsString::from("/tmp/").as_bytes().iter().chain(b"\xff").copied().collect::<Vec<u8>>();
    let event = delivered(|log| info!(log, "path", value = Path::new(OsStr::from_bytes(&path))));
    assert_eq!(event["not_utf8"], json!(["context.value"]));
    assert_eq!(decode_marked_text(event["context"]["value"].as_str().unwrap()).unwrap(), path);
}

#[test]
fn a_value_in_a_pointer_is_the_value() {
    let mut number = 7_u8;
    assert_eq!([back(Box::new(7)), back(Rc::new(7)), back(Arc::new(7)), back(&mut number)], [7, 7, 7, 7]);
    assert_eq!([back(Box::<str>::from("a")), back(Rc::<str>::from("a")), back(Arc::new(String::from("a")))], ["a"; 3]);
    assert_eq!(back(Arc::<[u8]>::from(*b"bytes")), "bytes");
    assert_eq!(back(Box::<[i32]>::from([1, 2])), json!([1, 2]));
    assert_eq!([back(Cow::Borrowed(&7_u8)), back(Cow::<u8>::Owned(7))], [7, 7]);
    assert_eq!([back(Cow::Borrowed(&[7][..])), back(Cow::<[i32]>::Owned(vec![7]))], [json!([7]), json!([7])]);
    assert_eq!(back(vec![Some(Box::new("a")), None]), json!(["a", null]));
}

#[test]
fn a_wrapped_number_is_the_number() {
    assert_eq!(
        [back(NonZero::new(7_u8)), back(NonZero::new(-7_i128)), back(NonZero::<u64>::MAX)],
        [json!(7), json!(-7), json!(u64::MAX)]
    );
    assert_eq!([back(Wrapping(7)), back(Saturating(7))], [7, 7]);
    assert_eq!((back(AtomicU64::new(7)), back(AtomicI8::new(-7))), (json!(7), json!(-7)));
    assert_eq!(back([AtomicBool::new(true), AtomicBool::new(false)]), json!([true, false]));
}

#[test]
fn nothing_is_null() {
    assert_eq!((back(()), back(Some(()))), (Json::Null, Json::Null));
}

#[test]
fn a_uuid_is_a_string() {
    let text = "f81d4fae-7dec-11d0-a765-00a0c91e6bf6";
    assert_eq!(back(uuid::Uuid::parse_str(text).unwrap()), text);
}

#[test]
fn sequences_are_arrays() {
    assert_eq!(back([1, -2, 3]), json!([1, -2, 3]));
    assert_eq!(back(&[1.5, 2.5][..]), json!([1.5, 2.5]));
    assert_eq!(back(vec!["a", "", "grüße"]), json!(["a", "", "grüße"]));
    assert_eq!(back(vec!["a".to_owned(), "b".to_owned()]), json!(["a", "b"]));
    assert_eq!(back([true, false]), json!([true, false]));
    assert_eq!(back(Vec::<u64>::new()), json!([]));
    assert_eq!(back([None, Some(1_u16)]), json!([null, 1]));
    assert_eq!(back([Duration::from_secs(1), Duration::from_millis(1)]), json!([1, 0.001]));
}

#[test]
fn sequences_can_be_nested() {
    assert_eq!(back([[1, 2], [3, 4]]), json!([[1, 2], [3, 4]]));
    assert_eq!(back(vec![vec!["a"], vec![], vec!["b", "c"]]), json!([["a"], [], ["b", "c"]]));
    assert_eq!(back(vec![b"ab".to_vec(), b"".to_vec()]), json!(["ab", ""]));
    assert_eq!(back([Some(vec![Some("x"), None])]), json!([["x", null]]));
}

#[derive(Debug)]
struct Order {
    id: u32,
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "order {}", self.id)
    }
}

#[derive(Debug)]
struct Failed(Option<Box<Failed>>, &'static str);

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.1)
    }
}

impl Error for Failed {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.as_deref().map(|inner| inner as &dyn Error)
    }
}

#[test]
fn anything_else_is_logged_by_its_text() {
    let order = Order { id: 7 };
    let event = delivered(|log| info!(log, "order", shown = %order, debugged = ?order, %order, tags.order = ?order));
    let shown = json!({"shown": "order 7", "debugged": "Order { id: 7 }", "order": "order 7"});
    assert_eq!((&event["context"], &event["tags"]["order"]), (&shown, &json!("Order { id: 7 }")));
}

#[test]
fn an_error_is_logged_with_its_sources() {
    let inner = Failed(Some(Box::new(Failed(None, "disk on fire"))), "cannot write");
    let error = Failed(Some(Box::new(inner)), "cannot save");
    let event = delivered(|log| info!(log, "failed", cause = #error, #error));
    let chain = "cannot save: cannot write: disk on fire";
    assert_eq!(event["context"], json!({"cause": chain, "error": chain}));
}

#[test]
fn an_error_in_a_box_is_logged_with_its_sources() {
    let error = || Failed(Some(Box::new(Failed(None, "disk on fire"))), "cannot save");
    let [boxed, sent]: [Box<dyn Error>; 2] = [Box::new(error()), Box::<dyn Error + Send + Sync>::from(error())];
    let (borrowed, none): (&dyn Error, Option<Box<dyn Error>>) = (&*boxed, None);
    let event = delivered(|log| info!(log, "failed", #boxed, #sent, #borrowed, #none, some = #Some(error())));
    let text = "cannot save: disk on fire";
    let expected = json!({"boxed": text, "sent": text, "borrowed": text, "none": null, "some": text});
    assert_eq!(event["context"], expected);
}

#[test]
fn several_rendered_arguments_do_not_get_mixed_up() {
    let event = delivered(|log| info!(log, %"message", a = %1, b = ?"two", c = %3, d = 4, e = ?Some(5)));
    assert_eq!(event["message"], "message");
    assert_eq!(event["context"], json!({"a": "1", "b": "\"two\"", "c": "3", "d": 4, "e": "Some(5)"}));
}

#[test]
fn the_message_can_be_any_expression() {
    let name = "orders";
    let messages = [
        delivered(|log| info!(log, "literal")),
        delivered(|log| info!(log, name)),
        delivered(|log| info!(log, format!("{name} {}", 7))),
        delivered(|log| info!(log, %Order { id: 7 })),
        delivered(|log| info!(log, ?Order { id: 7 })),
        delivered(|log| info!(log, "")),
    ];
    let messages = messages.map(|event| event["message"].clone());
    assert_eq!(messages, ["literal", "orders", "orders 7", "order 7", "Order { id: 7 }", ""]);
}

#[test]
fn an_event_without_fields_has_no_field_groups() {
    let event = delivered(|log| info!(log, "alone"));
    assert!(["context", "tags", "metrics", "correlation_id", "truncated"].iter().all(|key| event.get(key).is_none()));
}

#[test]
fn every_event_has_the_place_and_time_of_its_log_call() {
    let event = delivered(|log| info!(log, "alone",));
    assert_eq!((&event["target"], &event["source"]), (&json!("values"), &json!("values")));
    assert_eq!(
        (&event["level"], &event["severity"], &event["category"]),
        (&json!("INFO"), &json!(3), &json!("SYSTEM"))
    );
    assert_eq!(event["timestamp"].as_str().unwrap().len(), "2026-01-31T23:59:59.123456789Z".len());
}

#[test]
fn a_key_chooses_its_field_group() {
    let (venue, latency) = ("XNAS", 3.2);
    let event = delivered(|log| {
        info!(log, "keys", venue, "quoted key" = 1, r#type = 2, tags.venue = venue, tags."a b" = 3, metrics.latency = latency,
            metrics."p 99" = 9, context.plain = 4);
    });
    assert_eq!(event["context"]["venue"], "XNAS");
    assert_eq!((&event["context"]["quoted key"], &event["context"]["plain"]), (&json!(1), &json!(4)));
    assert_eq!(event["tags"], json!({"venue": "XNAS", "a b": 3}));
    assert_eq!(event["metrics"], json!({"latency": 3.2, "p 99": 9}));
}

#[test]
fn a_call_can_have_forty_fields() {
    let event = delivered(|log| {
        info!(log, "many", f1 = 1, f2 = 2, f3 = 3, f4 = 4, f5 = 5, f6 = 6, f7 = 7, f8 = 8, f9 = 9, f10 = 10, f11 = 11,
            f12 = 12, f13 = 13, f14 = 14, f15 = 15, f16 = 16, f17 = 17, f18 = 18, f19 = 19, f20 = 20, f21 = "21",
            f22 = "22", f23 = "23", f24 = "24", f25 = "25", f26 = "26", f27 = "27", f28 = "28", f29 = "29", f30 = "30",
            f31 = %31, f32 = %32, f33 = %33, f34 = %34, f35 = %35, f36 = ?36, f37 = ?37, f38 = ?38, f39 = ?39, f40 = 40);
    });
    let context = event["context"].as_object().unwrap();
    assert_eq!(context.len(), 40);
    for number in 1..=40_u64 {
        let value = &context[&format!("f{number}")];
        assert!(*value == number || *value == number.to_string().as_str(), "f{number} is {value}");
    }
}

#[test]
fn a_key_that_comes_twice_is_written_once_with_its_first_value() {
    let (container, mut drain, events) = started_manual(Container::builder());
    // The macros refuse it.
    let event = DynamicEvent::new(Level::Info, "values", "twice");
    let event = event.field(FieldGroup::Context, "key", 1.into()).field(FieldGroup::Context, "key", 2.into());
    container.logger("values").log_dynamic(&event.field(FieldGroup::Tags, "key", 3.into()));
    end(&container, &mut drain);
    let event = only(&events);
    assert_eq!((&event["context"]["key"], &event["tags"]["key"]), (&json!(1), &json!(3)));
    assert_eq!(events.lines()[0].matches("\"key\":").count(), 2);
}

#[test]
fn a_generic_function_keeps_its_types_apart() {
    fn log_one<T: Value>(log: &Logger, value: T) {
        info!(log, "generic", value = value);
    }
    let (container, mut drain, events) = started_manual(Container::builder());
    let log = container.logger("values");
    for _ in 0..3 {
        log_one(&log, 1_u8);
        log_one(&log, -1_i64);
        log_one(&log, "text");
        log_one(&log, Some(1.5));
        log_one(&log, [1, 2]);
    }
    end(&container, &mut drain);
    let values: Vec<_> = parsed(&events).iter().map(|event| event["context"]["value"].clone()).collect();
    let once = [json!(1), json!(-1), json!("text"), json!(1.5), json!([1, 2])];
    assert_eq!(values, [once.clone(), once.clone(), once].concat());
}

#[test]
fn text_that_is_too_long_is_cut_between_characters_and_marked_and_counted() {
    for prefix in ["", "a", "ab"] {
        let (container, mut drain, events) = started_manual(Container::builder().record_max_bytes(1024));
        let long = prefix.to_owned() + &"€".repeat(1000);
        info!(container.logger("values"), "long", long, number = 7);
        let accounts = end(&container, &mut drain);
        let event = only(&events);
        let cut = event["context"]["long"].as_str().unwrap();
        assert!(long.starts_with(cut) && cut.len() > 900, "{}", cut.len());
        assert_eq!((&event["truncated"], &event["context"]["number"]), (&json!(true), &json!(7)));
        assert_eq!((accounts.cut, accounts.delivered_total()), (1, 1));
    }
}

#[test]
fn sequences_and_bytes_that_are_too_long_are_cut_as_well() {
    let (container, mut drain, events) = started_manual(Container::builder().record_max_bytes(1024));
    let log = container.logger("values");
    info!(log, "long", value = (0..1000_u64).collect::<Vec<_>>());
    info!(log, "long", value = vec![b'x'; 5000]);
    info!(log, "long", value = vec!["some text"; 500]);
    let accounts = end(&container, &mut drain);
    let all = parsed(&events);
    assert!(all.iter().all(|event| event["truncated"] == true));
    let numbers = all[0]["context"]["value"].as_array().unwrap();
    assert!(numbers.len() > 100 && numbers.iter().enumerate().all(|(index, number)| *number == index));
    assert!(all[1]["context"]["value"].as_str().unwrap().len() > 900);
    assert_eq!(accounts.cut, 3);
}

#[test]
fn what_fits_is_not_marked() {
    let event = delivered(|log| info!(log, "fits", value = "x".repeat(60_000)));
    assert_eq!((event["context"]["value"].as_str().unwrap().len(), event.get("truncated")), (60_000, None));
}

#[test]
fn a_scope_adds_its_fields_and_correlation_id() {
    let scope = Scope::new().correlation_id("7f3a").field(FieldGroup::Tags, "region", ValueRef::Text("eu")).field(
        FieldGroup::Context,
        "user",
        ValueRef::U64(9),
    );
    let event = delivered(|log| {
        let _entered = scope.enter();
        info!(log, "inside", own = 1);
    });
    assert_eq!(event["correlation_id"], "7f3a");
    assert_eq!((&event["tags"], &event["context"]), (&json!({"region": "eu"}), &json!({"own": 1, "user": 9})));
}

#[test]
fn an_inner_scope_counts_before_an_outer_one_and_ends_first() {
    let (container, mut drain, events) = started_manual(Container::builder());
    let log = container.logger("values");
    let scope =
        |id: &str, depth| Scope::new().correlation_id(id).field(FieldGroup::Context, "depth", ValueRef::U64(depth));
    let outer = scope("outer", 1).enter();
    {
        let _inner = scope("inner", 2).enter();
        info!(log, "inside");
    }
    info!(log, "between");
    drop(outer);
    info!(log, "outside");
    end(&container, &mut drain);
    let all = parsed(&events);
    assert_eq!((&all[0]["correlation_id"], &all[0]["context"]["depth"]), (&json!("inner"), &json!(2)));
    assert_eq!((&all[1]["correlation_id"], &all[1]["context"]["depth"]), (&json!("outer"), &json!(1)));
    assert_eq!((all[2].get("correlation_id"), all[2].get("context")), (None, None));
}

#[test]
fn an_argument_counts_before_its_scope() {
    let (container, mut drain, events) = started_manual(Container::builder());
    let scope = Scope::new().field(FieldGroup::Context, "key", ValueRef::Text("scope"));
    let entered = scope.enter();
    info!(container.logger("values"), "both", key = "argument");
    drop(entered);
    end(&container, &mut drain);
    assert_eq!(only(&events)["context"], json!({"key": "argument"}));
    assert_eq!(events.lines()[0].matches("\"key\":").count(), 1);
}

#[test]
fn a_scope_belongs_to_its_thread() {
    let (container, mut drain, events) = started_manual(Container::builder());
    let log = container.logger("values");
    let entered = Scope::new().correlation_id("entered").enter();
    std::thread::spawn(move || info!(log, "elsewhere")).join().unwrap();
    drop(entered);
    end(&container, &mut drain);
    assert_eq!(only(&events).get("correlation_id"), None);
}

#[test]
fn a_scope_too_long_for_the_record_is_cut_and_the_event_marked() {
    let (container, mut drain, events) = started_manual(Container::builder().record_max_bytes(1024));
    let scope = Scope::new().field(FieldGroup::Context, "long", ValueRef::Text(&"x".repeat(2000)));
    let entered = scope.enter();
    info!(container.logger("values"), "inside", own = 1);
    drop(entered);
    assert_eq!(end(&container, &mut drain).cut, 1);
    let event = only(&events);
    let long = event["context"]["long"].as_str().unwrap();
    assert!(long.len() > 900 && event["context"]["own"] == 1, "{}", long.len());
    assert_eq!((&event["truncated"], &event["truncated_fields"]), (&json!(true), &json!(["context.long"])));
}

#[test]
fn a_dynamic_event_has_names_and_types_of_its_own() {
    let event = DynamicEvent::new(Level::Error, "adapter::rows", "a row came in")
        .category(Category::Business)
        .field(FieldGroup::Context, "rows", ValueRef::U64(u64::MAX))
        .field(FieldGroup::Context, "balance", ValueRef::I128(i128::MIN))
        .field(FieldGroup::Context, "none", ValueRef::None)
        .field(FieldGroup::Context, "bytes", ValueRef::Bytes(b"\xff"))
        .field(FieldGroup::Tags, "table", ValueRef::Text("orders \"x\""))
        .field(FieldGroup::Metrics, "took", ValueRef::Duration(Duration::from_millis(5)))
        .field(FieldGroup::CorrelationId, "", ValueRef::Text("7f3a"));
    let out = delivered(|log| log.log_dynamic(&event));
    assert_eq!((&out["level"], &out["category"]), (&json!("ERROR"), &json!("BUSINESS")));
    assert_eq!((&out["target"], &out["message"]), (&json!("adapter::rows"), &json!("a row came in")));
    assert_eq!(digits(out["context"]["rows"].clone()), u64::MAX.to_string());
    assert_eq!(digits(out["context"]["balance"].clone()), i128::MIN.to_string());
    assert_eq!((&out["context"]["none"], &out["not_utf8"]), (&Json::Null, &json!(["context.bytes"])));
    assert_eq!((&out["tags"]["table"], &out["metrics"]["took"]), (&json!("orders \"x\""), &json!(0.005)));
    assert_eq!(out["correlation_id"], "7f3a");
}

#[test]
fn a_dynamic_event_that_is_too_long_is_cut_in_its_longest_field_and_marked() {
    let (container, mut drain, events) = started_manual(Container::builder().record_max_bytes(1024));
    let event = DynamicEvent::new(Level::Info, "adapter", "long")
        .field(FieldGroup::Context, "first", ValueRef::U64(1))
        .field(FieldGroup::Context, "second", ValueRef::Text(&"x".repeat(2000)));
    container.logger("values").log_dynamic(&event);
    assert_eq!(end(&container, &mut drain).cut, 1);
    let out = only(&events);
    assert_eq!((&out["context"]["first"], &out["truncated"]), (&json!(1), &json!(true)));
    assert!(out["context"]["second"].as_str().unwrap().len() > 900);
    assert_eq!(out["truncated_fields"], json!(["context.second"]));
}

#[test]
fn a_dynamic_event_below_the_level_is_not_logged() {
    let (container, mut drain, events) = started_manual(Container::builder());
    container.logger("values").log_dynamic(&DynamicEvent::new(Level::Debug, "adapter", "unwanted"));
    assert_eq!(end(&container, &mut drain).submitted, 0);
    assert!(events.lines().is_empty());
}

//! Lines of CEF, read by a parser that knows the specification alone.

use fapilog_plugin::{settings::PluginConfig, testing::test_event};
use fapilog_record::{field_group::FieldGroup, level::Level, value::ValueRef};
use proptest::prelude::*;

use crate::{
    Cef,
    any_value::Owned,
    test_lines::{any_event, assert_each_once, by_settings, line, order_line},
};

/// A line that was read.
#[derive(Debug, PartialEq)]
struct ReadLine {
    /// Vendor, product, version, event class, name, severity.
    header: Vec<String>,
    extension: Vec<(String, String)>,
}

impl ReadLine {
    #[track_caller]
    fn of(line: &str) -> Self {
        let mut fields = vec![String::new()];
        let mut characters = line.strip_prefix("CEF:0|").unwrap().chars();
        // Six fields, and a pipe behind each.
        while fields.len() < 7 {
            let field = fields.last_mut().unwrap();
            match characters.next().unwrap() {
                '\\' => match characters.next().unwrap() {
                    escaped @ ('\\' | '|') => field.push(escaped),
                    other => panic!("\\{other} in the header of {line:?}"),
                },
                '|' => fields.push(String::new()),
                c => field.push(c),
            }
        }
        fields.pop();
        Self { header: fields, extension: extension(characters.as_str()) }
    }

    #[track_caller]
    fn get(&self, key: &str) -> &str {
        let (_, value) =
            self.extension.iter().find(|(known, _)| known == key).unwrap_or_else(|| panic!("no {key}: {self:?}"));
        value
    }
}

/// Keys and values. A value ends at the last space before a key.
#[track_caller]
fn extension(text: &str) -> Vec<(String, String)> {
    let signs: Vec<usize> = (0..text.len()).filter(|place| is_sign(text, *place)).collect();
    let key_start = |sign: usize| text[..sign].rfind(' ').map_or(0, |space| space + 1);
    let pair = |(index, sign): (usize, &usize)| {
        let end = signs.get(index + 1).map_or(text.len(), |next| key_start(*next) - 1);
        (text[key_start(*sign)..*sign].to_owned(), unescaped(&text[sign + 1..end]))
    };
    signs.iter().enumerate().map(pair).collect()
}

/// Whether an equal sign has an even number of backslashes before it.
fn is_sign(text: &str, place: usize) -> bool {
    let backslashes = text.as_bytes()[..place].iter().rev().take_while(|byte| **byte == b'\\').count();
    text.as_bytes()[place] == b'=' && backslashes % 2 == 0
}

#[track_caller]
fn unescaped(value: &str) -> String {
    let (mut text, mut characters) = (String::new(), value.chars());
    while let Some(c) = characters.next() {
        text.push(match c {
            '\\' => match characters.next().unwrap() {
                'n' => '\n',
                'r' => '\r',
                escaped @ ('\\' | '=') => escaped,
                other => panic!("\\{other} in {value:?}"),
            },
            c => c,
        });
    }
    text
}

#[test]
fn a_line_is_as_documented() {
    let formatter = Cef::new().vendor("Example|Inc").product("Orders").version("1.4.2");
    let expected = concat!(
        r"CEF:0|Example\|Inc|Orders|1.4.2|stage|order filled|3|rt=1769903999123 msg=order filled ",
        "externalId=000000000000-1-1 cat=SYSTEM deviceProcessName=matching-engine order_id=1769903999123456789",
    );
    assert_eq!(order_line(formatter), expected);
}

#[test]
fn the_defaults_name_fapilog_and_the_event_class_has_the_place_where_it_is_wanted() {
    let header = |formatter| ReadLine::of(&order_line(formatter)).header[..4].to_vec();
    assert_eq!(header(Cef::new()), ["fapilog", "fapilog", env!("CARGO_PKG_VERSION"), "stage"]);
    assert_eq!(header(Cef::new().call_site(true))[3], "stage staged.rs:1");
}

#[test]
fn the_severity_is_that_of_the_event() {
    let severity = |level| ReadLine::of(&line(Cef::new(), test_event("x").level(level))).header[5].clone();
    assert_eq!(Level::ALL.map(severity), ["1", "2", "3", "5", "7", "9", "8", "10"]);
}

#[test]
fn header_and_extension_are_escaped_each_in_its_way() {
    let event = test_event("a|b=c\\d\ne\u{1b}").target("t|=\\").field(FieldGroup::Context, "v", "x=1 y=2\r\n");
    let line = line(Cef::new(), event);
    assert!(line.contains(r"|t\|=\\|a\|b=c\\d e |3|"), "{line}");
    assert!(line.contains(r" msg=a|b\=c\\d\ne\\u001b externalId="), "{line}");
    assert!(line.ends_with(r" v=x\=1 y\=2\r\n"), "{line}");
    let read = ReadLine::of(&line);
    assert_eq!((read.header[4].as_str(), read.get("msg")), ("a|b=c\\d e ", "a|b=c\\d\ne\\u001b"));
    assert_eq!(read.get("v"), "x=1 y=2\r\n");
}

#[test]
fn fields_have_keys_of_the_dictionary_or_of_their_own_name() {
    let cases = [
        ("hostname", "dvchost"),
        ("process_id", "dvcpid"),
        ("user_id", "suid"),
        ("error", "reason"),
        ("order_id", "order_id"),
        ("client.address", "client_address"),
        ("a b", "a_b"),
        ("", "_"),
        ("src", "field_src"),
        ("msg", "field_msg"),
        ("truncated", "field_truncated"),
    ];
    for (name, key) in cases {
        let read = ReadLine::of(&line(Cef::new(), test_event("x").field(FieldGroup::Context, name, 7_u64)));
        assert_eq!(read.extension.last(), Some(&(key.to_owned(), "7".to_owned())), "{name}");
    }
}

#[test]
fn fields_get_the_keys_that_are_chosen_and_labels_where_the_key_has_some() {
    let formatter = Cef::new().field("client.address", "src").unwrap().field("tags.region", "cs2").unwrap();
    let formatter = formatter.field("latency", "cfp1").unwrap().field("node", "dvchost").unwrap();
    let event = test_event("x")
        .field(FieldGroup::Context, "client.address", "10.0.0.1")
        .field(FieldGroup::Context, "latency", 0.5)
        .field(FieldGroup::Context, "region", "other")
        .field(FieldGroup::Context, "hostname", "h")
        .field(FieldGroup::Tags, "region", "eu");
    let line = line(formatter, event);
    let end = " src=10.0.0.1 cfp1Label=latency cfp1=0.5 region=other hostname=h cs2Label=region cs2=eu";
    assert!(line.ends_with(end), "{line}");
}

#[test]
fn keys_that_cannot_be_chosen_are_refused() {
    let refused = |name: &str, key: &str| Cef::new().field("first", "suser").unwrap().field(name, key).unwrap_err();
    assert_eq!(refused("a", "a b").to_string(), "fields.a is a b; a key is made of letters, digits and _");
    assert!(refused("a", "").to_string().contains("letters"));
    assert!(refused("a", "msg").to_string().contains("each line has this key already"));
    assert!(refused("a", "cs2Label").to_string().contains("a label is written with the key"));
    let twice = refused("a", "suser");
    assert_eq!((twice.beside.as_deref(), twice.allowed.as_str()), (Some("fields.first"), "a key of no other field"));
    assert!(Cef::new().field("a", "suser").unwrap().field("a", "duser").is_ok());
}

#[test]
fn correlation_id_marks_and_twins_have_their_keys() {
    let event = test_event("x")
        .field(FieldGroup::CorrelationId, "", "7f3a")
        .field(FieldGroup::Context, "raw", ValueRef::Bytes(b"\\\xff"))
        .field(FieldGroup::Tags, "raw", "b");
    let line = line(Cef::new(), event);
    let end = r" cs1Label=correlation_id cs1=7f3a raw=\\\\\\xff raw_2=b notUtf8=context.raw";
    assert!(line.ends_with(end), "{line}");
    let read = ReadLine::of(&line);
    assert_eq!(crate::decode_marked_text(read.get("raw")).unwrap(), b"\\\xff");
}

#[test]
fn lists_and_maps_are_their_json() {
    let of = |value: &Owned| {
        let event = |value: ValueRef<'_>| line(Cef::new(), test_event("x").field(FieldGroup::Context, "v", value));
        ReadLine::of(&value.view(event)).get("v").to_owned()
    };
    let map = Owned::Map(vec![("k=".to_owned(), Owned::Plain(ValueRef::Bool(true)))]);
    assert_eq!(of(&Owned::Sequence(vec![map, Owned::Text("\\".to_owned())])), r#"[{"k=":true},"\\"]"#);
    assert_eq!(of(&Owned::Plain(ValueRef::None)), "null");
    assert_eq!(of(&Owned::Plain(ValueRef::F64(f64::NAN))), "NaN");
}

#[test]
fn settings_change_the_header_and_the_keys() {
    let fields = PluginConfig::new().with("order_id", "cs2");
    let config =
        PluginConfig::new().with("vendor", "v").with("product", "p").with("version", "1").with("call_site", true);
    let read = ReadLine::of(&order_line(by_settings("cef", &config.with("fields", fields)).ok().unwrap()));
    assert_eq!(read.header[..4], ["v", "p", "1", "stage staged.rs:1"]);
    assert_eq!((read.get("cs2Label"), read.get("cs2")), ("order_id", "1769903999123456789"));
    let fields = PluginConfig::new().with("a", "msg").with("b", "suser").with("c", "x y");
    let problems = by_settings("cef", &PluginConfig::new().with("fields", fields)).err().unwrap();
    let starts = ["fields.a is msg; each line", "fields.c is x y; a key"];
    assert!(problems.iter().zip(starts).all(|(problem, start)| problem.starts_with(start)), "{problems:?}");
    assert_eq!(problems.len(), 2, "{problems:?}");
}

/// The text of a value of CEF: control characters but line ends are texts of their codes.
fn with_codes(text: &str) -> String {
    let code = |c: char| match c {
        '\n' | '\r' => c.to_string(),
        c if crate::control_characters::is_control(c) => {
            c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect()
        }
        c => c.to_string(),
    };
    text.chars().map(code).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: if cfg!(miri) { 2 } else { 128 }, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_event_reads_back_by_the_specification(event in any_event()) {
        let line = event.line(Cef::new());
        prop_assert!(!line.contains(char::is_control), "{:?}", line);
        let read = ReadLine::of(&line);
        let keys: Vec<&str> = read.extension.iter().map(|(key, _)| key.as_str()).collect();
        assert_each_once(&keys);
        prop_assert_eq!(&keys[..5], ["rt", "msg", "externalId", "cat", "deviceProcessName"]);
        prop_assert!(keys.iter().all(|key| !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')));
        prop_assert_eq!(read.get("msg"), with_codes(event.message()));
        let marks = keys.iter().filter(|key| **key == "notUtf8").count();
        prop_assert_eq!(keys.len() - marks, 5 + event.field_count());
    }
}

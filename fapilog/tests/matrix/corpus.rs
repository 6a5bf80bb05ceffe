//! Values with control characters, in every place that an event has for them.

use std::{
    net::Ipv6Addr,
    time::{Duration, UNIX_EPOCH},
};

use fapilog::{
    Container, Level, Logger, Scope, audit, critical, debug, error,
    event::{DynamicEvent, FieldGroup, ValueRef},
    info, security, trace, warn,
};

use crate::logged::{Datum, Logged, bytes, integer, text};

/// The target of the events that the macros of this module log.
const MODULE: &str = module_path!();

const MIB: usize = 1 << 20;

/// The longest name of a logger, in bytes.
const SOURCE_MAX_BYTES: usize = 255;

/// Keys that formats have for themselves, or make by themselves.
const RESERVED: [&str; 22] = [
    "time",
    "timestamp",
    "level",
    "severity",
    "category",
    "source",
    "target",
    "event_id",
    "msg",
    "message",
    "correlation_id",
    "truncated",
    "not_utf8",
    "context",
    "tags",
    "metrics",
    "tags.x",
    "metrics.x",
    "field.x",
    "field.level",
    "field.",
    "tags.",
];

/// Logs everything, and returns a list of it.
pub(crate) fn log_all(container: &Container) -> Vec<Logged> {
    let log = container.logger(crate::logged::SOURCE);
    let mut all = Vec::new();
    levels(&log, &mut all);
    numbers(&log, &mut all);
    other_values(&log, &mut all);
    sequences(&log, &mut all);
    not_utf8(&log, &mut all);
    literals(&log, &mut all);
    control_texts().iter().for_each(|control| everywhere(container, &log, control, &mut all));
    clashing_keys(&log, &mut all);
    one_key_several_times(&log, &mut all);
    messages_that_are_no_text(&log, &mut all);
    dangerous_messages(&log, &mut all);
    long(container, &log, &mut all);
    all
}

/// Texts that break out of a line, out of quotes, or out of a terminal, and texts that look like something else.
fn control_texts() -> Vec<String> {
    let controls = ('\0'..='\x1f').chain('\x7f'..='\u{9f}');
    let turning =
        ['\u{61c}', '\u{200e}', '\u{200f}'].into_iter().chain('\u{2028}'..='\u{202e}').chain('\u{2066}'..='\u{2069}');
    let odd =
        ['\u{a0}', '\u{ad}', '\u{200b}', '\u{3000}', '\u{feff}', '\u{fffd}', '\u{fffe}', '\u{e000}', '😀', char::MAX];
    let alone = controls.chain(turning).chain(odd).map(|c| format!("a{c}b"));
    let whole = [
        "",
        " ",
        "  ",
        " leading",
        "trailing ",
        "two  spaces",
        "\u{a0}",
        "\u{3000}edge\u{3000}",
        "\r\n",
        "a\r\nb",
        "\n",
        "\0",
        "\0\0\0",
        "\u{1b}[31mred\u{1b}[0m",
        "\u{1b}[2J\u{1b}[H",
        "\u{1b}]0;title\u{7}",
        "\u{1b}]8;;http://x\u{1b}\\link",
        "\u{9b}31m",
        "\u{9d}0;title\u{9c}",
        "\u{1b}P1$r\u{1b}\\",
        "\u{202e}gnp.exe",
        "\"",
        "\"\"",
        "\\",
        "\\\\",
        "\\\"",
        "\\n",
        "\\u000a",
        "\\xff",
        "\\x",
        "'",
        "`",
        "/",
        "</x>",
        "=",
        "a=b",
        "a=",
        "=b",
        "level=ERROR",
        "x level=ERROR msg=forged",
        "x truncated=true",
        "key=\"",
        "key=\"v\" ",
        "[",
        "]",
        "[]",
        "[a,b]",
        "[\"a\",\"b\"]",
        ",",
        "a,b",
        "{",
        "}",
        "{\"a\":1}",
        "\",\"level\":\"ERROR",
        "%",
        "%41",
        "%25",
        "%%",
        "100%",
        "null",
        "true",
        "false",
        "NaN",
        "Infinity",
        "0",
        "-1",
        "1e9",
        "0.25s",
        "x\n2026-11-24T10:00:00.123456789Z ERROR root [auth] forged user=root",
        "x\r{\"level\":\"ERROR\",\"message\":\"forged\"}",
        "u\u{308}ber",
        "ß",
        "日本語",
        "👩‍👩‍👧",
        "𝔘𝔫𝔦",
    ];
    alone.chain(whole.map(str::to_owned)).collect()
}

/// A text in every place that takes one.
fn everywhere(container: &Container, log: &Logger, control: &str, all: &mut Vec<Logged>) {
    let value = || text(control);
    info!(log, control);
    all.push(Logged::new(MODULE, value()));
    info!(log, control, after = 1, tags.after = control);
    all.push(Logged::new(MODULE, value()).context("after", integer(1)).field(FieldGroup::Tags, "after", value()));
    info!(log, "a value", text = control, shown = %control, tags.text = control, metrics.text = control, end = true);
    all.push(
        Logged::new(MODULE, text("a value"))
            .context("text", value())
            .context("shown", value())
            .field(FieldGroup::Tags, "text", value())
            .field(FieldGroup::Metrics, "text", value())
            .context("end", Datum::Bool(true)),
    );
    info!(log, "elements", list = [control, "x", control], nested = vec![vec![control], vec![]]);
    let nested = Datum::List(vec![Datum::List(vec![value()]), Datum::List(Vec::new())]);
    all.push(
        Logged::new(MODULE, text("elements"))
            .context("list", Datum::List(vec![value(), text("x"), value()]))
            .context("nested", nested),
    );

    info!(container.logger(control), "a source");
    all.push(Logged::new(MODULE, text("a source")).source(control));
    {
        let _entered =
            Scope::new().correlation_id(control).field(FieldGroup::Context, control, ValueRef::Text(control)).enter();
        info!(log, "in a scope", own = control);
    }
    all.push(
        Logged::new(MODULE, text("in a scope"))
            .correlation_id(control)
            .context(control, value())
            .context("own", value()),
    );
    info!(log.with([(control, ValueRef::Text(control))]), "by a child");
    all.push(Logged::new(MODULE, text("by a child")).context(control, value()));

    let event = DynamicEvent::new(Level::Warning, control, control);
    let keyed = [FieldGroup::Context, FieldGroup::Tags, FieldGroup::Metrics];
    log.log_dynamic(
        &keyed.into_iter().fold(event, |event, group| event.field(group, control, ValueRef::Text(control))),
    );
    let logged = Logged::new(control, value()).level("WARNING");
    all.push(keyed.into_iter().fold(logged, |logged, group| logged.field(group, control, value())));
}

fn levels(log: &Logger, all: &mut Vec<Logged>) {
    trace!(log, "a level");
    debug!(log, "a level");
    info!(log, "a level");
    warn!(log, "a level");
    error!(log, "a level");
    critical!(log, "a level");
    audit!(log, "a level");
    security!(log, "a level");
    let names = ["TRACE", "DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL", "AUDIT", "SECURITY"];
    all.extend(names.map(|name| Logged::new(MODULE, text("a level")).level(name)));
}

/// Logs a value by a macro, and where `ValueRef` has it by a dynamic event too.
macro_rules! log_value {
    ($log:ident, $all:ident, $value:expr, $datum:expr) => {
        info!($log, "a value", value = $value);
        $all.push(Logged::new(MODULE, text("a value")).context("value", $datum));
    };
    (dynamic $log:ident, $all:ident, $value:expr, $datum:expr) => {
        log_value!($log, $all, $value, $datum);
        let event = DynamicEvent::new(Level::Info, MODULE, "a dynamic value");
        $log.log_dynamic(&event.field(FieldGroup::Metrics, "value", ValueRef::from($value)));
        $all.push(Logged::new(MODULE, text("a dynamic value")).field(FieldGroup::Metrics, "value", $datum));
    };
}

fn numbers(log: &Logger, all: &mut Vec<Logged>) {
    macro_rules! both_ends {
        ($($type:ty)*) => {$(
            for n in [<$type>::MIN, <$type>::MAX, 0] {
                log_value!(log, all, n, integer(n));
            }
        )*};
    }
    both_ends!(i8 i16 i32 i64 isize u8 u16 u32 u64 usize);
    for n in [i128::MIN, i128::MAX, i128::from(i64::MIN) - 1] {
        log_value!(dynamic log, all, n, integer(n));
    }
    for n in [u128::MAX, u128::from(u64::MAX) + 1] {
        log_value!(dynamic log, all, n, integer(n));
    }
    let none = [f64::NAN, -f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
    let ends = [0.0, -0.0, f64::MIN, f64::MAX, f64::MIN_POSITIVE, f64::from_bits(1), f64::EPSILON, 1e21, 1e-7, 0.1];
    for x in none.into_iter().chain(ends) {
        log_value!(dynamic log, all, x, Datum::Float(x));
    }
    for x in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -0.0, f32::MIN, f32::MAX, f32::from_bits(1), 0.1] {
        log_value!(dynamic log, all, x, Datum::Single(x));
    }
}

fn other_values(log: &Logger, all: &mut Vec<Logged>) {
    log_value!(dynamic log, all, true, Datum::Bool(true));
    log_value!(log, all, None::<&str>, Datum::None);
    log_value!(log, all, Some("null"), text("null"));
    log_value!(log, all, Some(Some(1)), integer(1));
    for c in ['\0', '\n', '"', '\u{1b}', '\u{85}', '\u{2028}', '\u{202e}', ' ', '='] {
        log_value!(dynamic log, all, c, text(&c.to_string()));
    }
    log_value!(dynamic log, all, Duration::MAX, Datum::Seconds("18446744073709551615.999999999"));
    log_value!(dynamic log, all, Duration::from_nanos(1), Datum::Seconds("0.000000001"));
    log_value!(dynamic log, all, Duration::ZERO, Datum::Seconds("0"));
    log_value!(log, all, UNIX_EPOCH, text("1970-01-01T00:00:00.000000000Z"));
    log_value!(log, all, UNIX_EPOCH - Duration::from_millis(1500), text("-1.5"));
    log_value!(log, all, UNIX_EPOCH + Duration::from_secs(1 << 40), text("1099511627776"));
    log_value!(log, all, Ipv6Addr::LOCALHOST, text("::1"));
    log_value!(log, all, uuid::Uuid::max(), text("ffffffff-ffff-ffff-ffff-ffffffffffff"));
    let event = DynamicEvent::new(Level::Info, MODULE, "nothing").field(FieldGroup::Context, "value", ValueRef::None);
    log.log_dynamic(&event);
    all.push(Logged::new(MODULE, text("nothing")).context("value", Datum::None));
}

fn sequences(log: &Logger, all: &mut Vec<Logged>) {
    let list = |elements: Vec<Datum>| Datum::List(elements);
    log_value!(log, all, Vec::<u64>::new(), list(vec![]));
    log_value!(log, all, [""], list(vec![text("")]));
    log_value!(log, all, [None, Some("null")], list(vec![Datum::None, text("null")]));
    log_value!(log, all, [f64::NAN, -0.0], list(vec![Datum::Float(f64::NAN), Datum::Float(-0.0)]));
    log_value!(log, all, [u128::MAX, 0], list(vec![integer(u128::MAX), integer(0)]));
    log_value!(log, all, ['\n', 'a'], list(vec![text("\n"), text("a")]));
    log_value!(log, all, [Duration::from_millis(250)], list(vec![Datum::Seconds("0.25")]));
    log_value!(
        log,
        all,
        [[["a,b", "]"], ["[", "\"\\"]], [["", " "], ["=", "c"]]],
        list(vec![
            list(vec![list(vec![text("a,b"), text("]")]), list(vec![text("["), text("\"\\")])]),
            list(vec![list(vec![text(""), text(" ")]), list(vec![text("="), text("c")])]),
        ])
    );
    let deep = (0..6).fold(integer(1), |inner, _| list(vec![inner]));
    log_value!(log, all, [[[[[[1]]]]]], deep);
    log_value!(log, all, [b"a".as_slice(), b"\xff\\", b"\n"], list(vec![text("a"), bytes(b"\xff\\"), text("\n")]));
    log_value!(
        log,
        all,
        [[b"\\".as_slice()], [b"\x80"]],
        list(vec![list(vec![text("\\")]), list(vec![bytes(b"\x80")])])
    );
}

fn not_utf8(log: &Logger, all: &mut Vec<Logged>) {
    let everything: Vec<u8> = (0..=u8::MAX).collect();
    let control: [&[u8]; 11] = [
        b"",
        b"plain",
        b"\xff",
        b"\xc3",
        b"caf\xe9 \\ \x00",
        b"\\xff\xff",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\xc0\x80\n\x1b[31m",
        b"\"=\xfe,[]",
        &everything,
    ];
    for value in control {
        log_value!(dynamic log, all, value, bytes(value));
        info!(log, value, tags.raw = value, end = "\\");
        all.push(
            Logged::new(MODULE, bytes(value)).field(FieldGroup::Tags, "raw", bytes(value)).context("end", text("\\")),
        );
        let event = DynamicEvent::new(Level::Info, MODULE, "").field(FieldGroup::Message, "", ValueRef::Bytes(value));
        log.log_dynamic(&event.field(FieldGroup::Context, "a b\n%", ValueRef::Bytes(value)));
        all.push(Logged::new(MODULE, bytes(value)).context("a b\n%", bytes(value)));
    }
}

/// Texts known when the program is compiled are rendered once, by other code.
fn literals(log: &Logger, all: &mut Vec<Logged>) {
    info!(log, "");
    all.push(Logged::new(MODULE, text("")));
    info!(log, "a\n\u{1b}[31m\u{85}\u{2028}\u{202e}\"\\=b", x = 1);
    all.push(Logged::new(MODULE, text("a\n\u{1b}[31m\u{85}\u{2028}\u{202e}\"\\=b")).context("x", integer(1)));
    info!(log, " edge ");
    all.push(Logged::new(MODULE, text(" edge ")));
    info!(
        log,
        "keys", "" = 1, "a b" = 2, "a=b" = 3, "\n\u{1b}" = 4, "%41" = 5, "\"" = 6, "\u{202e}" = 7, tags."" = 8,
        metrics."\r" = 9, "tags." = 10, "ü" = 11
    );
    let keys = ["", "a b", "a=b", "\n\u{1b}", "%41", "\"", "\u{202e}"];
    let logged = keys
        .into_iter()
        .zip(1..)
        .fold(Logged::new(MODULE, text("keys")), |logged, (key, n)| logged.context(key, integer(n)));
    let logged = logged.field(FieldGroup::Tags, "", integer(8)).field(FieldGroup::Metrics, "\r", integer(9));
    all.push(logged.context("tags.", integer(10)).context("ü", integer(11)));
}

/// Keys of the formats' own, by the macros, by dynamic events, by scopes and by loggers.
fn clashing_keys(log: &Logger, all: &mut Vec<Logged>) {
    info!(
        log,
        "reserved",
        "time" = 1,
        "timestamp" = 2,
        "level" = 3,
        "severity" = 4,
        "category" = 5,
        "source" = 6,
        "target" = 7,
        "event_id" = 8,
        "msg" = 9,
        "message" = 10,
        "correlation_id" = 11,
        "truncated" = 12,
        "not_utf8" = 13,
        "context" = 14,
        "tags" = 15,
        "metrics" = 16,
        "tags.x" = 17,
        "metrics.x" = 18,
        "field.x" = 19,
        "field.level" = 20,
        "field." = 21,
        "tags." = 22
    );
    let numbered = || RESERVED.into_iter().zip(1..);
    let with = |logged: Logged, group| numbered().fold(logged, |logged, (key, n)| logged.field(group, key, integer(n)));
    all.push(with(Logged::new(MODULE, text("reserved")), FieldGroup::Context));

    let keyed = [FieldGroup::Context, FieldGroup::Tags, FieldGroup::Metrics];
    let fields = || keyed.into_iter().flat_map(|group| numbered().map(move |(key, n)| (group, key, ValueRef::I64(n))));
    let event = DynamicEvent::new(Level::Info, MODULE, "dynamic");
    log.log_dynamic(&fields().fold(event, |event, (group, key, n)| event.field(group, key, n)));
    all.push(keyed.into_iter().fold(Logged::new(MODULE, text("dynamic")), with));

    let scope = fields().fold(Scope::new(), |scope, (group, key, n)| scope.field(group, key, n));
    {
        let _entered = scope.enter();
        info!(log, "scope");
    }
    all.push(keyed.into_iter().fold(Logged::new(MODULE, text("scope")), with));
    info!(log.with_scope(&scope), "logger");
    all.push(keyed.into_iter().fold(Logged::new(MODULE, text("logger")), with));
}

/// The call's own counts before the logger's, that before an inner scope's, and that before an outer one's.
fn one_key_several_times(log: &Logger, all: &mut Vec<Logged>) {
    let outer = Scope::new().correlation_id("outer").field(FieldGroup::Context, "level", "outer".into());
    let inner = Scope::new().correlation_id("inner").field(FieldGroup::Context, "level", "inner".into()).field(
        FieldGroup::Tags,
        "",
        "inner".into(),
    );
    let child = log.with([("level", "logger".into())]);
    let _outer = outer.enter();
    info!(log, "outer");
    all.push(Logged::new(MODULE, text("outer")).correlation_id("outer").context("level", text("outer")));
    let _inner = inner.enter();
    let expected = |message: &str, level: &str| {
        Logged::new(MODULE, text(message)).correlation_id("inner").context("level", text(level)).field(
            FieldGroup::Tags,
            "",
            text("inner"),
        )
    };
    info!(log, "inner");
    all.push(expected("inner", "inner"));
    info!(child, "logger");
    all.push(expected("logger", "logger"));
    info!(child, "call", level = "call");
    all.push(expected("call", "call"));
    let event = DynamicEvent::new(Level::Info, MODULE, "dynamic").field(FieldGroup::Context, "level", "first".into());
    child.log_dynamic(&event.field(FieldGroup::Context, "level", "second".into()));
    all.push(expected("dynamic", "first"));
}

fn messages_that_are_no_text(log: &Logger, all: &mut Vec<Logged>) {
    info!(log, u128::MAX, x = 1);
    all.push(Logged::new(MODULE, integer(u128::MAX)).context("x", integer(1)));
    let zero = -0.0;
    info!(log, zero, x = 1);
    all.push(Logged::new(MODULE, Datum::Float(-0.0)).context("x", integer(1)));
    info!(log, f64::NAN);
    all.push(Logged::new(MODULE, Datum::Float(f64::NAN)));
    info!(log, None::<&str>, x = 1);
    all.push(Logged::new(MODULE, Datum::None).context("x", integer(1)));
    let yes = true;
    info!(log, yes);
    all.push(Logged::new(MODULE, Datum::Bool(true)));
    info!(log, Duration::from_millis(250), x = 1);
    all.push(Logged::new(MODULE, Datum::Seconds("0.25")).context("x", integer(1)));
    info!(log, [1, 2], x = 1);
    all.push(Logged::new(MODULE, Datum::List(vec![integer(1), integer(2)])).context("x", integer(1)));
    info!(log, ["a b", "=", "\n"], x = 1);
    all.push(Logged::new(MODULE, Datum::List(vec![text("a b"), text("="), text("\n")])).context("x", integer(1)));
    info!(log, [b"\xff".as_slice(), b"\\"], x = 1);
    all.push(Logged::new(MODULE, Datum::List(vec![bytes(b"\xff"), text("\\")])).context("x", integer(1)));
    let line_end = '\n';
    info!(log, line_end);
    all.push(Logged::new(MODULE, text("\n")));
}

/// Flagged, and kept as they are.
fn dangerous_messages(log: &Logger, all: &mut Vec<Logged>) {
    let flagged = [
        ("<script>alert(1)</script>", "<script"),
        ("x JavaScript:alert(1)", "javascript:"),
        ("data:text/html,<p>", "data:text/html"),
    ];
    for (message, found) in flagged {
        info!(log, message);
        all.push(Logged::new(MODULE, text(message)).field(FieldGroup::Tags, "dangerous_content", text(found)));
    }
    let message = "<script";
    info!(log, message, tags.dangerous_content = "mine");
    all.push(Logged::new(MODULE, text(message)).field(FieldGroup::Tags, "dangerous_content", text("mine")));
}

/// A mebibyte, everywhere that it fits.
fn long(container: &Container, log: &Logger, all: &mut Vec<Logged>) {
    let plain = "x".repeat(MIB);
    let mixed: String =
        "grüße \n\u{1b}\"\\\u{2028}=[,] 😀 plain text and more of it ".chars().cycle().take(MIB / 2).collect();
    let raw: Vec<u8> = b"text \\ and \xff ".iter().copied().cycle().take(MIB).collect();
    info!(log, plain);
    all.push(Logged::new(MODULE, text(&plain)));
    info!(log, mixed, value = mixed, after = 1);
    all.push(Logged::new(MODULE, text(&mixed)).context("value", text(&mixed)).context("after", integer(1)));
    info!(log, "raw", raw, after = 1);
    all.push(Logged::new(MODULE, text("raw")).context("raw", bytes(&raw)).context("after", integer(1)));
    log.log_dynamic(&DynamicEvent::new(Level::Info, "long", &mixed).field(
        FieldGroup::Tags,
        "",
        ValueRef::Text(&plain),
    ));
    all.push(Logged::new("long", text(&mixed)).field(FieldGroup::Tags, "", text(&plain)));
    let numbers: Vec<u64> = (0..MIB as u64 / 8).collect();
    info!(log, "numbers", numbers);
    all.push(
        Logged::new(MODULE, text("numbers")).context("numbers", Datum::List(numbers.iter().map(integer).collect())),
    );

    let key = "k\n".repeat(15_000);
    log.log_dynamic(&DynamicEvent::new(Level::Info, MODULE, "a long key").field(
        FieldGroup::Context,
        &key,
        ValueRef::U64(1),
    ));
    all.push(Logged::new(MODULE, text("a long key")).context(&key, integer(1)));
    let id = "\u{1b}".repeat(30_000);
    {
        let _entered = Scope::new().correlation_id(&id).enter();
        info!(log, "a long id");
    }
    all.push(Logged::new(MODULE, text("a long id")).correlation_id(&id));
    // A name is cut where a character ends: an odd number of bytes does not hold whole ones of two.
    let source = "ü".repeat(SOURCE_MAX_BYTES);
    info!(container.logger(&source), "a long source");
    all.push(Logged::new(MODULE, text("a long source")).source(&"ü".repeat(SOURCE_MAX_BYTES / 2)));
}

//! Levels, and values of every kind.

use std::{
    net::Ipv6Addr,
    time::{Duration, UNIX_EPOCH},
};

use fapilog::{
    Level, Logger, audit, critical, debug, error,
    event::{DynamicEvent, FieldGroup, ValueRef},
    info, security, trace, warn,
};

use crate::logged::{Datum, Logged, bytes, integer, text};

/// The target of the events that the macros of this module log.
const MODULE: &str = module_path!();

pub(super) fn levels(log: &Logger, all: &mut Vec<Logged>) {
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

pub(super) fn numbers(log: &Logger, all: &mut Vec<Logged>) {
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

pub(super) fn other_values(log: &Logger, all: &mut Vec<Logged>) {
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

pub(super) fn sequences(log: &Logger, all: &mut Vec<Logged>) {
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

pub(super) fn not_utf8(log: &Logger, all: &mut Vec<Logged>) {
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

//! Long values.

use fapilog::{
    Container, Level, Logger, Scope,
    event::{DynamicEvent, FieldGroup, ValueRef},
    info,
};

use crate::logged::{Datum, Logged, bytes, integer, text};

/// The target of the events that the macros of this module log.
const MODULE: &str = module_path!();

/// Several times a block of a file of this program, and the buffer of a pipe.
const LONG_BYTES: usize = 256 << 10;

/// The longest name of a logger, in bytes.
const SOURCE_MAX_BYTES: usize = 255;

/// A long value, everywhere that it fits.
pub(super) fn long(container: &Container, log: &Logger, all: &mut Vec<Logged>) {
    let plain = "x".repeat(LONG_BYTES);
    let mixed: String =
        "grüße \n\u{1b}\"\\\u{2028}=[,] 😀 plain text and more of it ".chars().cycle().take(LONG_BYTES / 2).collect();
    let raw: Vec<u8> = b"text \\ and \xff ".iter().copied().cycle().take(LONG_BYTES).collect();
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
    let numbers: Vec<u64> = (0..LONG_BYTES as u64 / 8).collect();
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
        // `Scope::correlation_id` would cut it.
        let _entered = Scope::new().field(FieldGroup::CorrelationId, "", ValueRef::Text(&id)).enter();
        info!(log, "a long id");
    }
    all.push(Logged::new(MODULE, text("a long id")).correlation_id(&id));
    // A name is cut where a character ends: an odd number of bytes does not hold whole ones of two.
    let source = "ü".repeat(SOURCE_MAX_BYTES);
    info!(container.logger(&source), "a long source");
    all.push(Logged::new(MODULE, text("a long source")).source(&"ü".repeat(SOURCE_MAX_BYTES / 2)));
}

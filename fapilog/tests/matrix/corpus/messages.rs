//! Messages: literals, values that are no text, and dangerous ones.

use std::time::Duration;

use fapilog::{Logger, event::FieldGroup, info};

use crate::logged::{Datum, Logged, bytes, integer, text};

/// The target of the events that the macros of this module log.
const MODULE: &str = module_path!();

/// Texts known when the program is compiled are rendered once, by other code.
pub(super) fn literals(log: &Logger, all: &mut Vec<Logged>) {
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

pub(super) fn messages_that_are_no_text(log: &Logger, all: &mut Vec<Logged>) {
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
pub(super) fn dangerous_messages(log: &Logger, all: &mut Vec<Logged>) {
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

//! Texts that break out of a line, of quotes or of a terminal, in every place that takes a text.

use fapilog::{
    Container, Level, Logger, Scope,
    event::{DynamicEvent, FieldGroup, ValueRef},
    info,
};

use crate::logged::{Datum, Logged, integer, text};

/// The target of the events that the macros of this module log.
const MODULE: &str = module_path!();

/// Texts that break out of a line, out of quotes, or out of a terminal, and texts that look like something else.
pub(super) fn control_texts() -> Vec<String> {
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
pub(super) fn everywhere(container: &Container, log: &Logger, control: &str, all: &mut Vec<Logged>) {
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
        // `Scope::correlation_id` would flag it by a tag.
        let id = Scope::new().field(FieldGroup::CorrelationId, "", ValueRef::Text(control));
        let _entered = id.field(FieldGroup::Context, control, ValueRef::Text(control)).enter();
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

//! Promises of the formatters, on any batch.

use fapilog_format::{Cef, Csv, Ecs, Gelf, Json, Logfmt, Minimal, OtelJson, Pretty, Simple, Xml};
use fapilog_plugin::{event::Batch, formatter::Formatter};
use serde_json::{Map, Value};

/// Each event is a line, and each line an object without control characters and without tags.
pub(crate) fn check_json(batch: &Batch<'_>) -> Vec<Map<String, Value>> {
    let text = format(Json::new(), batch);
    let lines = whole_lines(&text);
    assert_eq!(lines.len(), batch.len(), "lines of {text:?}");
    lines.into_iter().map(object).collect()
}

fn object(line: &str) -> Map<String, Value> {
    assert_no_control(line);
    assert!(!line.contains('<'), "a tag in {line:?}");
    let object: Map<String, Value> =
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: no object is {line:?}"));
    for key in ["timestamp", "level", "message"] {
        assert!(object.contains_key(key), "no {key} in {line:?}");
    }
    object
}

/// Each event is a line without control characters.
pub(crate) fn check_lines(batch: &Batch<'_>) {
    for text in [
        format(Simple::new(), batch),
        format(Logfmt::new(), batch),
        format(Minimal::new(), batch),
        format(Csv::new(), batch),
        format(Xml::new(), batch),
    ] {
        let lines = whole_lines(&text);
        assert_eq!(lines.len(), batch.len(), "lines of {text:?}");
        lines.into_iter().for_each(assert_no_control);
    }
}

/// Each event is a line: an object for products that read JSON, and a CEF header for those that read CEF.
pub(crate) fn check_products(batch: &Batch<'_>) {
    for text in [format(Ecs::new(), batch), format(Gelf::new(), batch), format(OtelJson::new(), batch)] {
        let lines = whole_lines(&text);
        assert_eq!(lines.len(), batch.len(), "lines of {text:?}");
        for line in lines {
            assert_no_control(line);
            let object = serde_json::from_str::<Map<String, Value>>(line);
            assert!(object.is_ok(), "{object:?}: no object is {line:?}");
        }
    }
    let text = format(Cef::new(), batch);
    let lines = whole_lines(&text);
    assert_eq!(lines.len(), batch.len(), "lines of {text:?}");
    for line in lines {
        assert_no_control(line);
        assert!(line.starts_with("CEF:0|"), "{line:?}");
    }
}

/// Each event is a line, and indented lines behind it; colours are the only control characters, and change no text.
pub(crate) fn check_pretty(batch: &Batch<'_>) {
    let text = format(Pretty::new(), batch);
    let lines = whole_lines(&text);
    lines.iter().for_each(|line| assert_no_control(line));
    let first_lines = lines.iter().filter(|line| !line.starts_with(' ')).count();
    assert_eq!(first_lines, batch.len(), "lines that begin without a space in {text:?}");
    assert!(batch.is_empty() || !text.starts_with(' '), "{text:?}");
    assert_eq!(without_colors(&format(Pretty::new().colors(true), batch)), text);
    let one_line = format(Pretty::new().multi_line(false).ids(true), batch);
    assert_eq!(whole_lines(&one_line).len(), batch.len(), "lines of {one_line:?}");
}

fn format(mut formatter: impl Formatter, batch: &Batch<'_>) -> String {
    let mut out = b"before\n".to_vec();
    if let Err(error) = formatter.format(batch, &mut out) {
        panic!("{}: {error}", formatter.name());
    }
    let text = String::from_utf8(out).unwrap_or_else(|error| panic!("{}: {error}", formatter.name()));
    match text.strip_prefix("before\n") {
        Some(text) => text.to_owned(),
        None => panic!("{} changed what was there: {text:?}", formatter.name()),
    }
}

fn whole_lines(text: &str) -> Vec<&str> {
    assert!(text.is_empty() || text.ends_with('\n'), "a line without its end in {text:?}");
    text.split_terminator('\n').collect()
}

/// C0, DEL, C1, line and paragraph separators, and the controls of bidirectional text.
fn assert_no_control(line: &str) {
    let is_control = |c: char| c.is_control() || matches!(c, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    assert!(!line.contains(is_control), "a control character in {line:?}");
}

/// The text without sequences that choose a colour: `ESC [`, digits and semicolons, `m`. No other sequence may be there.
fn without_colors(text: &str) -> String {
    let mut pieces = text.split("\x1b[");
    let mut plain = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let behind = piece.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';').strip_prefix('m');
        plain.push_str(behind.unwrap_or_else(|| panic!("another sequence than a colour: {piece:?}")));
    }
    plain
}

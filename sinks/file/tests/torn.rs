//! A file that ends in a torn line, as a crash leaves it: the first record behind it is a line of its own.
#![expect(clippy::unwrap_used, reason = "all of this program is test code")]

#[path = "../../testing/lines.rs"]
mod lines;

use std::{fs, path::Path};

use fapilog_format::Json;
use fapilog_plugin::{error::PluginError, event::Batch, formatter::Formatter};
use fapilog_sink_file::File;
use lines::{MessageLines, assert_holds, builder, diagnostics, directory, log_line, shut_down, sink, ways};

/// The same lines, as a formatter that promises none.
struct Binary;

impl Formatter for Binary {
    fn name(&self) -> &'static str {
        "binary"
    }

    fn format(&mut self, batch: &Batch<'_>, out: &mut Vec<u8>) -> Result<(), PluginError> {
        MessageLines.format(batch, out)
    }

    fn writes_lines(&self) -> bool {
        false
    }
}

/// Logs a line into a file with this content. Returns the diagnostics.
fn continued(path: &Path, content: &[u8], sink: File) -> String {
    fs::write(path, content).unwrap();
    let container = builder().sink("file", sink).start().unwrap();
    log_line(&container.logger("test"), "next");
    shut_down(&container);
    diagnostics(&container)
}

#[test]
fn records_behind_a_torn_line_are_lines_of_their_own() {
    let directory = directory();
    let path = directory.path().join("torn.log");
    continued(&path, b"{\"torn\":\"no end", File::new(&path, Json::new));
    let content = fs::read_to_string(&path).unwrap();
    let mut lines = content.lines();
    assert_eq!(lines.next(), Some("{\"torn\":\"no end"));
    let record: serde_json::Value = serde_json::from_str(lines.next().unwrap()).unwrap();
    assert_eq!(record.get("message").unwrap(), "next");
    assert_eq!(lines.next(), None);
}

#[test]
fn a_torn_line_is_ended_whatever_its_length_and_a_diagnostic_names_file_and_offset() {
    let directory = directory();
    for way in ways() {
        for length in [1, 4095, 4096, 4097] {
            let path = directory.path().join(format!("{length}.log"));
            let torn = "t".repeat(length);
            let diagnostics = continued(&path, torn.as_bytes(), sink(&path, way));
            assert_holds(&path, format!("{torn}\nnext\n").as_bytes());
            let text = format!("{} ended in a torn line, which was ended at byte {length}", path.display());
            assert_eq!(diagnostics.matches(&text).count(), 1, "{diagnostics}");
        }
    }
}

#[test]
fn a_file_that_is_empty_or_ends_in_a_line_feed_is_continued_as_it_is() {
    let directory = directory();
    for way in ways() {
        for content in ["", "\n", "whole\n"] {
            let path = directory.path().join("whole.log");
            let diagnostics = continued(&path, content.as_bytes(), sink(&path, way));
            assert_holds(&path, format!("{content}next\n").as_bytes());
            assert!(!diagnostics.contains("torn"), "{diagnostics}");
        }
    }
}

#[test]
fn a_file_of_a_format_without_lines_is_continued_as_it_is() {
    let directory = directory();
    let path = directory.path().join("binary.log");
    let diagnostics = continued(&path, b"binary", File::new(&path, || Binary));
    assert_holds(&path, b"binarynext\n");
    assert!(!diagnostics.contains("torn"), "{diagnostics}");
}

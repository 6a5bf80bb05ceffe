//! Colours: select graphic rendition (ECMA-48, 8.3.117), as `format::Pretty` has them.

use fapilog::Level;

/// Writes colours, or none.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Paint {
    is_on: bool,
}

pub(crate) const BOLD: &str = "\x1b[1m";
pub(crate) const DIM: &str = "\x1b[2m";
pub(crate) const RED: &str = "\x1b[31m";
pub(crate) const GREEN: &str = "\x1b[32m";
pub(crate) const YELLOW: &str = "\x1b[33m";
const RESET: &str = "\x1b[0m";

impl Paint {
    pub(crate) fn new(is_on: bool) -> Self {
        Self { is_on }
    }

    /// The text in a colour.
    pub(crate) fn with(self, color: &str, text: &str) -> String {
        if self.is_on && !color.is_empty() { format!("{color}{text}{RESET}") } else { text.to_owned() }
    }

    /// Appends a part in a colour.
    pub(crate) fn put(self, color: &str, out: &mut Vec<u8>, put: impl FnOnce(&mut Vec<u8>)) {
        let has_color = self.is_on && !color.is_empty();
        if has_color {
            out.extend_from_slice(color.as_bytes());
        }
        put(out);
        if has_color {
            out.extend_from_slice(RESET.as_bytes());
        }
    }
}

pub(crate) const fn color_of(level: Level) -> &'static str {
    match level {
        Level::Trace => DIM,
        Level::Debug => "\x1b[36m",
        Level::Info => "\x1b[32m",
        Level::Warning => "\x1b[33m",
        Level::Error => RED,
        // Bold, white on red.
        Level::Critical => "\x1b[1;37;41m",
        Level::Audit => "\x1b[34m",
        Level::Security => "\x1b[1;35m",
    }
}

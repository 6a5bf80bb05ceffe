//! Common Event Format: lines as ArcSight and other products of security operations know them.

mod escape;
mod key;
mod settings;
#[cfg(test)]
mod tests;
mod value;

pub(crate) use self::settings::CefSettings;

use fapilog_plugin::{
    error::PluginError,
    event::{Batch, Location},
    formatter::Formatter,
    problem::Problem,
    record_end::RecordEnd,
};
use fapilog_record::{
    field_group::FieldGroup, level::Level, text::number::put_u64, timestamp::Timestamp, value::ValueRef,
};

use crate::{
    cef::{
        escape::{put_extension, put_header},
        key::KeyMap,
        value::{put_title, put_value},
    },
    line_options::line_option_setters,
    template::{LineFormat, LineMarks, LinePart, LineWriter},
};

/// Renders events in the Common Event Format (CEF) of ArcSight, one line each:
///
/// ```text
/// CEF:0|Example|Orders|1.4.2|engine::orders|order filled|3|rt=1769903999123 msg=order filled externalId=4fk2m09q7vh1-3-1024 cat=SYSTEM deviceProcessName=matching-engine order_id=42
/// ```
///
/// The event class is the target, the name is the message in one line, and the severity is that of the event, from 1 to 10. The page
/// `docs/formats-for-products.md` has the keys and the escapes.
#[derive(Debug, Default)]
pub struct Cef {
    lines: LineWriter<CefLine>,
}

impl Cef {
    /// The formatter with its defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The vendor of the device, in the header. Default: `fapilog`.
    #[must_use]
    pub fn vendor(self, vendor: &str) -> Self {
        Self { lines: self.lines.with_format(|line| line.vendor = vendor.to_owned()) }
    }

    /// The product, in the header. With the vendor, it is unique. Default: `fapilog`.
    #[must_use]
    pub fn product(self, product: &str) -> Self {
        Self { lines: self.lines.with_format(|line| line.product = product.to_owned()) }
    }

    /// The version of the product, in the header. Default: that of fapilog.
    #[must_use]
    pub fn version(self, version: &str) -> Self {
        Self { lines: self.lines.with_format(|line| line.version = version.to_owned()) }
    }

    /// The key of a field in the lines, such as `suser` for `user_name`. A field of the tags or the metrics is `tags.name`,
    /// `metrics.name`. A key with a label, such as `cs2` or `cn1`, gets the field's name as its label. Default: `dvchost` for `hostname`,
    /// `dvcpid` for `process_id` and `pid`, `reason` for `error` and `err`, `suid` for `user_id`; its own name for any other.
    ///
    /// # Errors
    /// If the key is not made of letters and digits, is one of those that each line has, or is that of another field.
    pub fn field(self, name: &str, key: &str) -> Result<Self, Problem> {
        let mut set = Ok(());
        let lines = self.lines.with_format(|line| set = line.keys.set(name, key));
        set.map(|()| Self { lines })
    }

    line_option_setters!(call_site);
}

impl Formatter for Cef {
    fn name(&self) -> &'static str {
        "cef"
    }

    fn format(&mut self, batch: &Batch<'_>, out: &mut Vec<u8>) -> Result<(), PluginError> {
        self.lines.format(batch, out);
        Ok(())
    }

    fn record_end(&self) -> RecordEnd {
        RecordEnd::LineFeed
    }
}

#[derive(Debug)]
struct CefLine {
    vendor: String,
    product: String,
    version: String,
    keys: KeyMap,
    scratch: Vec<u8>,
}

impl Default for CefLine {
    fn default() -> Self {
        Self {
            vendor: "fapilog".to_owned(),
            product: "fapilog".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            keys: KeyMap::default(),
            scratch: Vec::new(),
        }
    }
}

impl LineFormat for CefLine {
    const PARTS: &'static [LinePart] = &[
        LinePart::Target,
        LinePart::Title,
        LinePart::Severity,
        LinePart::OwnTime,
        LinePart::Message,
        LinePart::Id,
        LinePart::Category,
        LinePart::Source,
        LinePart::CorrelationId,
        LinePart::Fields,
    ];

    const LINE_END: &'static [u8] = b"\n";

    const HAS_COMMON_KEYS: bool = true;

    fn before(&self, part: LinePart, _: bool, _: Level, out: &mut Vec<u8>) {
        let text = match part {
            LinePart::Target => {
                out.extend_from_slice(b"CEF:0|");
                for text in [&self.vendor, &self.product, &self.version] {
                    put_header(out, text);
                    out.push(b'|');
                }
                ""
            }
            LinePart::Title | LinePart::Severity => "|",
            LinePart::OwnTime => "|rt=",
            LinePart::Message => " msg=",
            LinePart::Id => " externalId=",
            LinePart::Category => " cat=",
            LinePart::Source => " deviceProcessName=",
            // Not among the parts, or with text of their own.
            _ => "",
        };
        out.extend_from_slice(text.as_bytes());
    }

    /// Milliseconds since 1970.
    fn put_own_time(&self, timestamp: Timestamp, out: &mut Vec<u8>) {
        put_u64(out, timestamp.unix_nanos() / 1_000_000);
    }

    fn put_text(&self, text: &str, out: &mut Vec<u8>) {
        put_extension(out, text);
    }

    fn put_target(&self, target: &str, out: &mut Vec<u8>) {
        put_header(out, target);
    }

    /// A part of the event class.
    fn put_location(&self, location: Location, out: &mut Vec<u8>) {
        out.push(b' ');
        put_header(out, &location.to_string());
    }

    #[inline(always)]
    fn put_value(&mut self, value: ValueRef<'_>, out: &mut Vec<u8>) -> bool {
        put_value(out, value, &mut self.scratch)
    }

    fn put_message(&mut self, message: ValueRef<'_>, out: &mut Vec<u8>) -> bool {
        put_value(out, message, &mut self.scratch)
    }

    fn put_title(&mut self, message: ValueRef<'_>, out: &mut Vec<u8>) {
        put_title(out, message, &mut self.scratch);
    }

    fn put_correlation_id(&self, id: &str, out: &mut Vec<u8>) {
        out.extend_from_slice(b" cs1Label=correlation_id cs1=");
        put_extension(out, id);
    }

    fn put_key(&self, group: FieldGroup, name: &str, out: &mut Vec<u8>) {
        self.keys.put(out, group, name);
    }

    fn put_numbered_key(&self, _: FieldGroup, name: &str, number: u32, out: &mut Vec<u8>) {
        key::put_numbered(out, name, number);
    }

    /// Names with commas between.
    fn mark(&self, group: FieldGroup, name: &str, marks: &mut Vec<u8>) {
        if !marks.is_empty() {
            marks.push(b',');
        }
        marks.extend_from_slice(group.name().as_bytes());
        if group.is_keyed() {
            marks.push(b'.');
            put_extension(marks, name);
        }
    }

    fn put_marks(&self, is_cut: bool, marks: &mut LineMarks, out: &mut Vec<u8>) {
        if is_cut {
            out.extend_from_slice(b" truncated=true");
        }
        for (start, names) in [(" truncatedFields=", &mut marks.cut), (" notUtf8=", &mut marks.not_utf8)] {
            if !names.is_empty() {
                out.extend_from_slice(start.as_bytes());
                out.append(names);
            }
        }
    }
}

//! Events as records: a byte for the kind, and what an envelope has of the event.
//!
//! | kind | behind it |
//! |---|---|
//! | [`ERROR_KIND`] | the id, of 32 digits, and the payload of an item `event` |
//! | [`LOG_KIND`] | a log, as one of the `items` of an item `log` |
//! | [`CRUMB_KIND`] | nothing: the event is a breadcrumb of others at most |

mod breadcrumbs;
mod error_event;
mod exception;
mod log;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use fapilog_format::json::{put_string, put_value};
use fapilog_plugin::{
    error::PluginError,
    event::{Batch, Event, EventId, FieldRef},
    level::Level,
    sink::Payload,
    text::number::put_u64,
    value::ValueRef,
};
use fapilog_sink_http::encode::EventEncoder;

use self::breadcrumbs::Breadcrumbs;
use crate::settings::SentrySettings;

pub(crate) const ERROR_KIND: u8 = b'E';
pub(crate) const LOG_KIND: u8 = b'L';
pub(crate) const CRUMB_KIND: u8 = b'-';

/// The digits of an event's id.
pub(crate) const ID_DIGITS: usize = 32;

/// Fields are left out when an event or a log would be longer: 1 MB is Sentry's limit.
const FIELDS_END_MAX: usize = 700_000;

/// The longest body of a log, and the longest name. An escape has six bytes for a byte.
const BODY_BYTES_MAX: usize = 64 << 10;
const NAME_BYTES_MAX: usize = 1000;

const NANOS_OF_A_MICRO: u64 = 1000;
const MICROS_OF_A_SECOND: u64 = 1_000_000;

/// The parts of events that are the same for all.
pub(crate) struct SentryConstants {
    event_level: Level,
    log_level: Option<Level>,
    breadcrumbs: usize,
    /// Members of an error event, with a comma in front of each.
    members: Vec<u8>,
    /// Attributes of a log, with commas between.
    attributes: Vec<u8>,
}

impl SentryConstants {
    pub(crate) fn new(settings: &SentrySettings) -> Self {
        let (mut members, mut attributes) = (Vec::new(), Vec::new());
        let server = settings.server();
        let names = [
            ("server_name", "server.address", Some(&server)),
            ("environment", "sentry.environment", settings.environment.as_ref()),
            ("release", "sentry.release", settings.release.as_ref()),
        ];
        for (member, attribute, name) in names {
            let Some(name) = name else { continue };
            members.extend_from_slice(format!(",\"{member}\":").as_bytes());
            put_string(&mut members, name);
            if !attributes.is_empty() {
                attributes.push(b',');
            }
            attributes.extend_from_slice(format!("\"{attribute}\":{{\"value\":").as_bytes());
            put_string(&mut attributes, name);
            attributes.extend_from_slice(b",\"type\":\"string\"}");
        }
        Self {
            event_level: settings.event_level,
            log_level: settings.logs.then_some(settings.log_level),
            breadcrumbs: settings.breadcrumbs,
            members,
            attributes,
        }
    }

    /// An audit event reports no error, although its level is above.
    fn is_error(&self, level: Level) -> bool {
        level >= self.event_level && level != Level::Audit
    }
}

/// Encodes events as records.
pub(crate) struct SentryEncoder {
    constants: Arc<SentryConstants>,
    breadcrumbs: Breadcrumbs,
    scratch: Vec<u8>,
}

impl SentryEncoder {
    pub(crate) fn new(constants: Arc<SentryConstants>) -> Self {
        let breadcrumbs = Breadcrumbs::new(constants.breadcrumbs);
        Self { constants, breadcrumbs, scratch: Vec::new() }
    }

    fn put(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        let Self { constants, breadcrumbs, scratch } = self;
        if constants.is_error(event.level()) {
            out.push(ERROR_KIND);
            put_event_id(event.id(), out);
            error_event::put_error_event(constants, event, breadcrumbs, scratch, out);
            return;
        }
        breadcrumbs.add(event);
        if constants.log_level.is_some_and(|level| event.level() >= level) {
            out.push(LOG_KIND);
            log::put_log(constants, event, scratch, out);
        } else {
            out.push(CRUMB_KIND);
        }
    }
}

impl EventEncoder for SentryEncoder {
    fn encode(&mut self, batch: &Batch<'_>, payload: &mut Payload) -> Result<(), PluginError> {
        for event in batch.events() {
            self.put(event, payload.buffer());
            payload.end_record();
        }
        Ok(())
    }

    fn record_form(&self) -> Option<&'static str> {
        Some("sentry")
    }

    fn append_as_text(&mut self, records: &Payload, text: &mut Payload) {
        for record in records.iter() {
            put_text(record, text.buffer());
            text.end_record();
        }
    }
}

/// Appends the JSON of an error event or of a log, as a line. A breadcrumb is no record by itself: nothing is appended for it.
fn put_text(record: &[u8], out: &mut Vec<u8>) {
    let json = match record.split_first() {
        Some((&ERROR_KIND, behind)) => behind.get(ID_DIGITS..).unwrap_or_default(),
        Some((&LOG_KIND, behind)) => behind,
        Some((&CRUMB_KIND, [])) => return,
        _ => record,
    };
    out.extend_from_slice(json.trim_ascii_end());
    out.push(b'\n');
}

/// The ids of an event's trace, as W3C's Trace Context has them.
#[derive(Default)]
struct TraceIds<'a> {
    trace_id: Option<&'a str>,
    span_id: Option<&'a str>,
}

impl<'a> TraceIds<'a> {
    fn of(context: &[FieldRef<'a>]) -> Self {
        let mut ids = Self::default();
        for field in context {
            match (field.name, field.value) {
                ("trace_id", ValueRef::Text(id)) if is_id(id, 32) => ids.trace_id = Some(id),
                ("span_id", ValueRef::Text(id)) if is_id(id, 16) => ids.span_id = Some(id),
                _ => {}
            }
        }
        ids
    }
}

/// Whether a text is an id of so many digits, which is not zero.
fn is_id(id: &str, digits: usize) -> bool {
    id.len() == digits && id.bytes().all(|byte| byte.is_ascii_hexdigit()) && id.bytes().any(|byte| byte != b'0')
}

/// Puts the id that Sentry knows an event by: the same in each attempt. It has all bits of the container's and the producer's numbers, and 36 of the event's.
fn put_event_id(id: EventId, out: &mut Vec<u8>) {
    let sequence = u128::from(id.sequence) & ((1 << 36) - 1);
    put_hex((u128::from(id.instance.to_bits()) << 68) | (u128::from(id.producer) << 36) | sequence, out);
}

fn put_hex(number: u128, out: &mut Vec<u8>) {
    for byte in number.to_be_bytes() {
        for digit in [byte >> 4, byte & 15] {
            out.push(if digit < 10 { b'0' + digit } else { b'a' + digit - 10 });
        }
    }
}

/// Puts a time as seconds with six digits behind the point.
fn put_seconds(nanos: u64, out: &mut Vec<u8>) {
    let micros = nanos / NANOS_OF_A_MICRO;
    put_u64(out, micros / MICROS_OF_A_SECOND);
    out.push(b'.');
    let mut part = micros % MICROS_OF_A_SECOND;
    let mut digits = [b'0'; 6];
    for digit in digits.iter_mut().rev() {
        *digit += (part % 10) as u8;
        part /= 10;
    }
    out.extend_from_slice(&digits);
}

/// Puts a value as a string: one that is no string as its JSON.
fn put_as_text(value: ValueRef<'_>, scratch: &mut Vec<u8>, out: &mut Vec<u8>) {
    if let ValueRef::Text(text) = value {
        return put_string(out, text);
    }
    scratch.clear();
    put_value(scratch, value);
    if scratch.first() == Some(&b'"') {
        out.extend_from_slice(scratch);
    } else {
        put_string(out, &String::from_utf8_lossy(scratch));
    }
}

/// The level as Sentry names it in events and breadcrumbs.
const fn level_name(level: Level) -> &'static str {
    match level {
        Level::Trace | Level::Debug => "debug",
        Level::Info | Level::Audit => "info",
        Level::Warning => "warning",
        Level::Error | Level::Security => "error",
        Level::Critical => "fatal",
    }
}

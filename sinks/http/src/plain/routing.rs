//! The parts of a request that depend on the event: path and headers.
//!
//! Their [text](super::front) stands in front of a record in the payload, so that a payload from disk has it, too. Where no setting has a placeholder,
//! there is nothing in front of a record.

use std::{collections::HashMap, sync::Arc};

use fapilog_plugin::{
    error::PluginError,
    event::{Batch, Event, EventTemplate},
    problem::Problem,
    sink::Payload,
};
use http::{HeaderName, HeaderValue};

use crate::{
    client::OutgoingRequest,
    encode::{EventEncoder, FormattedRecords},
    exchange::Records,
    plain::{HttpSinkSettings, front::RecordFront, template::put_encoded},
    settings::HttpSettings,
};

/// The templates of path and headers.
#[derive(Debug)]
pub(super) struct Routing {
    /// The path with its query, if it has placeholders.
    path: Option<EventTemplate>,
    headers: Vec<(HeaderName, EventTemplate)>,
    front: RecordFront,
}

impl Routing {
    /// The templates in the settings, the settings without them, and what is invalid.
    pub(super) fn of(settings: &HttpSinkSettings) -> (Self, HttpSettings, Vec<Problem>) {
        let mut http = settings.http();
        let mut problems = Vec::new();
        let path = path_template(&mut http).unwrap_or_else(|problem| {
            problems.push(problem);
            None
        });
        let mut headers = Vec::new();
        for (name, text) in &settings.headers {
            let Some(template) = EventTemplate::parse(text) else {
                problems.push(Problem::new(name, format!("{text:?}"), EventTemplate::RULE).below("headers"));
                continue;
            };
            // Name and text are checked with the other settings; `-` is valid until an event fills the placeholders.
            http.headers.insert(name.clone(), template.filled_with("-"));
            if template.literal().is_none()
                && let Ok(name) = name.parse()
            {
                headers.push((name, template));
            }
        }
        let names =
            headers.iter().flat_map(|(name, _): &(HeaderName, _)| [Some(name.as_str()), text_of(settings, name)]);
        let front = RecordFront::of(path.iter().map(|_| settings.url.as_str()).chain(names.flatten()));
        (Self { path, headers, front }, http, problems)
    }

    fn has_placeholders(&self) -> bool {
        self.path.is_some() || !self.headers.is_empty()
    }

    fn templates(&self) -> impl Iterator<Item = &EventTemplate> {
        self.path.iter().chain(self.headers.iter().map(|(_, template)| template))
    }

    /// Appends path and headers of an event, each with a line feed.
    fn put_text(&self, event: &Event<'_>, out: &mut Vec<u8>) {
        for template in self.templates() {
            put_encoded(template, event, out);
            out.push(b'\n');
        }
    }

    /// The text in front of a record, and the record.
    pub(super) fn split<'a>(&self, record: &'a [u8]) -> (&'a [u8], &'a [u8]) {
        self.front.split(record)
    }

    /// Records with the same path and headers, in parts; the parts are in the order of their first records.
    pub(super) fn partition(&self, records: &Records<'_>) -> Vec<Vec<usize>> {
        let mut parts: Vec<Vec<usize>> = Vec::new();
        let mut numbers: HashMap<&[u8], usize> = HashMap::new();
        for (place, record) in records.iter().enumerate() {
            let number = *numbers.entry(self.split(record).0).or_insert(parts.len());
            match parts.get_mut(number) {
                Some(part) => part.push(place),
                None => parts.push(vec![place]),
            }
        }
        parts
    }

    /// Sets path and headers by the text in front of a record.
    pub(super) fn apply(&self, front: &[u8], request: &mut OutgoingRequest) {
        let mut texts = front.split(|byte| *byte == b'\n');
        if self.path.is_some()
            && let Some(path) = texts.next().and_then(|path| str::from_utf8(path).ok())
            && path.starts_with('/')
        {
            path.clone_into(&mut request.path_and_query);
        }
        for ((name, _), value) in self.headers.iter().zip(texts) {
            if let Ok(value) = HeaderValue::from_bytes(value) {
                request.headers.insert(name.clone(), value);
            }
        }
    }
}

/// The text of a header in the settings.
fn text_of<'a>(settings: &'a HttpSinkSettings, name: &HeaderName) -> Option<&'a str> {
    let found = settings.headers.iter().find(|(given, _)| given.eq_ignore_ascii_case(name.as_str()));
    found.map(|(_, text)| text.as_str())
}

/// The template of the path, if the URL has placeholders; they are taken out of the URL then.
fn path_template(http: &mut HttpSettings) -> Result<Option<EventTemplate>, Problem> {
    let invalid = |allowed: &str| Problem::new("url", format!("{:?}", http.url), allowed);
    let authority = http.url.find("://").map_or(0, |place| place + 3);
    let (origin, path) = match http.url.get(authority..).and_then(|behind| behind.find(['/', '?'])) {
        Some(place) => http.url.split_at_checked(authority + place).unwrap_or((&http.url, "")),
        None => (http.url.as_str(), ""),
    };
    if origin.contains(['{', '}']) {
        return Err(invalid("placeholders stand behind the host: events do not choose it"));
    }
    let template = EventTemplate::parse(path).ok_or_else(|| invalid(EventTemplate::RULE))?;
    if template.literal().is_some() {
        return Ok(None);
    }
    // The URL without placeholders is checked with the other settings.
    let url = format!("{origin}{}", template.filled_with("-"));
    // As a URL does: a query without a path has the path `/`.
    let template = if path.starts_with('/') { Some(template) } else { EventTemplate::parse(&format!("/{path}")) };
    http.url = url;
    Ok(template)
}

/// Records with their path and headers in front.
#[derive(Debug)]
pub(super) struct RoutedRecords {
    routing: Arc<Routing>,
    records: FormattedRecords,
}

impl RoutedRecords {
    pub(super) fn new(routing: Arc<Routing>, records: FormattedRecords) -> Self {
        Self { routing, records }
    }
}

impl EventEncoder for RoutedRecords {
    fn encode(&mut self, batch: &Batch<'_>, payload: &mut Payload) -> Result<(), PluginError> {
        if !self.routing.has_placeholders() {
            return self.records.encode(batch, payload);
        }
        let Self { routing, records } = self;
        records.each(batch, |index, record| {
            if let Some(event) = batch.events().get(index) {
                let put = |out: &mut Vec<u8>| routing.put_text(event, out);
                routing.front.put(put, payload.buffer())?;
            }
            payload.push_record(record);
            Ok(())
        })
    }

    fn record_form(&self) -> Option<&'static str> {
        self.routing.has_placeholders().then_some("http with placeholders")
    }

    /// Records without path and headers.
    fn append_as_text(&mut self, records: &Payload, text: &mut Payload) {
        records.iter().for_each(|record| text.push_record(self.routing.split(record).1));
    }
}

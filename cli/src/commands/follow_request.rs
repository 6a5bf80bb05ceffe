//! `fapilog follow-request`.

use std::sync::Arc;

use clap::Args;
use jiff::{Timestamp, ZonedDateTime};

use crate::{
    arguments::SharedArguments,
    error::{CommandError, ExitStatus},
    filter::{FilterArguments, LineFilter},
    input::{MergedSources, RequestInputArguments},
    json::Tape,
    line::LogLine,
    output::{EventPrinter, FormatArguments, PagerUse, Screen},
};

/// How much memory the events of a request may take.
const MAX_BYTES: usize = 256 << 20;

/// Writes all events of a request, in the order of time, with the time since the first one.
///
/// The events are those with this correlation id, in the files and in the rotated files that each of them was before.
#[derive(Debug, Args)]
pub(crate) struct FollowRequestArguments {
    /// The correlation id.
    id: String,
    #[command(flatten)]
    input: RequestInputArguments,
    #[command(flatten)]
    filters: FilterArguments,
    #[command(flatten)]
    format: FormatArguments,
}

pub(crate) fn run(arguments: &FollowRequestArguments, shared: &SharedArguments) -> Result<ExitStatus, CommandError> {
    let mut conditions = arguments.filters.conditions(&ZonedDateTime::now())?;
    if conditions.correlation_id.is_some() {
        let message = "the id of follow-request is the one that counts; leave --correlation out".to_owned();
        let value = conditions.correlation_id.unwrap_or_default();
        return Err(CommandError::Option { option: "--correlation", value, message, suggestion: None });
    }
    conditions.correlation_id = Some(arguments.id.clone());
    let names = arguments.input.names();
    let mut sources = MergedSources::new(names, Arc::new(LineFilter::new(conditions)), shared.json);
    let events = sorted_events(&mut sources, &arguments.id)?;
    let mut screen = Screen::open(shared, PagerUse::IfTerminal);
    let written = arguments.format.writer(shared, &screen).and_then(|writer| write(&events, writer, &mut screen));
    screen.finish(written)?;
    Ok(sources.problems().status())
}

struct RequestEvent {
    time: Option<Timestamp>,
    line: Vec<u8>,
}

/// All events of the request. Files of several threads are not quite in the order of time, so the events are sorted. Events without
/// a time come first.
fn sorted_events(sources: &mut MergedSources, id: &str) -> Result<Vec<RequestEvent>, CommandError> {
    let mut events = Vec::new();
    let mut bytes = 0;
    while let Some(line) = sources.next_line(&mut || ()) {
        bytes += line.bytes().len() + size_of::<RequestEvent>();
        if bytes > MAX_BYTES {
            return Err(CommandError::TooManyEvents { id: id.to_owned(), limit_bytes: MAX_BYTES });
        }
        let time = line.event().and_then(|event| event.time());
        events.push(RequestEvent { time, line: line.bytes().to_vec() });
    }
    events.sort_by_key(|event| event.time);
    Ok(events)
}

fn write(events: &[RequestEvent], mut writer: EventPrinter, screen: &mut Screen) -> Result<(), CommandError> {
    // Without any time, the column is there and empty.
    writer.layout.origin = Some(events.iter().find_map(|event| event.time).unwrap_or_default());
    let mut tape = Tape::default();
    let mut out = Vec::new();
    writer.put_header(&mut out);
    screen.write(&out)?;
    for event in events {
        out.clear();
        writer.put(&LogLine::read(&event.line, &mut tape), &mut out);
        screen.write(&out)?;
    }
    Ok(())
}

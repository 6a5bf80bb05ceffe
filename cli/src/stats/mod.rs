//! Counts over events.
//!
//! Memory has a bound, also for files without one: counters by name have a limit of names, intervals become wider, and gaps in event
//! ids have a limit, too. A report states where a limit was met.

mod counts;
mod edges;
mod gaps;
mod numbers;
mod rate;
mod render;

pub(crate) use render::render;

use std::collections::BTreeMap;

use fapilog::Level;
use serde::Serialize;

use crate::{
    expression::number_of,
    line::{LogEvent, LogLine, key},
    output::OutputField,
    stats::{
        counts::{NameCounts, TopNames, bounded},
        gaps::{EventIds, IdReport},
        numbers::{FieldNumbers, NumberReport},
        rate::{EventRate, RateReport},
    },
};

/// How many names of levels are counted by themselves. Other writers may have any.
const MAX_LEVELS: usize = 64;

/// The name of events whose level, source or call site is absent.
const ABSENT: &str = "(none)";
const OTHERS: &str = "(others)";

/// All counters, while lines are read.
#[derive(Debug, Default)]
pub(crate) struct StatsCollector {
    events: u64,
    plain_lines: u64,
    bytes: u64,
    levels: BTreeMap<String, u64>,
    rate: EventRate,
    sources: NameCounts,
    call_sites: NameCounts,
    /// Absent with filters: an event that a filter leaves out would be a gap.
    ids: Option<EventIds>,
    numbers: Vec<(OutputField, FieldNumbers)>,
}

/// The counts at the end.
#[derive(Debug, Serialize)]
pub(crate) struct StatsReport {
    pub(crate) events: u64,
    pub(crate) plain_lines: u64,
    pub(crate) bytes: u64,
    pub(crate) rate: Option<RateReport>,
    pub(crate) levels: BTreeMap<String, u64>,
    pub(crate) sources: TopNames,
    pub(crate) call_sites: TopNames,
    pub(crate) call_sites_by_bytes: TopNames,
    pub(crate) event_ids: Option<IdReport>,
    pub(crate) fields: Vec<NumberReport>,
}

impl StatsCollector {
    /// Counters; `checks_ids` for all events of the files, and numbers of some fields.
    pub(crate) fn new(checks_ids: bool, fields: Vec<OutputField>) -> Self {
        let numbers = fields.into_iter().map(|field| (field, FieldNumbers::default())).collect();
        Self { ids: checks_ids.then(EventIds::default), numbers, ..Self::default() }
    }

    pub(crate) fn add(&mut self, line: &LogLine<'_>) {
        // With the line's end.
        let bytes = line.bytes().len() as u64 + 1;
        self.bytes += bytes;
        match line.event() {
            Some(event) => self.add_event(event, bytes),
            None => self.plain_lines += 1,
        }
    }

    fn add_event(&mut self, event: LogEvent<'_>, bytes: u64) {
        self.events += 1;
        let level = event.level();
        self.add_level(event, level);
        if let Some(time) = event.time() {
            self.rate.add(time, matches!(level, Some(Level::Error | Level::Critical)));
        }
        self.sources.add(&event.text(key::SOURCE).unwrap_or(ABSENT.into()), bytes);
        let place = event.text(key::CALL_SITE).or_else(|| event.text(key::TARGET));
        self.call_sites.add(&place.unwrap_or(ABSENT.into()), bytes);
        if let Some(ids) = &mut self.ids
            && let Some(id) = event.text(key::EVENT_ID)
        {
            ids.add(&id);
        }
        for (field, numbers) in &mut self.numbers {
            if let Some(value) = field.path.find(event) {
                numbers.add(number_of(value).map(|number| number.as_f64()));
            }
        }
    }

    fn add_level(&mut self, event: LogEvent<'_>, level: Option<Level>) {
        let written = event.text(key::LEVEL);
        let name = match level {
            Some(level) => level.name(),
            None => bounded(written.as_deref().unwrap_or(ABSENT)),
        };
        let has_room = self.levels.len() < MAX_LEVELS;
        match self.levels.get_mut(name) {
            Some(count) => *count += 1,
            None => *self.levels.entry(if has_room { name } else { OTHERS }.to_owned()).or_default() += 1,
        }
    }

    /// The counts, with `top` names in each list.
    pub(crate) fn report(self, top: usize) -> StatsReport {
        StatsReport {
            events: self.events,
            plain_lines: self.plain_lines,
            bytes: self.bytes,
            rate: self.rate.report(),
            levels: self.levels,
            sources: self.sources.by_events(top),
            call_sites: self.call_sites.by_events(top),
            call_sites_by_bytes: self.call_sites.by_bytes(top),
            event_ids: self.ids.map(|ids| ids.report(top)),
            fields: self.numbers.iter().map(|(field, numbers)| numbers.report(&field.name)).collect(),
        }
    }
}

//! `fapilog stats`.

use std::sync::Arc;

use clap::Args;

use crate::{
    arguments::SharedArguments,
    error::{CommandError, ExitStatus},
    filter::{FilterArguments, LineFilter},
    input::{InputArguments, InputName, InputProblems, LineSource},
    output::{OutputField, PagerUse, Paint, Screen, zone},
    stats::{self, StatsCollector},
};

/// Counts events: rate, levels, sources, call sites, bytes, gaps in event ids, numeric fields.
///
/// Filters choose the events that are counted. With a filter, gaps in event ids are not looked for.
#[derive(Debug, Args)]
pub(crate) struct StatsArguments {
    #[command(flatten)]
    input: InputArguments,
    /// Numeric fields with percentiles and a histogram, such as metrics.latency_ms.
    #[arg(long, value_name = "FIELDS", value_delimiter = ',')]
    field: Vec<String>,
    /// How many sources, call sites and gaps are listed.
    #[arg(long, value_name = "COUNT", default_value_t = 10)]
    top: usize,
    /// Write times in UTC; without it, they are in the local time zone.
    #[arg(long)]
    utc: bool,
    #[command(flatten)]
    filters: FilterArguments,
}

pub(crate) fn run(arguments: &StatsArguments, shared: &SharedArguments) -> Result<ExitStatus, CommandError> {
    let filter = arguments.filters.filter()?;
    let fields = arguments.field.iter().filter(|name| !name.is_empty()).map(|name| OutputField::of(name));
    let mut collector = StatsCollector::new(filter.is_empty(), fields.collect());
    let mut problems = InputProblems::new(shared.json);
    let filter = Arc::new(filter);
    for name in arguments.input.names()? {
        count(name, &filter, &mut collector, &mut problems);
    }
    let report = collector.report(arguments.top);
    let mut screen = Screen::open(shared, PagerUse::IfTerminal);
    let text = if shared.json {
        serde_json::to_string(&report).map_err(|error| CommandError::Write(error.into()))? + "\n"
    } else {
        stats::render(&report, &zone(arguments.utc), Paint::new(screen.has_colors()))
    };
    let written = screen.write(text.as_bytes());
    screen.finish(written)?;
    Ok(problems.status())
}

/// The order of events does not matter, so files are read one after the other.
fn count(name: InputName, filter: &Arc<LineFilter>, collector: &mut StatsCollector, problems: &mut InputProblems) {
    let mut source = match LineSource::open(name.clone(), Arc::clone(filter)) {
        Ok(source) => source,
        Err(error) => return problems.not_read(&name, &error),
    };
    loop {
        match source.advance(&mut || ()) {
            Ok(true) => collector.add(&source.line()),
            Ok(false) => break,
            Err(error) => {
                problems.not_read(&name, &error);
                break;
            }
        }
    }
    problems.long_lines(&name, source.long_lines());
}

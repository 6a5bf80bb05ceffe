//! `fapilog tail`.

use std::{sync::Arc, thread, time::Duration};

use clap::Args;
use jiff::Timestamp;

use crate::{
    arguments::SharedArguments,
    error::{CommandError, ExitStatus, report},
    filter::{FilterArguments, LineFilter},
    input::{FollowedFile, InputArguments, InputName, InputProblems, NewLine, last_lines},
    json::Tape,
    line::LogLine,
    output::{EventPrinter, FormatArguments, PagerUse, Screen},
};

/// How long to wait where no file has grown.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Writes the last events of files, and follows them.
///
/// A followed file may be renamed (by the file sink, or logrotate), truncated (copytruncate), removed, and not there yet.
#[derive(Debug, Args)]
pub(crate) struct TailArguments {
    #[command(flatten)]
    input: InputArguments,
    /// Go on with the lines that come, until Ctrl-C.
    #[arg(short, long)]
    follow: bool,
    /// How many of the last matching lines are written.
    #[arg(short = 'n', long, value_name = "COUNT", default_value_t = 10)]
    lines: usize,
    #[command(flatten)]
    filters: FilterArguments,
    #[command(flatten)]
    format: FormatArguments,
}

pub(crate) fn run(arguments: &TailArguments, shared: &SharedArguments) -> Result<ExitStatus, CommandError> {
    let filter = Arc::new(arguments.filters.filter()?);
    let names = arguments.input.names()?;
    let mut screen = Screen::open(shared, if arguments.follow { PagerUse::Never } else { PagerUse::IfTerminal });
    let writer = match arguments.format.writer(shared, &screen) {
        Ok(writer) => writer,
        Err(error) => return screen.finish(Err(error)).map(|()| ExitStatus::Complete),
    };
    let mut tail = Tail { filter, writer, tape: Tape::default(), problems: InputProblems::new(shared.json) };
    let written = if arguments.follow {
        tail.follow(names, arguments.lines, &mut screen, shared.json)
    } else {
        tail.write_last(&names, arguments.lines, &mut screen)
    };
    screen.finish(written)?;
    Ok(tail.problems.status())
}

struct Tail {
    filter: Arc<LineFilter>,
    writer: EventPrinter,
    tape: Tape,
    problems: InputProblems,
}

impl Tail {
    fn write_last(&mut self, names: &[InputName], count: usize, screen: &mut Screen) -> Result<(), CommandError> {
        let mut lines = Vec::new();
        for name in names {
            lines.extend(self.last_of(name, count));
        }
        self.write_sorted(lines, count, screen)
    }

    /// The last lines of an input, each with the time of the last event up to it.
    fn last_of(&mut self, name: &InputName, count: usize) -> Vec<NewLine> {
        let (lines, long_lines) = match last_lines(name, count, &self.filter) {
            Ok(found) => found,
            Err(error) => {
                self.problems.not_read(name, &error);
                return Vec::new();
            }
        };
        self.problems.long_lines(name, long_lines);
        let mut last = Timestamp::MIN;
        let placed = lines.into_iter().map(|bytes| {
            let time = LogLine::read(&bytes, &mut self.tape).event().and_then(|event| event.time());
            last = time.unwrap_or(last);
            NewLine { time: last, bytes }
        });
        placed.collect()
    }

    /// Writes lines in the order of time; lines with the same time are in the order of their files.
    fn write_sorted(&mut self, mut lines: Vec<NewLine>, count: usize, screen: &mut Screen) -> Result<(), CommandError> {
        lines.sort_by_key(|line| line.time);
        let mut out = Vec::new();
        for line in lines.iter().skip(lines.len().saturating_sub(count)) {
            out.clear();
            self.writer.put(&LogLine::read(&line.bytes, &mut self.tape), &mut out);
            screen.write(&out)?;
        }
        Ok(())
    }

    /// Follows files until the process ends. Standard input is read to its end, and then the files.
    fn follow(
        &mut self,
        names: Vec<InputName>,
        count: usize,
        screen: &mut Screen,
        as_json: bool,
    ) -> Result<(), CommandError> {
        let mut lines = Vec::new();
        let mut files = Vec::new();
        for name in names {
            match &name {
                InputName::StandardInput => lines.extend(self.last_of(&name, count)),
                InputName::File(path) => files.push(FollowedFile::new(path, Arc::clone(&self.filter))),
            }
        }
        for file in &mut files {
            match file.start(count) {
                Ok(last) => lines.extend(last),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => self.problems.not_read(&file.name(), &error),
            }
        }
        self.write_sorted(lines, count, screen)?;
        screen.flush()?;
        while !files.is_empty() {
            self.poll(&mut files, screen, as_json)?;
        }
        Ok(())
    }

    fn poll(&mut self, files: &mut Vec<FollowedFile>, screen: &mut Screen, as_json: bool) -> Result<(), CommandError> {
        let mut lines = Vec::new();
        files.retain_mut(|file| {
            if file.began_to_wait() {
                report(&format!("{}: there is no such file; it is waited for", file.name()), as_json);
            }
            let polled = file.poll();
            self.problems.long_lines(&file.name(), file.take_long_lines());
            match polled {
                Ok(new) => lines.extend(new),
                Err(error) => {
                    self.problems.not_read(&file.name(), &error);
                    return false;
                }
            }
            true
        });
        if lines.is_empty() {
            thread::sleep(POLL_INTERVAL);
            return screen.check();
        }
        self.write_sorted(lines, usize::MAX, screen)?;
        screen.flush()
    }
}

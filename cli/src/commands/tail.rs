//! `fapilog tail`.

use std::{io, sync::Arc, thread, time::Duration};

use clap::Args;
use jiff::Timestamp;

use crate::{
    arguments::SharedArguments,
    error::{CommandError, ExitStatus},
    filter::{FilterArguments, LineFilter},
    input::{
        FollowChange, FollowedFile, InputArguments, InputName, InputProblems, NewLine, can_be_followed, last_lines,
    },
    json::Tape,
    line::LogLine,
    output::{EventPrinter, FormatArguments, PagerUse, Screen},
};

/// How long to wait where no file has grown.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// Writes the last events of files, and follows them.
///
/// A followed file may be renamed (by the file sink, or logrotate), truncated (copytruncate), removed, and not there yet. Standard
/// input, pipes and compressed files are read once.
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
    let written = tail.write_header(&mut screen).and_then(|()| {
        if arguments.follow {
            tail.follow(names, arguments.lines, &mut screen)
        } else {
            tail.write_last(&names, arguments.lines, &mut screen)
        }
    });
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
    fn write_header(&self, screen: &mut Screen) -> Result<(), CommandError> {
        let mut header = Vec::new();
        self.writer.put_header(&mut header);
        screen.write(&header)
    }

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

    /// Follows files until the process ends. Standard input and pipes are read to their end, and then the files.
    fn follow(&mut self, names: Vec<InputName>, count: usize, screen: &mut Screen) -> Result<(), CommandError> {
        let mut lines = Vec::new();
        let mut files = Vec::new();
        for name in names {
            match self.followed(&name) {
                Some(file) => files.push(file),
                None => lines.extend(self.last_of(&name, count)),
            }
        }
        files.retain_mut(|file| match file.start(count) {
            Ok(last) => {
                lines.extend(last);
                true
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => true,
            Err(error) => {
                self.problems.not_read(&file.name(), &error);
                false
            }
        });
        self.write_sorted(lines, count, screen)?;
        screen.flush()?;
        while !files.is_empty() {
            self.poll(&mut files, screen)?;
        }
        Ok(())
    }

    /// The follower of an input; `None` for an input that is read once.
    fn followed(&mut self, name: &InputName) -> Option<FollowedFile> {
        let InputName::File(path) = name else { return None };
        // An error shows when the file is opened.
        if can_be_followed(path).unwrap_or(true) {
            return Some(FollowedFile::new(path, Arc::clone(&self.filter)));
        }
        if path.is_file() {
            self.problems.note(name, &"a compressed or encrypted file is not followed");
        }
        None
    }

    fn poll(&mut self, files: &mut [FollowedFile], screen: &mut Screen) -> Result<(), CommandError> {
        let mut lines = Vec::new();
        for file in files {
            lines.extend(file.poll());
            let name = file.name();
            self.problems.long_lines(&name, file.take_long_lines());
            for change in file.take_changes() {
                match &change {
                    FollowChange::NotThere | FollowChange::Removed | FollowChange::Appeared => {
                        self.problems.note(&name, &change);
                    }
                    FollowChange::Unreadable(_) | FollowChange::RotatedUnreadable(..) => {
                        self.problems.not_read(&name, &change);
                    }
                }
            }
        }
        if lines.is_empty() {
            thread::sleep(POLL_INTERVAL);
            return screen.check();
        }
        self.write_sorted(lines, usize::MAX, screen)?;
        screen.flush()
    }
}

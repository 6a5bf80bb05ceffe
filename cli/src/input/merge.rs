//! Several sources as one, in the order of time.
//!
//! Each source is in order already, so the source with the earliest line is next. A file is opened when the merge comes to the
//! time of its first event: of a hundred rotated files, one or two are open at a time. Sources share the memory of their blocks.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    fmt,
    io::{self, Read as _},
    sync::Arc,
};

use jiff::Timestamp;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::{
    error::{ErrorReport, ExitStatus, ReportKind},
    filter::LineFilter,
    input::{InputName, LineSource, MAX_LINE_BYTES, open, open::is_regular},
    json::Tape,
    line::LogLine,
};

/// How much of a file is read to find its first time.
const PEEK_BYTES: u64 = 64 << 10;

/// Open files beside the inputs.
const OTHER_OPEN_FILES: u64 = 64;

/// Sources, merged.
pub(crate) struct MergedSources {
    filter: Arc<LineFilter>,
    sources: Vec<MergedSource>,
    /// The time of each source's line, or of its first event if it is not open yet. The earliest is on top; sources with the same
    /// time are in the order of the arguments.
    order: BinaryHeap<Reverse<(Timestamp, usize)>>,
    /// The source whose line was given out last.
    current: Option<usize>,
    problems: InputProblems,
}

enum MergedSource {
    Unopened(InputName),
    Open(Box<LineSource>),
    Done,
}

/// Errors of inputs: reported at once, and known at the end.
#[derive(Debug)]
pub(crate) struct InputProblems {
    as_json: bool,
    status: ExitStatus,
}

impl InputProblems {
    pub(crate) fn new(as_json: bool) -> Self {
        Self { as_json, status: ExitStatus::Complete }
    }

    pub(crate) fn status(&self) -> ExitStatus {
        self.status
    }

    /// Reports that an input could not be read, or not to its end.
    pub(crate) fn not_read(&mut self, name: &InputName, error: &dyn fmt::Display) {
        self.status = ExitStatus::Incomplete;
        self.report(ReportKind::Input, name, error);
    }

    /// Reports a change of an input that is no error.
    pub(crate) fn note(&self, name: &InputName, change: &dyn fmt::Display) {
        self.report(ReportKind::Change, name, change);
    }

    /// Reports lines that were left out because of their length.
    pub(crate) fn long_lines(&mut self, name: &InputName, count: u64) {
        if count > 0 {
            let limit = MAX_LINE_BYTES >> 20;
            match count {
                1 => self.not_read(name, &format_args!("a line of more than {limit} MiB is left out")),
                _ => self.not_read(name, &format_args!("{count} lines of more than {limit} MiB are left out")),
            }
        }
    }

    fn report(&self, kind: ReportKind, name: &InputName, text: &dyn fmt::Display) {
        let report = ErrorReport::new(kind, format!("{name}: {text}"));
        let report = match name {
            InputName::File(path) => report.with("file", path.to_string_lossy()),
            InputName::StandardInput => report.with("file", "-"),
        };
        report.write(self.as_json);
    }
}

impl MergedSources {
    pub(crate) fn new(names: Vec<InputName>, filter: Arc<LineFilter>, as_json: bool) -> Self {
        let is_single = names.len() == 1;
        allow_open_files(names.len());
        let mut merged = Self {
            filter,
            sources: Vec::new(),
            order: BinaryHeap::new(),
            current: None,
            problems: InputProblems::new(as_json),
        };
        for name in names {
            merged.add(name, is_single);
        }
        merged
    }

    fn add(&mut self, name: InputName, is_single: bool) {
        let first = match &name {
            InputName::File(path) if !is_single && is_regular(path) => first_time(&name),
            _ => Ok(Timestamp::MIN),
        };
        match first {
            Ok(time) => {
                self.order.push(Reverse((time, self.sources.len())));
                self.sources.push(MergedSource::Unopened(name));
            }
            Err(error) => self.problems.not_read(&name, &error),
        }
    }

    /// The next line of all sources; `None` at the end of all of them. `before_read` is called where a source may have to be waited
    /// for.
    pub(crate) fn next_line(&mut self, before_read: &mut dyn FnMut()) -> Option<LogLine<'_>> {
        if let Some(current) = self.current.take() {
            self.advance(current, before_read);
        }
        loop {
            let Reverse((_, index)) = self.order.pop()?;
            let is_open = matches!(self.sources.get(index), Some(MergedSource::Open(_)));
            if is_open {
                self.current = Some(index);
                break;
            }
            self.open(index, before_read);
        }
        match self.sources.get(self.current?)? {
            MergedSource::Open(source) => Some(source.line()),
            _ => None,
        }
    }

    /// The errors so far.
    pub(crate) fn problems(&mut self) -> &mut InputProblems {
        &mut self.problems
    }

    fn open(&mut self, index: usize, before_read: &mut dyn FnMut()) {
        let sources = self.sources.len();
        let Some(slot) = self.sources.get_mut(index) else { return };
        let MergedSource::Unopened(name) = std::mem::replace(slot, MergedSource::Done) else { return };
        match LineSource::open_among(sources, name.clone(), Arc::clone(&self.filter)) {
            Ok(source) => {
                *slot = MergedSource::Open(Box::new(source));
                self.advance(index, before_read);
            }
            Err(error) => self.problems.not_read(&name, &error),
        }
    }

    /// Goes on in a source. At its end, it is closed.
    fn advance(&mut self, index: usize, before_read: &mut dyn FnMut()) {
        let is_single = self.sources.len() == 1;
        let Some(slot) = self.sources.get_mut(index) else { return };
        let MergedSource::Open(source) = slot else { return };
        match source.advance(before_read) {
            Ok(true) => {
                let time = if is_single { Timestamp::MIN } else { source.time() };
                return self.order.push(Reverse((time, index)));
            }
            Ok(false) => {}
            Err(error) => self.problems.not_read(source.name(), &error),
        }
        self.problems.long_lines(source.name(), source.long_lines());
        *slot = MergedSource::Done;
    }
}

/// Files whose times overlap are open at once: the limit of open files is raised as far as the process may.
fn allow_open_files(count: usize) {
    let limit = getrlimit(Resource::Nofile);
    let wanted = u64::try_from(count).unwrap_or(u64::MAX).saturating_add(OTHER_OPEN_FILES);
    let allowed = limit.maximum.map_or(wanted, |maximum| wanted.min(maximum));
    if limit.current.is_some_and(|current| current < allowed) {
        // Without it, a file that cannot be opened is reported.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(allowed), maximum: limit.maximum });
    }
}

/// The time of the first event in the front of a file; the earliest of all if there is none. An error behind the front, such as that of
/// a compressed file that is cut, comes again when the file is read.
fn first_time(name: &InputName) -> io::Result<Timestamp> {
    let mut front = Vec::new();
    let _ = open(name)?.take(PEEK_BYTES).read_to_end(&mut front);
    let mut tape = Tape::default();
    let mut times = front.split(|&byte| byte == b'\n').map_while(|line| {
        let event = LogLine::read(line, &mut tape).event();
        // Plain text in front of the first event is read with the file.
        event.map(|event| event.time())
    });
    Ok(times.next().flatten().unwrap_or(Timestamp::MIN))
}

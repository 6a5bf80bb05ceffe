//! A cell of the matrix: a format, a sink, and all of the corpus.

use fapilog::{
    Container, Level,
    container::ContainerBuilder,
    event::Batch,
    format::{self, Formatter},
    plugin::PluginError,
    sink::{self, OnFull, SinkOptions},
};

use crate::{corpus::log_all, json, law, logged::Logged, text};

/// Every formatter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Json,
    Simple,
    Logfmt,
    Minimal,
    Pretty,
    PrettyInColors,
}

/// Whichever formatter it is.
pub(crate) struct AnyFormatter(Box<dyn Formatter>);

impl Formatter for AnyFormatter {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn format(&mut self, batch: &Batch<'_>, out: &mut Vec<u8>) -> Result<(), PluginError> {
        self.0.format(batch, out)
    }

    fn record_end(&self) -> format::RecordEnd {
        self.0.record_end()
    }
}

impl Format {
    pub(crate) const ALL: [Self; 6] =
        [Self::Json, Self::Simple, Self::Logfmt, Self::Minimal, Self::Pretty, Self::PrettyInColors];

    pub(crate) fn formatter(self) -> AnyFormatter {
        AnyFormatter(match self {
            Self::Json => Box::new(format::Json::new()),
            Self::Simple => Box::new(format::Simple::new()),
            Self::Logfmt => Box::new(format::Logfmt::new()),
            Self::Minimal => Box::new(format::Minimal::new()),
            Self::Pretty => Box::new(format::Pretty::new()),
            Self::PrettyInColors => Box::new(format::Pretty::new().colors(true)),
        })
    }

    /// Reads the bytes of a sink, and compares them with the logged events: every event is a line, in order, nothing in
    /// it acts on a terminal, and every value is the logged one.
    #[track_caller]
    pub(crate) fn check(self, found: &[u8], logged: &[Logged]) {
        let found = std::str::from_utf8(found).unwrap();
        let plain = if self == Self::PrettyInColors { text::without_colors(found) } else { found.to_owned() };
        let plain = plain.strip_suffix('\n').unwrap();
        let lines: Vec<&str> = plain.split('\n').collect();
        assert_eq!(lines.len(), logged.len(), "{self:?}");
        for (number, (line, logged)) in (1..).zip(lines.iter().zip(logged)) {
            assert!(!line.contains(is_control), "{self:?}: {line:.200?}");
            match self {
                Self::Json => assert_eq!(json::check(line, logged), number),
                Self::Logfmt => assert_eq!(text::check_logfmt(line, logged), number),
                Self::Simple => text::check_simple(line, logged),
                Self::Minimal => text::check_minimal(line, logged),
                Self::Pretty | Self::PrettyInColors => text::check_pretty(line, logged),
            }
        }
    }
}

/// Controls of terminals and of the direction of text, and whatever some program may take for the end of a line.
fn is_control(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A container in which a record of several mebibytes has room.
pub(crate) fn builder() -> ContainerBuilder {
    law::thread_builder()
        .level(Level::Trace)
        .ring_capacity_bytes(32 << 20)
        .record_max_bytes(4 << 20)
        .message_max_chars(2 << 20)
        // A large batch takes an unoptimized program more than a second, and standard error is a sink of this test.
        .emergency_lines(false)
        // A shard that shares two cores with others may keep a log call waiting.
        .overflow(fapilog::container::Overflow::Block { timeout: law::TIMEOUT })
}

/// With a console sink that drops nothing.
pub(crate) fn waiting(builder: ContainerBuilder, name: &str, sink: sink::Console) -> ContainerBuilder {
    builder.sink_with(name, sink, SinkOptions::new().on_full(OnFull::Block))
}

/// Logs the corpus, and ends the container, with everything delivered and nothing lost. Returns the logged events.
#[track_caller]
pub(crate) fn run(container: Container) -> Vec<Logged> {
    let logged = log_all(&container);
    let accounts = law::shut_down(&container);
    let count = logged.len() as u64;
    assert_eq!((accounts.submitted, accounts.lost_total(), accounts.filtered_total()), (count, 0, 0), "{accounts}");
    assert!(accounts.sinks.iter().all(|sink| sink.delivered == count), "{accounts}");
    assert_eq!(accounts.cut, 0);
    logged
}

/// A directory on the disk that programs are built on: a memory file system may know no direct writes.
pub(crate) fn scratch() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

//! The sink by code: its options.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use fapilog_format::syslog::Facility;
use fapilog_plugin::{
    level::Level,
    problem::Problem,
    settings::{Allowed, Durations, Sizes},
    sink::DeliveryPolicy,
};

use crate::{
    encode::{EncodeOptions, MessageId},
    field_name::{FieldNaming, is_prefix},
    priority::{Priority, PriorityMap},
};

/// The socket of the system's journal.
const SOCKET: &str = "/run/systemd/journal/socket";
/// The longest path of a socket, which the kernel sets.
const SOCKET_PATH_BYTES_MAX: usize = 108;
/// journald ignores a longer entry of a program that is not root.
const ENTRY_BYTES: usize = 32 << 20;
/// journald ignores a longer field of any program.
const ENTRY_BYTES_MAX: usize = 768 << 20;
const PAYLOAD_BYTES: usize = 64 << 10;
const TIMEOUT: Duration = Duration::from_secs(5);

/// Sends events to systemd's journal: each is an entry, with every field.
///
/// ```no_run
/// use fapilog::{Container, info};
/// use fapilog_journald::{Facility, Journald};
///
/// let journal = Journald::new().identifier("shop").facility(Facility::Daemon).field_prefix("SHOP_");
/// let logs = Container::builder().sink("journald", journal).start()?;
/// info!(logs.logger("orders"), "order filled", order_id = 42); // journalctl SHOP_ORDER_ID=42
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Journald {
    socket: PathBuf,
    identifier: Option<String>,
    facility: Option<Facility>,
    field_prefix: String,
    message_id: Option<String>,
    message_id_field: String,
    priorities: PriorityMap,
    entry_bytes_max: usize,
    payload_bytes: usize,
    timeout: Duration,
}

impl Default for Journald {
    fn default() -> Self {
        Self {
            socket: SOCKET.into(),
            identifier: None,
            facility: None,
            field_prefix: String::new(),
            message_id: None,
            message_id_field: "message_id".to_owned(),
            priorities: PriorityMap::default(),
            entry_bytes_max: ENTRY_BYTES,
            payload_bytes: PAYLOAD_BYTES,
            timeout: TIMEOUT,
        }
    }
}

impl Journald {
    /// The sink with its defaults: the system's journal, and the program's name as identifier.
    pub fn new() -> Self {
        Self::default()
    }

    /// The path of journald's socket, 108 bytes at most. Default: `/run/systemd/journal/socket`.
    pub fn socket(mut self, path: impl Into<PathBuf>) -> Self {
        self.socket = path.into();
        self
    }

    /// `SYSLOG_IDENTIFIER` of each entry, by which `journalctl -t` finds it. Default: the program's name.
    pub fn identifier(mut self, identifier: impl Into<String>) -> Self {
        self.identifier = Some(identifier.into());
        self
    }

    /// `SYSLOG_FACILITY` of each entry. Default: entries have none.
    pub fn facility(mut self, facility: Facility) -> Self {
        self.facility = Some(facility);
        self
    }

    /// A text in front of the names of the events' fields: `A` to `Z`, digits and `_`, first a letter, 32 bytes at most. Default:
    /// none.
    pub fn field_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.field_prefix = prefix.into();
        self
    }

    /// `MESSAGE_ID` of each entry whose event names none: 32 hexadecimal digits, or a UUID. Default: none.
    pub fn message_id(mut self, id: impl Into<String>) -> Self {
        self.message_id = Some(id.into());
        self
    }

    /// The context field that holds an event's own `MESSAGE_ID`; `""` if none does. Default: `message_id`.
    pub fn message_id_field(mut self, name: impl Into<String>) -> Self {
        self.message_id_field = name.into();
        self
    }

    /// The `PRIORITY` of a level. Default: [`Priority::of_level`].
    pub fn priority(mut self, level: Level, priority: Priority) -> Self {
        self.priorities.set(level, priority);
        self
    }

    /// The longest entry, in bytes; a longer one is cut. 1 KiB to 768 MiB. Default: 32 MiB, beyond which journald ignores entries
    /// of programs that are not root.
    pub fn entry_bytes_max(mut self, bytes: usize) -> Self {
        self.entry_bytes_max = bytes;
        self
    }

    /// The bytes of entries that are handed to the sink's thread at once. 4 KiB to 16 MiB. Default: 64 KiB.
    pub fn payload_bytes(mut self, bytes: usize) -> Self {
        self.payload_bytes = bytes;
        self
    }

    /// The time limit of a payload: entries that journald's queue has not taken by then are sent again later. 10 ms to 5 min.
    /// Default: 5 s.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    pub(crate) fn socket_path(&self) -> &Path {
        &self.socket
    }

    pub(crate) fn timeout_of_payload(&self) -> Duration {
        self.timeout
    }

    pub(crate) fn bytes_of_payload(&self) -> usize {
        self.payload_bytes
    }

    /// The limit of an attempt is beyond the sink's own: an attempt that the engine gives up would go on, and its entries come twice.
    pub(crate) fn policy(&self) -> DeliveryPolicy {
        let policy = DeliveryPolicy::default();
        let timeout = policy.timeout.max(2 * self.timeout);
        policy.timeout(timeout).attempts(12).backoff(Duration::from_millis(100), 2.0, Duration::from_secs(10))
    }

    pub(crate) fn encode_options(&self) -> EncodeOptions {
        let identifier = self.identifier.clone().unwrap_or_else(program_name);
        let id = self.message_id.as_deref().and_then(MessageId::parse);
        EncodeOptions::new(FieldNaming::new(&self.field_prefix), self.priorities, self.entry_bytes_max)
            .identifier(&identifier, self.facility)
            .message_ids(id, &self.message_id_field)
    }

    /// Invalid values.
    pub(crate) fn problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut check = |is_valid: bool, path: &str, value: &str, allowed: &str| {
            if !is_valid {
                problems.push(Problem::new(path, value, allowed));
            }
        };
        let socket = self.socket.to_string_lossy();
        let is_path = self.socket.is_absolute() && socket.len() <= SOCKET_PATH_BYTES_MAX && !socket.contains('\0');
        check(is_path, "socket", &socket, "allowed is an absolute path of 108 bytes at most");
        let identifier = self.identifier.as_deref().unwrap_or("-");
        let is_line = !identifier.is_empty() && !identifier.chars().any(char::is_control);
        check(is_line, "identifier", identifier, "allowed is a text on one line that is not empty");
        let allowed = "allowed are A to Z, digits and _, first a letter, 32 characters at most";
        check(is_prefix(&self.field_prefix), "field_prefix", &self.field_prefix, allowed);
        let id = self.message_id.as_deref();
        let is_id = id.is_none_or(|id| MessageId::parse(id).is_some());
        let allowed = "allowed are 32 hexadecimal digits, or a UUID; systemd-id128 new makes one";
        check(is_id, "message_id", id.unwrap_or_default(), allowed);
        let below = |path: &'static str| move |problem: Problem| problem.below(path);
        let sizes = [
            ("entry_bytes_max", Sizes(1 << 10..=ENTRY_BYTES_MAX), self.entry_bytes_max),
            ("payload_bytes", Sizes(4 << 10..=16 << 20), self.payload_bytes),
        ];
        for (path, rule, value) in sizes {
            problems.extend(rule.problems(&value).into_iter().map(below(path)));
        }
        let timeouts = Durations(Duration::from_millis(10)..=Duration::from_secs(300));
        problems.extend(timeouts.problems(&self.timeout).into_iter().map(below("timeout")));
        problems
    }
}

/// The name of the program, as it was called.
fn program_name() -> String {
    let called = std::env::args_os().next().map(PathBuf::from);
    let name = called.as_deref().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
    name.filter(|name| !name.is_empty()).unwrap_or_else(|| "fapilog".to_owned())
}

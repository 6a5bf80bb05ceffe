//! Requests and answers on the socket.
//!
//! Each is a JSON object on a line, and has the version `"v": 1`. An answer has `"ok"`, and either `"result"` or `"error"` with
//! a stable `"code"` and a `"message"`. A connection takes any number of requests, one after the other.
//!
//! | command | arguments | result |
//! |---|---|---|
//! | `info` | | [`ProcessInfo`] |
//! | `level.get` | | [`LevelsInForce`] |
//! | `level.set` | [`LevelChange`] | [`ChangedLevels`] |
//! | `metrics` | | the container's `Metrics` |
//! | `plugins` | | a list of [`PluginStatus`] |
//! | `diagnostics` | | a list of [`DiagnosticReport`] |
//! | `flush` | `timeout_ms` (5000) | [`Flushed`] |
//! | `rotate` | `sink` (all sinks), `timeout_ms` (5000) | an empty object |
//!
//! An argument that a command does not have is an error. A later version of the library may add fields to a result.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

/// The version of the protocol.
pub const VERSION: u64 = 1;

/// The longest request, in bytes.
pub const REQUEST_MAX_BYTES: usize = 16 * 1024;

/// How long a flush or a rotation may take, if the request does not state it.
pub const TIMEOUT_DEFAULT: Duration = Duration::from_secs(5);

/// The longest time for a flush or a rotation.
pub const TIMEOUT_MAX: Duration = Duration::from_secs(30);

/// The longest time for which a level can be changed: 30 days.
pub const LEVEL_TIME_MAX: Duration = Duration::from_secs(30 * 86_400);

/// The commands, by their names in a request.
const COMMANDS: [&str; 8] = ["info", "level.get", "level.set", "metrics", "plugins", "diagnostics", "flush", "rotate"];

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ControlCommand {
    /// The program and its container.
    Info,
    /// The levels that are logged.
    LevelGet,
    /// A change of the levels that are logged.
    LevelSet(LevelChange),
    /// The container's figures.
    Metrics,
    /// The plugins and their states.
    Plugins,
    /// The diagnostics of the log itself.
    Diagnostics,
    /// A flush.
    Flush {
        /// How long it may take.
        timeout: Duration,
    },
    /// New files.
    Rotate {
        /// The sink; `None`: all.
        sink: Option<String>,
        /// How long it may take.
        timeout: Duration,
    },
}

/// A change of levels.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct LevelChange {
    /// LevelsInForce by target, as in the setting `level`: `warn,my::db=debug`.
    pub directives: String,
    /// `false`: the directives are added to the levels in force, of which those for other targets stay. `true`: they take the
    /// place of all of them.
    #[serde(default)]
    pub replace: bool,
    /// How long the change lasts, in milliseconds. Then the levels of before come back, unless they are changed meanwhile by
    /// other means. `None`: until the next change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_ms: Option<u64>,
}

impl LevelChange {
    /// Adds these directives to the levels in force.
    #[must_use]
    pub fn add(directives: impl Into<String>) -> Self {
        Self { directives: directives.into(), replace: false, for_ms: None }
    }

    /// Has these directives take the place of the levels in force.
    #[must_use]
    pub fn replace(directives: impl Into<String>) -> Self {
        Self { directives: directives.into(), replace: true, for_ms: None }
    }

    /// The change lasts for this time, at most 30 days.
    #[must_use]
    pub fn lasting(mut self, time: Duration) -> Self {
        self.for_ms = Some(millis(time));
        self
    }
}

/// The levels in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LevelsInForce {
    /// LevelsInForce by target, as in the setting `level`.
    pub directives: String,
    /// The levels that come back by themselves, if a change with a limited time is in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub then: Option<LaterLevels>,
}

/// LevelsInForce that come back by themselves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LaterLevels {
    /// LevelsInForce by target, as in the setting `level`.
    pub directives: String,
    /// The time until then, in milliseconds.
    pub in_ms: u64,
}

/// The result of a change of levels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ChangedLevels {
    /// The levels before the change.
    pub before: String,
    /// The levels since the change.
    #[serde(flatten)]
    pub now: LevelsInForce,
}

/// The program and its container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ProcessInfo {
    /// The number of the process.
    pub pid: u32,
    /// The name of the program.
    pub program: String,
    /// The container's number in its process.
    pub container: u64,
    /// The executor of its drain: `thread` or `glommio`; `None` if the program runs it.
    pub executor: Option<String>,
    /// Whether the container takes no more events.
    pub closed: bool,
    /// The version of the library.
    pub version: String,
}

/// A plugin or sink, and its state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PluginStatus {
    /// Its name in the container.
    pub name: String,
    /// The kind of plugin: `enricher`, `processor`, `redactor` or `sink`.
    pub kind: String,
    /// Its state: `active`, `cool_down`, `disabled`, `removed` or `hangs`.
    pub state: String,
}

/// A fallback or a failure of the log itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DiagnosticReport {
    /// How grave it is.
    pub level: String,
    /// The subject: a sink's name, or `executor`.
    pub about: String,
    /// The text.
    pub text: String,
    /// How often it has come.
    pub times: u64,
}

/// The sums of the accounts after a flush.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Flushed {
    /// Events that were logged.
    pub submitted: u64,
    /// Events that every sink has delivered.
    pub delivered: u64,
    /// Events that were filtered.
    pub filtered: u64,
    /// Events that were lost.
    pub lost: u64,
}

/// An error as an answer has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message} ({code})")]
#[non_exhaustive]
pub struct Refusal {
    /// A stable code: `control.` and a name, or a code of the library's errors.
    pub code: String,
    /// The text.
    pub message: String,
}

impl Refusal {
    pub(crate) fn new(code: &str, message: impl Into<String>) -> Self {
        Self { code: code.to_owned(), message: message.into() }
    }

    /// An error of the library.
    pub(crate) fn of(error: impl Into<fapilog::Error>) -> Self {
        let error: fapilog::Error = error.into();
        Self::new(error.code(), error.to_string())
    }

    fn invalid(message: impl Into<String>) -> Self {
        Self::new("control.invalid_request", message)
    }
}

/// The arguments of a command without arguments.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct NoArguments {}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct FlushArguments {
    #[serde(default = "timeout_default", deserialize_with = "timeout", rename = "timeout_ms")]
    timeout: Duration,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RotateArguments {
    #[serde(default)]
    sink: Option<String>,
    #[serde(default = "timeout_default", deserialize_with = "timeout", rename = "timeout_ms")]
    timeout: Duration,
}

fn timeout_default() -> Duration {
    TIMEOUT_DEFAULT
}

fn timeout<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let timeout = Duration::from_millis(u64::deserialize(deserializer)?);
    if timeout <= TIMEOUT_MAX {
        return Ok(timeout);
    }
    let text = format!("timeout_ms is {}; allowed are 0 to {}", timeout.as_millis(), TIMEOUT_MAX.as_millis());
    Err(serde::de::Error::custom(text))
}

pub(crate) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl ControlCommand {
    /// The name in a request.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::LevelGet => "level.get",
            Self::LevelSet(_) => "level.set",
            Self::Metrics => "metrics",
            Self::Plugins => "plugins",
            Self::Diagnostics => "diagnostics",
            Self::Flush { .. } => "flush",
            Self::Rotate { .. } => "rotate",
        }
    }

    /// The command of a request that would change the log, and the part that it would change: also of one whose arguments are invalid.
    pub(crate) fn change_in(line: &[u8]) -> Option<(&'static str, &'static str)> {
        let request: Value = serde_json::from_slice(line).ok()?;
        match request.get("command")?.as_str()? {
            "level.set" => Some(("level.set", "levels")),
            "rotate" => Some(("rotate", "sinks")),
            _ => None,
        }
    }

    /// Whether it changes anything in the program.
    pub(crate) const fn is_change(&self) -> bool {
        matches!(self, Self::LevelSet(_) | Self::Flush { .. } | Self::Rotate { .. })
    }

    /// The line of the request, without a newline.
    #[must_use]
    pub fn to_line(&self) -> String {
        let mut request = match self {
            Self::LevelSet(change) => serde_json::to_value(change).unwrap_or_default(),
            Self::Flush { timeout } => json!({ "timeout_ms": millis(*timeout) }),
            Self::Rotate { sink, timeout } => json!({ "sink": sink, "timeout_ms": millis(*timeout) }),
            _ => json!({}),
        };
        if let Some(request) = request.as_object_mut() {
            request.insert("v".to_owned(), VERSION.into());
            request.insert("command".to_owned(), self.name().into());
        }
        request.to_string()
    }

    /// The command in the line of a request, without its newline.
    ///
    /// # Errors
    /// When the line is no request, or one of another version: the error that a peer gets.
    pub fn from_line(line: &[u8]) -> Result<Self, Refusal> {
        let request: Value = serde_json::from_slice(line)
            .map_err(|error| Refusal::invalid(format!("the request is no JSON on one line: {error}")))?;
        let Value::Object(mut request) = request else {
            return Err(Refusal::invalid("the request must be a JSON object, with `v` and `command`"));
        };
        check_version(request.remove("v"))?;
        let name = match request.remove("command") {
            Some(Value::String(name)) => name,
            Some(other) => return Err(unknown_command(&other.to_string())),
            None => return Err(Refusal::invalid(format!("`command` is missing; {}", allowed_commands()))),
        };
        Self::with_arguments(&name, request)
    }

    fn with_arguments(name: &str, arguments: Map<String, Value>) -> Result<Self, Refusal> {
        let without = |command: Self| read_arguments(name, arguments.clone()).map(|NoArguments {}| command);
        match name {
            "info" => without(Self::Info),
            "level.get" => without(Self::LevelGet),
            "metrics" => without(Self::Metrics),
            "plugins" => without(Self::Plugins),
            "diagnostics" => without(Self::Diagnostics),
            "level.set" => read_arguments(name, arguments).map(Self::LevelSet),
            "flush" => read_arguments(name, arguments).map(|FlushArguments { timeout }| Self::Flush { timeout }),
            "rotate" => {
                read_arguments(name, arguments).map(|RotateArguments { sink, timeout }| Self::Rotate { sink, timeout })
            }
            other => Err(unknown_command(other)),
        }
    }
}

fn check_version(version: Option<Value>) -> Result<(), Refusal> {
    match version {
        Some(version) if version.as_u64() == Some(VERSION) => Ok(()),
        version => {
            let version = version.map_or_else(|| "missing".to_owned(), |version| version.to_string());
            Err(Refusal::new("control.unknown_version", format!("`v` is {version}; allowed is {VERSION}")))
        }
    }
}

fn read_arguments<A: DeserializeOwned>(name: &str, arguments: Map<String, Value>) -> Result<A, Refusal> {
    serde_json::from_value(Value::Object(arguments))
        .map_err(|error| Refusal::invalid(format!("invalid arguments of `{name}`: {error}")))
}

fn allowed_commands() -> String {
    format!("allowed are {}", COMMANDS.join(", "))
}

/// How alike two names are at least, from 0 to 1, for one to be suggested for the other.
const LIKENESS_MIN: f64 = 0.7;

fn unknown_command(name: &str) -> Refusal {
    let likeness = |known: &&&str| strsim::jaro_winkler(name, known);
    let alike = COMMANDS.iter().filter(|known| likeness(known) >= LIKENESS_MIN);
    let suggestion = alike.max_by(|one, other| likeness(one).total_cmp(&likeness(other)));
    let suggestion = suggestion.map(|known| format!("; did you mean {known}?")).unwrap_or_default();
    Refusal::new("control.unknown_command", format!("command is {name:?}; {}{suggestion}", allowed_commands()))
}

/// The line of an answer, without a newline.
pub(crate) fn answer_line(answer: Result<Value, Refusal>) -> String {
    match answer {
        Ok(result) => json!({ "v": VERSION, "ok": true, "result": result }),
        Err(refusal) => json!({ "v": VERSION, "ok": false, "error": refusal }),
    }
    .to_string()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_command_is_read_from_the_line_that_is_written_for_it() {
        let timeout = Duration::from_millis(250);
        let change = LevelChange::replace("warn,my::db=debug").lasting(Duration::from_secs(600));
        let commands = [
            ControlCommand::Info,
            ControlCommand::LevelGet,
            ControlCommand::LevelSet(change),
            ControlCommand::LevelSet(LevelChange::add("debug")),
            ControlCommand::Metrics,
            ControlCommand::Plugins,
            ControlCommand::Diagnostics,
            ControlCommand::Flush { timeout },
            ControlCommand::Rotate { sink: Some("file".to_owned()), timeout },
            ControlCommand::Rotate { sink: None, timeout },
        ];
        for command in &commands {
            assert!(COMMANDS.contains(&command.name()), "{command:?}");
            assert_eq!(ControlCommand::from_line(command.to_line().as_bytes()).as_ref(), Ok(command));
        }
    }

    #[test]
    fn a_request_that_is_none_is_refused_with_the_reason() {
        let cases = [
            ("", "control.invalid_request", "no JSON on one line"),
            ("[]", "control.invalid_request", "must be a JSON object"),
            (r#"{"command":"info"}"#, "control.unknown_version", "`v` is missing; allowed is 1"),
            (r#"{"v":2,"command":"info"}"#, "control.unknown_version", "`v` is 2; allowed is 1"),
            (r#"{"v":1}"#, "control.invalid_request", "`command` is missing; allowed are info, level.get"),
            (r#"{"v":1,"command":7}"#, "control.unknown_command", "command is \"7\""),
            (r#"{"v":1,"command":"level.st"}"#, "control.unknown_command", "did you mean level.set?"),
            (r#"{"v":1,"command":"level.set"}"#, "control.invalid_request", "missing field `directives`"),
            (r#"{"v":1,"command":"info","x":1}"#, "control.invalid_request", "unknown field `x`"),
            (r#"{"v":1,"command":"flush","timeout_ms":30001}"#, "control.invalid_request", "allowed are 0 to 30000"),
            (
                r#"{"v":1,"command":"rotate","timeout_ms":-1}"#,
                "control.invalid_request",
                "invalid arguments of `rotate`",
            ),
        ];
        for (line, code, part) in cases {
            let refusal = ControlCommand::from_line(line.as_bytes()).unwrap_err();
            assert!(refusal.code == code && refusal.message.contains(part), "{line}: {refusal}");
        }
    }

    #[test]
    fn a_request_without_a_time_has_the_default() {
        let command = ControlCommand::from_line(br#"{"v":1,"command":"rotate"}"#);
        assert_eq!(command, Ok(ControlCommand::Rotate { sink: None, timeout: TIMEOUT_DEFAULT }));
    }

    proptest! {
        #[test]
        fn any_line_is_answered_without_a_panic(line in any::<Vec<u8>>()) {
            let answer = answer_line(ControlCommand::from_line(&line).map(|_| Value::Null));
            prop_assert!(!answer.contains('\n'));
        }

        #[test]
        fn any_arguments_are_answered_without_a_panic(name in prop::sample::select(COMMANDS.to_vec()), text in any::<String>()) {
            let argument = serde_json::to_string(&text).unwrap();
            for key in ["directives", "replace", "for_ms", "timeout_ms", "sink", "x"] {
                let line = format!(r#"{{"v":1,"command":"{name}","{key}":{argument}}}"#);
                prop_assert!(!answer_line(ControlCommand::from_line(line.as_bytes()).map(|_| Value::Null)).contains('\n'));
            }
        }
    }

    #[test]
    fn lists_within_lists_without_end_are_refused() {
        let line = format!(r#"{{"v":1,"command":{}"#, "[".repeat(REQUEST_MAX_BYTES));
        assert_eq!(ControlCommand::from_line(line.as_bytes()).unwrap_err().code, "control.invalid_request");
    }
}

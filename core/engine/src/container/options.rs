//! The options of a container, but for its plugins: each is declared once, in [`container_options`](crate::container_options).

use std::time::Duration;

use fapilog_plugin::{
    problem::{Problem, SettingsError},
    settings::{Allowed, Anything, Durations, Maybe, Numbers, OneOf, PowersOfTwo, Sizes, write_size},
};
use fapilog_record::{
    directives::Directives,
    level::{Level, LevelFilter},
};
use fapilog_ring::Capacity;

use crate::{
    clock::{ManualClock, StampSource},
    container::ContainerBuilder,
    diagnostics::{DiagnosticSettings, ErrorCallback},
    executor::Executor,
    host::probe,
    on_hang::OnHang,
    order::EventOrder,
    producer::{CallerFields, Limits, OverflowStrategy},
    shard::{ShardSettings, idle::IdleSettings},
    supervisor::SupervisorPolicy,
};

/// The declarations of the options: `name: shape Type = default, rule;`, under a doc comment. `rule, aliases ["other"],
/// in table.key;` adds other names for files and the environment: aliases, and a key in a table.
///
/// The macro passes them to another macro: `container_options! { other! { head } { more } }` calls `other!` with the head,
/// the level, more, and all other options.
/// The engine makes of them the fields of `ContainerOptions`, their defaults, their checks and the setters of
/// [`ContainerBuilder`](crate::container::ContainerBuilder). The crate `fapilog-settings` makes of them settings: for files
/// and the environment, with the other names, and with a section on the page about settings.
///
/// A shape is a value of `one` type, a value `into` which others convert, and `maybe` a value. Names of types and rules are
/// looked up where the other macro is called.
#[doc(hidden)]
#[macro_export]
macro_rules! container_options {
    ($($callback:ident)::+ ! { $($head:tt)* } $({ $($more:tt)* })?) => { $($callback)::+ ! {
        $($head)*

        /// The least level that is logged, with exceptions by target: `info,my_crate::net=debug,chatty=off`. A target alone
        /// is logged whole. AUDIT and SECURITY are logged always, unless it is `off`.
        level: into Directives = Directives::default(),
            Anything("TRACE, DEBUG, INFO, WARNING (or WARN), ERROR, CRITICAL, AUDIT, SECURITY, OFF; target; target=level; several of these, parted by commas");

        $($($more)*)?

        /// The number of drain shards. Each has a thread and its own sinks.
        shards: one usize = 1, Numbers(1..=64), aliases ["max_workers"], in drain.shards;

        /// The runtime of the drain shards: glommio where it is available and a thread elsewhere, or always the same.
        executor: one Executor = Executor::Auto, OneOf(Executor::NAMES), in drain.executor;

        /// The answer to a plugin or sink that does not return within `plugin_timeout` (a minute where that is `0s`): its shard waits for
        /// it, or is abandoned, and another takes over. The events that the abandoned one holds are lost as `plugin_hung`.
        on_hang: one OnHang = OnHang::Wait, OneOf(OnHang::NAMES), in drain.on_hang;

        /// The CPUs that the drain shards are pinned to, one for each. Empty: the last CPUs that the process may use; no
        /// pinning where that would leave no other CPU.
        drain_cpus: into Vec<usize> = Vec::new(), Anything("a list of numbers of CPUs, one for each of `shards`"),
            in drain.cpus;

        /// Whether threads of the container drain it. If `false`, the program does so itself, with the `ManualDrain` that
        /// `start_manual` returns. If it is not given, the program starts the container either way.
        async_processing: maybe bool = None, Anything("true, false");

        /// The order of events of several threads: by the time of their calls, or thread by thread, which costs the drain no
        /// comparison. Events of a single thread always keep their order.
        order: one EventOrder = EventOrder::ByTime, OneOf(EventOrder::NAMES), aliases ["ordering"];

        /// The number of waiting events that each thread's ring is sized for: 128 bytes for each, rounded up to a power of
        /// two, 64 KiB at least. Longer events take more space. `ring_capacity_bytes` sizes the ring exactly.
        queue_max_size: one usize = 4096, Numbers(100..=1_000_000);

        /// The size of each thread's ring. If it is not given, `queue_max_size` sizes it.
        #[serde(with = "size_bytes::maybe")]
        ring_capacity_bytes: maybe usize = None, Maybe(PowersOfTwo(16 << 10..=1 << 30));

        /// The longest record; longer events are cut. If it is not given: 64 KiB, or the limit of the ring, which is a
        /// quarter of it.
        #[serde(with = "size_bytes::maybe")]
        record_max_bytes: maybe usize = None, Maybe(Sizes(1 << 10..=16 << 20));

        /// The longest message, in characters; longer messages are cut, and their events marked.
        message_max_chars: one usize = 10_000, Numbers(1..=16 << 20);

        /// The number of threads with a ring of their own at the same time; those beyond share a ring.
        threads_max: one usize = 256, Numbers(1..=65_536);

        /// The behaviour of a log call when its thread's ring is full.
        overflow_strategy: one OverflowStrategy = OverflowStrategy::Block, OneOf(OverflowStrategy::NAMES),
            in overflow.strategy;

        /// The longest wait of a log call for space, where the strategy is `block`; then the event is lost and counted.
        #[serde(with = "duration")]
        overflow_timeout: one Duration = Duration::from_millis(50),
            Durations(Duration::ZERO..=Duration::from_secs(3600)), in overflow.timeout;

        /// The largest batch that plugins see, in events.
        batch_events_max: one usize = 512, Numbers(1..=10_000), aliases ["batch_size"];

        /// The time that events wait for more before they are delivered; ERROR and above wait a millisecond at most.
        #[serde(with = "duration")]
        flush_interval: one Duration = Duration::from_millis(50), Durations(Duration::ZERO..=Duration::from_secs(3600));

        /// The time that a plugin may take for a batch before that counts as a failure; `0s`: no limit. A plugin that fails
        /// three times in a row is disabled for a while.
        // The default is far more than a batch takes, and less than a person waits for a log.
        #[serde(with = "duration")]
        plugin_timeout: one Duration = Duration::from_secs(1), Durations(Duration::ZERO..=Duration::from_secs(3600));

        /// Whether the container is drained when the process exits, if it is not dropped before. The global container is, in
        /// any case.
        drain_at_exit: one bool = false, Anything("true, false"), in drain.at_exit;

        /// Whether the log writes an AUDIT event of target `fapilog::audit` when it starts and stops, when its levels, plugins or
        /// sinks are changed, when events are lost, and when a sink fails or works again.
        audit_events: one bool = false, Anything("true, false");

        /// The time between events in the log itself that report how the log is doing. If it is not given, there are none.
        #[serde(with = "duration::maybe")]
        heartbeat: maybe Duration = None, Maybe(Durations(Duration::from_millis(1)..=Duration::from_secs(86_400)));

        /// The time that an idle drain looks again and again before it sleeps. If it is not given: 20us; nothing on a single
        /// CPU.
        #[serde(with = "duration::maybe")]
        idle_spin: maybe Duration = None, Maybe(Durations(Duration::ZERO..=Duration::from_secs(1))), in idle.spin;

        /// The time that an idle drain sleeps in steps of a millisecond at most before it parks. A log call that finds it
        /// parked pays for waking it, some microseconds. Where batches come further apart than this, the drain parks after
        /// 200us.
        #[serde(with = "duration")]
        idle_sleep: one Duration = Duration::from_millis(20), Durations(Duration::ZERO..=Duration::from_secs(60)),
            in idle.sleep;

        /// The least level of the diagnostics that go to the error callback, and to stderr if they go there.
        internal_log_level: into LevelFilter = LevelFilter::AtLeast(Level::Warning), Anything("a level, or OFF"),
            in diagnostics.level;

        /// Whether a line goes to stderr when no sink works, once a second at most, and when a sink fails or takes no events, once
        /// a minute: with counts, and the reason as the sink gives it.
        emergency_lines: one bool = true, Anything("true, false"), in diagnostics.emergency_lines;
    } };
}

/// The type of an option, by its shape.
#[doc(hidden)]
#[macro_export]
macro_rules! option_type {
    (one $type:ty) => { $type };
    (into $type:ty) => { $type };
    (maybe $type:ty) => { Option<$type> };
    (list $type:ty) => { Vec<$type> };
    (table $type:ty) => { std::collections::BTreeMap<String, $type> };
}

/// The setter of an option, by its shape, for a builder with a method `set(self, name, change) -> Self`.
#[doc(hidden)]
#[macro_export]
macro_rules! option_setter {
    (one, $(#[$doc:meta])* $name:ident: $type:ty) => {
        $(#[$doc])*
        pub fn $name(self, $name: $type) -> Self {
            self.set(stringify!($name), |options| options.$name = $name)
        }
    };
    (into, $(#[$doc:meta])* $name:ident: $type:ty) => {
        $(#[$doc])*
        pub fn $name(self, $name: impl Into<$type>) -> Self {
            self.set(stringify!($name), |options| options.$name = $name.into())
        }
    };
    (maybe, $(#[$doc:meta])* $name:ident: $type:ty) => {
        $(#[$doc])*
        pub fn $name(self, $name: $type) -> Self {
            self.set(stringify!($name), |options| options.$name = Some($name))
        }
    };
    (list, $(#[$doc:meta])* $name:ident: $type:ty) => {
        $(#[$doc])*
        pub fn $name(self, $name: impl IntoIterator<Item = impl Into<$type>>) -> Self {
            self.set(stringify!($name), |options| options.$name = $name.into_iter().map(Into::into).collect())
        }
    };
    (table, $(#[$doc:meta])* $name:ident: $type:ty) => {
        $(#[$doc])*
        ///
        /// Adds one entry.
        pub fn $name(self, name: impl Into<String>, value: impl Into<$type>) -> Self {
            self.set(stringify!($name), |options| {
                options.$name.insert(name.into(), value.into());
            })
        }
    };
}

/// Makes the options and their setters of the declarations.
macro_rules! declare {
    ($(
        $(#[doc = $doc:literal])*
        $(#[serde($($serde:tt)*)])?
        $name:ident: $shape:ident $type:ty = $default:expr, $allowed:expr
        $(, aliases [$($alias:literal),*])? $(, in $table:ident.$key:ident)?;
    )*) => {
        /// The options of a container, but for its plugins.
        #[derive(Debug, Clone)]
        pub(crate) struct ContainerOptions {
            $( pub(crate) $name: option_type!($shape $type), )*
            /// The least level of the diagnostics that go to stderr.
            pub(crate) diagnostics_to_stderr: LevelFilter,
            pub(crate) error_callback: Option<ErrorCallback>,
            /// The functions that add fields to each event, on the thread that logs it.
            pub(crate) caller_fields: CallerFields,
            /// The clock of the events, if it is not the system's.
            pub(crate) clock: Option<ManualClock>,
        }

        impl Default for ContainerOptions {
            fn default() -> Self {
                Self {
                    $( $name: $default, )*
                    diagnostics_to_stderr: LevelFilter::Off,
                    error_callback: None,
                    caller_fields: CallerFields::default(),
                    clock: None,
                }
            }
        }

        impl ContainerOptions {
            /// The problems of each option, seen alone.
            fn problems_of_each(&self) -> Vec<Problem> {
                let mut problems = Vec::new();
                $(
                    let own = $allowed.problems(&self.$name).into_iter();
                    problems.extend(own.map(|problem| problem.below(stringify!($name))));
                )*
                problems
            }
        }

        /// Options.
        impl ContainerBuilder {
            $(
                option_setter! {
                    $shape,
                    $(#[doc = $doc])*
                    ///
                    #[doc = concat!("* Default: `", stringify!($default), "`")]
                    #[doc = concat!("* Allowed: `", stringify!($allowed), "`")]
                    $name: $type
                }
            )*
        }
    };
}

container_options! { declare! {} }

/// The bytes of a ring for each event of `queue_max_size`.
const EVENT_BYTES: usize = 128;
/// The smallest ring that `queue_max_size` makes.
const QUEUE_LEAST_BYTES: usize = 64 << 10;
/// The longest record, if the ring allows it and no other is given.
const RECORD_BYTES: usize = 64 << 10;
/// The time that an idle drain spins on a machine of several CPUs.
const IDLE_SPIN: Duration = Duration::from_micros(20);

impl ContainerOptions {
    /// Every invalid value, as far as that does not depend on the machine.
    pub(super) fn problems(&self) -> Vec<Problem> {
        let mut problems = self.problems_of_each();
        if cfg!(fapilog_loom) {
            // In a model, where each eight bytes of a ring cost time, the limits are those of the ring itself.
            problems.retain(|problem| problem.path != "ring_capacity_bytes" && problem.path != "record_max_bytes");
        }
        let ring_bytes = self.ring_bytes();
        let limit = Capacity::payload_limit(ring_bytes);
        if let Some(record) = self.record_max_bytes.filter(|record| *record > limit) {
            let allowed = format!("with rings of {} it is {limit} at most", write_size(ring_bytes));
            let ring = if self.ring_capacity_bytes.is_some() { "ring_capacity_bytes" } else { "queue_max_size" };
            problems.push(Problem::new("record_max_bytes", write_size(record), allowed).beside(ring));
        }
        problems
    }

    /// The problem of `drain_cpus` on this machine.
    pub(super) fn cpu_problem(&self) -> Option<Problem> {
        let cpus = self.pinned_cpus()?;
        let allowed = probe::allowed_cpus();
        let is_usable = |cpu: &usize| allowed.contains(cpu) || probe::can_pin(*cpu);
        let is_wrong = cpus.len() != self.shards || !cpus.iter().all(is_usable);
        is_wrong.then(|| {
            let text = format!("it must name {} of the CPUs that this process may use: {allowed:?}", self.shards);
            Problem::new("drain_cpus", format!("{cpus:?}"), text).beside("shards")
        })
    }

    /// The CPUs that are given.
    pub(super) fn pinned_cpus(&self) -> Option<&[usize]> {
        Some(self.drain_cpus.as_slice()).filter(|cpus| !cpus.is_empty())
    }

    /// The size of each thread's ring.
    fn ring_bytes(&self) -> usize {
        self.ring_capacity_bytes.unwrap_or_else(|| {
            let bytes = self.queue_max_size.saturating_mul(EVENT_BYTES);
            bytes.checked_next_power_of_two().unwrap_or(usize::MAX).max(QUEUE_LEAST_BYTES)
        })
    }

    pub(super) fn limits(&self) -> Result<Limits, SettingsError> {
        let ring_bytes = self.ring_bytes();
        let record_bytes =
            self.record_max_bytes.unwrap_or_else(|| Capacity::payload_limit(ring_bytes).min(RECORD_BYTES));
        let ring = Capacity::new(ring_bytes, record_bytes).map_err(|error| SettingsError {
            problems: vec![Problem::new("ring_capacity_bytes", ring_bytes, error.to_string())],
        })?;
        let overflow = self.overflow_strategy.with_timeout(self.overflow_timeout);
        // The shared lane has a ring too.
        Ok(Limits { ring, rings_max: self.threads_max + 1, overflow })
    }

    pub(super) fn stamps(&self) -> StampSource {
        self.clock.as_ref().map_or_else(StampSource::best, ManualClock::stamps)
    }

    pub(super) fn diagnostics(&self) -> DiagnosticSettings {
        DiagnosticSettings {
            stderr: self.diagnostics_to_stderr,
            least: self.internal_log_level,
            callback: self.error_callback.clone(),
            emergency: self.emergency_lines,
        }
    }

    pub(super) fn supervisor_policy(&self) -> SupervisorPolicy {
        SupervisorPolicy { timeout: Some(self.plugin_timeout).filter(|timeout| !timeout.is_zero()) }
    }

    pub(super) fn shard(&self) -> ShardSettings {
        ShardSettings {
            order: self.order,
            batch_events: self.batch_events_max,
            flush_interval: self.flush_interval,
            message_max_chars: self.message_max_chars,
            heartbeat: self.heartbeat,
            idle: IdleSettings { spin: self.spin(), sleep: self.idle_sleep },
        }
    }

    /// On a single CPU, spinning takes time from the threads that it waits for.
    fn spin(&self) -> Duration {
        self.idle_spin.unwrap_or_else(|| {
            let has_one_cpu = std::thread::available_parallelism().is_ok_and(|cpus| cpus.get() == 1);
            if has_one_cpu { Duration::ZERO } else { IDLE_SPIN }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(builder: ContainerBuilder) -> Vec<String> {
        builder.option_problems().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_defaults_are_valid_and_have_rings_of_512_kib() {
        let options = ContainerOptions::default();
        assert_eq!(options.problems(), []);
        assert_eq!((options.ring_bytes(), options.pinned_cpus()), (512 << 10, None));
    }

    #[test]
    fn every_invalid_option_is_found_at_once() {
        let builder = ContainerBuilder::default()
            .shards(0)
            .ring_capacity_bytes(100_000)
            .overflow_timeout(Duration::from_secs(3601))
            .batch_events_max(10_001);
        let expected = [
            "shards is 0; allowed are 1 to 64",
            "ring_capacity_bytes is 100000; allowed are 16 KiB to 1 GiB, a power of two",
            "overflow_timeout is 1h 1s; allowed are 0s to 1h",
            "batch_events_max is 10001; allowed are 1 to 10000",
        ];
        assert_eq!(problems(builder), expected);
    }

    #[test]
    fn a_record_is_a_quarter_of_its_ring_at_most() {
        let small = ContainerBuilder::default().ring_capacity_bytes(16 << 10);
        assert_eq!(problems(small), [""; 0]);
        let builder = ContainerBuilder::default().queue_max_size(100).record_max_bytes(64 << 10);
        let limit = Capacity::payload_limit(64 << 10);
        let expected = format!("record_max_bytes is 64 KiB; with rings of 64 KiB it is {limit} at most");
        assert_eq!(problems(builder), [expected]);
    }
}

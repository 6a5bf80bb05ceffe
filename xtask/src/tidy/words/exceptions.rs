//! The places where a word of the glossary is somebody else's name, or the field's own word.

/// The place that an exception is for.
pub(super) enum ExceptionPlace {
    /// The word is a part of this identifier: a name that is not ours to choose.
    Identifier(&'static str),
    /// The word is a part of this phrase.
    Phrase(&'static str),
    /// The word stands in a file whose path contains this.
    Path(&'static str),
}

/// An exception for some forms of a word, with its reason.
pub(super) struct WordException {
    pub(super) forms: &'static [&'static str],
    pub(super) when: ExceptionPlace,
    /// For readers of this list.
    _reason: &'static str,
}

const fn allow(forms: &'static [&'static str], when: ExceptionPlace, reason: &'static str) -> WordException {
    WordException { forms, when, _reason: reason }
}

#[rustfmt::skip]
pub(super) const EXCEPTIONS: &[WordException] = &[
    // Guards that are none of a plugin's.
    allow(&["guard"],                     ExceptionPlace::Identifier("MutexGuard"),       "std's name"),
    allow(&["guard"],                     ExceptionPlace::Identifier("RwLockReadGuard"),  "std's name"),
    allow(&["guard"],                     ExceptionPlace::Identifier("RwLockWriteGuard"), "std's name"),
    allow(&["guard"],                     ExceptionPlace::Identifier("ScopeGuard"),       "a value whose drop ends a scope: Rust's word for it"),
    allow(&["guard"],                     ExceptionPlace::Identifier("PlaceholderGuard"), "a name of the crate quick_cache"),
    allow(&["guard"],                     ExceptionPlace::Identifier("ReplaceWithGuard"), "a name of the crate quick_cache"),
    allow(&["guard"],                     ExceptionPlace::Identifier("PanicHookGuard"),   "a value whose drop removes the hook: Rust's word for it"),
    allow(&["guard"],                     ExceptionPlace::Phrase("guard is dropped"),     "a value whose drop ends something: Rust's word for it"),
    allow(&["guard", "guards"],           ExceptionPlace::Phrase("drop guard"),           "a value whose drop ends something: Rust's word for it"),
    allow(&["guard", "guards"],           ExceptionPlace::Phrase("lock guard"),           "Rust's word for a held lock"),
    allow(&["guard", "guards"],           ExceptionPlace::Phrase("match guard"),          "Rust's word for the `if` of a match arm"),
    allow(&["guard"],                     ExceptionPlace::Identifier("size_guard"),       "the architecture's name of a processor; settings name it"),
    allow(&["guard"],                     ExceptionPlace::Identifier("SizeGuard"),        "the architecture's name of a processor; settings name it"),
    allow(&["guard"],                     ExceptionPlace::Phrase("size guard"),           "the architecture's name of a processor; settings name it"),

    // The level filter that lets nothing through: the word of RUST_LOG and of the crate `log`.
    allow(&["off"],                       ExceptionPlace::Identifier("OFF"),              "the level filter's name in RUST_LOG"),
    allow(&["off"],                       ExceptionPlace::Phrase("level filter off"),     "the level filter's name in RUST_LOG"),
    allow(&["off"],                       ExceptionPlace::Phrase("chatty off"),           "a directive in RUST_LOG's syntax"),
    allow(&["off"],                       ExceptionPlace::Path("src/level.rs"),           "defines the level filter"),
    allow(&["off"],                       ExceptionPlace::Path("src/directives.rs"),      "reads RUST_LOG's syntax"),
    allow(&["notice"],                    ExceptionPlace::Path("core/record/src/level.rs"), "the name of a level in syslog"),
    allow(&["notice"],                    ExceptionPlace::Path("core/record/src/directives.rs"), "the name of a level in syslog"),
    allow(&["notice"],                    ExceptionPlace::Path("plugins/journald/src/priority.rs"), "the name of a priority in syslog"),
    allow(&["off"],                       ExceptionPlace::Path("fapilog/tests/loggers.rs"), "directives in RUST_LOG's syntax"),
    allow(&["off"],                       ExceptionPlace::Path("plugin/src/settings/read.rs"), "a text that stands for false"),
    allow(&["off"],                       ExceptionPlace::Phrase("unless it is off"),     "the level filter's name in RUST_LOG"),
    allow(&["off"],                       ExceptionPlace::Path("sinks/console/tests/terminal.rs"), "a name of the crate rustix"),
    allow(&["off"],                       ExceptionPlace::Path("integrations/tracing/tests/levels.rs"), "directives in RUST_LOG's syntax"),
    allow(&["guard"],                     ExceptionPlace::Identifier("WorkerGuard"),      "a name of the crate tracing-appender"),
    allow(&["rolling"],                   ExceptionPlace::Path("docs/tracing.md"),        "a name of the crate tracing-appender"),
    allow(&["rolling"],                   ExceptionPlace::Path("integrations/tracing/benches/caller.rs"), "a name of the crate tracing-appender"),
    allow(&["off"],                       ExceptionPlace::Identifier("split_off"),        "std's name"),

    // Buckets that group no fields.
    allow(&["bucket", "buckets"],         ExceptionPlace::Path("throttle"),               "the token bucket is the algorithm's name"),
    allow(&["bucket", "buckets"],         ExceptionPlace::Path("docs/processors.md"),     "the token bucket is the algorithm's name"),
    allow(&["bucket", "buckets"],         ExceptionPlace::Path("integrations/prometheus"), "Prometheus' word for a bound of a histogram and its count"),
    allow(&["bucket", "buckets"],         ExceptionPlace::Path("docs/metrics.md"),        "Prometheus' word for a bound of a histogram and its count"),
    allow(&["bucket", "buckets"],         ExceptionPlace::Phrase("token bucket"),         "the algorithm's name"),
    allow(&["bucket", "buckets"],         ExceptionPlace::Phrase("histogram bucket"),     "a histogram's range of values: the field's word"),
    allow(&["bucket", "buckets"],         ExceptionPlace::Path("prometheus"),             "a histogram's range of values: the field's word"),
    allow(&["bucket", "buckets"],         ExceptionPlace::Path("object-store"),           "the place of objects: the services' word"),
    allow(&["bucket", "buckets"],         ExceptionPlace::Path("test-servers"),           "the place of objects: the services' word"),
    allow(&["bucket", "buckets"],         ExceptionPlace::Path("object_store"),           "the place of objects: the services' word"),
    allow(&["off"],                       ExceptionPlace::Path("test-servers/src/servers"), "a value in the settings of servers"),

    // Faults of hardware and tests.
    allow(&["bucket", "fault", "foreign", "shipping"], ExceptionPlace::Path("redact/names"), "names of fields, as services have them"),
    allow(&["fault", "faults"],           ExceptionPlace::Phrase("page fault"),           "the kernel's word"),
    allow(&["fault", "faults"],           ExceptionPlace::Phrase("segmentation fault"),   "the kernel's word"),
    allow(&["fault"],                     ExceptionPlace::Phrase("fault injection"),      "the field's word for a kind of test"),
    allow(&["fault"],                     ExceptionPlace::Phrase("fault tests"),          "the name of a crate: tests by fault injection"),

    // Names of programs.
    allow(&["covered"],                   ExceptionPlace::Path("xtask/src/coverage.rs"), "a key in the report of llvm-cov"),

    // Arithmetic.
    allow(&["nearest"],                   ExceptionPlace::Phrase("nearest rank"),         "a definition of percentiles"),
    allow(&["carrying"],                  ExceptionPlace::Identifier("carrying_add"),     "std's name"),
    allow(&["carrying"],                  ExceptionPlace::Identifier("carrying_mul"),     "std's name"),
];

//! Statics: the library holds state for the whole process only where this list has a reason.

use super::{breach::Breach, items, tree::SourceTree};

pub(super) const NAME: &str = "statics";

/// The statics of the library: a name, the file, and the reason why no value of a container serves.
#[rustfmt::skip]
const STATICS: &[(&str, &str, &str)] = &[
    ("PLANTED",            "ring/src/seeded.rs",                           "the planted bug of a model run; built for loom only"),
    ("STATE",              "ring/src/fence.rs",                            "the registration for membarrier belongs to the process"),
    ("SCRATCH",            "core/record/src/value/scratch.rs",             "a thread's buffer for values that user code writes; a log call allocates nothing"),
    ("KEY",                "core/record/src/value/pseudonym_key.rs",       "values are made and logged without a container; all of a process have pseudonyms by one key"),
    ("FILLED",             "core/plugin/src/event/event.rs",              "a thread's buffer for messages with placeholders; the drain allocates nothing"),
    ("FIRST",              "core/engine/src/clock/anchor.rs",              "the speed of the cycle counter, measured once for all containers"),
    ("REGISTRY",           "core/record/src/call_site/registry.rs",        "call sites are statics of the program, and so is their list"),
    ("SITE",               "core/record/src/call_site/descriptor.rs",      "the call site of records that describe themselves"),
    ("DESCRIPTOR",         "core/record/src/call_site/descriptor.rs",      "the descriptor that belongs to `SITE`"),
    ("SITE",               "core/engine/src/model_api.rs",                 "the call site of the models"),
    ("__FAPILOG_SITE",     "fapilog/src/macros.rs",                        "each log call makes its call site once"),
    ("__FAPILOG_SITES",    "fapilog/src/macros.rs",                        "the call sites of a log call whose level is known only at run time"),
    ("FILES",              "core/builtin/src/enrich/files.rs",             "all enrichers of a process share what they read of the system's files"),
    ("GLOMMIO_EXECUTORS",  "core/engine/src/host/mod.rs",                  "glommio leaks descriptors, and their limit holds for the process"),
    ("DEPTH",              "core/plugin/src/threads/drain_thread.rs",      "marks the drain's threads: a log call on one of them must not wait for the drain"),
    ("AT_IT",              "core/engine/src/diagnostics/stderr.rs",        "the process has one standard error stream"),
    ("GENERATION",         "core/plugin/src/threads/fork.rs",              "the number of forks that lie behind this process"),
    ("ONCE",               "core/plugin/src/threads/fork.rs",              "the fork handlers are registered once a process"),
    ("DISOWN",             "core/plugin/src/threads/fork.rs",              "the function that a forked child runs once"),
    ("NEXT",               "core/plugin/src/event/id.rs",                  "numbers instances where the system has no randomness"),
    ("NEXT",               "core/plugin/src/uuid_v7.rs",                   "numbers ids where the system has no randomness"),
    ("UNDIVIDED",          "core/plugin/src/threads/fork.rs",              "a fork waits for what must not be divided"),
    ("HELD_OVER",          "core/plugin/src/threads/fork.rs",              "the locks that a forking thread holds across the fork"),
    ("CURRENT",            "core/engine/src/producer/thread.rs",           "a thread's current lane, for the fast path of a log call"),
    ("THREAD",             "core/engine/src/producer/thread.rs",           "a thread's lanes by container"),
    ("HOLDS_LANE",         "core/engine/src/producer/shared_lane.rs",      "a signal handler that logs must not wait for the thread that it interrupts"),
    ("NEXT_ID",            "core/engine/src/producer/mod.rs",              "numbers containers, so that a thread finds its lane of each"),
    ("NOWHERE",            "core/engine/src/producer/mod.rs",              "the container of loggers that have none"),
    ("NEXT",               "core/engine/src/producer/mod.rs",              "numbers sets of directives, so that a call site knows a new one"),
    ("NEXT",               "core/engine/src/producer/scope.rs",            "numbers correlation ids, unique in the process"),
    ("LINE_LOCKS",         "sinks/console/src/line_lock.rs",               "containers share a terminal line by line"),
    ("NEXT_ID",            "fapilog/src/panic_hook.rs",                    "numbers panic hooks, so that each can remove itself"),
    ("TOP",                "fapilog/src/panic_hook.rs",                    "the process has one panic hook"),
    ("AT_EXIT",            "core/engine/src/container/at_exit.rs",             "the exit of a process is a single one"),
    ("ONCE",               "core/engine/src/container/at_exit.rs",             "the handler of the exit is registered once"),
    ("TO_COME",            "core/engine/src/producer/mod.rs",                  "the frontend of loggers without a container yet: shared, closed, without state"),
    ("AT_LOAD",            "core/plugin/src/threads/inherited.rs",             "the CPUs of the process when it was loaded"),
    ("REMEMBER",           "core/plugin/src/threads/inherited.rs",             "has the loader fill `AT_LOAD` before `main`"),
    ("GLOBAL",             "fapilog/src/global/mod.rs",                        "the global container"),
    ("LEADER",             "fapilog/src/global/mod.rs",                        "loggers of a program find its container, whenever it comes"),
    ("CACHED",             "fapilog/src/global/mod.rs",                        "a thread's logger of the global container, so that a log call takes no lock"),
    ("KEPT",               "core/record/src/call_site/kept.rs",             "memory that is never freed stays reachable, for checkers of leaks"),
    ("FIELDS",             "core/engine/src/producer/caller_fields.rs",    "a thread keeps the memory for the fields of its calls"),
    ("CALLBACKS",          "core/engine/src/producer/level_watch.rs",      "the libraries of adapters have one state of levels a process"),
    ("CHANGES",            "core/engine/src/producer/level_watch.rs",      "numbers changes of levels, so that callbacks run again behind one that came in their midst"),
    ("IN_CALLBACKS",       "core/engine/src/producer/level_watch.rs",      "a callback that changes levels is not called by that again"),
    ("NEXT",               "core/engine/src/producer/level_watch.rs",      "numbers watches, so that each can end itself"),
    ("LISTS_BY_HASH",      "core/record/src/call_site/adapter_places.rs",  "sites of other libraries are leaked, and bounded for the process"),
    ("LISTED_BYTES",       "core/record/src/call_site/adapter_site.rs",    "lists of fields are leaked, and bounded for the process"),
    ("SITES",              "core/record/src/call_site/adapter_places.rs",  "the number of entries of `LISTS_BY_HASH`"),
    ("SITES_WITHOUT_FILE", "core/record/src/call_site/adapter_places.rs",  "the number of entries of `LISTS_BY_HASH` without a file"),
    ("OPEN_CALLS",         "fapilog/src/adapter/calls.rs",                 "a thread's calls of other libraries within each other"),
    ("FIELDS",             "fapilog/src/adapter/calls.rs",                 "a thread's memory for the fields of such a call"),
    ("ANSWERS",            "integrations/log/src/level_cache.rs",          "a thread's memory of enabled levels, so that a disabled record takes no lock"),
    ("OF_LITERALS",        "integrations/log/src/level_cache.rs",          "as `ANSWERS`, for targets that are literals of the program"),
    ("NEXT",               "integrations/log/src/level_cache.rs",          "numbers generations of levels, so that bridges share no answer"),
    ("SITES",              "integrations/tracing-sink/src/event_site.rs",  "tracing keeps call sites for ever, and so they are bounded for the process"),
    ("TRACE_SITE",         "integrations/tracing-sink/src/plain_site.rs",  "tracing's call sites are statics"),
    ("TRACE",              "integrations/tracing-sink/src/plain_site.rs",  "see `TRACE_SITE`"),
    ("HELPERS",            "integrations/signals/src/watched.rs",              "the disposition of a signal belongs to the process"),
    ("REGISTERED",         "integrations/signals/src/watched.rs",              "an action of a signal is registered once a process"),
    ("RANDOM",             "integrations/http/src/new_id.rs",                  "a thread's key for random ids, so that an id costs no system call"),
    ("WATCHED",            "integrations/tower/src/panic_places.rs",           "the process has one panic hook, and it finds the polls that its thread is in"),
    ("PLACE",              "integrations/tower/src/panic_places.rs",           "the panic hook leaves the place of a panic to the poll that catches it"),
    ("ONCE",               "integrations/tower/src/panic_places.rs",           "the process has one panic hook"),
    ("REBUILDING",         "integrations/tracing/src/interest.rs",             "tracing has one cache of interests a process"),
    ("SITES",              "integrations/tracing/src/site.rs",                 "call sites of tracing are the process's: each has one of ours"),
    ("CACHE",              "integrations/tracing/src/site.rs",                 "the call sites that a thread finds without a lock"),
    ("NEXT",               "integrations/tracing/src/bridge.rs",               "numbers bridges, so that each finds its own spans on a thread"),
    ("THREAD",             "integrations/tracing/src/thread.rs",               "the spans that a thread is in"),
    ("MEMORY",             "integrations/tracing/src/visit.rs",                "the memory of fields, from one event of a thread to the next"),
    ("NESTING",            "integrations/tracing/src/visit.rs",                "how deep events of a thread are nested"),
    ("CLEARING",           "fapilog/src/global/mod.rs",                        "clears `CACHED` when its thread ends"),
    ("CHECKS",             "core/plugin/src/settings/secret/unread.rs",    "a constructor that a check of settings calls on its thread reads no secret"),
];

pub(super) fn check(tree: &SourceTree) -> Vec<Breach> {
    let found = tree.library().flat_map(|source| {
        let statics = items::statics(&source.code()).into_iter();
        statics.filter(|item| !is_allowed(&item.name, &source.path)).map(|item| Breach {
            file: source.path.clone(),
            line: item.line,
            rule: NAME,
            message: format!("the static `{}` is not in the list of xtask/src/tidy/statics.rs", item.name),
        })
    });
    found.collect()
}

fn is_allowed(name: &str, path: &str) -> bool {
    STATICS.iter().any(|(allowed, file, _)| *allowed == name && path == *file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &str, text: &str) -> Vec<usize> {
        check(&SourceTree::of(&[(path, text)])).iter().map(|breach| breach.line).collect()
    }

    #[test]
    fn a_static_that_is_not_in_the_list_is_a_breach() {
        assert_eq!(lines("ring/src/a.rs", "fn a() {\nstatic B: u8 = 0; }\nthread_local! { static C: u8 = 0 }"), [2, 3]);
    }

    #[test]
    fn a_name_is_allowed_in_its_file_only() {
        assert!(lines("fapilog/src/global/mod.rs", "static GLOBAL: u8 = 0;").is_empty());
        assert_eq!(lines("fapilog/src/other.rs", "static GLOBAL: u8 = 0;"), [1]);
    }

    #[test]
    fn tests_and_tools_may_have_statics() {
        assert!(lines("ring/tests/a.rs", "static A: u8 = 0;").is_empty());
        assert!(lines("bench-harness/src/a.rs", "static A: u8 = 0;").is_empty());
        assert!(lines("ring/src/a.rs", "#[cfg(test)] mod tests { static A: u8 = 0; }").is_empty());
    }
}

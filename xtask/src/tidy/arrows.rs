//! Arrows between crates: which crate may depend on which.

use super::{breach::Breach, packages::Package, tree::SourceTree};

pub(super) const NAME: &str = "arrows";

/// A room of the workspace: crates that share one place in the order.
struct CrateRoom {
    name: &'static str,
    /// Crates by name.
    crates: &'static [&'static str],
    /// Crates by the folder that their manifest lies in or below.
    folder: Option<&'static str>,
    /// Rooms that a crate of this room may depend on in a normal build.
    may_use: &'static [&'static str],
}

const SINKS: &[&str] = &["fapilog-sink-console", "fapilog-sink-file", "fapilog-sink-memory", "fapilog-sink-null"];
const INTEGRATIONS: &[&str] = &[
    "fapilog-log",
    "fapilog-opentelemetry",
    "fapilog-prometheus",
    "fapilog-signals",
    "fapilog-sink-tracing",
    "fapilog-slog",
    "fapilog-tracing",
];
/// Integrations for web frameworks, which share the events about requests.
const WEB: &[&str] = &["fapilog-actix", "fapilog-tower"];

const fn of_crates(name: &'static str, crates: &'static [&'static str], may_use: &'static [&'static str]) -> CrateRoom {
    CrateRoom { name, crates, folder: None, may_use }
}

const fn below(folder: &'static str, name: &'static str, may_use: &'static [&'static str]) -> CrateRoom {
    CrateRoom { name, crates: &[], folder: Some(folder), may_use }
}

/// The order of the workspace. A crate belongs to the first room that names it.
#[rustfmt::skip]
const ROOMS: &[CrateRoom] = &[
    of_crates("ring",         &["fapilog-ring"],      &[]),
    of_crates("macros",       &["fapilog-macros"],    &[]),
    of_crates("record",       &["fapilog-record"],    &[]),
    of_crates("plugin",       &["fapilog-plugin"],    &["record"]),
    of_crates("format",       &["fapilog-format"],    &["plugin", "record"]),
    of_crates("builtin",      &["fapilog-builtin"],   &["plugin", "record"]),
    of_crates("engine",       &["fapilog-engine"],    &["plugin", "record", "ring"]),
    of_crates("settings",     &["fapilog-settings"],  &["engine", "plugin", "builtin", "format"]),
    of_crates("network",      &["fapilog-sink-network"], &["plugin"]),
    of_crates("http sink",    &["fapilog-sink-http"], &["plugin", "network", "format"]),
    of_crates("sinks",        SINKS,                  &["plugin", "http sink"]),
    // The facade re-exports the contract and the record's types from the crates that define them.
    of_crates("facade",       &["fapilog"],           &["settings", "engine", "builtin", "format", "sinks", "http sink",
                                                        "plugin", "record", "macros"]),
    of_crates("control",      &["fapilog-control"],   &["facade"]),
    of_crates("integrations", INTEGRATIONS,           &["facade"]),
    of_crates("requests",     &["fapilog-http"],      &["facade"]),
    of_crates("web",          WEB,                    &["facade", "requests"]),
    // It shows a whole program.
    of_crates("example service", &["example-service"], &["facade", "control", "integrations", "web", "plugins"]),
    of_crates("benchmarks",   &["bench-harness"],     &["facade", "ring"]),
    of_crates("models",       &["loom-tests"],        &["engine", "plugin", "record", "ring"]),
    of_crates("fault tests",  &["fault-tests"],       &["facade", "plugin", "plugins", "http sink", "test servers"]),
    of_crates("fuzz targets", &["fuzz-targets"],      &["facade", "builtin", "format", "plugin", "record", "control", "integrations", "plugins"]),
    of_crates("xtask",        &["xtask"],             &["test servers"]),
    // The reader of the files of one plugin.
    of_crates("audit index", &["fapilog-audit-index"], &["plugin", "plugins"]),
    // Servers for tests, which no published crate depends on.
    of_crates("test servers", &["fapilog-test-servers"], &[]),
    below("plugins",  "plugins",                      &["plugin", "format", "network", "http sink"]),
    below("examples", "plugins",                      &["plugin", "format", "network", "http sink"]),
    // The command is the client of control sockets, and the reader of the files that plugins write.
    below("cli",      "cli",                          &["facade", "control", "plugins", "audit index", "http sink"]),
];

impl CrateRoom {
    fn of(package: &Package) -> Option<&'static Self> {
        ROOMS.iter().find(|room| room.has(package))
    }

    fn has(&self, package: &Package) -> bool {
        let is_below = |folder| package.manifest.strip_prefix(folder).is_some_and(|tail| tail.starts_with('/'));
        self.crates.contains(&package.name.as_str()) || self.folder.is_some_and(is_below)
    }
}

pub(super) fn check(tree: &SourceTree) -> Vec<Breach> {
    tree.packages.iter().flat_map(|package| check_package(package, &tree.packages)).collect()
}

fn check_package(package: &Package, all: &[Package]) -> Vec<Breach> {
    let breach = |line, message| Breach { file: package.manifest.clone(), line, rule: NAME, message };
    let Some(room) = CrateRoom::of(package) else {
        return vec![breach(
            1,
            format!("`{}` is in no room: add it to the table in xtask/src/tidy/arrows.rs", package.name),
        )];
    };
    let used = package.uses.iter().filter_map(|name| all.iter().find(|other| other.name == *name));
    // A crate in no room is reported for itself.
    let known = used.filter_map(|other| Some((other, CrateRoom::of(other)?)));
    let wrong = known.filter(|(_, of)| !room.may_use.contains(&of.name));
    wrong.map(|(other, of)| breach(package.line_of(&other.name), arrow(package, room, other, of))).collect()
}

fn arrow(package: &Package, room: &CrateRoom, other: &Package, of: &CrateRoom) -> String {
    let allowed = if room.may_use.is_empty() { "no crate of ours".to_owned() } else { room.may_use.join(", ") };
    format!("`{}` ({}) depends on `{}` ({}); allowed: {allowed}", package.name, room.name, other.name, of.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, manifest: &str, uses: &[&str]) -> Package {
        let uses = uses.iter().map(|name| (*name).to_owned()).collect();
        Package { name: name.to_owned(), manifest: format!("{manifest}/Cargo.toml"), uses, text: String::new() }
    }

    fn messages(packages: Vec<Package>) -> Vec<String> {
        check(&SourceTree::of_packages(packages)).into_iter().map(|breach| breach.message).collect()
    }

    #[test]
    fn an_arrow_that_points_up_is_a_breach() {
        let found = messages(vec![
            package("fapilog-record", "core/record", &["fapilog-plugin", "memchr"]),
            package("fapilog-plugin", "core/plugin", &["fapilog-record"]),
        ]);
        assert_eq!(
            found,
            ["`fapilog-record` (record) depends on `fapilog-plugin` (plugin); allowed: no crate of ours"]
        );
    }

    #[test]
    fn a_plugin_may_use_the_contract_but_not_the_facade() {
        let found = messages(vec![
            package("fapilog-plugin", "core/plugin", &[]),
            package("fapilog", "fapilog", &[]),
            package("fapilog-loki", "plugins/loki", &["fapilog-plugin"]),
            package("some-plugin", "examples/plugin", &["fapilog"]),
        ]);
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("`some-plugin` (plugins) depends on `fapilog` (facade)"), "{found:?}");
    }

    #[test]
    fn a_crate_that_the_table_does_not_name_is_a_breach() {
        let found = messages(vec![package("fapilog-extra", "extra", &[])]);
        assert_eq!(found, ["`fapilog-extra` is in no room: add it to the table in xtask/src/tidy/arrows.rs"]);
    }

    #[test]
    fn the_allowed_arrows_are_no_breach() {
        let found = messages(vec![
            package("fapilog-ring", "ring", &[]),
            package("fapilog-record", "core/record", &[]),
            package("fapilog-plugin", "core/plugin", &["fapilog-record"]),
            package("fapilog-engine", "core/engine", &["fapilog-plugin", "fapilog-record", "fapilog-ring"]),
            package("fapilog", "fapilog", &["fapilog-engine"]),
            package("fapilog-cli", "cli", &["fapilog"]),
            package("bench-harness", "bench-harness", &["fapilog", "fapilog-ring"]),
        ]);
        assert!(found.is_empty(), "{found:?}");
    }

    #[test]
    fn every_room_in_the_table_exists() {
        for name in ROOMS.iter().flat_map(|room| room.may_use) {
            assert!(ROOMS.iter().any(|room| room.name == *name), "{name}");
        }
    }
}

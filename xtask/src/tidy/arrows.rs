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
const INTEGRATIONS: &[&str] =
    &["fapilog-log", "fapilog-opentelemetry", "fapilog-slog", "fapilog-tower", "fapilog-tracing"];

/// The order of the workspace. A crate belongs to the first room that names it.
#[rustfmt::skip]
const ROOMS: &[CrateRoom] = &[
    CrateRoom { name: "ring",         crates: &["fapilog-ring"],      folder: None,                 may_use: &[] },
    CrateRoom { name: "record",       crates: &["fapilog-record"],    folder: None,                 may_use: &[] },
    CrateRoom { name: "plugin",       crates: &["fapilog-plugin"],    folder: None,                 may_use: &["record"] },
    CrateRoom { name: "format",       crates: &["fapilog-format"],    folder: None,                 may_use: &["plugin", "record"] },
    CrateRoom { name: "builtin",      crates: &["fapilog-builtin"],   folder: None,                 may_use: &["plugin", "record"] },
    CrateRoom { name: "engine",       crates: &["fapilog-engine"],    folder: None,                 may_use: &["plugin", "record", "ring"] },
    CrateRoom { name: "settings",     crates: &["fapilog-settings"],  folder: None,                 may_use: &["engine", "plugin", "builtin", "format"] },
    CrateRoom { name: "http sink",    crates: &["fapilog-sink-http"], folder: None,                 may_use: &["plugin"] },
    CrateRoom { name: "sinks",        crates: SINKS,                  folder: None,                 may_use: &["plugin", "http sink"] },
    // Re-exports the contract and the record's types from the crates that define them.
    CrateRoom { name: "facade",       crates: &["fapilog"],           folder: None,                 may_use: &["settings", "engine", "builtin", "format", "sinks", "http sink", "plugin", "record"] },
    CrateRoom { name: "integrations", crates: INTEGRATIONS,           folder: None,                 may_use: &["facade"] },
    CrateRoom { name: "plugins",      crates: &[],                    folder: Some("plugins"),      may_use: &["plugin", "http sink"] },
    CrateRoom { name: "plugins",      crates: &[],                    folder: Some("examples"),     may_use: &["plugin", "http sink"] },
    CrateRoom { name: "cli",          crates: &[],                    folder: Some("cli"),          may_use: &["facade"] },
    CrateRoom { name: "benchmarks",   crates: &["bench-harness"],     folder: None,                 may_use: &["facade", "ring"] },
    CrateRoom { name: "models",       crates: &["loom-tests"],        folder: None,                 may_use: &["engine", "plugin", "record", "ring"] },
    CrateRoom { name: "fault tests",  crates: &["fault-tests"],       folder: None,                 may_use: &["facade", "plugin", "plugins"] },
    CrateRoom { name: "xtask",        crates: &["xtask"],             folder: None,                 may_use: &[] },
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

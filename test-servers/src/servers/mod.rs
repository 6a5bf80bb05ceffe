//! The servers that tests know: where they come from, and how they are started.

mod azurite;
mod bugsink;
mod fake_gcs;
mod installed;
mod moto;
mod nats;
mod nginx;
mod osmem;
mod postgres;
mod rclone;
mod redis;
mod rotel;
mod rsyslog;
mod stunnel;
mod tansu;

use std::path::PathBuf;

pub use azurite::Azurite;
pub use bugsink::Bugsink;
pub use fake_gcs::FakeGcs;
pub(crate) use installed::target;
pub use installed::{MissingServer, folder as installation_folder, skipped_folder};
pub use moto::Moto;
pub use nats::Nats;
pub use nginx::{Nginx, NginxBuilder};
pub use osmem::Osmem;
pub use postgres::Postgres;
pub use rclone::RcloneS3;
pub use redis::Redis;
pub use rotel::Rotel;
pub use rsyslog::{Rsyslog, RsyslogBuilder};
pub use stunnel::{Stunnel, StunnelBuilder};
pub use tansu::Tansu;

use crate::server::TestServer;

/// A server that tests know.
#[derive(Debug)]
#[non_exhaustive]
pub struct ServerDefinition {
    /// Its name, such as `rsyslog`.
    pub name: &'static str,
    /// Its use, in a line.
    pub summary: &'static str,
    /// The packages that it comes with.
    pub packages: ServerPackages,
    /// Files of the system that it needs, from packages of Debian.
    pub needs: &'static [NeededFile],
    /// Its program.
    pub program: ServerProgram,
    /// Starts it with the settings of a trial, from its program.
    pub start: fn(PathBuf) -> TestServer,
}

/// The packages of a server, and where they come from.
#[derive(Debug)]
pub enum ServerPackages {
    /// Packages of Debian.
    Apt(&'static [&'static str]),
    /// Packages of PyPI, as arguments of pip: they may have a version or an option.
    Pip(&'static [&'static str]),
    /// Packages of npm.
    Npm(&'static [&'static str]),
}

/// A file of the system that a server needs beside its own packages.
#[derive(Debug)]
#[non_exhaustive]
pub struct NeededFile {
    /// The package of Debian that it comes with.
    pub package: &'static str,
    /// Its path. A `*` stands for any name.
    pub path: &'static str,
}

/// The place of a program.
#[derive(Debug)]
pub enum ServerProgram {
    /// In `PATH`, or where Debian has programs of servers.
    System(&'static str),
    /// In the environment of Python: a script by its name.
    PythonScript(&'static str),
    /// In a package of Python, by its path below `site-packages`.
    PythonFile(&'static str),
    /// In a package of npm, by its path below `node_modules`; `node` runs it.
    NodeFile(&'static str),
}

/// All servers that tests know, by name.
pub const SERVERS: &[&ServerDefinition] = &[
    &azurite::DEFINITION,
    &bugsink::DEFINITION,
    &fake_gcs::DEFINITION,
    &moto::DEFINITION,
    &nats::DEFINITION,
    &nginx::DEFINITION,
    &osmem::DEFINITION,
    &postgres::DEFINITION,
    &rclone::DEFINITION,
    &redis::DEFINITION,
    &rotel::DEFINITION,
    &rsyslog::DEFINITION,
    &stunnel::DEFINITION,
    &tansu::DEFINITION,
];

//! PostgreSQL.

use std::{
    ffi::OsString,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use super::{ServerDefinition, ServerPackages, ServerProgram};
use crate::server::{ReadySign, TestServer};

pub(super) const DEFINITION: ServerDefinition = ServerDefinition {
    name: "postgres",
    summary: "PostgreSQL with an empty cluster",
    packages: ServerPackages::Apt(&["postgresql"]),
    needs: &[],
    program: ServerProgram::System("postgres"),
    start,
};

/// PostgreSQL on loopback. It keeps its data in a directory, also across restarts. Its user is `postgres`, without a password.
#[derive(Debug)]
pub struct Postgres {
    /// The process.
    pub server: TestServer,
    programs: PathBuf,
}

impl Postgres {
    /// A server with the database `postgres`. `None`: it is not installed, and the test is skipped.
    #[must_use]
    pub fn start() -> Option<Self> {
        let program = DEFINITION.find_or_skip()?;
        Some(Self { programs: programs_of(&program), server: start(program) })
    }

    /// The address of clients.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.server.address("postgres")
    }

    /// The answer of `psql` to a statement: a line for each row, with `|` between the columns. Panics at an error.
    pub fn sql(&self, statement: &str) -> String {
        let port = self.address().port().to_string();
        let mut psql = Command::new(self.programs.join("psql"));
        psql.args([
            "-XAtq",
            "-v",
            "ON_ERROR_STOP=1",
            "-h",
            "127.0.0.1",
            "-p",
            &port,
            "-U",
            "postgres",
            "-c",
            statement,
        ]);
        let output = psql.output().expect("psql");
        assert!(output.status.success(), "{statement}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

/// The server refuses to run as root.
fn start(program: PathBuf) -> TestServer {
    let programs = programs_of(&program);
    let mut server = TestServer::builder("postgres", program).user("postgres");
    let (port, data) = (server.port("postgres").to_string(), server.directory().join("data").into_os_string());
    let cluster = ["--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C", "--no-sync", "--pgdata"];
    server.prepare(programs.join("initdb"), cluster.map(OsString::from).into_iter().chain([data.clone()]));
    let sockets = server.folder("sockets").into_os_string();
    // A killed process leaves all writes to the kernel: only a crash of the machine needs fsync.
    let server = server.args(["-c", "fsync=off", "-c", "listen_addresses=127.0.0.1", "-p", &port, "-D"]).args([data]);
    server.args(["-k"]).args([sockets]).ready(ReadySign::Log("ready to accept connections".to_owned())).start()
}

/// The programs of a version lie beside each other; a link in `PATH` may lead there.
fn programs_of(program: &Path) -> PathBuf {
    let program = program.canonicalize().unwrap_or_else(|_| program.to_owned());
    program.parent().map_or_else(PathBuf::new, Path::to_owned)
}

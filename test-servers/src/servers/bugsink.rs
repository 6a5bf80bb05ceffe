//! Bugsink: a server for Sentry's protocol.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::SystemTime,
};

use super::{ServerDefinition, ServerPackages, ServerProgram};
use crate::server::{ReadySign, TestServer, TestServerBuilder};

pub(super) const DEFINITION: ServerDefinition = ServerDefinition {
    name: "bugsink",
    summary: "a server for Sentry's protocol, with one project",
    packages: ServerPackages::Pip(&["bugsink"]),
    needs: &[],
    program: ServerProgram::PythonScript("bugsink-manage"),
    start: |program| Bugsink::with_program(program).server,
};

/// Its events, and its tasks.
const DATABASES: [&str; 2] = ["db.sqlite3", "snappea.sqlite3"];
/// Makes the only project.
const CREATE_PROJECT: &str = "from projects.models import Project; p = Project.objects.create(name='test'); \
                              print(f'{p.id} {p.sentry_key.hex}')";
/// Prints the events as a JSON array.
const PRINT_EVENTS: &str = "import json; from events.models import Event; \
                            print(json.dumps([json.loads(e.get_raw_data()) for e in Event.objects.order_by('digest_order')]))";

/// Bugsink on loopback. It keeps its events in a directory, also across restarts.
#[derive(Debug)]
pub struct Bugsink {
    /// The process.
    pub server: TestServer,
    manage: PathBuf,
    project: String,
    key: String,
}

impl Bugsink {
    /// A server with a project. `None`: it is not installed, and the test is skipped.
    #[must_use]
    pub fn start() -> Option<Self> {
        DEFINITION.find_or_skip().map(Self::with_program)
    }

    /// The address of its API.
    #[must_use]
    pub fn http(&self) -> SocketAddr {
        self.server.address("http")
    }

    /// The DSN of its project.
    #[must_use]
    pub fn dsn(&self) -> String {
        format!("http://{}@{}/{}", self.key, self.http(), self.project)
    }

    /// The events that it has digested, as they came. It takes 1 s.
    #[must_use]
    pub fn events(&self) -> Vec<serde_json::Value> {
        let mut manage = std::process::Command::new(&self.manage);
        let output = manage.current_dir(self.server.directory()).args(["shell", "-c", PRINT_EVENTS]).output();
        let output = output.expect("bugsink-manage");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let printed = String::from_utf8_lossy(&output.stdout);
        let line = printed.lines().last().unwrap_or_default();
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {printed}"))
    }

    fn with_program(manage: PathBuf) -> Self {
        let mut server = TestServer::builder("bugsink", &manage);
        let port = server.port("http").to_string();
        let create = sibling(&manage, "bugsink-create-conf");
        server.prepare(create, ["--template", "local", "--host", "127.0.0.1", "--port", &port]);
        keep_to_itself(&server);
        let identity = migrate(&server, &manage);
        let (project, key) = identity.trim().split_once(' ').unwrap_or_else(|| panic!("no project: {identity}"));
        let (project, key) = (project.to_owned(), key.to_owned());
        let address = format!("127.0.0.1:{port}");
        let ready = ReadySign::Port(port.parse().unwrap_or_default());
        let server = server.args(["runserver", "--noreload", &address]).ready(ready).start();
        Self { server, manage, project, key }
    }
}

/// Makes the databases and the project, and returns the project's number and key.
///
/// Migrations take 5 s. They are made once for an installation, and their files copied from then on.
fn migrate(server: &TestServerBuilder, manage: &Path) -> String {
    let cache = cached_databases(manage);
    let copied =
        DATABASES.iter().filter(|name| fs::copy(cache.join(name), server.directory().join(name)).is_ok()).count();
    if copied < DATABASES.len() {
        server.prepare(manage, ["migrate", "--verbosity", "0"]);
        server.prepare(manage, ["migrate", "--verbosity", "0", "--database", "snappea"]);
        let _ = fs::create_dir_all(&cache);
        for name in DATABASES {
            // Renamed when it is whole: another test program may copy it at this time.
            let copy = cache.join(format!("{name}.{}", std::process::id()));
            let _ = fs::copy(server.directory().join(name), &copy).and_then(|_| fs::rename(&copy, cache.join(name)));
        }
    }
    server.prepare(manage, ["shell", "-c", CREATE_PROJECT]).lines().last().unwrap_or_default().to_owned()
}

/// The databases of another version have another schema: the folder's name has the time of the installation.
fn cached_databases(manage: &Path) -> PathBuf {
    let installed = fs::metadata(manage).and_then(|metadata| metadata.modified());
    let since = installed.ok().and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
    super::installation_folder().join(format!("bugsink-databases-{}", since.map_or(0, |since| since.as_secs())))
}

/// It calls its makers once a day, unless its settings forbid it.
fn keep_to_itself(server: &TestServerBuilder) {
    let path = server.directory().join("bugsink_conf.py");
    let settings = fs::read_to_string(&path).unwrap_or_default();
    let more = "\nBUGSINK[\"PHONEHOME\"] = False\nDEBUG = False\n";
    fs::write(&path, settings + more).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

fn sibling(program: &Path, name: &str) -> PathBuf {
    program.with_file_name(name)
}

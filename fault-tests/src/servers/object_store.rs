//! The sink `object_store`, and rclone with S3's API over a directory: objects survive a kill.

use std::{
    fs::{self, File},
    io::{self, BufReader},
    path::Path,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use fapilog::{Container, format};
use fapilog_object_store::{ObjectStoreSettings, ObjectStoreSink};
use fapilog_test_servers::servers::RcloneS3;
use tempfile::TempDir;

use crate::{
    arrivals::EventArrivals,
    servers::{DeliveryPromise, KillableServer, SinkResult, SoakTarget, secret},
};

const BUCKET: &str = "logs";

/// Several objects while the server is up.
const SEGMENT_AGE: Duration = Duration::from_millis(250);

/// The longest wait between attempts of an upload: that of the engine in a run.
const RETRY_MAX: Duration = Duration::from_millis(200);

/// The time for segments that a shutdown has left.
const UPLOAD_DEADLINE: Duration = Duration::from_secs(60);

pub(super) const TARGET: SoakTarget = SoakTarget {
    name: "object_store",
    promise: DeliveryPromise::Idempotent,
    start: |arrivals| {
        let server = RcloneS3::start()?;
        server.create_bucket(BUCKET);
        let spool = tempfile::tempdir().ok()?;
        Some(Box::new(KilledRclone { server, spool, arrivals: Arc::clone(arrivals) }))
    },
    absorbing: None,
};

struct KilledRclone {
    server: RcloneS3,
    /// Segments that are not uploaded yet.
    spool: TempDir,
    arrivals: Arc<EventArrivals>,
}

impl KilledRclone {
    /// Starts a container on the same spool, until it has uploaded what the one before has left there.
    fn upload_remaining(&self) {
        let sink = self.sink();
        assert!(sink.is_ok(), "the settings of the sink: {:?}", sink.err());
        let Ok(sink) = sink else { return };
        let container = Container::builder().sink("object_store", sink).start();
        assert!(container.is_ok(), "no container: {:?}", container.err());
        let Ok(container) = container else { return };
        let end = Instant::now() + UPLOAD_DEADLINE;
        while has_segments(self.spool.path()) {
            assert!(Instant::now() < end, "not uploaded in {UPLOAD_DEADLINE:?}");
            thread::sleep(SEGMENT_AGE);
        }
        let accounts = container.shutdown(UPLOAD_DEADLINE);
        assert!(accounts.is_ok(), "the container does not stop: {accounts:?}");
    }

    fn count_objects(&self) -> io::Result<()> {
        for (name, path) in self.server.objects(BUCKET) {
            // A kill may leave a part of an object, under another name.
            if name.ends_with(".zst") {
                let events = zstd::decode_all(BufReader::new(File::open(path)?))?;
                self.arrivals.count_json(&events);
            }
        }
        Ok(())
    }
}

fn has_segments(spool: &Path) -> bool {
    let entries = fs::read_dir(spool).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).any(|path| path.extension().is_some_and(|suffix| suffix == "segment"))
}

impl KillableServer for KilledRclone {
    fn sink(&self) -> SinkResult {
        let mut settings = ObjectStoreSettings::new(BUCKET, self.spool.path());
        settings.endpoint = Some(format!("http://{}", self.server.http()));
        settings.credentials.access_key_id = Some(RcloneS3::ACCESS_KEY.to_owned());
        settings.credentials.secret_access_key = Some(secret(RcloneS3::SECRET_KEY));
        settings.segment.max_age = SEGMENT_AGE;
        settings.retry_max = RETRY_MAX;
        Ok(Arc::new(ObjectStoreSink::new(&settings, format::Json::new)?))
    }

    fn kill(&mut self) {
        self.server.server.kill();
    }

    fn restart(&mut self) {
        self.server.server.restart();
    }

    fn count_kept(&mut self) {
        if has_segments(self.spool.path()) {
            self.upload_remaining();
        }
        let counted = self.count_objects();
        assert!(counted.is_ok(), "the objects cannot be read: {counted:?}");
    }
}

//! A container of this process with a control socket, which the command asks.
#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(clippy::unwrap_used, reason = "all of this is test code")]

use std::{sync::Arc, time::Duration};

use fapilog::{Container, format, sink};
use fapilog_control::{ControlSocket, ControlSocketBuilder};

pub(crate) struct ServedContainer {
    // Dropped in this order.
    control: ControlSocket,
    pub(crate) container: Arc<Container>,
    directory: tempfile::TempDir,
}

impl ServedContainer {
    pub(crate) fn start() -> Self {
        Self::start_by(|socket| socket)
    }

    /// With a file sink, too, and a socket with other settings.
    pub(crate) fn start_by(change: impl FnOnce(ControlSocketBuilder) -> ControlSocketBuilder) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (sink, _events) = sink::Memory::new(format::Json::new);
        let builder = Container::builder().apply(fapilog::default_pipeline).sink("memory", sink);
        let file = sink::File::new(directory.path().join("logs/app.log"), format::Json::new).create_directories(true);
        let container = Arc::new(builder.sink("file", file).start().unwrap());
        let path = directory.path().join("control.sock");
        let control = change(ControlSocket::builder(&container).path(path)).start().unwrap();
        Self { control, container, directory }
    }

    /// The names of the log files.
    pub(crate) fn log_files(&self) -> Vec<String> {
        let files = std::fs::read_dir(self.directory.path().join("logs")).unwrap();
        files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect()
    }

    pub(crate) fn socket(&self) -> &str {
        self.control.path().to_str().unwrap()
    }

    /// Ends the container, and checks that its accounts balance.
    pub(crate) fn end(self) {
        let Self { control, container, .. } = self;
        drop(control);
        container.shutdown(Duration::from_secs(30)).unwrap().check().unwrap();
    }
}

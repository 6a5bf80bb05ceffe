//! A container of this process with a control socket, which the command asks.
#![allow(clippy::unwrap_used, reason = "all of this is test code")]

use std::{sync::Arc, time::Duration};

use fapilog::{Container, format, sink};
use fapilog_control::ControlSocket;

pub(crate) struct ServedContainer {
    // Dropped in this order.
    control: ControlSocket,
    pub(crate) container: Arc<Container>,
    _directory: tempfile::TempDir,
}

impl ServedContainer {
    pub(crate) fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (sink, _events) = sink::Memory::new(format::Json::new);
        let container = Container::builder().apply(fapilog::default_pipeline).sink("memory", sink).start().unwrap();
        let container = Arc::new(container);
        let path = directory.path().join("control.sock");
        let control = ControlSocket::builder(&container).path(path).start().unwrap();
        Self { control, container, _directory: directory }
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

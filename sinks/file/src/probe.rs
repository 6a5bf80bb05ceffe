//! How the sink would write on this machine.

use std::path::Path;

use fapilog_plugin::sink::SinkError;

use crate::{
    FileEngine,
    engine::UringEngine,
    open::{Opening, open},
};

/// The way in which the sink, with its default settings, would write to a file on this machine: for programs that report on the
/// machine before a container starts.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileProbe {
    /// The engine that [`FileEngine::Auto`] stands for.
    pub engine: FileEngine,
    /// Why it is not io_uring.
    pub engine_reason: Option<String>,
    /// Whether full blocks would bypass the page cache.
    pub is_direct: bool,
    /// Why they would not.
    pub direct_reason: Option<String>,
}

impl FileProbe {
    /// Opens the file at `path` as the sink would, and makes it if it is not there, with mode 0600. Nothing is written to it, and
    /// it stays.
    ///
    /// # Errors
    /// When the sink could not open it.
    pub fn of(path: impl AsRef<Path>) -> Result<Self, SinkError> {
        let opening = Opening { is_direct: true, mode: 0o600, respects_umask: true, directory_mode: None };
        let file = open(path.as_ref(), opening)?;
        let refused = UringEngine::new().err();
        Ok(Self {
            engine: if refused.is_none() { FileEngine::IoUring } else { FileEngine::Blocking },
            engine_reason: refused.map(|error| error.to_string()),
            is_direct: file.direct.is_ok(),
            direct_reason: file.direct_diagnostic(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_given_for_all_that_is_not_the_first_choice() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("scratch");
        let probe = FileProbe::of(&path).unwrap();
        assert_eq!(probe.engine == FileEngine::IoUring, probe.engine_reason.is_none());
        assert_eq!(probe.is_direct, probe.direct_reason.is_none());
        assert_eq!(std::fs::metadata(&path).unwrap().len(), 0);
    }

    #[test]
    fn a_directory_where_no_file_can_be_is_an_error() {
        assert!(matches!(FileProbe::of("/proc/no/such"), Err(SinkError::Io { .. })));
    }
}

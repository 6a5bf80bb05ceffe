//! All errors of the library under one roof.
//!
//! Each operation returns an error of its own type. This one takes them all, for programs that pass errors on by `?`, and
//! gives each a family and a code. Codes are stable: `family.what`, in lower case.

use std::fmt;

pub use fapilog_engine::error::{ChangeError, FlushError, RotateError, RotateFailure, ShutdownError, StartError};
pub use fapilog_plugin::problem::{IoCause, Problem, SettingsError};
use fapilog_plugin::{error::PluginError, registry::RegisterError, sink::SinkError};
use fapilog_record::{
    debug_is_the_text, directives::DirectivesError, error_codes, level::LevelError, user_code::write_error_chain,
};
#[cfg(feature = "settings")]
use fapilog_settings::ReloadError;
use thiserror::Error as ThisError;

/// The family of an error.
#[doc(alias = "ErrorCategory")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A value in the program or in its settings is invalid.
    Configuration,
    /// A plugin failed.
    Plugin,
    /// An event could not go all the way from log call to sink.
    Pipeline,
    /// A sink failed.
    Sink,
    /// The container belongs to another process.
    #[doc(alias = "ContainerIsolationError")]
    Isolation,
}

impl ErrorKind {
    /// The family's name, with which its codes begin.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::Plugin => "plugin",
            Self::Pipeline => "pipeline",
            Self::Sink => "sink",
            Self::Isolation => "isolation",
        }
    }

    const ALL: [Self; 5] = [Self::Configuration, Self::Plugin, Self::Pipeline, Self::Sink, Self::Isolation];
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The program has a global container already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ThisError)]
#[error("the program has a global container already; drop it before another is made")]
pub struct AlreadyInitialized;

/// Declares [`Error`] with a variant for each of the library's errors, and all that is the same for each of them.
macro_rules! declare_error {
    (
        $(#[$of_enum:meta])*
        pub enum $name:ident {
            $($(#[doc = $doc:literal])* $(#[cfg($cfg:meta)])? $variant:ident($type:ty),)*
        }
    ) => {
        $(#[$of_enum])*
        pub enum $name {
            $($(#[doc = $doc])* $(#[cfg($cfg)])? $variant($type),)*
        }

        impl $name {
            /// A stable code, for programs and for searching: see the book's page on errors.
            #[must_use]
            pub const fn code(&self) -> &'static str {
                match self {
                    $($(#[cfg($cfg)])? Self::$variant(error) => error.code(),)*
                }
            }

            /// The error in the variant.
            fn inner(&self) -> &(dyn std::error::Error + 'static) {
                match self {
                    $($(#[cfg($cfg)])? Self::$variant(error) => error,)*
                }
            }
        }

        $(
            $(#[cfg($cfg)])?
            impl From<$type> for $name {
                fn from(error: $type) -> Self {
                    Self::$variant(error)
                }
            }
        )*
    };
}

declare_error! {
    /// Any error of this library.
    ///
    /// `Display` and `Debug` both write the message with all its sources, `cannot start sink "file": cannot open app.log: Permission
    /// denied`: `Debug` is what a `main` that returns it prints. So it has no [`source`](std::error::Error::source) beside the one in
    /// its variant.
    #[doc(alias = "FapilogError")]
    #[non_exhaustive]
    pub enum Error {
        /// A setting is invalid.
        Settings(SettingsError),
        /// A text names no level.
        Level(LevelError),
        /// A text is no list of directives.
        Directives(DirectivesError),
        /// The program has a global container already.
        AlreadyInitialized(AlreadyInitialized),
        /// A container did not start.
        Start(StartError),
        /// A running container could not be changed.
        Change(ChangeError),
        /// A running container could not take new settings.
        #[cfg(feature = "settings")]
        Reload(ReloadError),
        /// A plugin could not be registered.
        Register(RegisterError),
        /// A flush is incomplete.
        Flush(FlushError),
        /// Not every sink has started a new file.
        Rotate(RotateError),
        /// A shutdown is incomplete.
        Shutdown(ShutdownError),
        /// A plugin failed.
        Plugin(PluginError),
        /// A sink failed.
        Sink(SinkError),
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_error_chain(self.inner(), f, |_| {})
    }
}

debug_is_the_text!(Error);

impl std::error::Error for Error {}

impl Error {
    /// The family of the error.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        let family = self.code().split('.').next().unwrap_or_default();
        // Every code begins with a family: there is a test.
        ErrorKind::ALL.into_iter().find(|kind| kind.name() == family).unwrap_or(ErrorKind::Pipeline)
    }
}

error_codes! {
    AlreadyInitialized {
        _ => "configuration.already_initialized",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The codes of every error that the library returns.
    fn known_codes() -> Vec<&'static str> {
        let of_each = [
            SettingsError::CODES,
            LevelError::CODES,
            DirectivesError::CODES,
            AlreadyInitialized::CODES,
            StartError::CODES,
            ChangeError::CODES,
            ReloadError::CODES,
            RegisterError::CODES,
            FlushError::CODES,
            RotateError::CODES,
            ShutdownError::CODES,
            PluginError::CODES,
            SinkError::CODES,
        ];
        of_each.concat()
    }

    #[test]
    fn every_code_begins_with_a_family() {
        for code in known_codes() {
            let family = code.split_once('.').unwrap().0;
            assert!(ErrorKind::ALL.iter().any(|kind| kind.name() == family), "{code}");
        }
    }

    #[test]
    fn every_code_stands_on_the_books_page_and_no_other_does() {
        let page = include_str!("../../docs/errors.md");
        let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
        let mut written: Vec<&str> = rows.filter_map(|row| row.split_once('`')).map(|(code, _)| code).collect();
        let mut known = known_codes();
        written.sort_unstable();
        known.sort_unstable();
        known.dedup();
        assert_eq!(written, known);
    }

    #[test]
    fn an_error_is_shown_with_its_sources_also_where_a_main_returns_it() {
        let source = std::io::Error::from_raw_os_error(13);
        let source = SinkError::Io { operation: "open", path: "app.log".into(), source };
        let error = StartError::Sink { sink: "file".to_owned(), cause: source };
        let expected = "cannot start sink \"file\": cannot open app.log: Permission denied (os error 13)";
        assert_eq!([error.to_string(), format!("{error:?}")], [expected; 2]);
        let error = Error::from(error);
        assert_eq!([error.to_string(), format!("{error:?}")], [expected; 2]);
    }

    #[test]
    fn an_error_is_of_the_family_that_its_code_begins_with() {
        assert_eq!(Error::from(FlushError::Forked).kind(), ErrorKind::Isolation);
        assert_eq!(Error::from(PluginError::Panicked).kind(), ErrorKind::Plugin);
        assert_eq!(Error::from(SinkError::Deadline).code(), "sink.deadline");
    }
}

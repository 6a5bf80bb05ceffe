//! Levels, and which of them are logged.

pub use fapilog_record::{
    directives::{DirectiveErrorKind, Directives, DirectivesError},
    level::{LevelError, LevelFilter},
};

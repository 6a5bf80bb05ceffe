//! Levels, and which of them are logged.

pub use fapilog_record::{
    directives::{DirectiveFault, Directives, DirectivesError},
    level::{LevelError, LevelFilter},
};

//! A progress bar, on a terminal only.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// The interval between two drawings.
const DRAWS_PER_SECOND: u8 = 10;

/// On standard error, and only if that is a terminal.
pub(crate) fn bar(length: Option<u64>, what: &'static str) -> ProgressBar {
    let target = ProgressDrawTarget::stderr_with_hz(DRAWS_PER_SECOND);
    let bar = ProgressBar::with_draw_target(length, target).with_message(what);
    let template = match length {
        Some(_) => "{msg} [{bar:40}] {percent:>3}%  {elapsed}",
        None => "{spinner} {msg}  {elapsed}",
    };
    // The templates above are right; were one not, indicatif's own would do.
    match ProgressStyle::with_template(template) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// So many thousandths of a second, for a bar that shows time.
pub(crate) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

//! The start of the global container by settings.

use fapilog_settings::Settings;

use crate::{error::Error, global::Global};

/// Starts the program's container, by the defaults and the environment (see [`Settings::load`]): to standard output,
/// from INFO, for people on a terminal and as JSON elsewhere.
///
/// ```
/// use fapilog::info;
///
/// fapilog::init()?;
/// info!("ready", port = 8080);
/// # Ok::<(), fapilog::Error>(())
/// ```
///
/// # Errors
/// When a setting is invalid, the container cannot start, or a global container exists already or is just starting.
#[doc(alias = "create")]
pub fn init() -> Result<Global, Error> {
    let builder = Settings::builder().environment().into_builder()?;
    Global::start(|| Ok(builder.start()?))
}

/// As [`init`], with these settings.
///
/// # Errors
/// As [`init`].
pub fn init_with(settings: Settings) -> Result<Global, Error> {
    // Invalid settings leave a container alone that runs.
    let builder = settings.into_builder()?;
    Global::start(|| Ok(builder.start()?))
}

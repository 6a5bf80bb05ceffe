//! What whoever runs the program should know about its log: fallbacks and failures, said once.
//!
//! They never go through the rings. They are kept, up to a limit, for [`Container::notices`](crate::Container::notices),
//! and go to stderr and to the program's own function if the settings say so. No notice holds what a user logged.

use std::{
    fmt,
    io::Write,
    sync::{Arc, Mutex, PoisonError},
};

use crate::{
    level::{Level, LevelFilter},
    plugin::guarded,
};

/// The most that is kept of one container; later ones are counted only.
const KEPT_MAX: usize = 64;

/// One thing worth knowing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Notice {
    /// How grave it is.
    pub level: Level,
    /// What it is about: a sink's name, or `executor`.
    pub about: String,
    /// What there is to say.
    pub text: String,
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.about, self.text)
    }
}

/// A program's own function that is called with each notice.
///
/// It is called on the thread that has something to say, which may be one that drains: it should be quick. A panic in it
/// is caught.
#[derive(Clone)]
pub struct ErrorCallback(Arc<dyn Fn(&Notice) + Send + Sync>);

impl ErrorCallback {
    /// Calls `function`.
    pub fn new(function: impl Fn(&Notice) + Send + Sync + 'static) -> Self {
        Self(Arc::new(function))
    }

    fn call(&self, notice: &Notice) {
        // What the program makes of it is its own affair.
        let _ = guarded(|| (self.0)(notice));
    }
}

/// The same function, not one like it.
impl PartialEq for ErrorCallback {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl fmt::Debug for ErrorCallback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ErrorCallback").finish_non_exhaustive()
    }
}

/// Where notices go, beside those that are kept.
#[derive(Debug, Clone)]
pub(crate) struct NoticeSettings {
    /// The least level that goes to stderr; `Off`: nothing does.
    pub(crate) stderr: LevelFilter,
    /// The least level that the callback is called with.
    pub(crate) least: LevelFilter,
    pub(crate) callback: Option<ErrorCallback>,
    /// Whether a line goes to stderr when no sink works.
    pub(crate) emergency: bool,
}

impl Default for NoticeSettings {
    fn default() -> Self {
        Self { stderr: LevelFilter::Off, least: LevelFilter::AtLeast(Level::Warning), callback: None, emergency: true }
    }
}

/// A container's notices.
#[derive(Debug, Clone, Default)]
pub(crate) struct Notices {
    kept: Arc<Mutex<Vec<Notice>>>,
    settings: NoticeSettings,
}

impl Notices {
    pub(crate) fn new(settings: NoticeSettings) -> Self {
        Self { kept: Arc::default(), settings }
    }

    /// Says that something is not as it should be, unless it has been said.
    pub(crate) fn add(&self, about: &str, text: String) {
        let notice = Notice { level: Level::Warning, about: about.to_owned(), text };
        {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            if kept.contains(&notice) || kept.len() >= KEPT_MAX {
                return;
            }
            kept.push(notice.clone());
        }
        self.say(&notice);
    }

    /// Says what is as it should be to those who want to know. It is not kept.
    #[cfg(feature = "settings")]
    pub(crate) fn mention(&self, about: &str, text: String) {
        self.say(&Notice { level: Level::Info, about: about.to_owned(), text });
    }

    /// Says on stderr that no sink works. It must hold nothing that a user logged.
    pub(crate) fn emergency(&self, text: &str) {
        if self.settings.emergency {
            let _ = writeln!(std::io::stderr().lock(), "fapilog: emergency: {text}");
        }
        let about = "emergency".to_owned();
        self.call_back(&Notice { level: Level::Critical, about, text: text.to_owned() });
    }

    fn say(&self, notice: &Notice) {
        if self.settings.stderr.passes(notice.level) {
            // A closed stderr is nobody's loss: the notice is kept.
            let _ = writeln!(std::io::stderr().lock(), "fapilog: {notice}");
        }
        self.call_back(notice);
    }

    fn call_back(&self, notice: &Notice) {
        if let Some(callback) = &self.settings.callback
            && self.settings.least.passes(notice.level)
        {
            callback.call(notice);
        }
    }

    pub(crate) fn all(&self) -> Vec<Notice> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(least: LevelFilter) -> (Notices, Arc<Mutex<Vec<Notice>>>) {
        let heard = Arc::<Mutex<Vec<Notice>>>::default();
        let ear = Arc::clone(&heard);
        let callback = ErrorCallback::new(move |notice| ear.lock().unwrap().push(notice.clone()));
        let settings = NoticeSettings { least, callback: Some(callback), ..NoticeSettings::default() };
        (Notices::new(settings), heard)
    }

    #[test]
    fn the_callback_hears_each_notice_once() {
        let (notices, heard) = heard(LevelFilter::AtLeast(Level::Warning));
        notices.add("file", "direct writes are refused".to_owned());
        notices.add("file", "direct writes are refused".to_owned());
        assert_eq!(*heard.lock().unwrap(), notices.all());
    }

    #[test]
    fn the_callback_hears_nothing_below_its_level() {
        let (notices, heard) = heard(LevelFilter::AtLeast(Level::Error));
        notices.add("file", "direct writes are refused".to_owned());
        assert!(heard.lock().unwrap().is_empty());
    }

    #[test]
    fn a_callback_that_panics_harms_nobody() {
        let callback = ErrorCallback::new(|_| panic!("planted"));
        let notices = Notices::new(NoticeSettings { callback: Some(callback), ..NoticeSettings::default() });
        notices.add("file", "direct writes are refused".to_owned());
        assert_eq!(notices.all().len(), 1);
    }
}

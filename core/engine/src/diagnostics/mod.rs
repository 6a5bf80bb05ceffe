//! Diagnostics: fallbacks and failures of the log itself, for the operator of the program. Each is reported once.
//!
//! A text that the library has not made, such as the error of a plugin or of the system, or the report of a sink, stands
//! between quotes in a diagnostic, escaped and 1 KiB long at most: see [`QuotedText`]. It may hold anything.
//!
//! Diagnostics never go through the rings. They are kept, up to a limit, for
//! [`Container::diagnostics`](crate::container::Container::diagnostics), and go to stderr and to the program's own function
//! if the settings ask for it. The library puts nothing that a user logged into a diagnostic.
//!
//! Memory and output are bounded. The first 32 diagnostics are kept for good, and the last 32 until others come. Equal
//! diagnostics are reported once. At most 32 a second are reported; the others are counted.

mod stderr;

use std::{
    collections::VecDeque,
    error::Error,
    fmt,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use fapilog_plugin::{diagnostics::Diagnostics, threads::lock};
use fapilog_record::{
    level::{Level, LevelFilter},
    text::{
        cut::without_last_word,
        quoted::{QuotedText, front_with_quotes},
    },
    user_code::{catch_panic, plain_error_text},
};
use stderr::Stderr;

use crate::text_redaction::TextRedaction;

/// How many of one container are kept from its start on: the first failures explain the later ones.
const FIRST_MAX: usize = 32;
/// How many of those behind them are kept, until others come.
const LAST_MAX: usize = 32;
/// The longest text, in bytes; a longer one is cut.
const TEXT_MAX_BYTES: usize = 8 * 1024;
/// The longest reason in an emergency line, in bytes.
const REASON_MAX_BYTES: usize = 256;
/// How many are reported in a [`REPORTS_SPAN`]: more than a start has to report, and fewer than would be a flood.
const REPORTS_MAX: u32 = 32;
const REPORTS_SPAN: Duration = Duration::from_secs(1);

/// A fallback or a failure of the log itself.
#[doc(alias = "internal_logging")]
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Diagnostic {
    /// How grave it is.
    pub level: Level,
    /// The subject: a sink's name, or `executor`.
    pub about: String,
    /// The text. A part of it that a plugin, a sink, the system or another library has made stands between double quotes: it is
    /// escaped, and 1 KiB long at most.
    pub text: String,
    /// How often it has come, as far as is known: only the first goes to stderr and to the callback.
    pub times: u64,
}

impl Diagnostic {
    /// The text is redacted already.
    fn new(level: Level, about: &str, text: &str) -> Self {
        Self { level, about: about.to_owned(), text: front_with_quotes(text, TEXT_MAX_BYTES), times: 1 }
    }

    fn is_same_as(&self, other: &Self) -> bool {
        (self.level, &self.about, &self.text) == (other.level, &other.about, &other.text)
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.about, self.text)
    }
}

/// A program's own function that is called with each diagnostic.
///
/// The thread that reports calls it, and that may be a drain's: it should be quick. A panic in it is caught.
#[doc(alias = "error_callback")]
#[derive(Clone)]
pub struct ErrorCallback(Arc<dyn Fn(&Diagnostic) + Send + Sync>);

impl ErrorCallback {
    /// Calls `function`.
    pub fn new(function: impl Fn(&Diagnostic) + Send + Sync + 'static) -> Self {
        Self(Arc::new(function))
    }

    /// Calls the function, and catches its panic.
    pub fn call(&self, diagnostic: &Diagnostic) {
        let _ = catch_panic(|| (self.0)(diagnostic));
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

/// Where diagnostics go, beside those that are kept.
#[derive(Debug, Clone)]
pub(crate) struct DiagnosticSettings {
    /// The least level that goes to stderr; `LevelFilter::Off`: nothing does.
    pub(crate) stderr: LevelFilter,
    /// The least level that the callback is called with.
    pub(crate) least: LevelFilter,
    pub(crate) callback: Option<ErrorCallback>,
    /// Whether a line goes to stderr when no sink works.
    pub(crate) emergency: bool,
}

impl Default for DiagnosticSettings {
    fn default() -> Self {
        Self { stderr: LevelFilter::Off, least: LevelFilter::AtLeast(Level::Warning), callback: None, emergency: true }
    }
}

/// A container's diagnostics.
#[derive(Debug, Clone, Default)]
pub(crate) struct DiagnosticLog {
    shared: Arc<DiagnosticState>,
    settings: DiagnosticSettings,
    redaction: TextRedaction,
}

#[derive(Debug, Default)]
struct DiagnosticState {
    kept: Mutex<KeptDiagnostics>,
    limit: Mutex<Limit>,
    stderr: Stderr,
}

impl DiagnosticLog {
    pub(crate) fn new(settings: DiagnosticSettings, redaction: TextRedaction) -> Self {
        Self { shared: Arc::default(), settings, redaction }
    }

    /// The redaction of texts that are in no event.
    pub(crate) fn redaction(&self) -> &TextRedaction {
        &self.redaction
    }

    /// The text of an error and its sources, redacted and between quotes. It is redacted before it is cut: half a secret is not
    /// recognized.
    pub(crate) fn error_text(&self, error: impl Error) -> String {
        let (text, is_cut) = plain_error_text(error);
        let whole_words = if is_cut && self.redaction.is_on() { without_last_word(&text) } else { &text };
        QuotedText::new(self.redaction.redact(whole_words.to_owned())).into_string()
    }

    fn diagnostic(&self, level: Level, about: &str, text: String) -> Diagnostic {
        // A plugin chooses what its report is about.
        Diagnostic::new(level, &self.redaction.redact(about.to_owned()), &self.redaction.redact(text))
    }

    /// Keeps a warning, and reports it if it is new.
    pub(crate) fn add(&self, about: &str, text: String) {
        let diagnostic = self.diagnostic(Level::Warning, about, text);
        let is_new = lock(&self.shared.kept).add(&diagnostic);
        if is_new {
            self.emit_limited(&diagnostic);
        }
    }

    /// Reports a diagnostic at level INFO. It is not kept.
    pub(crate) fn mention(&self, about: &str, text: String) {
        self.emit_limited(&self.diagnostic(Level::Info, about, text));
    }

    /// Reports on stderr that no sink works. The text must hold nothing that a user logged.
    pub(crate) fn emergency(&self, text: &str) {
        let diagnostic = self.diagnostic(Level::Critical, "emergency", text.to_owned());
        if self.settings.emergency {
            self.shared.stderr.line(&format!("fapilog: {diagnostic}"));
        }
        self.call_back(&diagnostic);
    }

    /// Reports it, unless the limit is reached.
    fn emit_limited(&self, diagnostic: &Diagnostic) {
        let has_listener = self.settings.callback.is_some() && self.settings.least.passes(diagnostic.level);
        if !has_listener && !self.settings.stderr.passes(diagnostic.level) {
            return;
        }
        let Some(left_out) = lock(&self.shared.limit).pass(Instant::now()) else { return };
        if left_out > 0 {
            let text =
                format!("{left_out} diagnostics were not reported: there were more than {REPORTS_MAX} in a second");
            self.emit(&Diagnostic::new(Level::Warning, "diagnostics", &text));
        }
        self.emit(diagnostic);
    }

    fn emit(&self, diagnostic: &Diagnostic) {
        if self.settings.stderr.passes(diagnostic.level) {
            self.shared.stderr.line(&format!("fapilog: {diagnostic}"));
        }
        self.call_back(diagnostic);
    }

    fn call_back(&self, diagnostic: &Diagnostic) {
        if let Some(callback) = &self.settings.callback
            && self.settings.least.passes(diagnostic.level)
        {
            callback.call(diagnostic);
        }
    }

    pub(crate) fn all(&self) -> Vec<Diagnostic> {
        lock(&self.shared.kept).all()
    }

    /// The text of the last diagnostic about this subject, cut to the length of a reason in a line.
    pub(crate) fn last_about(&self, about: &str) -> Option<String> {
        let kept = lock(&self.shared.kept);
        let (_, text) = kept.latest.iter().find(|(known, _)| known == about)?;
        Some(front_with_quotes(text, REASON_MAX_BYTES))
    }
}

impl Diagnostics for DiagnosticLog {
    fn report(&self, about: &str, text: String) {
        // Before it is cut: half a secret is not recognized.
        self.add(about, QuotedText::new(self.redaction.redact(text)).into_string());
    }
}

/// Those that are kept.
#[derive(Debug, Default)]
struct KeptDiagnostics {
    first: Vec<Diagnostic>,
    last: VecDeque<Diagnostic>,
    /// How many have had to make room.
    gone: u64,
    /// The last text about each subject, of the first `LAST_MAX` subjects.
    latest: Vec<(String, String)>,
}

impl KeptDiagnostics {
    /// Returns whether it is not among those that are kept already.
    fn add(&mut self, diagnostic: &Diagnostic) -> bool {
        self.set_latest(diagnostic);
        let known = self.first.iter_mut().chain(&mut self.last).find(|known| known.is_same_as(diagnostic));
        if let Some(known) = known {
            known.times += 1;
            return false;
        }
        if self.first.len() < FIRST_MAX {
            self.first.push(diagnostic.clone());
            return true;
        }
        if self.last.len() >= LAST_MAX {
            self.gone += self.last.pop_front().map_or(0, |gone| gone.times);
        }
        self.last.push_back(diagnostic.clone());
        true
    }

    fn set_latest(&mut self, Diagnostic { about, text, .. }: &Diagnostic) {
        let known = self.latest.iter_mut().find(|(known, _)| known == about);
        if let Some((_, latest)) = known {
            latest.clone_from(text);
        } else if self.latest.len() < LAST_MAX {
            self.latest.push((about.clone(), text.clone()));
        }
    }

    /// All of them, and between the first and the last how many there were.
    fn all(&self) -> Vec<Diagnostic> {
        let text = || format!("{} diagnostics between these are not kept", self.gone);
        let gap = (self.gone > 0).then(|| Diagnostic::new(Level::Warning, "diagnostics", &text()));
        self.first.iter().cloned().chain(gap).chain(self.last.iter().cloned()).collect()
    }
}

/// How fast diagnostics go to stderr and to the callback.
#[derive(Debug, Default)]
struct Limit {
    /// When the span began in which these were reported.
    begun: Option<Instant>,
    reported: u32,
    left_out: u64,
}

impl Limit {
    /// The number of diagnostics left out since the last report, if another may be reported; `None` if not.
    fn pass(&mut self, now: Instant) -> Option<u64> {
        if self.begun.is_none_or(|begun| now.saturating_duration_since(begun) >= REPORTS_SPAN) {
            self.begun = Some(now);
            self.reported = 0;
        }
        if self.reported >= REPORTS_MAX {
            self.left_out += 1;
            return None;
        }
        self.reported += 1;
        Some(std::mem::take(&mut self.left_out))
    }
}

#[cfg(test)]
mod tests {
    use fapilog_plugin::text_redactor::TextRedactor;

    use super::*;

    fn heard(least: LevelFilter) -> (DiagnosticLog, Arc<Mutex<Vec<Diagnostic>>>) {
        let heard = Arc::<Mutex<Vec<Diagnostic>>>::default();
        let ear = Arc::clone(&heard);
        let callback = ErrorCallback::new(move |diagnostic| ear.lock().unwrap().push(diagnostic.clone()));
        let settings = DiagnosticSettings { least, callback: Some(callback), ..DiagnosticSettings::default() };
        (DiagnosticLog::new(settings, TextRedaction::default()), heard)
    }

    #[test]
    fn the_callback_gets_each_diagnostic_once() {
        let (diagnostics, heard) = heard(LevelFilter::AtLeast(Level::Warning));
        (0..3).for_each(|_| diagnostics.add("file", "direct writes are refused".to_owned()));
        let times =
            |diagnostics: &[Diagnostic]| diagnostics.iter().map(|diagnostic| diagnostic.times).collect::<Vec<_>>();
        assert_eq!((times(&heard.lock().unwrap()), times(&diagnostics.all())), (vec![1], vec![3]));
    }

    fn texts(diagnostics: &[Diagnostic]) -> Vec<&str> {
        diagnostics.iter().map(|diagnostic| diagnostic.text.as_str()).collect()
    }

    #[test]
    fn the_first_and_the_last_are_kept_and_the_others_are_counted() {
        let diagnostics = DiagnosticLog::default();
        (0..1000).for_each(|number| diagnostics.add("plugin", format!("failed at {number}")));
        let all = diagnostics.all();
        assert_eq!(all.len(), FIRST_MAX + 1 + LAST_MAX);
        let texts = texts(&all);
        assert_eq!((texts[0], texts[FIRST_MAX - 1]), ("failed at 0", "failed at 31"));
        assert_eq!(texts[FIRST_MAX], "936 diagnostics between these are not kept");
        assert_eq!((texts[FIRST_MAX + 1], texts[FIRST_MAX + LAST_MAX]), ("failed at 968", "failed at 999"));
    }

    #[test]
    fn a_text_without_end_is_cut() {
        let diagnostics = DiagnosticLog::default();
        diagnostics.add("plugin", "ü".repeat(1 << 20));
        let text = &diagnostics.all()[0].text;
        assert!(text.ends_with("ü...") && text.len() <= TEXT_MAX_BYTES, "{}", text.len());
    }

    #[test]
    fn the_report_of_a_sink_stands_between_quotes_and_is_cut_and_escaped() {
        let diagnostics = DiagnosticLog::default();
        diagnostics.report("file", "no \u{202e}place\n\x1b[31m".to_owned());
        diagnostics.report("file", "x".repeat(1 << 20));
        let all = diagnostics.all();
        assert_eq!(all[0].text, r#""no \u{202e}place\n\u{1b}[31m""#);
        assert!(all[1].text.ends_with("x\"...") && all[1].text.len() < 1100, "{}", all[1].text.len());
        let reason = diagnostics.last_about("file").unwrap();
        assert!(reason.ends_with("x\"...") && reason.len() <= REASON_MAX_BYTES, "{reason}");
    }

    #[test]
    fn diagnostics_beyond_the_limit_are_counted_and_reported_with_the_next() {
        let (start, mut limit) = (Instant::now(), Limit::default());
        assert!((0..REPORTS_MAX).all(|_| limit.pass(start) == Some(0)));
        assert!((0..7).all(|_| limit.pass(start + REPORTS_SPAN / 2).is_none()));
        assert_eq!([limit.pass(start + REPORTS_SPAN), limit.pass(start + REPORTS_SPAN)], [Some(7), Some(0)]);
    }

    #[test]
    fn the_callback_gets_diagnostics_again_after_a_flood() {
        let (diagnostics, heard) = heard(LevelFilter::AtLeast(Level::Warning));
        (0..1000).for_each(|number| diagnostics.add("plugin", format!("failed at {number}")));
        let before = heard.lock().unwrap().len();
        assert!(before >= REPORTS_MAX as usize);
        // As if a second had passed.
        lock(&diagnostics.shared.limit).begun = None;
        diagnostics.add("file", "direct writes are refused".to_owned());
        let heard = heard.lock().unwrap();
        let texts = texts(&heard);
        assert!(texts[before].ends_with("diagnostics were not reported: there were more than 32 in a second"));
        assert_eq!(texts[before + 1..], ["direct writes are refused"]);
    }

    #[test]
    fn the_callback_gets_nothing_below_its_level() {
        let (diagnostics, heard) = heard(LevelFilter::AtLeast(Level::Error));
        diagnostics.add("file", "direct writes are refused".to_owned());
        assert!(heard.lock().unwrap().is_empty());
    }

    #[test]
    fn the_panic_of_a_callback_is_caught() {
        let callback = ErrorCallback::new(|_| panic!("planted"));
        let diagnostics = DiagnosticLog::new(
            DiagnosticSettings { callback: Some(callback), ..DiagnosticSettings::default() },
            TextRedaction::default(),
        );
        diagnostics.add("file", "direct writes are refused".to_owned());
        assert_eq!(diagnostics.all().len(), 1);
    }

    #[test]
    fn texts_of_others_are_redacted_before_they_are_cut() {
        let no_digits = TextRedactor::new(|text| {
            let numbers = text.split_inclusive(|c: char| !c.is_ascii_digit()).map(|piece| match piece.len() {
                0..16 => piece,
                _ => "[card]",
            });
            Some(numbers.collect())
        });
        let (settings, heard) = (DiagnosticSettings::default(), Arc::new(Mutex::new(Vec::new())));
        let callback = ErrorCallback::new({
            let heard = Arc::clone(&heard);
            move |diagnostic| lock(&heard).push(diagnostic.text.clone())
        });
        let redaction = TextRedaction::new(Some(no_digits));
        let log = DiagnosticLog::new(DiagnosticSettings { callback: Some(callback), ..settings }, redaction);
        let text = format!("{}4111111111111111", "x ".repeat(505));
        log.report("sink", text.clone());
        log.add("sink", "card 4111111111111111".to_owned());
        log.emergency("card 4111111111111111");
        assert_eq!(log.error_text(std::io::Error::other("4111111111111111")), "\"[card]\"");
        let all = [lock(&heard).clone(), log.all().into_iter().map(|kept| kept.text).collect()].concat();
        assert_eq!(all.len(), 5);
        assert!(all.iter().all(|text| !text.contains("4111")), "{all:?}");
        let cut = format!("{} {}4111 1111 1111 1111", "4".repeat(1500), "x ".repeat(267));
        let text = log.error_text(std::io::Error::other(cut));
        assert!(text.starts_with("\"[card]") && !text.contains("4111"), "{text}");
        log.redaction().replace(None);
        assert_eq!(log.error_text(std::io::Error::other("4111")), "\"4111\"");
    }
}

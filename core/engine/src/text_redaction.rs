//! The container's redaction of texts that are in no event: diagnostics, emergency lines, the reasons of dead letters, the names of
//! loggers.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use fapilog_plugin::{text_redactor::TextRedactor, threads::lock};

/// The redactors of a container, for all who write such texts.
#[derive(Debug, Clone, Default)]
pub(crate) struct TextRedaction(Arc<Mutex<ActiveTextRedactors>>);

#[derive(Debug, Default)]
struct ActiveTextRedactors {
    /// A change of the pipeline replaces it.
    of_pipeline: Option<TextRedactor>,
    /// By the names of their redactors of events.
    at_run_time: BTreeMap<String, TextRedactor>,
}

impl ActiveTextRedactors {
    fn all(&self) -> impl Iterator<Item = &TextRedactor> {
        self.of_pipeline.iter().chain(self.at_run_time.values())
    }
}

impl TextRedaction {
    pub(crate) fn new(of_pipeline: Option<TextRedactor>) -> Self {
        Self(Arc::new(Mutex::new(ActiveTextRedactors { of_pipeline, at_run_time: BTreeMap::new() })))
    }

    /// Replaces the redactor of the pipeline.
    pub(crate) fn replace(&self, redactor: Option<TextRedactor>) {
        let old = std::mem::replace(&mut lock(&self.0).of_pipeline, redactor);
        // A redactor is a program's own: its drop may panic, and comes behind the lock.
        fapilog_record::user_code::drop_catching_panics(old);
    }

    /// Has texts pass this redactor too, behind the former one of the pipeline, which is returned.
    pub(crate) fn add(&self, redactor: Option<TextRedactor>) -> Option<TextRedactor> {
        let of_pipeline = &mut lock(&self.0).of_pipeline;
        let former = of_pipeline.clone();
        if let Some(redactor) = redactor {
            *of_pipeline = Some(match of_pipeline.take() {
                Some(former) => former.then(redactor),
                None => redactor,
            });
        }
        former
    }

    /// Adds the redactor of texts that came with a redactor of this name. `false` if there is one of this name.
    #[must_use]
    pub(crate) fn add_at_run_time(&self, name: &str, redactor: TextRedactor) -> bool {
        let at_run_time = &mut lock(&self.0).at_run_time;
        let is_new = !at_run_time.contains_key(name);
        if is_new {
            at_run_time.insert(name.to_owned(), redactor);
        }
        is_new
    }

    /// Removes the one that came with a redactor of this name, if there is one.
    pub(crate) fn remove_at_run_time(&self, name: &str) {
        let old = lock(&self.0).at_run_time.remove(name);
        fapilog_record::user_code::drop_catching_panics(old);
    }

    /// Whether there is a redactor.
    pub(crate) fn is_on(&self) -> bool {
        lock(&self.0).all().next().is_some()
    }

    /// The text without sensitive data.
    pub(crate) fn redact(&self, text: String) -> String {
        // Cloned: the redactor may report a diagnostic itself, and comes back for the lock.
        let redactors: Vec<_> = lock(&self.0).all().cloned().collect();
        redactors.iter().fold(text, |text, redactor| redactor.redact(&text).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replacing(word: &'static str) -> TextRedactor {
        TextRedactor::new(move |text| text.contains(word).then(|| text.replace(word, "-")))
    }

    #[test]
    fn a_redactor_that_was_added_at_run_time_outlives_a_change_of_the_pipeline() {
        let redaction = TextRedaction::new(Some(replacing("a")));
        assert!(redaction.add_at_run_time("mask", replacing("b")));
        assert_eq!(redaction.redact("abc".to_owned()), "--c");
        redaction.replace(Some(replacing("c")));
        assert_eq!(redaction.redact("abc".to_owned()), "a--");
        redaction.remove_at_run_time("mask");
        assert_eq!(redaction.redact("abc".to_owned()), "ab-");
        redaction.replace(None);
        assert!(!redaction.is_on());
    }

    #[test]
    fn a_redactor_at_run_time_is_not_replaced_by_one_of_the_same_name() {
        let redaction = TextRedaction::default();
        assert!(redaction.add_at_run_time("mask", replacing("a")));
        assert!(!redaction.add_at_run_time("mask", replacing("b")));
        assert_eq!(redaction.redact("ab".to_owned()), "-b");
    }
}

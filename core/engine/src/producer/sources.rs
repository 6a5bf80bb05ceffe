//! The names of a container's loggers.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering},
};

use fapilog_plugin::event::Source;
use fapilog_record::text::bounded::front;
use fapilog_ring::sync::{Mutex, lock};

use crate::text_redaction::TextRedaction;

/// The most names of one container; loggers beyond that share [`OTHERS`]. The limit bounds the memory of a program that
/// makes up names as it goes.
const SOURCES_MAX: usize = 65_536;

/// The name of loggers beyond the limit. Also the source with id 0.
const OTHERS: &str = "others";

/// The longest name, in bytes; longer ones are cut.
const SOURCE_MAX_BYTES: usize = 255;

/// All names of one container. It only grows, up to a limit.
#[derive(Debug)]
pub(crate) struct SourceTable {
    names: Mutex<SourceNames>,
    redaction: TextRedaction,
    /// A logger was made beyond the limit, and that is not reported yet. A figure for a report: no model need see it.
    is_overrun: std::sync::atomic::AtomicBool,
}

#[derive(Debug)]
struct SourceNames {
    /// As events have them.
    by_id: Vec<Arc<str>>,
    /// By the names as the program gives them.
    ids: HashMap<Arc<str>, u32>,
}

impl SourceTable {
    pub(crate) fn new(redaction: TextRedaction) -> Self {
        let others: Arc<str> = OTHERS.into();
        let names = SourceNames { by_id: vec![Arc::clone(&others)], ids: HashMap::from([(others, 0)]) };
        Self { names: Mutex::new(names), redaction, is_overrun: std::sync::atomic::AtomicBool::new(false) }
    }

    /// The source of this name, made if there is none yet.
    pub(crate) fn intern(&self, name: &str) -> Source {
        if let Some(known) = lock(&self.names).known(name) {
            return known;
        }
        // Without the lock: a redactor may be a program's own. And before it is cut: half a secret is not recognized.
        let shown = front(&self.redaction.redact(name.to_owned()), SOURCE_MAX_BYTES).into();
        self.add(front(name, SOURCE_MAX_BYTES), shown)
    }

    /// Adds a name, unless another thread has done so meanwhile.
    fn add(&self, name: &str, shown: Arc<str>) -> Source {
        let mut names = lock(&self.names);
        if let Some(known) = names.known(name) {
            return known;
        }
        if names.by_id.len() >= SOURCES_MAX {
            // Relaxed: see the field.
            self.is_overrun.store(true, Ordering::Relaxed);
            return Source::new(0, OTHERS.into());
        }
        let id = names.by_id.len() as u32; // below `SOURCES_MAX`
        names.by_id.push(Arc::clone(&shown));
        names.ids.insert(name.into(), id);
        debug_assert_eq!(names.ids.len(), names.by_id.len(), "each name has an id of its own");
        Source::new(id, shown)
    }
}

impl SourceNames {
    fn known(&self, name: &str) -> Option<Source> {
        let &id = self.ids.get(front(name, SOURCE_MAX_BYTES))?;
        self.by_id.get(id as usize).map(|shown| Source::new(id, Arc::clone(shown)))
    }
}

impl SourceTable {
    /// The text of the diagnostic, once after a logger was made beyond the limit. It has no name in it: a program that makes
    /// up names would fill the diagnostics.
    pub(crate) fn take_overrun(&self) -> Option<String> {
        // Relaxed, both: see the field.
        if !self.is_overrun.load(Ordering::Relaxed) || !self.is_overrun.swap(false, Ordering::Relaxed) {
            return None;
        }
        Some(format!("there are {SOURCES_MAX} names of loggers: loggers with other names have the source `{OTHERS}`"))
    }
}

/// A drain's copy of the table.
#[derive(Debug)]
pub(crate) struct SourceCache {
    table: Arc<SourceTable>,
    known: Vec<Source>,
}

impl SourceCache {
    pub(crate) fn new(table: Arc<SourceTable>) -> Self {
        let mut cache = Self { table, known: Vec::new() };
        cache.update();
        cache
    }

    /// The source of this id, if it is known; if not, an [update](Self::update) may help.
    #[inline]
    pub(crate) fn get(&self, id: u32) -> Option<&Source> {
        self.known.get(id as usize)
    }

    /// Copies the names that are new in the table.
    #[cold]
    pub(crate) fn update(&mut self) {
        let names = lock(&self.table.names);
        let new = names.by_id.iter().enumerate().skip(self.known.len());
        self.known.extend(new.map(|(id, name)| Source::new(id as u32, Arc::clone(name))));
    }
}

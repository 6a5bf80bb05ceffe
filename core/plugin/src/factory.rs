//! How plugins are made: one for each shard.

use std::fmt;

use crate::{
    data_class::DataClass, enricher::Enricher, formatter::Formatter, processor::Processor, text_redactor::TextRedactor,
};

/// Where a plugin is being made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShardInfo {
    /// The shard's number, from 0.
    pub index: usize,
    /// How many shards the container has.
    pub count: usize,
    /// How many shards of this number were abandoned before this one, because a plugin or sink did not return: 0 for the first.
    ///
    /// The plugins and sinks of an abandoned shard may still exist and hold what they had, such as an open and locked file, for
    /// as long as that call lasts. A sink that finds such a thing taken then knows by whom.
    pub abandoned: u32,
}

impl ShardInfo {
    /// The shard `index` of `count`.
    #[must_use]
    pub fn new(index: usize, count: usize) -> Self {
        Self { index, count, abandoned: 0 }
    }

    /// The shard that takes over after so many shards of its number were abandoned.
    #[must_use]
    pub fn after(self, abandoned: u32) -> Self {
        Self { abandoned, ..self }
    }
}

/// Fields that a redactor leaves as they are.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SparedFields {
    /// Their names, as settings have them: `context.http_*`.
    pub pattern: String,
    /// The class of sensitive data that the name is one of. `None`: the pattern stands for names of any class.
    pub class: Option<DataClass>,
}

impl SparedFields {
    /// The fields of this pattern, with the class of sensitive data that the name is one of.
    #[must_use]
    pub fn new(pattern: impl Into<String>, class: Option<DataClass>) -> Self {
        Self { pattern: pattern.into(), class }
    }

    /// Whether they are all fields of an event, or of one of its groups: `**`, `context.*`.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        let fronts = ["context.", "tags.", "metrics."];
        let name = fronts.iter().find_map(|front| self.pattern.strip_prefix(front)).unwrap_or(&self.pattern);
        name.chars().all(|c| matches!(c, '*' | '.'))
    }

    /// Whether they may have data of this class.
    #[must_use]
    pub fn may_have(&self, class: DataClass) -> bool {
        self.class.is_none_or(|own| own == class)
    }
}

/// Makes a plugin of kind `T` for a shard, on the shard's own thread.
pub struct Factory<T: ?Sized> {
    make: Box<dyn Fn(ShardInfo) -> Box<T> + Send + Sync>,
    protects: Vec<DataClass>,
    spares: Vec<SparedFields>,
    keeps_audit_events: Option<bool>,
    checks_audit_fields: bool,
    text_redactor: Option<TextRedactor>,
}

impl<T: ?Sized> Factory<T> {
    /// A factory that calls `make` once for each shard.
    pub fn new(make: impl Fn(ShardInfo) -> Box<T> + Send + Sync + 'static) -> Self {
        Self {
            make: Box::new(make),
            protects: Vec::new(),
            spares: Vec::new(),
            keeps_audit_events: None,
            checks_audit_fields: false,
            text_redactor: None,
        }
    }

    /// States which classes of sensitive data the plugin removes from events: for redactors. Compliance standards read it.
    ///
    /// ```
    /// use fapilog_plugin::{data_class::DataClass, error::PluginError, event::Batch, factory::Factory, processor::Processor};
    ///
    /// struct NoTokens;
    ///
    /// impl Processor for NoTokens {
    ///     fn name(&self) -> &'static str {
    ///         "no_tokens"
    ///     }
    ///
    ///     fn process(&mut self, batch: &mut Batch<'_>) -> Result<(), PluginError> {
    ///         for event in batch.events_mut() {
    ///             event.rewrite_fields(|field| (field.name != "token").then_some(field));
    ///         }
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let factory = Factory::processor(|_shard| NoTokens).protecting([DataClass::Credential]);
    /// assert_eq!(factory.protects(), [DataClass::Credential]);
    /// ```
    #[must_use]
    pub fn protecting(mut self, classes: impl IntoIterator<Item = DataClass>) -> Self {
        self.protects.extend(classes);
        self.protects.sort_unstable();
        self.protects.dedup();
        self
    }

    /// States the fields that the plugin leaves as they are, whatever classes it protects: for redactors. Compliance standards read it.
    #[must_use]
    pub fn sparing(mut self, fields: impl IntoIterator<Item = SparedFields>) -> Self {
        self.spares.extend(fields);
        self
    }

    /// The fields that the plugin leaves as they are.
    #[must_use]
    pub fn spares(&self) -> &[SparedFields] {
        &self.spares
    }

    /// States whether the plugin, with its settings as they are, leaves every event of the levels AUDIT and SECURITY in the batch, with
    /// the fields that an audit event must have: for processors. Compliance standards read it; of a processor that does not state
    /// it, people have to find out.
    ///
    /// ```
    /// use fapilog_plugin::{error::PluginError, event::Batch, factory::Factory, level::Level, processor::Processor};
    ///
    /// struct NoProbes;
    ///
    /// impl Processor for NoProbes {
    ///     fn name(&self) -> &'static str {
    ///         "no_probes"
    ///     }
    ///
    ///     fn process(&mut self, batch: &mut Batch<'_>) -> Result<(), PluginError> {
    ///         batch.retain(|event| event.level() >= Level::Audit || event.target() != "probe");
    ///         Ok(())
    ///     }
    /// }
    ///
    /// let factory = Factory::processor(|_shard| NoProbes).keeping_audit_events(true);
    /// assert_eq!(factory.keeps_audit_events(), Some(true));
    /// ```
    #[must_use]
    pub fn keeping_audit_events(mut self, are_kept: bool) -> Self {
        self.keeps_audit_events = Some(are_kept);
        self
    }

    /// Whether the plugin leaves every event of the levels AUDIT and SECURITY as it must be; `None` if it does not state it.
    #[must_use]
    pub fn keeps_audit_events(&self) -> Option<bool> {
        self.keeps_audit_events
    }

    /// States that the plugin, with its settings as they are, reports each event of the levels AUDIT and SECURITY without who, what,
    /// outcome, origin or object: for processors. Compliance standards read it.
    #[must_use]
    pub fn checking_audit_fields(mut self, are_checked: bool) -> Self {
        self.checks_audit_fields = are_checked;
        self
    }

    /// Whether the plugin reports each audit event without its fields.
    #[must_use]
    pub fn checks_audit_fields(&self) -> bool {
        self.checks_audit_fields
    }

    /// Gives the container a redactor of texts that are in no event, beside the plugin, which redacts events: for redactors.
    #[must_use]
    pub fn redacting_text(mut self, redactor: TextRedactor) -> Self {
        self.text_redactor = Some(redactor);
        self
    }

    /// The redactor of texts that are in no event.
    #[must_use]
    pub fn text_redactor(&self) -> Option<&TextRedactor> {
        self.text_redactor.as_ref()
    }

    /// The classes of sensitive data that the plugin removes, each once.
    #[must_use]
    pub fn protects(&self) -> &[DataClass] {
        &self.protects
    }

    /// Makes the plugin for this shard.
    #[must_use]
    pub fn make(&self, shard: ShardInfo) -> Box<T> {
        (self.make)(shard)
    }
}

impl Factory<dyn Enricher> {
    /// A factory of enrichers.
    pub fn enricher<E: Enricher + 'static>(make: impl Fn(ShardInfo) -> E + Send + Sync + 'static) -> Self {
        Self::new(move |shard| Box::new(make(shard)))
    }
}

impl Factory<dyn Processor> {
    /// A factory of processors.
    pub fn processor<P: Processor + 'static>(make: impl Fn(ShardInfo) -> P + Send + Sync + 'static) -> Self {
        Self::new(move |shard| Box::new(make(shard)))
    }
}

impl Factory<dyn Formatter> {
    /// A factory of formatters.
    pub fn formatter<F: Formatter + 'static>(make: impl Fn(ShardInfo) -> F + Send + Sync + 'static) -> Self {
        Self::new(move |shard| Box::new(make(shard)))
    }
}

impl<T: ?Sized> fmt::Debug for Factory<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Factory").finish_non_exhaustive()
    }
}

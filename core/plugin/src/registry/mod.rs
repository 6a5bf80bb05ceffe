//! The plugins that settings can name.
//!
//! A plugin is registered by value ([`Registry::register_sink`] and its like), or by being linked into the program
//! ([`register_plugin!`](crate::register_plugin)). Every container has a registry of its own.

mod metadata;
mod plugin_settings;

use std::{collections::BTreeMap, fmt, sync::Arc};

pub use crate::registry::plugin_settings::{FormatterByName, Formatters, SubstituteByName};
pub use crate::registry::{
    metadata::{API_VERSION, Metadata, PluginInfo, RegisterError},
    plugin_settings::PluginSettings,
};
use crate::{
    compliance::Standard, enricher::Enricher, factory::Factory, formatter::Formatter, kind::PluginKind,
    problem::Problem, processor::Processor, sink::SinkFactory, substitute::Substitute,
};

/// Makes a plugin's factory of its settings, or returns all errors in them.
pub type Constructor<T> = Arc<dyn Fn(&PluginSettings<'_>) -> Result<T, Vec<Problem>> + Send + Sync>;

/// The constructor of a registered plugin.
#[doc(hidden)]
#[derive(Clone)]
#[allow(missing_docs, missing_debug_implementations, reason = "for the settings crate: not a public interface")]
pub enum Entry {
    Enricher(Constructor<Factory<dyn Enricher>>),
    Processor(Constructor<Factory<dyn Processor>>),
    Redactor(Constructor<Factory<dyn Processor>>),
    Formatter(Constructor<Factory<dyn Formatter>>),
    Sink(Constructor<Arc<dyn SinkFactory>>),
    Substitute(Constructor<Arc<dyn Substitute>>),
    Standard(Constructor<Arc<dyn Standard>>),
}

/// The plugins that settings can name.
///
/// ```
/// use fapilog_plugin::{enricher::Enricher, error::PluginError, event::Batch, factory::Factory, registry::{Metadata, Registry}};
///
/// #[derive(Clone, Default, serde::Deserialize)]
/// #[serde(default, deny_unknown_fields)]
/// struct Region { name: String }
///
/// impl Enricher for Region {
///     fn name(&self) -> &'static str { "region" }
///     fn enrich(&mut self, _batch: &mut Batch<'_>) -> Result<(), PluginError> { Ok(()) }
/// }
///
/// let mut registry = Registry::linked();
/// registry.register_enricher(Metadata::new("region", "1.0.0"), |settings| {
///     let region: Region = settings.read()?;
///     Ok(Factory::enricher(move |_| region.clone()))
/// })?;
/// # Ok::<(), fapilog_plugin::registry::RegisterError>(())
/// ```
#[doc(alias = "PluginRegistry")]
#[derive(Clone, Default)]
pub struct Registry {
    plugins: BTreeMap<String, (PluginInfo, Entry)>,
    /// Errors of linked plugins that could not be registered: reported when a container is made.
    refused: Vec<RegisterError>,
    /// How code registers plugins that settings alone cannot name.
    by_code: BTreeMap<&'static str, &'static str>,
}

impl Registry {
    /// A registry without any plugin.
    #[must_use]
    pub fn empty() -> Self {
        Self::default()
    }

    /// The plugins that are linked into the program: those that come with fapilog, and others.
    #[must_use]
    pub fn linked() -> Self {
        let mut registry = Self::empty();
        for linked in inventory::iter::<LinkedPlugin> {
            if let Err(error) = (linked.register)(&mut registry) {
                registry.refused.push(error);
            }
        }
        registry
    }

    /// Metadata and kind of every plugin, by name.
    pub fn plugins(&self) -> impl Iterator<Item = &PluginInfo> {
        self.plugins.values().map(|(info, _)| info)
    }

    /// Plugins that are linked into the program but could not be registered. A container is not made while there are any.
    #[must_use]
    pub fn refused(&self) -> &[RegisterError] {
        &self.refused
    }

    /// Sets how code registers a plugin that is of no use without code, and so is not registered by being linked. The error
    /// of settings that name it all the same contains it.
    pub fn leave_to_code(&mut self, name: &'static str, how: &'static str) {
        self.by_code.insert(name, how);
    }

    /// How code registers the plugin of this name, if settings alone cannot name it.
    pub fn left_to_code(&self, name: &str) -> Option<&'static str> {
        self.by_code.get(name).copied()
    }

    /// The plugin of this name.
    pub fn entry(&self, name: &str) -> Option<(&PluginInfo, &Entry)> {
        self.plugins.get(name).map(|(info, entry)| (info, entry))
    }

    fn insert(&mut self, metadata: Metadata, kind: PluginKind, entry: Entry) -> Result<(), RegisterError> {
        let info = metadata.check(kind)?;
        if let Some((holder, _)) = self.plugins.get(&info.name) {
            return Err(RegisterError::NameTaken { name: info.name, holder: Box::new(holder.clone()) });
        }
        self.plugins.insert(info.name.clone(), (info, entry));
        Ok(())
    }
}

macro_rules! register_methods {
    ($( $(#[$doc:meta])* $method:ident: $kind:ident, $made:ty; )*) => {
        impl Registry {$(
            $(#[$doc])*
            ///
            /// # Errors
            /// When the metadata are wrong, or the name is taken.
            pub fn $method(
                &mut self,
                metadata: Metadata,
                constructor: impl Fn(&PluginSettings<'_>) -> Result<$made, Vec<Problem>> + Send + Sync + 'static,
            ) -> Result<(), RegisterError> {
                self.insert(metadata, PluginKind::$kind, Entry::$kind(Arc::new(constructor)))
            }
        )*}
    };
}

register_methods! {
    /// Registers an enricher.
    register_enricher: Enricher, Factory<dyn Enricher>;
    /// Registers a processor.
    register_processor: Processor, Factory<dyn Processor>;
    /// Registers a redactor: a processor that runs after all others.
    register_redactor: Redactor, Factory<dyn Processor>;
    /// Registers a formatter.
    register_formatter: Formatter, Factory<dyn Formatter>;
    /// Registers a sink. It takes its formatter from [`PluginSettings::formatter`].
    register_sink: Sink, Arc<dyn SinkFactory>;
    /// Registers a substitute of sensitive data, which the actions of redactors can name: see [`PluginSettings::substitute_named`].
    register_substitute: Substitute, Arc<dyn Substitute>;
    /// Registers a standard of compliance, which the setting `compliance_standards` can name.
    register_standard: Standard, Arc<dyn Standard>;
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plugins: Vec<String> = self.plugins().map(ToString::to_string).collect();
        f.debug_struct("Registry").field("plugins", &plugins).field("refused", &self.refused).finish()
    }
}

/// A plugin that registers itself by being linked into the program. Made by
/// [`register_plugin!`](crate::register_plugin).
#[derive(Debug)]
pub struct LinkedPlugin {
    register: fn(&mut Registry) -> Result<(), RegisterError>,
}

impl LinkedPlugin {
    /// A plugin that `register` adds to every registry of [linked](Registry::linked) plugins.
    #[must_use]
    pub const fn new(register: fn(&mut Registry) -> Result<(), RegisterError>) -> Self {
        Self { register }
    }
}

inventory::collect!(LinkedPlugin);

/// Registers plugins with every [linked](crate::registry::Registry::linked) registry of a program that this crate is linked
/// into: a function, or a closure that takes nothing from around it, from `&mut Registry` to `Result<(), RegisterError>`.
///
/// A crate that is not used at all is not linked: name it with `use the_crate as _;`.
///
/// ```
/// use fapilog_plugin::{register_plugin, registry::{Metadata, RegisterError, Registry}};
///
/// # use fapilog_plugin::{error::PluginError, event::Batch, factory::Factory, processor::Processor};
/// # struct Nothing;
/// # impl Processor for Nothing {
/// #     fn name(&self) -> &'static str { "nothing" }
/// #     fn process(&mut self, _batch: &mut Batch<'_>) -> Result<(), PluginError> { Ok(()) }
/// # }
/// fn register(registry: &mut Registry) -> Result<(), RegisterError> {
///     registry.register_processor(Metadata::new("nothing", "1.0.0"), |_| Ok(Factory::processor(|_| Nothing)))
/// }
///
/// register_plugin!(register);
///
/// assert!(Registry::linked().plugins().any(|plugin| plugin.name == "nothing"));
/// ```
#[doc(alias = "discover_plugins")]
#[doc(alias = "entry_point")]
#[macro_export]
macro_rules! register_plugin {
    ($register:expr $(,)?) => {
        $crate::registry::__private::inventory::submit! {
            $crate::registry::LinkedPlugin::new($register)
        }
    };
}

/// Items that the macro expands to. Not a public interface.
#[doc(hidden)]
pub mod __private {
    pub use inventory;
}

//! How plugins and sinks are made: what a builder or a change hands to a shard.

use std::{sync::Arc, time::Duration};

use fapilog_plugin::{
    enricher::Enricher,
    error::PluginError,
    factory::ShardInfo,
    kind::PluginKind,
    problem::Problem,
    processor::Processor,
    sink::{DeliveryPolicy, OnFull, SinkFactory},
    text_redactor::TextRedactor,
};

use fapilog_record::user_code::catch_panic;

use crate::{
    delivery::store::options::{DeadLetterOptions, SpillOptions},
    route::Route,
    supervisor::SupervisorPolicy,
};

/// How to make a sink.
#[derive(Clone)]
pub(crate) struct SinkPlan {
    pub(crate) name: String,
    pub(crate) factory: Arc<dyn SinkFactory>,
    pub(crate) options: SinkOptions,
}

/// The allowed values of settings that need the payload after its delivery has failed.
const NONE_WITHOUT_QUEUE: &str = "none: the sink delivers without a queue, and keeps its payloads itself";

/// The least cool-down of a sink with a spill directory.
const COOL_DOWN_MIN: Duration = Duration::from_millis(1);

impl SinkPlan {
    /// The policy of its deliveries.
    pub(crate) fn delivery_policy(&self) -> DeliveryPolicy {
        let own = || catch_panic(|| self.factory.delivery()).unwrap_or_default();
        self.options.delivery.policy.clone().unwrap_or_else(own)
    }

    /// Invalid settings of its delivery, among these sinks. The paths begin behind the sink's own.
    pub(crate) fn delivery_problems(&self, sinks: &[Self]) -> Vec<Problem> {
        let fallback = self.options.delivery.fallback.as_ref();
        let of_fallback = fallback.and_then(|name| self.fallback_problem(name, sinks));
        of_fallback.into_iter().chain(self.own_delivery_problems()).collect()
    }

    /// Invalid settings of its delivery, whatever other sinks there are.
    pub(crate) fn own_delivery_problems(&self) -> Vec<Problem> {
        let policy = self.delivery_policy();
        let DeliveryOptions { spill, dead_letters, .. } = &self.options.delivery;
        let mut problems: Vec<Problem> = policy.check().into_iter().map(|problem| problem.below("delivery")).collect();
        let of_spill = spill.iter().flat_map(SpillOptions::check).map(|problem| problem.below("spill"));
        let of_letters = dead_letters.iter().flat_map(DeadLetterOptions::check);
        problems.extend(of_spill.chain(of_letters.map(|problem| problem.below("dead_letters"))));
        if policy.is_direct() {
            let set = [("spill", spill.is_some()), ("dead_letters", dead_letters.is_some())];
            let set = set.into_iter().filter(|(_, is_set)| *is_set);
            problems.extend(set.map(|(setting, _)| Problem::new(setting, "set", NONE_WITHOUT_QUEUE)));
        }
        // Before a payload from disk is attempted again, the cool-down has to pass, also where there is no breaker.
        if spill.is_some() && policy.breaker_failures == 0 && policy.cool_down < COOL_DOWN_MIN {
            let cool_down = format!("{:?}", policy.cool_down);
            problems.push(Problem::new("delivery.cool_down", cool_down, "at least 1 ms, with a spill directory"));
        }
        if self.options.on_full == Some(OnFull::Spill) && spill.is_none() {
            let allowed = "block, drop or drop_low_severity: the sink has no spill directory";
            problems.push(Problem::new("on_full", OnFull::Spill.name(), allowed));
        }
        problems
    }

    fn fallback_problem(&self, name: &str, sinks: &[Self]) -> Option<Problem> {
        let is_other_sink = *name != self.name && sinks.iter().any(|sink| sink.name == name);
        let allowed = if self.delivery_policy().is_direct() {
            NONE_WITHOUT_QUEUE.to_owned()
        } else if !is_other_sink {
            let others: Vec<&str> =
                sinks.iter().map(|sink| sink.name.as_str()).filter(|other| *other != self.name).collect();
            format!(
                "the name of another sink: {}",
                if others.is_empty() { "there is none".to_owned() } else { others.join(", ") }
            )
        } else {
            return None;
        };
        Some(Problem::new("fallback", format!("{name:?}"), allowed))
    }
}

/// How a container uses a sink.
#[derive(Debug, Clone, Default, PartialEq)]
#[must_use]
pub struct SinkOptions {
    /// `None`: the sink's own policy.
    pub(crate) on_full: Option<OnFull>,
    pub(crate) route: Route,
    pub(crate) delivery: DeliveryOptions,
}

/// How the payloads of a sink are delivered.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct DeliveryOptions {
    /// `None`: the sink's own.
    pub(crate) policy: Option<DeliveryPolicy>,
    /// The name of the sink that gets the payloads that this one cannot deliver.
    pub(crate) fallback: Option<String>,
    pub(crate) spill: Option<SpillOptions>,
    pub(crate) dead_letters: Option<DeadLetterOptions>,
}

impl SinkOptions {
    /// The sink takes all events, and while it has no room it follows its own policy: see [`SinkFactory::on_full`].
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the policy for events while the sink has no room.
    pub fn on_full(mut self, on_full: OnFull) -> Self {
        self.on_full = Some(on_full);
        self
    }

    /// Sets how its payloads are delivered, instead of the sink's own [policy](SinkFactory::delivery).
    pub fn delivery(mut self, policy: DeliveryPolicy) -> Self {
        self.delivery.policy = Some(policy);
        self
    }

    /// Sets the name of another sink of the container, which gets the payloads that this one cannot deliver: their records as
    /// this sink has encoded them. Events that it delivers count as delivered at this sink. While the breaker of this sink is
    /// open, all payloads go there at once.
    pub fn fallback(mut self, sink: impl Into<String>) -> Self {
        self.delivery.fallback = Some(sink.into());
        self
    }

    /// Sets where payloads wait on disk that the destination does not take now. With [`OnFull::Spill`], those beyond the queue
    /// wait there, too.
    pub fn spill(mut self, spill: SpillOptions) -> Self {
        self.delivery.spill = Some(spill);
        self
    }

    /// Sets the file for payloads that are given up, with the reason. Their events count as lost (`dead_lettered`).
    pub fn dead_letters(mut self, dead_letters: DeadLetterOptions) -> Self {
        self.delivery.dead_letters = Some(dead_letters);
        self
    }

    /// Sets which events the sink takes. The others are counted as filtered at this sink.
    pub fn route(mut self, route: Route) -> Self {
        self.route = route;
        self
    }
}

/// How to make a plugin.
pub(crate) struct PluginPlan<P: ?Sized> {
    /// The name in the container, if not the plugin's own.
    pub(crate) name: Option<String>,
    pub(crate) make: Arc<Make<P>>,
    pub(crate) is_at_run_time: bool,
}

/// Makes a plugin for a shard, on its thread.
pub(crate) type Make<P> = dyn Fn(ShardInfo) -> Result<Box<P>, PluginError> + Send + Sync;

impl<P: ?Sized> Clone for PluginPlan<P> {
    fn clone(&self) -> Self {
        Self { name: self.name.clone(), make: Arc::clone(&self.make), is_at_run_time: self.is_at_run_time }
    }
}

impl<P: ?Sized> PluginPlan<P> {
    /// A plugin under its own name.
    pub(crate) fn new(make: impl Fn(ShardInfo) -> Box<P> + Send + Sync + 'static) -> Self {
        Self { name: None, make: Arc::new(move |shard| Ok(make(shard))), is_at_run_time: false }
    }

    /// The name that the container gives it.
    pub(crate) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// A plugin under a name that the container gives it, whose making may fail.
    pub(crate) fn named(
        name: &str,
        make: impl Fn(ShardInfo) -> Result<Box<P>, PluginError> + Send + Sync + 'static,
    ) -> Self {
        Self { name: Some(name.to_owned()), make: Arc::new(make), is_at_run_time: false }
    }

    /// Added to a container that runs: it is no part of the settings, and no reload takes it away.
    pub(crate) fn at_run_time(mut self) -> Self {
        self.is_at_run_time = true;
        self
    }
}

/// How to make a pipeline.
#[derive(Clone, Default)]
pub(crate) struct PipelinePlan {
    pub(crate) enrichers: Vec<PluginPlan<dyn Enricher>>,
    pub(crate) processors: Vec<PluginPlan<dyn Processor>>,
    pub(crate) redactors: Vec<PluginPlan<dyn Processor>>,
    /// For texts that are in no event.
    pub(crate) text_redactor: Option<TextRedactor>,
    pub(crate) policy: SupervisorPolicy,
}

impl PipelinePlan {
    /// The names that the container gives to plugins.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        let processors = self.processors.iter().chain(&self.redactors);
        self.enrichers.iter().filter_map(PluginPlan::name).chain(processors.filter_map(PluginPlan::name))
    }
}

/// A plugin that could not be made.
#[derive(Debug)]
pub(crate) struct NotMade {
    pub(crate) kind: PluginKind,
    /// The name, if it is known: the n-th of its kind otherwise.
    pub(crate) name: String,
    pub(crate) cause: PluginError,
}

//! The stages of a shard: sanitizer, pipeline, and the events that the shard emits itself.

use std::time::{Duration, Instant};

use fapilog_plugin::{event::internal::InternalEvents, factory::ShardInfo};
use fapilog_record::user_code::drop_catching_panics;

use crate::{
    diagnostics::DiagnosticLog,
    port::{
        ShardPort,
        plan::{NotMade, PipelinePlan},
    },
    producer::Frontend,
    shard::{ShardSettings, heartbeat::Heartbeat, pipeline::Pipeline, sanitize::Sanitizer},
};

/// The stages that a batch passes through before it is encoded.
pub(super) struct ShardStages {
    pub(super) sanitizer: Sanitizer,
    pub(super) pipeline: Pipeline,
    /// The pipeline that a reload has made, until it is decided for all shards whether it replaces the other.
    pub(super) prepared: Option<Pipeline>,
    /// Why a shard that has taken over has no such pipeline, though the one before it had.
    pub(super) not_prepared: Option<NotMade>,
    pub(super) internal: InternalEvents,
    pub(super) heartbeat: Option<Heartbeat>,
    /// The processors have emitted their summaries.
    pub(super) has_finished: bool,
}

impl ShardStages {
    pub(super) fn new(
        plan: &PipelinePlan,
        shard: ShardInfo,
        settings: &ShardSettings,
        frontend: &Frontend,
        port: &ShardPort,
        diagnostics: &DiagnosticLog,
    ) -> Result<Self, NotMade> {
        Ok(Self {
            sanitizer: Sanitizer::new(settings.message_max_chars),
            pipeline: Pipeline::new(plan, shard, port, diagnostics)?,
            prepared: None,
            not_prepared: None,
            internal: InternalEvents::new(frontend.sources.intern("fapilog"), frontend.instance(), shard),
            heartbeat: heartbeat(shard, settings.heartbeat),
            has_finished: false,
        })
    }

    /// Stops the pipeline that a reload has made, if there is one.
    pub(super) fn discard_prepared(&mut self) {
        drop_catching_panics(self.not_prepared.take());
        if let Some(mut prepared) = self.prepared.take() {
            prepared.retire();
        }
    }
}

/// The heartbeat of a container comes from its first shard.
fn heartbeat(shard: ShardInfo, interval: Option<Duration>) -> Option<Heartbeat> {
    interval.filter(|_| shard.index == 0).map(|interval| Heartbeat::new(interval, Instant::now()))
}

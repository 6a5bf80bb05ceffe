//! A container whose events are alerts, as the processor `alerting` makes them.

use std::time::Duration;

use fapilog::{
    Container, Level,
    container::{ContainerBuilder, Executor, Overflow},
    info,
    metrics::Accounts,
    sink::{DeliveryPolicy, SinkOptions},
};
use fapilog_alertmanager::{Alertmanager, AlertmanagerSettings};
use fapilog_plugin::{
    error::PluginError,
    event::{Batch, FieldRef},
    field_group::FieldGroup,
    processor::Processor,
    value::ValueRef,
};

/// Far longer than any step of these tests takes.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(30);

/// Replaces each event that has `alert` and `state` by an alert.
struct AlertOfEvent;

impl Processor for AlertOfEvent {
    fn name(&self) -> &'static str {
        "alert-of-event"
    }

    fn process(&mut self, batch: &mut Batch<'_>) -> Result<(), PluginError> {
        let text = |event: &fapilog_plugin::event::Event<'_>, name| match event.field(FieldGroup::Context, name) {
            Some(ValueRef::Text(text)) => Some(text.to_owned()),
            _ => None,
        };
        let mut alerts = Vec::new();
        for event in batch.events() {
            if let (Some(name), Some(state)) = (text(event, "alert"), text(event, "state")) {
                alerts.push((name, state, event.timestamp().unix_nanos()));
            }
        }
        batch.retain(|event| event.field(FieldGroup::Context, "alert").is_none());
        for (name, state, nanos) in alerts {
            let field = |group, name, value| FieldRef { group, name, value };
            let started = ValueRef::Time { seconds: (nanos / 1_000_000_000) as i64 - 1, nanos: 0 };
            let fields = [
                field(FieldGroup::Tags, "alert.name", ValueRef::Text(&name)),
                field(FieldGroup::Tags, "alert.state", ValueRef::Text(&state)),
                field(FieldGroup::Tags, "alert.severity", ValueRef::Text("ERROR")),
                field(FieldGroup::Tags, "data-center", ValueRef::Text("fra 1")),
                field(FieldGroup::Context, "alert.started_at", started),
                field(FieldGroup::Context, "runbook", ValueRef::Text("https://runbooks.example/1")),
                field(FieldGroup::Metrics, "alert.count", ValueRef::U64(3)),
            ];
            batch.emit(Level::Error, "fapilog::alert", &format!("alert {name} is {state}"), &fields);
        }
        Ok(())
    }
}

/// Many attempts, with short waits.
fn patient() -> DeliveryPolicy {
    let milli = Duration::from_millis(1);
    DeliveryPolicy::default().attempts(1000).backoff(milli, 2.0, 20 * milli).breaker(5, 20 * milli, 20 * milli)
}

pub(crate) fn builder() -> ContainerBuilder {
    Container::builder()
        .executor(Executor::Thread)
        .overflow(Overflow::Block { timeout: TIMEOUT })
        .processor(|_| Box::new(AlertOfEvent))
}

pub(crate) fn started(settings: &AlertmanagerSettings) -> Container {
    let options = SinkOptions::new().delivery(patient());
    builder().sink_with("alertmanager", Alertmanager::new(settings).unwrap(), options).start().unwrap()
}

pub(crate) fn log_alert(container: &Container, name: &str, state: &str) {
    info!(container.logger("shop"), "cause", alert = name, state);
}

#[track_caller]
pub(crate) fn shut_down(container: &Container) -> Accounts {
    let accounts = container.shutdown(TIMEOUT).unwrap();
    accounts.check().unwrap();
    assert_eq!(accounts.pending_total(), 0, "{accounts}");
    accounts
}

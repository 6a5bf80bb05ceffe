//! Reports by call site about events that break rules: at most one in a while, with the numbers since the last.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use fapilog_plugin::{
    event::{Batch, Event, EventSubject, FieldRef},
    per_call_site::PerCallSite,
};
use fapilog_record::{
    call_site::Descriptor,
    field_group::FieldGroup,
    level::Level,
    value::{OwnedValue, ValueRef},
};

/// Reports of a call site come as seldom as this, if nothing else is set.
pub(super) const EVERY: Duration = Duration::from_secs(60);

/// The reports of a processor.
#[derive(Debug, Clone)]
pub(super) struct SiteReports {
    target: &'static str,
    message: &'static str,
    pub(super) every: Duration,
    sites: Vec<SiteReport>,
    /// Their places in `sites`.
    places: PerCallSite<usize>,
    /// The places of those with events that are not reported.
    open: Vec<usize>,
}

/// The events of a call site since its last report. All events without a call site have one.
#[derive(Debug, Clone)]
struct SiteReport {
    descriptor: &'static Descriptor,
    /// Source, target and level are those of the latest event.
    source: Arc<str>,
    target: String,
    level: Level,
    events: u64,
    rules: Vec<(&'static str, u64)>,
    reported: Option<Instant>,
}

impl SiteReports {
    pub(super) const fn new(target: &'static str, message: &'static str) -> Self {
        Self { target, message, every: EVERY, sites: Vec::new(), places: PerCallSite::new(), open: Vec::new() }
    }

    /// Counts an event that breaks these rules.
    pub(super) fn add(&mut self, event: &Event<'_>, rules: impl Iterator<Item = &'static str>) {
        let (descriptor, next) = (event.descriptor(), self.sites.len());
        let place = *self.places.get_or_insert_with(descriptor, || next);
        if place == next {
            self.sites.push(SiteReport {
                descriptor,
                source: event.source().shared_name(),
                target: String::new(),
                level: event.level(),
                events: 0,
                rules: Vec::new(),
                reported: None,
            });
        }
        let Some(site) = self.sites.get_mut(place) else { return };
        if site.events == 0 {
            self.open.push(place);
        }
        site.add(event, rules);
    }

    /// Whether there is nothing to report, now or later.
    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Emits the reports that are due.
    pub(super) fn report(&mut self, batch: &mut Batch<'_>) {
        let (now, every) = (batch.instant(), self.every);
        self.emit_where(batch, |site| {
            site.reported.is_none_or(|reported| now.saturating_duration_since(reported) >= every)
        });
    }

    /// Emits all, because no event is to come.
    pub(super) fn report_all(&mut self, batch: &mut Batch<'_>) {
        self.emit_where(batch, |_| true);
    }

    fn emit_where(&mut self, batch: &mut Batch<'_>, is_due: impl Fn(&SiteReport) -> bool) {
        let Self { target, message, sites, open, .. } = self;
        open.retain(|place| {
            let Some(site) = sites.get_mut(*place) else { return false };
            let is_due = is_due(site);
            if is_due {
                site.emit(batch, target, message);
            }
            !is_due
        });
    }

    /// When the next report is due.
    pub(super) fn due(&self) -> Option<Instant> {
        let sites = self.open.iter().filter_map(|place| self.sites.get(*place));
        sites.filter_map(|site| site.reported?.checked_add(self.every)).min()
    }
}

impl SiteReport {
    fn add(&mut self, event: &Event<'_>, rules: impl Iterator<Item = &'static str>) {
        self.events += 1;
        self.level = event.level();
        self.source = event.source().shared_name();
        self.target.clear();
        self.target.push_str(event.target());
        for rule in rules {
            match self.rules.iter_mut().find(|(known, _)| *known == rule) {
                Some((_, events)) => *events += 1,
                None => self.rules.push((rule, 1)),
            }
        }
    }

    /// Emits the report, and begins anew.
    fn emit(&mut self, batch: &mut Batch<'_>, target: &str, message: &str) {
        let field = |group, name, value| FieldRef { group, name, value };
        let site = self.descriptor.site();
        let names = OwnedValue::of(&self.rules.iter().map(|(name, _)| *name).collect::<Vec<_>>());
        let mut fields = vec![
            field(FieldGroup::Context, "rules", names.view()),
            field(FieldGroup::Context, "target", ValueRef::Text(&self.target)),
            field(FieldGroup::Tags, "source", ValueRef::Text(&self.source)),
            field(FieldGroup::Tags, "level", ValueRef::Text(self.level.name())),
            field(FieldGroup::Metrics, "events", ValueRef::U64(self.events)),
        ];
        if !self.descriptor.is_dynamic() {
            fields.push(field(FieldGroup::Context, "message", ValueRef::Text(site.message())));
            fields.push(field(FieldGroup::Context, "file", ValueRef::Text(site.file())));
            fields.push(field(FieldGroup::Context, "line", ValueRef::U64(site.line().into())));
        }
        fields.extend(self.rules.iter().map(|(name, events)| field(FieldGroup::Metrics, name, ValueRef::U64(*events))));
        let subject = EventSubject { level: Some(self.level), target: Some(&self.target), source: Some(&self.source) };
        batch.emit_about(&subject, Level::Security, target, message, &fields);
        self.events = 0;
        self.rules.clear();
        self.reported = Some(batch.instant());
    }
}

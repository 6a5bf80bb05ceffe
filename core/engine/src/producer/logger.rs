//! Loggers: the handles that a program logs with.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicPtr, AtomicU32, Ordering},
    },
};

use fapilog_plugin::event::Source;
use fapilog_record::{
    arguments::{Arg, Arguments, End},
    call_site::{AdapterSite, CallSite, DYNAMIC_ID},
    dynamic,
    field_group::FieldGroup,
    fields::Fields,
    level::{Category, Level, LevelFilter},
    value::{Kind, Value, ValueRef, sealed},
    writer::SlotWriter,
};

use crate::producer::{
    Frontend, Scope,
    lane::LogCall,
    leader::{Follower, Leader},
    thread::{self, BoundFields},
};

/// A container's logger under one name, the `source` of its events. Cheap to clone, and made to be kept.
#[doc(alias = "AsyncLogger")]
#[doc(alias = "SyncLoggerFacade")]
pub struct Logger {
    /// The frontend that it logs to: `first`, or one that the follower keeps.
    frontend: AtomicPtr<Frontend>,
    /// The source's number there.
    source_id: AtomicU32,
    first: Arc<Frontend>,
    source: Source,
    /// The fields of every event, as a record's scope; `None` where there are none.
    fields: Option<Arc<[u8]>>,
    /// `None` where it stays with its container.
    follower: Option<Arc<Follower>>,
}

impl Clone for Logger {
    fn clone(&self) -> Self {
        self.with_fields(self.fields.clone())
    }
}

impl Logger {
    pub(crate) fn new(frontend: Arc<Frontend>, name: &str) -> Self {
        // In a forked child nothing is logged, and a thread of the parent may hold the table's lock.
        let source =
            if frontend.is_in_forked_child() { Source::new(0, name.into()) } else { frontend.sources.intern(name) };
        Self::of(frontend, source)
    }

    /// A logger of no container: nothing is ever enabled, and a call costs what a disabled one does.
    #[must_use]
    pub fn disabled() -> Self {
        Self::of(Arc::clone(Frontend::nowhere()), Source::new(0, "".into()))
    }

    /// A logger that logs to the leader's container of now, from the moment there is one. Hidden: see [`Leader`].
    #[doc(hidden)]
    #[must_use]
    pub fn following(leader: &'static Leader, source: &str) -> Self {
        let mut logger = Self::of(Arc::clone(Frontend::to_come()), Source::new(0, source.into()));
        logger.follower = Some(Arc::new(Follower::new(leader)));
        logger.move_on();
        logger
    }

    fn of(first: Arc<Frontend>, source: Source) -> Self {
        let frontend = AtomicPtr::new(Arc::as_ptr(&first).cast_mut());
        Self { frontend, source_id: AtomicU32::new(source.id()), first, source, fields: None, follower: None }
    }

    /// A logger like this one, with these fields.
    fn with_fields(&self, fields: Option<Arc<[u8]>>) -> Self {
        let (first, source, follower) = (Arc::clone(&self.first), self.source.clone(), self.follower.clone());
        // As in `log`: the frontend first.
        // Acquire: pairs with `move_on`.
        let frontend = AtomicPtr::new(self.frontend.load(Ordering::Acquire));
        // Relaxed: behind the acquire load.
        let source_id = AtomicU32::new(self.source_id.load(Ordering::Relaxed));
        Self { frontend, source_id, first, source, fields, follower }
    }

    #[inline(always)]
    pub(crate) fn frontend(&self) -> &Frontend {
        // Acquire: pairs with `move_on`.
        // SAFETY: the pointer is `first`'s, or one of the follower's kept frontends, which are dropped with `self` and not
        // before.
        unsafe { &*self.frontend.load(Ordering::Acquire) }
    }

    /// Moves on from a closed container to its leader's container of now. Returns whether there is one.
    #[cold]
    fn move_on(&self) -> bool {
        let Some(follower) = &self.follower else { return false };
        let Some(found) = follower.find(self.source.name()) else { return false };
        follower.keep(&found.first, || {
            // Relaxed: the release store comes behind it.
            self.source_id.store(found.source.id(), Ordering::Relaxed);
            // Release: a call that loads this frontend loads its number of the source, too; pairs with `frontend`. A call that
            // has loaded the old frontend may load the new number. That container's shards have ended before there is a
            // new one, so nobody reads the event.
            self.frontend.store(Arc::as_ptr(&found.first).cast_mut(), Ordering::Release);
        });
        !self.frontend().is_closed()
    }

    /// The name: the `source` of its events.
    #[must_use]
    pub fn source(&self) -> &str {
        self.source.name()
    }

    /// A child: a logger of the same source whose events have these fields in their context.
    ///
    /// The fields are archived once, by this call, and copied as bytes behind each event. If a key occurs twice, a log
    /// call's own argument wins over these fields, and they win over a [scope's](Scope). Fields that do not fit an event are cut
    /// in each event, and named there.
    ///
    /// ```
    /// # use fapilog_engine::producer::Logger;
    /// fn serve(log: &Logger, user: &str) {
    ///     let log = log.with([("user", user.into()), ("attempt", 1.into())]);
    ///     // ...
    /// }
    /// ```
    #[doc(alias = "bind")]
    #[must_use]
    pub fn with<'a>(&self, fields: impl IntoIterator<Item = (&'a str, ValueRef<'a>)>) -> Self {
        let scope =
            fields.into_iter().fold(Scope::new(), |scope, (name, value)| scope.field(FieldGroup::Context, name, value));
        self.with_scope(&scope)
    }

    /// A child whose events have the bindings of the scope: fields of any group, a correlation id.
    #[must_use]
    pub fn with_scope(&self, scope: &Scope) -> Self {
        let mut fields = self.fields.as_deref().unwrap_or_default().to_vec();
        dynamic::append_fields(&mut fields, scope.bytes(), thread::SCOPE_MAX_BYTES);
        self.with_fields((!fields.is_empty()).then(|| fields.into()))
    }

    /// Whether an event of this level would be logged, by some target at least. To ask for one target, there is
    /// [`is_enabled_for`](Self::is_enabled_for).
    #[inline]
    #[must_use]
    pub fn is_enabled(&self, level: Level) -> bool {
        self.frontend().wants_or(level, || self.is_enabled_slowly(level, |_| true))
    }

    /// Whether an event of this level and target, a module path, would be logged.
    #[must_use]
    pub fn is_enabled_for(&self, level: Level, target: &str) -> bool {
        let by_target = |frontend: &Frontend| frontend.level_of(target).passes(level);
        self.frontend().wants_or(level, || self.is_enabled_slowly(level, by_target))
    }

    /// The check where the fast one does not decide: targets differ, or the container is closed.
    #[cold]
    #[inline(never)]
    fn is_enabled_slowly(&self, level: Level, by_target: impl Fn(&Frontend) -> bool) -> bool {
        if self.frontend().is_closed() && !self.move_on() {
            return false;
        }
        let frontend = self.frontend();
        frontend.wants(level) || (frontend.wants_by_target(level) && by_target(frontend))
    }

    /// The check that the macros make before they look at any argument. A call that finds its container closed is counted.
    #[doc(hidden)]
    #[inline(always)]
    pub fn is_enabled_at(&self, level: Level, site: &'static CallSite) -> bool {
        self.frontend().wants_or(level, || self.is_enabled_slowly_at(level, site))
    }

    #[cold]
    #[inline(never)]
    fn is_enabled_slowly_at(&self, level: Level, site: &'static CallSite) -> bool {
        let is_enabled = self.is_enabled_slowly(level, |frontend| frontend.wants_at(level, site));
        self.count_if_closed(is_enabled, level, site.target())
    }

    /// Counts a call that is not enabled because its container is closed. Returns whether it is enabled.
    fn count_if_closed(&self, is_enabled: bool, level: Level, target: &str) -> bool {
        if !is_enabled && self.frontend().is_closed() {
            self.refuse(level, target);
        }
        is_enabled
    }

    /// As [`is_enabled_at`](Self::is_enabled_at), of an event whose target is known at run time.
    #[doc(hidden)]
    #[inline(never)]
    pub fn is_enabled_of(&self, level: Level, target: &str) -> bool {
        self.count_if_closed(self.is_enabled_for(level, target), level, target)
    }

    /// The least level that the container logs, by targets that have no level of their own.
    #[must_use]
    pub fn level(&self) -> LevelFilter {
        self.frontend().level()
    }

    /// Counts a call that found its container closed.
    #[cold]
    fn refuse(&self, level: Level, target: &str) {
        match &self.follower {
            None => self.frontend().refuse_if_closed(level, target),
            // There is no container whose level could be asked for: the default level counts.
            Some(follower) if level >= Level::Info => follower.leader.miss(level),
            Some(_) => {}
        }
    }

    /// Called by the macros. The level is the call site's: a separate argument, because it is a constant there.
    #[doc(hidden)]
    #[inline(always)]
    pub fn log<A: Arguments>(&self, level: Level, site: &'static CallSite, arguments: A) {
        let frontend = self.frontend();
        // Relaxed: behind the acquire load of the frontend.
        let call = LogCall::new(level, site.descriptor_id::<A>(), self.source_id.load(Ordering::Relaxed));
        thread::log(frontend, call, arguments, &self.fields);
    }

    /// Logs an event whose fields are known only at run time: for adapters. Slower than the macros, which write no names.
    pub fn log_dynamic(&self, event: &DynamicEvent) {
        if !self.is_enabled_of(event.level, event.target()) {
            return;
        }
        let frontend = self.frontend();
        // Relaxed: behind the acquire load of the frontend.
        let call = LogCall::new(event.level, DYNAMIC_ID, self.source_id.load(Ordering::Relaxed));
        let arguments = (Arg(&Body { event }), End);
        thread::log(frontend, call, arguments, &self.fields);
    }
}

/// Calls of adapters of other logging libraries.
impl Logger {
    /// Whether an event of this site would be logged. A call that finds its container closed is counted.
    #[inline]
    #[must_use]
    pub fn is_enabled_at_site(&self, site: &'static AdapterSite) -> bool {
        self.is_enabled_at(site.level(), site.gate())
    }

    /// Logs an event of this site with these fields, within the thread's scope. The caller has asked
    /// [`is_enabled_at_site`](Self::is_enabled_at_site): the event is logged whatever its level.
    pub fn log_fields(&self, site: &'static AdapterSite, fields: &Fields) {
        self.log_bound(site, fields, BoundFields::of_thread(self.own_fields()));
    }

    /// As [`log_fields`](Self::log_fields), within this scope and not the thread's.
    pub fn log_fields_in(&self, site: &'static AdapterSite, fields: &Fields, scope: &Scope) {
        self.log_bound(site, fields, BoundFields::of_scope(scope.bytes(), self.own_fields()));
    }

    fn own_fields(&self) -> &[u8] {
        self.fields.as_deref().unwrap_or_default()
    }

    fn log_bound(&self, site: &'static AdapterSite, fields: &Fields, bound: BoundFields<'_>) {
        let frontend = self.frontend();
        // Relaxed: behind the acquire load of the frontend.
        let source = self.source_id.load(Ordering::Relaxed);
        let arguments = fields.arguments();
        // A fixed-length part cannot be cut: where it leaves little room for the texts, the event names its fields itself.
        let has_room = arguments.leave_room(frontend.record_max_bytes());
        match has_room.then(|| site.descriptor_id(fields)).flatten() {
            Some(id) => {
                let call = LogCall::new(site.level(), id, source);
                thread::log_around(frontend, call, &arguments, bound);
            }
            None => {
                let event = DynamicEvent::of_fields(site.level(), site.target(), fields);
                let call = LogCall::new(site.level(), DYNAMIC_ID, source);
                thread::log_around(frontend, call, &(Arg(&Body { event: &event }), End), bound);
            }
        }
    }

    /// The least level that the container logs, by any target: an adapter whose library has a level for the whole program sets it
    /// to this one. [`on_level_change`](crate::producer::on_level_change) calls when it may be another.
    #[must_use]
    pub fn least_level(&self) -> LevelFilter {
        if self.frontend().is_closed() {
            self.move_on();
        }
        self.frontend().least_level()
    }
}

impl fmt::Debug for Logger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logger").field("source", &self.source.name()).finish_non_exhaustive()
    }
}

/// An event that names and types its own fields.
///
/// ```
/// use fapilog_engine::producer::DynamicEvent;
/// use fapilog_record::{field_group::FieldGroup, level::Level, value::ValueRef};
///
/// let event = DynamicEvent::new(Level::Info, "adapter::target", "a row came in")
///     .field(FieldGroup::Context, "rows", ValueRef::U64(1))
///     .field(FieldGroup::Tags, "table", ValueRef::Text("orders"));
/// # let _ = event;
/// ```
#[doc(alias = "LogEvent")]
#[derive(Debug, Clone)]
pub struct DynamicEvent {
    level: Level,
    category: Option<Category>,
    fields: Vec<u8>,
    /// Whether a key was too long for a field, or a field was cut before.
    is_cut: bool,
}

impl DynamicEvent {
    /// An event with a message and no fields.
    #[must_use]
    pub fn new(level: Level, target: &str, message: &str) -> Self {
        let event = Self { level, category: None, fields: Vec::new(), is_cut: false };
        event.field(FieldGroup::Target, "", ValueRef::Text(target)).field(
            FieldGroup::Message,
            "",
            ValueRef::Text(message),
        )
    }

    /// An event with these fields, one of which is the message: for an adapter whose place has no site.
    #[must_use]
    pub fn of_fields(level: Level, target: &str, fields: &Fields) -> Self {
        let mut event = Self { level, category: None, fields: Vec::new(), is_cut: fields.is_cut() };
        dynamic::put_field(&mut event.fields, FieldGroup::Target, "", ValueRef::Text(target));
        event.fields.extend_from_slice(fields.bytes());
        event
    }

    /// The target it was made with.
    fn target(&self) -> &str {
        match dynamic::DynamicFields::new(&self.fields).next() {
            Some((FieldGroup::Target, _, ValueRef::Text(target))) => target,
            _ => "",
        }
    }

    /// Sets how grave it is, from 1 to 10, if that differs from its level's severity.
    #[must_use]
    pub fn severity(self, severity: u8) -> Self {
        self.field(FieldGroup::Severity, "", ValueRef::U64(severity.into()))
    }

    /// Sets its category, if that differs from its level's category.
    #[must_use]
    pub fn category(mut self, category: Category) -> Self {
        self.category = Some(category);
        self
    }

    /// Adds a field.
    #[must_use]
    pub fn field(mut self, group: FieldGroup, name: &str, value: ValueRef<'_>) -> Self {
        self.is_cut |= name.len() > dynamic::KEY_MAX_BYTES;
        dynamic::put_field(&mut self.fields, group, name, value);
        self
    }
}

/// A dynamic record's body, as the only argument of its call.
struct Body<'a> {
    event: &'a DynamicEvent,
}

impl sealed::Sealed for Body<'_> {}

impl Value for Body<'_> {
    /// Level and category.
    type Wire = [u8; 2];
    const KIND: Kind = Kind::U16;

    fn tail_bytes(&self) -> usize {
        // A record that has room is of an event that was cut, too.
        if self.event.is_cut { usize::MAX } else { self.event.fields.len() }
    }

    fn archive(&self, writer: &mut SlotWriter<'_>) -> [u8; 2] {
        if self.event.is_cut {
            writer.mark_cut();
        }
        writer.put_fields(&self.event.fields);
        [self.event.level as u8, self.event.category.map_or(0, |category| category as u8)]
    }
}

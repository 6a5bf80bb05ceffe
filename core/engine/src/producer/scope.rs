//! Fields bound to a thread.

use std::{
    future::Future,
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll},
};

use fapilog_plugin::uuid_v7::{TEXT_BYTES, UuidV7, random_part};
use fapilog_record::{
    as_logged,
    dynamic::{DynamicFields, append_fields},
    field_group::FieldGroup,
    fields::Fields,
    text::bounded::front,
    timestamp::Timestamp,
    value::{Value, ValueRef},
};
use pin_project_lite::pin_project;

use crate::{
    clock::system_nanos,
    producer::{bound_scope::ScopeMark, thread},
};

/// The longest correlation id, in characters: twice that of a W3C `traceparent`, and room for two UUIDs.
const CORRELATION_ID_MAX_CHARS: usize = 128;

/// Fields and a correlation id that every event of a thread gets while the scope is entered.
///
/// They are archived once, on entry, and copied as bytes behind each event. Scopes nest: an inner one's value of a key
/// counts before an outer one's, and a call's own argument before both.
///
/// ```
/// use fapilog_engine::producer::Scope;
/// use fapilog_record::{field_group::FieldGroup, value::ValueRef};
///
/// let request = Scope::new().correlation_id("7f3a").field(FieldGroup::Tags, "region", ValueRef::Text("eu"));
/// let entered = request.enter();
/// // ... everything that this thread logs while the scope is entered has both ...
/// drop(entered);
/// ```
#[doc(alias = "FapilogMiddleware")]
#[doc(alias = "contextvars")]
#[doc(alias = "bind")]
#[derive(Debug, Clone, Default)]
pub struct Scope {
    fields: Vec<u8>,
}

impl Scope {
    /// A scope that binds nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Binds events together by this id.
    ///
    /// An id from outside may be anything. It is cut at 128 characters, and the tag `invalid_correlation_id` flags one that
    /// was cut (`too_long`), is empty (`empty`) or has other characters than ASCII's printable ones without the space
    /// (`characters`). Formatters escape such characters, as everywhere.
    #[must_use]
    pub fn correlation_id(self, id: &str) -> Self {
        let (kept, flaw) = checked_correlation_id(id);
        let bound = self.field(FieldGroup::CorrelationId, "", ValueRef::Text(kept));
        match flaw {
            Some(flaw) => bound.field(FieldGroup::Tags, "invalid_correlation_id", ValueRef::Text(flaw)),
            None => bound,
        }
    }

    /// Binds a field.
    #[must_use]
    pub fn field(mut self, group: FieldGroup, name: &str, value: ValueRef<'_>) -> Self {
        thread::put_field(&mut self.fields, group, name, value);
        self
    }

    /// Binds these fields, which are collected at run time.
    #[must_use]
    pub fn fields(mut self, fields: &Fields) -> Self {
        append_fields(&mut self.fields, fields.bytes(), thread::SCOPE_MAX_BYTES);
        self
    }

    /// The bindings of this scope and, behind them, those of `inner`, as if both were entered.
    #[must_use]
    pub fn around(mut self, inner: &Self) -> Self {
        append_fields(&mut self.fields, &inner.fields, thread::SCOPE_MAX_BYTES);
        self
    }

    /// Binds a value as a log call would log it.
    ///
    /// ```
    /// use fapilog_engine::producer::Scope;
    /// use fapilog_record::field_group::FieldGroup;
    ///
    /// let scope = Scope::new().bind(FieldGroup::Context, "peers", &["10.0.0.1", "10.0.0.2"]);
    /// # assert!(!scope.is_empty());
    /// ```
    #[must_use]
    pub fn bind<T: Value + ?Sized>(self, group: FieldGroup, name: &str, value: &T) -> Self {
        as_logged(value, |value| self.field(group, name, value))
    }

    /// Names the task that runs in it: `context.task`. A runtime knows its tasks and a log call does not. So the code that
    /// spawns a task names it, and [`in_scope`](InScope::in_scope) binds the name wherever the task is polled.
    #[must_use]
    pub fn task(self, name: &str) -> Self {
        self.field(FieldGroup::Context, "task", ValueRef::Text(name))
    }

    /// Binds events together by the id that is given, or by a new one: a UUID of version 7, which sorts by time.
    #[must_use]
    pub fn correlation_id_or_new(self, id: Option<&str>) -> Self {
        match id {
            Some(id) => self.correlation_id(id),
            None => {
                let now = Timestamp::from_unix_nanos(system_nanos());
                self.correlation_id(UuidV7::new(now, random_part()).encode(&mut [0; TEXT_BYTES]))
            }
        }
    }

    /// Everything that is bound to this thread now, to be moved to another thread or task.
    ///
    /// ```
    /// use fapilog_engine::producer::Scope;
    ///
    /// let _request = Scope::new().correlation_id("7f3a").enter();
    /// let worker = std::thread::spawn(Scope::current().wrap(|| {
    ///     // ... events of this closure have the id ...
    /// }));
    /// # worker.join().unwrap();
    /// ```
    #[must_use]
    pub fn current() -> Self {
        Self { fields: thread::current_scope() }
    }

    /// A closure that runs inside the scope, on whatever thread calls it.
    pub fn wrap<R>(self, run: impl FnOnce() -> R) -> impl FnOnce() -> R {
        move || {
            let _entered = self.enter();
            run()
        }
    }

    /// The correlation id that counts in it.
    #[must_use]
    pub fn correlation(&self) -> Option<&str> {
        let ids = DynamicFields::new(&self.fields).filter_map(|(group, _, value)| match (group, value) {
            (FieldGroup::CorrelationId, ValueRef::Text(id)) => Some(id),
            _ => None,
        });
        ids.last()
    }

    /// Whether it binds nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Its bindings, as a record's scope.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.fields
    }

    /// Enters the scope on this thread, until the guard is dropped. Several drop guards must be dropped in reverse order,
    /// as variables are by themselves.
    ///
    /// In async code, use [`in_scope`](InScope::in_scope): a scope that stays entered over an `await` would bind
    /// everything that the thread does meanwhile.
    ///
    /// An event has room for 65,535 bytes of scopes at most, by its record's length for fewer. Fields that do not fit are cut
    /// in the event, and named there.
    pub fn enter(&self) -> ScopeGuard {
        let outer = thread::enter_scope(|scope| append_fields(scope, &self.fields, thread::SCOPE_MAX_BYTES));
        ScopeGuard { outer, not_send: PhantomData }
    }
}

/// Binds the scope of an adapter to this thread: that of the span that its library is in. It takes the place of the scope bound by
/// the call before; `None` unbinds it. Returns whether it is bound: not while the thread exits, nor within a log call.
///
/// A thread has a single such scope. It lies where it was bound first, among the scopes that are entered and left around it, and stays
/// when one of them is left.
///
/// ```
/// use fapilog_engine::producer::{Scope, bind_adapter_scope};
/// use fapilog_record::{field_group::FieldGroup, value::ValueRef};
///
/// let span = |name: &str| Scope::new().field(FieldGroup::Context, "span", ValueRef::Text(name));
/// bind_adapter_scope(Some(&span("outer")));
/// bind_adapter_scope(Some(&span("inner")));
/// // ... events have `span: inner` ...
/// bind_adapter_scope(None);
/// # assert!(Scope::current().is_empty());
/// ```
pub fn bind_adapter_scope(scope: Option<&Scope>) -> bool {
    thread::replace_adapter_scope(scope.map(Scope::bytes))
}

/// The part of an id that is kept, and the flaw of the id, as its tag names it.
fn checked_correlation_id(id: &str) -> (&str, Option<&'static str>) {
    if let Some((end, _)) = id.char_indices().nth(CORRELATION_ID_MAX_CHARS) {
        return (front(id, end), Some("too_long"));
    }
    let flaw = if id.is_empty() {
        Some("empty")
    } else {
        (!id.bytes().all(|byte| byte.is_ascii_graphic())).then_some("characters")
    };
    (id, flaw)
}

/// Leaves a scope when it is dropped.
#[derive(Debug)]
#[must_use = "the scope is left when its guard is dropped"]
pub struct ScopeGuard {
    outer: Option<ScopeMark>,
    not_send: PhantomData<*const ()>,
}

impl Drop for ScopeGuard {
    fn drop(&mut self) {
        if let Some(outer) = self.outer {
            thread::leave_scope(outer);
        }
    }
}

/// Futures that keep a scope, on whatever thread they are polled.
///
/// ```
/// use fapilog_engine::producer::{InScope, Scope};
///
/// # async fn handle() {}
/// # async fn serve(id: Option<&str>) {
/// handle().in_scope(Scope::new().correlation_id_or_new(id)).await;
/// # }
/// ```
///
/// A task that is spawned takes along what is bound where it is made with [`in_current_scope`](Self::in_current_scope).
#[doc(alias = "FapilogMiddleware")]
pub trait InScope: Future + Sized {
    /// The future inside the scope, and inside whatever scope it is polled in.
    fn in_scope(self, scope: Scope) -> Scoped<Self> {
        Scoped { future: self, scope }
    }

    /// The future inside all that is bound to this thread just now.
    fn in_current_scope(self) -> Scoped<Self> {
        self.in_scope(Scope::current())
    }
}

impl<F: Future> InScope for F {}

pin_project! {
    /// A future inside a scope: see [`InScope`].
    #[derive(Debug)]
    #[must_use = "a future does nothing until it is polled"]
    pub struct Scoped<F> {
        #[pin]
        future: F,
        scope: Scope,
    }
}

impl<F: Future> Future for Scoped<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _entered = this.scope.enter();
        this.future.poll(context)
    }
}

//! Spans: fields that are encoded once, and bound to each thread that is in the span.

mod times;

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use fapilog::{Scope, event::FieldGroup};

pub(crate) use self::times::SpanTimes;
use crate::{settings::SpanNames, site::Site, visit::Collected};

/// A span of a bridge. Its parents live as long as it does.
pub(crate) struct SpanNode {
    pub(crate) site: &'static Site,
    parent: Option<Arc<Self>>,
    names: SpanNames,
    own: Mutex<OwnFields>,
    /// How often `own` was changed since the span was made.
    changes: AtomicU64,
    merged: Mutex<Merged>,
    /// `None` where no setting asks for them.
    pub(crate) times: Option<SpanTimes>,
}

/// The fields of a span, without its parents'.
#[derive(Debug, Default)]
struct OwnFields {
    scope: Scope,
    /// The names of the spans that it follows.
    follows: Vec<&'static str>,
}

/// The fields of a span and of those around it, as they were after so many changes of them all.
#[derive(Debug, Clone, Default)]
pub(crate) struct Merged {
    pub(crate) changes: u64,
    pub(crate) scope: Arc<Scope>,
}

impl SpanNode {
    pub(crate) fn new(
        site: &'static Site,
        parent: Option<Arc<Self>>,
        names: SpanNames,
        times: Option<SpanTimes>,
        fields: &Collected,
    ) -> Arc<Self> {
        let own = Mutex::new(OwnFields { scope: scope_of(fields), follows: Vec::new() });
        let node = Self { site, parent, names, own, changes: AtomicU64::new(0), merged: Mutex::default(), times };
        *lock(&node.merged) = node.merge();
        Arc::new(node)
    }

    /// Adds fields. They count before the earlier ones of the same name.
    pub(crate) fn record(&self, fields: &Collected) {
        self.change(|own| own.scope = std::mem::take(&mut own.scope).around(&scope_of(fields)));
    }

    /// Adds a span that this one follows.
    pub(crate) fn follow(&self, other: &Self) {
        self.change(|own| {
            own.follows.push(other.site.metadata.name());
            let scope = std::mem::take(&mut own.scope);
            own.scope = scope.bind(FieldGroup::Context, "follows_from", own.follows.as_slice());
        });
    }

    fn change(&self, change: impl FnOnce(&mut OwnFields)) {
        let mut own = lock(&self.own);
        change(&mut own);
        // Release: pairs with `changes`, so that a reader of the number reads the fields that it counts.
        self.changes.fetch_add(1, Ordering::Release);
    }

    /// The fields of this span and of those around it.
    pub(crate) fn merged(&self) -> Merged {
        let known = lock(&self.merged).clone();
        if known.changes == self.changes() {
            return known;
        }
        // Outside of the lock, as all that allocates: the program's allocator may log.
        let merged = self.merge();
        let mut known = lock(&self.merged);
        // Another thread may have merged later changes meanwhile.
        if known.changes < merged.changes {
            *known = merged.clone();
        }
        merged
    }

    /// How often this span and those around it were changed: no two states of them have the same number.
    #[inline]
    pub(crate) fn changes(&self) -> u64 {
        // Acquire: pairs with `change`.
        self.chain().map(|node| node.changes.load(Ordering::Acquire)).sum()
    }

    fn merge(&self) -> Merged {
        // The number comes first: what is changed later is merged again.
        let changes = self.changes();
        let mut nodes: Vec<&Self> = self.chain().collect();
        nodes.reverse();
        let fields = nodes.iter().fold(Scope::new(), |scope, node| scope.around(&lock(&node.own).scope));
        let name = |scope: Scope| scope.field(FieldGroup::Context, "span", self.site.metadata.name().into());
        let scope = match self.names {
            SpanNames::None => fields,
            SpanNames::Innermost => name(fields),
            SpanNames::Path => {
                let path: Vec<&str> = nodes.iter().map(|node| node.site.metadata.name()).collect();
                name(fields).bind(FieldGroup::Context, "spans", path.as_slice())
            }
        };
        Merged { changes, scope: Arc::new(scope) }
    }

    /// This span and those around it, innermost first.
    fn chain(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |node| node.parent.as_deref())
    }
}

impl Drop for SpanNode {
    /// A loop, because a long chain of parents would drop by as deep a recursion.
    fn drop(&mut self) {
        let mut parent = self.parent.take();
        while let Some(mut node) = parent.and_then(Arc::into_inner) {
            parent = node.parent.take();
        }
    }
}

impl fmt::Debug for SpanNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpanNode").field("name", &self.site.metadata.name()).finish_non_exhaustive()
    }
}

fn scope_of(fields: &Collected) -> Scope {
    let scope = Scope::new().fields(&fields.fields);
    match &fields.correlation_id {
        Some(id) => scope.correlation_id(id),
        None => scope,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

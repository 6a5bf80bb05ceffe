//! Spans: fields that are encoded once, and bound to each thread that is in the span.

mod own_fields;
mod times;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use fapilog::{Scope, event::FieldGroup};

use self::own_fields::OwnFields;
pub(crate) use self::times::SpanTimes;
use crate::{fork_lock::ForkLock, settings::SpanNames, site::Site, visit::Collected};

/// A span of a bridge. Its parents live as long as it does.
///
/// Nothing is allocated or freed while one of its locks is held: the program's allocator may log.
pub(crate) struct SpanNode {
    pub(crate) site: &'static Site,
    parent: Option<Arc<Self>>,
    names: SpanNames,
    own: ForkLock<Arc<OwnFields>>,
    /// How often `own` was changed since the span was made.
    changes: AtomicU64,
    merged: ForkLock<Merged>,
    /// `None` where no setting asks for them.
    pub(crate) times: Option<SpanTimes>,
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
        let own = ForkLock::new(Arc::new(OwnFields::at_start(fields)));
        let mut node =
            Self { site, parent, names, own, changes: AtomicU64::new(0), merged: ForkLock::default(), times };
        node.merged = ForkLock::new(node.merge());
        Arc::new(node)
    }

    /// Adds fields. They count before the earlier ones of the same name.
    pub(crate) fn record(&self, fields: &Collected) {
        self.change(|own| own.with_recorded(fields));
    }

    /// Adds a span that this one follows.
    pub(crate) fn follow(&self, other: &Self) {
        self.change(|own| own.with_followed(other.site.metadata.name()));
    }

    fn change(&self, change: impl Fn(&OwnFields) -> OwnFields) {
        while let Some(known) = self.own() {
            let mut new = Arc::new(change(&known));
            let Some(mut own) = self.own.lock() else { return };
            let is_changed = Arc::ptr_eq(&own, &known);
            if is_changed {
                std::mem::swap(&mut *own, &mut new);
                // Release: pairs with `changes`, so that a reader of the number reads the fields that it counts.
                self.changes.fetch_add(1, Ordering::Release);
            }
            drop(own);
            if is_changed {
                return;
            }
        }
    }

    fn own(&self) -> Option<Arc<OwnFields>> {
        self.own.lock().map(|own| Arc::clone(&own))
    }

    /// The fields of this span and of those around it.
    pub(crate) fn merged(&self) -> Merged {
        let known = self.merged.lock().map(|merged| merged.clone());
        if let Some(known) = known.filter(|known| known.changes == self.changes()) {
            return known;
        }
        let merged = self.merge();
        let mut former = merged.clone();
        if let Some(mut known) = self.merged.lock() {
            // Another thread may have merged later changes meanwhile.
            if known.changes < merged.changes {
                std::mem::swap(&mut *known, &mut former);
            }
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
        let fields = nodes.iter().filter_map(|node| node.own()).fold(Scope::new(), |scope, own| own.put_into(scope));
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

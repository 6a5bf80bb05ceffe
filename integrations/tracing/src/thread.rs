//! The spans that a thread is in, and the one whose fields are bound to it.

use std::{cell::RefCell, sync::Arc};

use fapilog::adapter::bind_adapter_scope;
use tracing_core::span::Id;

use crate::span::SpanNode;

/// The stacks that a thread keeps, empty ones too, to have their memory for the next span.
const KEPT_STACKS: usize = 4;

thread_local! {
    static THREAD: RefCell<ThreadSpans> = const { RefCell::new(ThreadSpans { stacks: Vec::new(), bound: None }) };
}

/// The state of a thread. All code that runs while it is borrowed is of this crate, or an allocator.
#[derive(Debug)]
struct ThreadSpans {
    /// A stack for each bridge that has spans on this thread.
    stacks: Vec<SpanStack>,
    /// The scope that is bound to the thread. `None`: none of any bridge.
    bound: Option<BoundSpan>,
}

/// The spans of a bridge that the thread is in, innermost last.
#[derive(Debug)]
struct SpanStack {
    bridge: u64,
    spans: Vec<EnteredSpan>,
}

#[derive(Debug)]
struct EnteredSpan {
    id: Id,
    node: Arc<SpanNode>,
    /// Whether the thread was in it already: it is no child of itself.
    is_again: bool,
}

/// The state of a span whose fields are bound.
#[derive(Debug)]
struct BoundSpan {
    node: Arc<SpanNode>,
    changes: u64,
}

/// The span whose fields an event gets.
#[derive(Debug, Clone, Copy)]
pub(crate) enum EventSpan<'a> {
    /// That which the thread is in.
    Current,
    /// None at all.
    Root,
    /// Another.
    Explicit(&'a Arc<SpanNode>),
}

/// The thread is in the span from now on.
pub(crate) fn enter(bridge: u64, id: &Id, node: Arc<SpanNode>) {
    with_thread(|thread| {
        let stack = thread.stack(bridge)?;
        let is_again = stack.spans.iter().any(|span| span.id == *id);
        stack.spans.push(EnteredSpan { id: id.clone(), node, is_again });
        thread.bind(bridge, EventSpan::Current);
        Some(())
    });
}

/// The thread is no longer in the span. Returns the span, if it was in it.
pub(crate) fn exit(bridge: u64, id: &Id) -> Option<Arc<SpanNode>> {
    with_thread(|thread| {
        let stack = thread.stack(bridge)?;
        let place = stack.spans.iter().rposition(|span| span.id == *id)?;
        let exited = stack.spans.remove(place);
        thread.bind_left(bridge);
        thread.remove_empty_stacks();
        Some(exited.node)
    })
    .flatten()
}

/// The innermost span that the thread is in.
pub(crate) fn current(bridge: u64) -> Option<(Id, Arc<SpanNode>)> {
    with_thread(|thread| thread.current(bridge).map(|span| (span.id.clone(), Arc::clone(&span.node)))).flatten()
}

/// Its name.
pub(crate) fn current_name(bridge: u64) -> Option<&'static str> {
    with_thread(|thread| thread.current(bridge).map(|span| span.node.site.metadata.name())).flatten()
}

/// Binds the fields of the current span as they are by now.
pub(crate) fn rebind(bridge: u64) {
    with_thread(|thread| thread.bind(bridge, EventSpan::Current));
}

/// Runs `log` while the fields of the span are bound to the thread, and leaves those bound that it found: another bridge's, for example.
/// `log` is given the span if its fields cannot be bound.
#[inline]
pub(crate) fn within(bridge: u64, span: EventSpan<'_>, log: impl FnOnce(Option<&SpanNode>)) {
    match (with_thread(|thread| thread.bind(bridge, span)), span) {
        (Some(BoundBefore::Same), _) => log(None),
        (Some(BoundBefore::Other(found)), _) => {
            log(None);
            with_thread(|thread| thread.bind_node(found.as_ref()));
        }
        (Some(BoundBefore::Unchanged) | None, EventSpan::Explicit(node)) => log(Some(node)),
        (Some(BoundBefore::Unchanged) | None, EventSpan::Current | EventSpan::Root) => log(None),
    }
}

/// The span that was bound ahead of another.
enum BoundBefore {
    /// The same, or none of either.
    Same,
    Other(Option<Arc<SpanNode>>),
    /// It still is: no other could be bound.
    Unchanged,
}

/// `None` if the thread exits, or if its allocator logs while it is borrowed.
#[inline]
fn with_thread<R>(run: impl FnOnce(&mut ThreadSpans) -> R) -> Option<R> {
    THREAD.try_with(|thread| thread.try_borrow_mut().ok().map(|mut thread| run(&mut thread))).ok().flatten()
}

impl ThreadSpans {
    fn stack(&mut self, bridge: u64) -> Option<&mut SpanStack> {
        if !self.stacks.iter().any(|stack| stack.bridge == bridge) {
            self.stacks.push(SpanStack { bridge, spans: Vec::new() });
        }
        self.stacks.iter_mut().find(|stack| stack.bridge == bridge)
    }

    /// A stack stays empty where its bridge is gone.
    fn remove_empty_stacks(&mut self) {
        if self.stacks.len() > KEPT_STACKS {
            self.stacks.retain(|stack| !stack.spans.is_empty());
        }
    }

    #[inline]
    fn current(&self, bridge: u64) -> Option<&EnteredSpan> {
        let stack = self.stacks.iter().find(|stack| stack.bridge == bridge)?;
        stack.spans.iter().rev().find(|span| !span.is_again)
    }

    /// Binds the fields of the span that the thread is in behind an exit. Where this bridge has none, another's is as it was.
    fn bind_left(&mut self, bridge: u64) {
        let others = self.stacks.iter().rev().map(|stack| stack.bridge).filter(|other| *other != bridge);
        let is_in_span = |bridge: &u64| self.current(*bridge).is_some();
        let left = std::iter::once(bridge).chain(others).find(is_in_span);
        self.bind(left.unwrap_or(bridge), EventSpan::Current);
    }

    /// Binds the fields of this span as they are by now, unless they are bound already.
    #[inline]
    fn bind(&mut self, bridge: u64, span: EventSpan<'_>) -> BoundBefore {
        let node = match span {
            EventSpan::Current => self.current(bridge).map(|span| &span.node),
            EventSpan::Root => None,
            EventSpan::Explicit(node) => Some(node),
        };
        match (node, &self.bound) {
            (None, None) => BoundBefore::Same,
            (Some(node), Some(bound)) if bound.is_up_to_date(node) => BoundBefore::Same,
            (node, _) => {
                let node = node.map(Arc::clone);
                self.bind_node(node.as_ref())
            }
        }
    }

    fn bind_node(&mut self, node: Option<&Arc<SpanNode>>) -> BoundBefore {
        let merged = node.map(|node| node.merged());
        if !bind_adapter_scope(merged.as_ref().map(|merged| &*merged.scope)) {
            return BoundBefore::Unchanged;
        }
        let bound =
            node.zip(merged).map(|(node, merged)| BoundSpan { node: Arc::clone(node), changes: merged.changes });
        match (std::mem::replace(&mut self.bound, bound), node) {
            (Some(before), Some(node)) if Arc::ptr_eq(&before.node, node) => BoundBefore::Same,
            (before, _) => BoundBefore::Other(before.map(|before| before.node)),
        }
    }
}

impl BoundSpan {
    #[inline]
    fn is_up_to_date(&self, node: &Arc<SpanNode>) -> bool {
        Arc::ptr_eq(node, &self.node) && self.changes == node.changes()
    }
}

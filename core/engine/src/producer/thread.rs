//! The state of a thread: its lanes and its scope.
//!
//! A thread's lanes are owned by [`ThreadState`]. A log call may find it gone (the thread exits) or in use (the program's
//! allocator logs while this crate allocates). So the lane used last also stands in [`CURRENT`], a plain cell without a
//! destructor, which is neither. It is empty while other code uses the lanes, and whenever a scope is entered; a call that
//! finds it empty goes the slow path through `ThreadState`.
//!
//! Signal handlers must not log. The event of one that does is lost and counted, if it interrupts a log call where that
//! holds a lane.

use std::{cell::RefCell, mem::ManuallyDrop, ptr::NonNull, slice, sync::Arc};

use fapilog_plugin::threads::fork;
use fapilog_record::{
    arguments::Arguments,
    dynamic,
    erased::ErasedArguments,
    writer::{record_bytes, write_whole_record},
};

use crate::{
    accounts::LossReason,
    port::ShardPort,
    producer::{
        Frontend, ProducerLane,
        bound_scope::{BoundScope, ScopeMark},
        current_lane::CurrentLane,
        lane::LogCall,
    },
};

thread_local! {
    static CURRENT: CurrentLane = const { CurrentLane::none() };
    static THREAD: RefCell<ThreadState> = const { RefCell::new(ThreadState::new()) };
}

#[derive(Debug)]
struct ThreadState {
    lanes: Vec<OwnedLane>,
    /// The fields bound to this thread, as a record's scope.
    scope: BoundScope,
    /// The fork generation in which the lanes were opened.
    generation: u32,
}

/// A lane at a place of its own, made by `Box` and owned as by it. (A `Box` itself would claim, each time it is touched,
/// that no other pointer to the lane is in use; [`CURRENT`] is one.)
#[derive(Debug)]
struct OwnedLane {
    container: u64,
    lane: NonNull<ProducerLane>,
}

impl OwnedLane {
    fn new(container: u64, lane: ProducerLane) -> Self {
        Self { container, lane: NonNull::from(Box::leak(Box::new(lane))) }
    }

    fn get(&mut self) -> &mut ProducerLane {
        // SAFETY: the lane lives as long as `self`. `CURRENT` may point to it too, but every user of the one or the other is
        // done with it before anything else of this thread runs: see `open_frame`; and it never leaves the thread.
        unsafe { self.lane.as_mut() }
    }
}

impl Drop for OwnedLane {
    fn drop(&mut self) {
        // SAFETY: made by `Box` in `new`, and owned by `self` alone; all code that drops one has cleared `CURRENT` before.
        drop(unsafe { Box::from_raw(self.lane.as_ptr()) });
    }
}

/// Logs from this thread. `fields` are the logger's own.
///
/// The arguments are stored where the caller is; everything else is code that all call sites share, in two halves.
#[inline(always)]
pub(super) fn log<A: Arguments>(frontend: &Frontend, call: LogCall, arguments: A, fields: &Option<Arc<[u8]>>) {
    if fields.is_none() {
        let wanted_bytes = record_bytes(&arguments, 0);
        if let Some(frame) = open_frame(frontend.id(), wanted_bytes, call.level.is_urgent()) {
            // SAFETY: `open_frame` has reserved so many bytes, and nothing else touches the lane before `publish_frame`:
            // writing runs no user code that could log itself.
            let payload = unsafe { slice::from_raw_parts_mut(frame.payload.as_ptr(), wanted_bytes) };
            let written = write_whole_record(payload, call.source(), &arguments, &[]);
            return publish_frame(frame.lane, call, written.map_or(0, |written| written.used_bytes));
        }
    }
    log_otherwise(frontend, call, arguments, fields);
}

/// A frame that is reserved in the lane used last, and not yet published. Two words, so that a function returns it in
/// registers.
struct OpenFrame {
    lane: NonNull<ProducerLane>,
    payload: NonNull<u8>,
}

/// The first half of a call: reserves `wanted_bytes`, if the lane used last is this container's and has space. The lane is
/// then in use until [`publish_frame`].
#[inline(never)]
fn open_frame(container: u64, wanted_bytes: usize, is_urgent: bool) -> Option<OpenFrame> {
    CURRENT.with(|current| {
        let mut lane = current.begin_call(container)?;
        // SAFETY: the lane is alive, since `CURRENT` is cleared before a lane is dropped, and nothing else uses it:
        // `ThreadState` clears `CURRENT` before it does, and `open` runs no user code.
        let payload = unsafe { lane.as_mut() }.open(wanted_bytes, is_urgent);
        if payload.is_none() {
            current.end_call(container);
        }
        Some(OpenFrame { lane, payload: payload? })
    })
}

/// The second half of a call: publishes the frame that [`open_frame`] has reserved, of `used_bytes`. No bytes are an event that
/// is too long, which is lost and counted.
///
/// Nothing lives on behind a call, so the function saves no register.
#[inline(never)]
fn publish_frame(lane: NonNull<ProducerLane>, call: LogCall, used_bytes: usize) {
    // SAFETY: as in `open_frame`, from which the lane has been in use.
    match unsafe { lane.as_ref() }.stamp_inline() {
        Some(stamp) => publish_stamped(lane, call, used_bytes, stamp),
        None => publish_by_a_clock_that_is_called(lane, call, used_bytes),
    }
}

#[inline(never)]
fn publish_by_a_clock_that_is_called(lane: NonNull<ProducerLane>, call: LogCall, used_bytes: usize) {
    // SAFETY: as in `publish_frame`, whose caller has the lane in use.
    let stamp = unsafe { lane.as_ref() }.stamp();
    publish_stamped(lane, call, used_bytes, stamp);
}

#[inline(always)]
fn publish_stamped(mut lane: NonNull<ProducerLane>, call: LogCall, used_bytes: usize, stamp: u64) {
    // SAFETY: as in `publish_frame`: the lane is in use by this call alone until `end_call`.
    let lane_in_use = unsafe { lane.as_mut() };
    let is_ring_due = lane_in_use.publish(call, used_bytes, stamp);
    let container = lane_in_use.container();
    CURRENT.with(|current| current.end_call(container));
    if is_ring_due {
        ring_doorbell(lane);
    }
}

#[cold]
#[inline(never)]
fn ring_doorbell(lane: NonNull<ProducerLane>) {
    // SAFETY: as in `publish_stamped`, which is done with the lane.
    let port = Arc::clone(unsafe { lane.as_ref() }.port());
    // The waker is user code: the lane may change from this call on.
    ring(&port);
}

/// Rings for a log call. A call of a signal handler does not come as far as the doorbell's lock meanwhile, which this one may hold.
pub(super) fn ring(port: &ShardPort) {
    // A model's threads are one thread of the system.
    if cfg!(fapilog_loom) {
        return port.doorbell.ring();
    }
    let waker = CURRENT.with(|current| current.in_call(|| port.doorbell.begin_ring()));
    // User code, which may log.
    if let Some(waker) = waker {
        waker.wake_by_ref();
    }
}

/// Everything but the common case: the first call of a thread or after another container's, a scope, fields of the logger, a
/// full ring, a thread without a lane.
///
/// The arguments come by value, so that the common case need not have them in memory.
#[cold]
#[inline(never)]
fn log_otherwise<A: Arguments>(frontend: &Frontend, call: LogCall, arguments: A, fields: &Option<Arc<[u8]>>) {
    log_around(frontend, call, &arguments, BoundFields::of_thread(fields.as_deref().unwrap_or_default()));
}

/// The fields of an event that are no arguments of its call.
#[derive(Debug, Clone, Copy)]
pub(super) struct BoundFields<'a> {
    /// The scope that takes the place of the thread's.
    scope: Option<&'a [u8]>,
    /// The fields that the calling thread knows. They come behind the scope, as the fields of an inner scope do.
    of_caller: &'a [u8],
    /// The logger's own, behind these.
    own: &'a [u8],
}

impl<'a> BoundFields<'a> {
    /// With the scope of the thread.
    pub(super) fn of_thread(own: &'a [u8]) -> Self {
        Self { scope: None, of_caller: &[], own }
    }

    /// With this scope, and not the thread's.
    pub(super) fn of_scope(scope: &'a [u8], own: &'a [u8]) -> Self {
        Self { scope: Some(scope), of_caller: &[], own }
    }

    /// Appends all but the thread's scope. The event's scope begins at `scope_start`.
    fn append_to(self, out: &mut Vec<u8>, scope_start: usize) {
        let bytes_max = scope_start + SCOPE_MAX_BYTES;
        dynamic::append_fields(out, self.scope.unwrap_or_default(), bytes_max);
        dynamic::append_fields(out, self.of_caller, bytes_max);
        dynamic::append_fields(out, self.own, bytes_max);
    }
}

/// The slow path through [`ThreadState`].
pub(super) fn log_around(frontend: &Frontend, call: LogCall, arguments: &dyn ErasedArguments, bound: BoundFields<'_>) {
    if frontend.is_in_forked_child() {
        return frontend.refuse(LossReason::Forked, call.level);
    }
    if CURRENT.with(CurrentLane::is_in_call) {
        return frontend.refuse(LossReason::SignalHandler, call.level);
    }
    // User code, which may log: before anything is in use.
    let collected = frontend.caller_fields().collect();
    let bound = BoundFields { of_caller: collected.bytes(), ..bound };
    let is_done = THREAD.try_with(|state| match state.try_borrow_mut() {
        Ok(mut state) => state.log(frontend, call, arguments, bound),
        Err(_) => false,
    });
    if !matches!(is_done, Ok(true)) {
        log_shared(frontend, call, arguments, bound);
    }
}

/// For threads without a lane: the thread's data are gone, or in use, or the limit is reached.
fn log_shared(frontend: &Frontend, call: LogCall, arguments: &dyn ErasedArguments, bound: BoundFields<'_>) {
    let mut scope = if bound.scope.is_none() { current_scope() } else { Vec::new() };
    bound.append_to(&mut scope, 0);
    frontend.log_shared(call, arguments, &scope);
}

impl ThreadState {
    const fn new() -> Self {
        Self { lanes: Vec::new(), scope: BoundScope::new(), generation: 0 }
    }

    /// `false` if there is no lane to be had.
    fn log(
        &mut self,
        frontend: &Frontend,
        call: LogCall,
        arguments: &dyn ErasedArguments,
        bound: BoundFields<'_>,
    ) -> bool {
        // Code that logs meanwhile (the allocator, a waker) finds neither this nor `THREAD`, and takes the shared lane.
        CURRENT.with(CurrentLane::clear);
        let outer = self.scope.bytes.len();
        // A scope in place of the thread's stands behind it for the time of the call: nothing allocates for it but this vector.
        let scope_start = if bound.scope.is_some() { outer } else { 0 };
        bound.append_to(&mut self.scope.bytes, scope_start);
        let is_current = outer == 0 && frontend.caller_fields().is_empty();
        let is_logged = self.log_in_lane(frontend, call, arguments, scope_start, is_current);
        self.scope.bytes.truncate(outer);
        is_logged
    }

    /// The event's scope is the thread's from `scope_start` on. `is_current`: later calls may use the lane by `CURRENT`.
    fn log_in_lane(
        &mut self,
        frontend: &Frontend,
        call: LogCall,
        arguments: &dyn ErasedArguments,
        scope_start: usize,
        is_current: bool,
    ) -> bool {
        loop {
            let Some(index) = self.lane_of(frontend) else { return false };
            let Some(owned) = self.lanes.get_mut(index) else { return false };
            if owned.get().log(call, arguments, self.scope.bytes.get(scope_start..).unwrap_or_default()) {
                if is_current {
                    CURRENT.with(|current| current.set(owned.container, owned.lane));
                }
                return true;
            }
            // Its ring serves no more. The drop closes the ring, which is read to its end.
            let port = Arc::clone(owned.get().port());
            drop(self.lanes.swap_remove(index));
            let Some(lane) = frontend.open_lane_at(&port) else { return false };
            self.lanes.push(OwnedLane::new(frontend.id(), lane));
        }
    }

    /// The place of this container's lane, opened if there is none yet.
    fn lane_of(&mut self, frontend: &Frontend) -> Option<usize> {
        let known = self.lanes.iter().position(|owned| owned.container == frontend.id());
        if known.is_some() {
            return known;
        }
        self.generation = fork::generation();
        self.lanes.retain_mut(|owned| !owned.get().is_stopped());
        self.lanes.push(OwnedLane::new(frontend.id(), frontend.open_lane()?));
        Some(self.lanes.len() - 1)
    }

    /// Forgets all lanes without touching what the parent owns. Neither allocates nor locks.
    fn disown_lanes(&mut self) {
        CURRENT.with(CurrentLane::clear);
        let _leaked = ManuallyDrop::new(std::mem::take(&mut self.lanes));
    }
}

impl Drop for ThreadState {
    fn drop(&mut self) {
        CURRENT.with(CurrentLane::clear);
        if self.generation != fork::generation() {
            self.disown_lanes();
        }
    }
}

/// In a forked child, for its one thread.
pub(super) fn disown_lanes() {
    let _ = THREAD.try_with(|state| {
        if let Ok(mut state) = state.try_borrow_mut() {
            state.disown_lanes();
        }
    });
}

/// The port of this thread's ring in the container, if the ring is full. A thread without a ring of its own has none to wait for.
pub(super) fn full_port(frontend: &Frontend) -> Option<Arc<ShardPort>> {
    let full = THREAD.try_with(|state| {
        let mut state = state.try_borrow_mut().ok()?;
        let owned = state.lanes.iter_mut().find(|owned| owned.container == frontend.id())?;
        CURRENT.with(|current| {
            let used_last = current.take()?;
            let lane = owned.get();
            let full = (!lane.has_space()).then(|| Arc::clone(lane.port()));
            // The next call is as fast as without this look.
            current.give_back(used_last);
            full
        })
    });
    full.ok().flatten()
}

/// The longest scope. More than twice what a record's head can describe: a scope that was cut to this length is cut again
/// in every record, which marks the record. (A field that is missing takes 64 KiB and 64 bytes at most.)
pub(super) const SCOPE_MAX_BYTES: usize = 3 * (u16::MAX as usize + 1);

/// The scope of this thread, with all scopes around it, innermost last.
pub(super) fn current_scope() -> Vec<u8> {
    let scope = THREAD.try_with(|state| state.try_borrow().map(|state| state.scope.bytes.clone()).unwrap_or_default());
    scope.unwrap_or_default()
}

/// Binds the fields that `put` appends to this thread. Returns the mark to go back to; `None` if the thread exits.
pub(super) fn enter_scope(put: impl FnOnce(&mut Vec<u8>)) -> Option<ScopeMark> {
    with_bound_scope(|scope| {
        let outer = scope.mark();
        put(&mut scope.bytes);
        outer
    })
}

/// Unbinds what was bound since the mark, except the scope of an adapter.
pub(super) fn leave_scope(outer: ScopeMark) {
    let _ = THREAD.try_with(|state| {
        if let Ok(mut state) = state.try_borrow_mut() {
            state.scope.leave(outer);
        }
    });
}

/// Binds the scope of an adapter in place of the one bound before, or none. Returns whether it is done.
pub(super) fn replace_adapter_scope(fields: Option<&[u8]>) -> bool {
    with_bound_scope(|scope| scope.replace_adapter(fields)).is_some()
}

/// `None` if the thread exits, or logs just now.
fn with_bound_scope<R>(change: impl FnOnce(&mut BoundScope) -> R) -> Option<R> {
    let changed = THREAD.try_with(|state| {
        let mut state = state.try_borrow_mut().ok()?;
        CURRENT.with(CurrentLane::clear);
        Some(change(&mut state.scope))
    });
    changed.ok().flatten()
}

/// The form a scope is kept in.
pub(super) use dynamic::put_field;

#[cfg(test)]
mod tests;

//! The threads that log.

use std::{
    sync::{
        Barrier,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{Builder, Scope, ScopedJoinHandle},
};

use fapilog::Logger;

use crate::{
    cli::WorkloadName,
    error::BenchError,
    machine,
    workload::{Mixed, Primitives, Text, Workload},
};

/// Shared with the producers: the request to stop, and their progress.
#[derive(Debug, Default)]
pub(crate) struct Control {
    stop: AtomicBool,
    /// Producers that are still logging.
    busy: AtomicU64,
}

impl Control {
    pub(crate) fn stop(&self) {
        // Relaxed: nothing is read on the strength of it.
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Relaxed: nothing is read on the strength of it; the results come by joining.
    pub(crate) fn are_busy(&self) -> bool {
        self.busy.load(Ordering::Relaxed) > 0
    }

    #[inline]
    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Counts a producer that is logging, until the result is dropped. To be called before its thread is started, so
    /// that a producer that has not begun is not taken for one that has ended.
    pub(crate) fn busy(&self) -> Busy<'_> {
        self.busy.fetch_add(1, Ordering::Relaxed);
        Busy { control: self }
    }
}

/// A producer is logging.
#[derive(Debug)]
pub(crate) struct Busy<'a> {
    control: &'a Control,
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.control.busy.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A producer's result.
#[derive(Debug, Clone)]
pub(crate) struct Produced {
    pub(crate) logged: u64,
    /// The built-in enricher's fields of its thread, as JSON with a comma in front.
    pub(crate) origin: String,
}

/// Threads that have been started, and wait for the start of all others.
pub(crate) struct Producers<'scope> {
    handles: Vec<(String, ScopedJoinHandle<'scope, Produced>)>,
}

impl<'scope> Producers<'scope> {
    /// Starts one thread for each of `limits`, which are the numbers of events. They wait at the barrier first.
    pub(crate) fn start<'env>(
        scope: &'scope Scope<'scope, 'env>,
        workload: WorkloadName,
        limits: &[u64],
        logger: &'env Logger,
        barrier: &'env Barrier,
        control: &'env Control,
    ) -> Result<Self, BenchError> {
        let produce = match workload {
            WorkloadName::Primitives => produce::<Primitives>,
            WorkloadName::String => produce::<Text>,
            WorkloadName::Mixed => produce::<Mixed>,
        };
        let cpus = machine::producer_cpus();
        // Threads beyond the CPUs are better placed by the kernel than by us.
        let is_pinned = limits.len() <= cpus.len();
        let mut handles = Vec::with_capacity(limits.len());
        for (index, limit) in (0_u32..).zip(limits.iter().copied()) {
            let cpu = cpus.get(index as usize).copied().filter(|_| is_pinned);
            let name = format!("producer-{index}");
            let busy = control.busy();
            let thread = Builder::new().name(name.clone()).spawn_scoped(scope, move || {
                if let Some(cpu) = cpu {
                    core_affinity::set_for_current(cpu);
                }
                barrier.wait();
                let logged = produce(logger, index, limit, control);
                drop(busy);
                Produced { logged, origin: origin() }
            });
            match thread {
                Ok(handle) => handles.push((name, handle)),
                Err(source) => {
                    control.stop();
                    // Those that have been started wait for as many as there were to be.
                    for _ in handles.len()..limits.len() + 1 {
                        scope.spawn(|| barrier.wait());
                    }
                    return Err(BenchError::Thread { name, source });
                }
            }
        }
        Ok(Self { handles })
    }

    /// Waits for all of them.
    pub(crate) fn join(self) -> Result<Vec<Produced>, BenchError> {
        let join = |(name, handle): (String, ScopedJoinHandle<'_, Produced>)| {
            handle.join().map_err(|_| BenchError::Panicked { name })
        };
        self.handles.into_iter().map(join).collect()
    }
}

fn produce<W: Workload>(logger: &Logger, producer: u32, limit: u64, control: &Control) -> u64 {
    let mut n = 0;
    // Looked at before each call: a call may wait for seconds, if the disk does.
    while n < limit && !control.is_stopped() {
        W::log(logger, producer, n);
        n += 1;
    }
    n
}

/// The fields that the built-in enricher adds to events of this thread.
pub(crate) fn origin() -> String {
    // SAFETY: takes nothing and touches no memory of ours.
    let thread_id = unsafe { libc::gettid() };
    let thread = std::thread::current();
    let name = thread.name().map(|name| format!(",\"thread_name\":\"{name}\"")).unwrap_or_default();
    format!(",\"thread_id\":{thread_id}{name},\"process_id\":{}", std::process::id())
}

/// So many events, divided evenly among producers.
pub(crate) fn shares(events: u64, producers: u32) -> Vec<u64> {
    let producers = u64::from(producers);
    (0..producers).map(|index| events / producers + u64::from(index < events % producers)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_events_are_divided_among_producers() {
        assert_eq!(shares(10, 3), [4, 3, 3]);
        assert_eq!(shares(2, 3), [1, 1, 0]);
        assert_eq!(shares(u64::MAX, 1), [u64::MAX]);
    }
}

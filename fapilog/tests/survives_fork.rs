//! A forked child: it can do nothing to its parent's log, and log on its own.
//!
//! A test program of its own, and a test at a time: a child has the parent's threads only as memory.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod law;

use std::{
    pin::{Pin, pin},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc,
    },
    task::{Context, Poll, Waker},
    thread,
    time::{Duration, Instant},
};

use fapilog::{
    __private::{CallSite, End},
    Container, Level, Logger,
    container::Overflow,
    error::{FlushError, RotateError, ShutdownError},
    event::Batch,
    info,
    metrics::LossReason,
    panic_hook::{self, Options},
    plugin::{PluginError, undivided},
    settings::Reload,
    sink::{BlockingDelivery, Delivery, DeliveryThread, Payload, Sink, SinkContext, SinkError, SinkFactory},
};
use law::{TIMEOUT, executors, memory, only, shut_down};

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// The exit statuses by which a child reports.
const ALL_WELL: i32 = 0;
const WRONG: i32 = 1;

/// Forks, runs `child` in the child, and waits until it has ended.
#[track_caller]
fn forked(child: impl FnOnce() -> bool) {
    // SAFETY: the child runs `child` and then `_exit`: it unwinds into nothing of the parent's. These tests are about
    // memory that it must not touch: locks that other threads held.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0);
    if pid == 0 {
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(child));
        // SAFETY: ends the child at once.
        unsafe { libc::_exit(if matches!(outcome, Ok(true)) { ALL_WELL } else { WRONG }) };
    }
    let start = Instant::now();
    let mut status = 0;
    // SAFETY: waits for the child made above.
    while unsafe { libc::waitpid(pid, &raw mut status, libc::WNOHANG) } == 0 {
        if start.elapsed() > TIMEOUT / 2 {
            // SAFETY: the child made above, which has not been waited for.
            unsafe { libc::kill(pid, libc::SIGKILL) };
            panic!("the child hangs");
        }
        thread::sleep(Duration::from_millis(1));
    }
    assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == ALL_WELL, "the child's status is {status:#x}");
}

fn alone(test: impl FnOnce()) {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    test();
}

/// A container of its own, made, used and shut down.
fn logs_by_itself(executor: fapilog::container::Executor) -> bool {
    let (sink, events) = memory();
    let container = Container::builder().executor(executor).sink("memory", sink).start().unwrap();
    let log = container.logger("child");
    (0..100).for_each(|number| info!(log, "from the child", number));
    let accounts = shut_down(&container);
    accounts.delivered_total() == 100 && events.lines().len() == 100
}

#[test]
fn a_child_lets_its_inherited_container_alone() {
    alone(|| {
        for executor in executors() {
            let (sink, events) = memory();
            let container = Container::builder().executor(executor).sink("memory", sink).start().unwrap();
            let log = container.logger("fork");
            info!(log, "before");
            forked(|| {
                info!(log, "in the child");
                info!(container.logger("another"), "in the child", shown = %"text");
                container.request_flush();
                container.accounts().lost.of(LossReason::Forked) == 2
                    && container.accounts().lost_by_level.of(fapilog::Level::Info) == 2
                    && container.flush(TIMEOUT) == Err(FlushError::Forked)
                    && matches!(container.rotate(TIMEOUT), Err(RotateError::Forked))
                    && matches!(container.rotate_sink("memory", TIMEOUT), Err(RotateError::Forked))
                    && matches!(pollster::block_on(container.rotate_async(TIMEOUT)), Err(RotateError::Forked))
                    && container.shutdown(TIMEOUT) == Err(ShutdownError::Forked)
                    && events.lines().len() <= 1
            });
            info!(log, "after");
            assert_eq!(shut_down(&container).delivered_total(), 2);
            let lines = events.lines();
            assert!(lines.len() == 2 && lines[0].contains("before") && lines[1].contains("after"), "{lines:?}");
        }
    });
}

#[test]
fn a_child_counts_calls_on_the_inherited_global_container_as_lost_and_may_set_its_own() {
    alone(|| {
        let (sink, events) = memory();
        let container = Container::builder().sink("memory", sink).start().unwrap();
        let mut global = Some(fapilog::set_global(container).unwrap());
        let log = fapilog::logger("inherited");
        info!("before");
        forked(|| {
            info!("in the child");
            let is_refused = global.as_ref().is_some_and(|logs| logs.accounts().lost.of(LossReason::Forked) == 1);
            drop(global.take());
            let (sink, events) = memory();
            let logs = fapilog::set_global(Container::builder().sink("memory", sink).start().unwrap()).unwrap();
            info!("in the child's own");
            info!(log, "by a logger that the child inherits");
            logs.flush(TIMEOUT).unwrap();
            is_refused && events.lines().len() == 2
        });
        info!("after");
        let logs = global.take().unwrap();
        logs.flush(TIMEOUT).unwrap();
        logs.accounts().check().unwrap();
        assert_eq!(events.lines().len(), 2);
    });
}

#[test]
fn a_child_can_drop_and_poll_a_wait_for_space_that_it_inherits() {
    fn is_ready(future: Pin<&mut impl Future<Output = ()>>) -> bool {
        future.poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }
    alone(|| {
        let builder = Container::builder().ring_capacity_bytes(16 * 1024).record_max_bytes(1024);
        let (container, mut drain, _events) = law::started_manual(builder.overflow(Overflow::DropNewest));
        let log = container.logger("fork");
        let fill = || {
            let lost = container.accounts().lost_total();
            while container.accounts().lost_total() == lost {
                info!(log, "filler");
            }
        };
        fill();
        let (is_over, waits) = (AtomicBool::new(false), AtomicU64::new(0));
        thread::scope(|scope| {
            // It holds the lock of those that wait again and again, and so perhaps at a fork.
            scope.spawn(|| {
                fill();
                while !is_over.load(Ordering::SeqCst) {
                    assert!(!is_ready(pin!(log.ready())));
                    waits.fetch_add(1, Ordering::SeqCst);
                }
            });
            for _ in 0..60 {
                let (mut polled, mut dropped) = (Box::pin(log.ready()), Box::pin(log.ready()));
                assert!(!is_ready(polled.as_mut()) && !is_ready(dropped.as_mut()));
                let seen = waits.load(Ordering::SeqCst);
                while waits.load(Ordering::SeqCst) == seen {
                    thread::yield_now();
                }
                forked(move || {
                    drop(dropped);
                    is_ready(polled.as_mut())
                });
            }
            is_over.store(true, Ordering::SeqCst);
        });
        law::end(&container, &mut drain);
    });
}

#[test]
fn a_child_can_drop_its_inherited_container_and_loggers() {
    alone(|| {
        for executor in executors() {
            let (sink, events) = memory();
            let container = Container::builder().executor(executor).sink("memory", sink).start().unwrap();
            let log = container.logger("fork");
            info!(log, "before");
            let mut parents = Some((container, log));
            forked(|| {
                // The child's copy of both. Draining it, or waiting for its drain, takes five seconds.
                let start = Instant::now();
                drop(parents.take());
                start.elapsed() < Duration::from_secs(4)
            });
            let (container, _log) = parents.take().unwrap();
            shut_down(&container);
            assert_eq!(only(&events)["message"], "before");
        }
    });
}

#[test]
fn a_child_can_log_into_a_container_of_its_own() {
    alone(|| {
        for executor in executors() {
            let (sink, _events) = memory();
            let container = Container::builder().executor(executor).sink("memory", sink).start().unwrap();
            info!(container.logger("fork"), "before");
            forked(|| logs_by_itself(executor));
            shut_down(&container);
        }
    });
}

#[test]
fn a_grandchild_can_as_well() {
    alone(|| {
        let (sink, _events) = memory();
        let container = law::thread_builder().sink("memory", sink).start().unwrap();
        info!(container.logger("fork"), "before");
        forked(|| {
            forked(|| logs_by_itself(fapilog::container::Executor::Thread));
            logs_by_itself(fapilog::container::Executor::Thread)
        });
        shut_down(&container);
    });
}

#[test]
fn a_child_of_a_thread_that_never_logged_can_log() {
    alone(|| {
        let (sink, _events) = memory();
        let container = law::thread_builder().sink("memory", sink).start().unwrap();
        let log = container.logger("fork");
        info!(log, "before");
        thread::spawn(move || {
            forked(|| {
                info!(log, "in the child");
                logs_by_itself(fapilog::container::Executor::Thread)
            });
        })
        .join()
        .unwrap();
        shut_down(&container);
    });
}

#[test]
fn a_manual_drain_does_nothing_in_a_child() {
    alone(|| {
        let (container, mut drain, events) = law::started_manual(Container::builder());
        info!(container.logger("fork"), "before");
        let mut parents = Some((container, drain));
        forked(|| {
            let (container, mut drain) = parents.take().unwrap();
            drain.run_until_idle();
            drop(container);
            drop(drain);
            events.lines().is_empty()
        });
        let container;
        (container, drain) = parents.take().unwrap();
        law::end(&container, &mut drain);
        assert_eq!(only(&events)["message"], "before");
    });
}

/// Reaches a call site for the first time.
fn log_from_a_new_call_site(log: &Logger) {
    let site: &'static CallSite = Box::leak(Box::new(CallSite::new(Level::Info, "new", "fork", "fork.rs", 1, &[])));
    log.log(Level::Info, site, End);
}

#[test]
fn a_fork_in_the_middle_of_other_threads_calls_leaves_the_child_able_to_log() {
    alone(|| {
        let (sink, _events) = memory();
        let overflow = Overflow::DropNewest;
        let container = law::thread_builder().overflow(overflow).sink("memory", sink).start().unwrap();
        let log = container.logger("fork");
        /// However the test ends, the threads do too.
        struct SetsOver<'a>(&'a AtomicBool);
        impl Drop for SetsOver<'_> {
            fn drop(&mut self) {
                self.0.store(true, Ordering::Relaxed);
            }
        }
        let (is_over, calls) = (AtomicBool::new(false), AtomicU64::new(0));
        thread::scope(|scope| {
            let _sets_over = SetsOver(&is_over);
            for _ in 0..2 {
                scope.spawn(|| {
                    while !is_over.load(Ordering::Relaxed) {
                        log_from_a_new_call_site(&log);
                        let _ = (container.logger("fork"), container.accounts());
                        calls.fetch_add(1, Ordering::Relaxed);
                        // Every call site is for ever: not too many of them.
                        thread::sleep(Duration::from_micros(20));
                    }
                });
            }
            law::until("the threads are at it", || calls.load(Ordering::Relaxed) > 100);
            for _ in 0..50 {
                forked(|| {
                    log_from_a_new_call_site(&log);
                    info!(container.logger("inherited"), "in the child");
                    let _ = (container.accounts(), container.diagnostics());
                    logs_by_itself(fapilog::container::Executor::Thread)
                });
            }
        });
        // The memory sink may be full by now; the law holds all the same.
        container.shutdown(TIMEOUT).unwrap().check().unwrap();
    });
}

/// Far longer than a fork takes, or a call that waits for nothing.
const HOLD: Duration = Duration::from_millis(300);

/// Waits until the flag is set, for [`HOLD`] at most.
fn wait_for(flag: &AtomicBool) {
    let start = Instant::now();
    while !flag.load(Ordering::Relaxed) && start.elapsed() < HOLD {
        thread::sleep(Duration::from_millis(1));
    }
}

/// Forks while another thread holds what `hold` holds until its argument returns: until the parent has forked, or, if the
/// fork waits for that thread as it must, for [`HOLD`].
#[track_caller]
fn forked_while_another_thread(hold: impl FnOnce(&dyn Fn()) + Send, child: impl FnOnce() -> bool) {
    let (is_held, has_forked) = (AtomicBool::new(false), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            hold(&|| {
                is_held.store(true, Ordering::Relaxed);
                wait_for(&has_forked);
            });
        });
        law::until("the other thread holds it", || is_held.load(Ordering::Relaxed));
        // However the fork ends, the other thread does too.
        forked(child);
        has_forked.store(true, Ordering::Relaxed);
    });
}

#[test]
fn a_child_that_is_forked_during_a_registration_can_register_call_sites() {
    alone(|| {
        let (container, _events) = law::started();
        let log = container.logger("fork");
        let registers = |wait: &dyn Fn()| {
            let _held = fapilog_record::call_site::hold_registry();
            wait();
        };
        forked_while_another_thread(registers, || {
            log_from_a_new_call_site(&log);
            logs_by_itself(fapilog::container::Executor::Thread)
        });
        shut_down(&container);
    });
}

#[test]
fn a_child_that_is_forked_during_undivided_work_can_have_its_own() {
    alone(|| {
        let (container, _events) = law::started();
        forked_while_another_thread(|wait| undivided(wait), || undivided(|| true));
        shut_down(&container);
    });
}

/// Whether another thread's `call` waits until no work is undivided, as a fork does: no child inherits a lock that is
/// taken only then.
fn waits_as_a_fork_does(call: impl FnOnce() + Send) -> bool {
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        undivided(|| {
            scope.spawn(|| {
                call();
                is_done.store(true, Ordering::Relaxed);
            });
            wait_for(&is_done);
            !is_done.load(Ordering::Relaxed)
        })
    })
}

#[test]
fn no_child_inherits_the_lock_of_the_global_container() {
    alone(|| {
        let container = || Container::builder().sink("memory", memory().0).start().unwrap();
        let global = fapilog::set_global(container()).unwrap();
        assert!(waits_as_a_fork_does(|| drop(fapilog::logger("looks it up"))), "a look-up");
        let second = container();
        assert!(waits_as_a_fork_does(|| drop(fapilog::set_global(second))), "a claim");
        assert!(waits_as_a_fork_does(|| drop(global)), "a change");
    });
}

#[test]
fn no_child_inherits_the_lock_of_the_panic_hook() {
    alone(|| {
        let (container, _events) = law::started();
        let log = container.logger("fork");
        let mut hook = None;
        assert!(waits_as_a_fork_does(|| hook = Some(panic_hook::install(&log, Options::new()))), "an installation");
        assert!(waits_as_a_fork_does(|| drop(hook.take())), "the way back");
        drop(log);
        shut_down(&container);
    });
}

#[test]
fn no_child_inherits_a_value_that_is_half_found_out() {
    alone(|| {
        // The first container of a process finds out what all of them use.
        let mut made = None;
        let makes = || made = Some(Container::builder().sink("memory", memory().0).start().unwrap());
        assert!(waits_as_a_fork_does(makes));
        shut_down(&made.take().unwrap());
    });
}

#[test]
fn a_child_does_not_wait_for_the_delivery_thread_of_its_parent() {
    struct Client(mpsc::Receiver<()>);

    impl BlockingDelivery for Client {
        fn deliver(&mut self, _: Payload) -> Result<(), SinkError> {
            self.0.recv_timeout(TIMEOUT).map_err(SinkError::permanent)
        }
    }

    fn poll(delivery: &mut Delivery) -> Poll<Result<(), SinkError>> {
        delivery.poll(&mut Context::from_waker(Waker::noop()))
    }

    alone(|| {
        let (release, is_released) = mpsc::channel();
        let thread = DeliveryThread::start("client", || Ok(Client(is_released))).unwrap();
        let pending = thread.deliver(Payload::new(1));
        let mut inherited = Some((thread, pending));
        forked(|| {
            let (thread, mut pending) = inherited.take().unwrap();
            let has_failed = |delivery: &mut Delivery| matches!(poll(delivery), Poll::Ready(Err(_)));
            has_failed(&mut pending)
                && has_failed(&mut thread.deliver(Payload::new(1)))
                && has_failed(&mut thread.flush())
        });
        let (_thread, mut pending) = inherited.take().unwrap();
        assert!(poll(&mut pending).is_pending());
        release.send(()).unwrap();
        law::until("the parent's payload is delivered", || matches!(poll(&mut pending), Poll::Ready(Ok(()))));
    });
}

#[cfg(feature = "settings")]
#[test]
fn a_child_that_is_forked_during_a_reload_does_not_wait_for_it() {
    use std::sync::Arc;

    use fapilog::{
        Settings,
        plugin::{Metadata, Registry},
    };

    alone(|| {
        let (is_reload, has_begun, may_end) =
            (Arc::<AtomicBool>::default(), Arc::<AtomicBool>::default(), Arc::<AtomicBool>::default());
        let mut registry = Registry::linked();
        let flags = (is_reload.clone(), has_begun.clone(), may_end.clone());
        let slow = move |_: &fapilog::plugin::PluginSettings<'_>| {
            has_begun.store(is_reload.load(Ordering::Relaxed), Ordering::Relaxed);
            while is_reload.load(Ordering::Relaxed) && !may_end.load(Ordering::Relaxed) {
                thread::sleep(Duration::from_millis(1));
            }
            Err(vec![fapilog::error::Problem::new("always", "any", "there is nothing to be had")])
        };
        registry.register_enricher(Metadata::new("slow", "1.0.0"), slow).unwrap();
        let settings = || Settings::builder().sinks(["null"]).enrichers([""; 0]).build().unwrap();
        let container = settings().into_builder_with(&registry).unwrap().start().unwrap();
        let (is_reload, has_begun, may_end) = flags;
        is_reload.store(true, Ordering::Relaxed);
        thread::scope(|scope| {
            let mut new = settings();
            new.enrichers = vec!["slow".to_owned()];
            scope.spawn(|| container.reload(new).unwrap_err());
            law::until("the reload has begun", || has_begun.load(Ordering::Relaxed));
            let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                forked(|| container.settings().is_none() && container.reload(settings()).is_err());
            }));
            may_end.store(true, Ordering::Relaxed);
            assert!(outcome.is_ok());
        });
    });
}

#[test]
fn calls_on_the_inherited_container_are_counted_when_the_child_has_its_own_too() {
    alone(|| {
        let (sink, _events) = memory();
        let container = Container::builder().sink("memory", sink).start().unwrap();
        let global = fapilog::set_global(container).unwrap();
        let log = global.logger("stays");
        forked(|| {
            info!(log, "in the child");
            let before = global.accounts().lost.of(LossReason::Forked);
            let (sink, _events) = memory();
            let _logs = fapilog::set_global(Container::builder().sink("memory", sink).start().unwrap()).unwrap();
            info!(log, "in the child, behind");
            let after = global.accounts().lost.of(LossReason::Forked);
            after == before + 1
        });
        drop(global);
    });
}

/// Each delivery takes so long.
#[derive(Clone)]
struct SlowSink(Duration);

impl SinkFactory for SlowSink {
    fn make(&self, _: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        Ok(Box::new(self.clone()))
    }
}

impl Sink for SlowSink {
    fn writer(&self) -> String {
        "none".to_owned()
    }
    fn payload(&mut self) -> Option<Payload> {
        Some(Payload::new(0))
    }
    fn encode(&mut self, _: &Batch<'_>, _: &mut Payload) -> Result<(), PluginError> {
        Ok(())
    }
    fn deliver(&mut self, _: Payload) -> Delivery {
        thread::sleep(self.0);
        Delivery::done(Ok(()))
    }
}

#[test]
fn a_child_of_a_fork_while_a_global_container_starts_may_set_its_own() {
    alone(|| {
        let started = |wait| Container::builder().sink("slow", SlowSink(wait)).start().unwrap();
        drop(fapilog::set_global(started(Duration::from_secs(1))).unwrap());
        info!("slow");
        let second = started(Duration::ZERO);
        thread::scope(|scope| {
            scope.spawn(move || fapilog::set_global(second).unwrap());
            while fapilog::container::global().is_some() {
                thread::yield_now();
            }
            forked(|| fapilog::set_global(started(Duration::ZERO)).is_ok());
        });
    });
}

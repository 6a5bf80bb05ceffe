//! A program whose allocator logs.
//!
//! A program of its own, because an allocator is a whole program's.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "all of this program is test code")]

mod law;

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    sync::{Arc, OnceLock, mpsc},
    thread,
};

use fapilog::{
    Container, Level, Logger,
    adapter::on_level_change,
    format, info,
    level::{Directives, LevelFilter},
    sink,
};

static LOG: OnceLock<Logger> = OnceLock::new();

thread_local! {
    /// The allocator is to log. It is not while it does: what logging allocates in turn would go on for ever.
    static LOGS: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work` on a thread whose allocations are logged, and fails if it does not end.
fn with_allocations_logged(work: impl FnOnce() + Send + 'static) {
    let (done, is_done) = mpsc::channel();
    thread::spawn(move || {
        LOGS.set(true);
        work();
        LOGS.set(false);
        let _ = done.send(());
    });
    is_done.recv_timeout(law::TIMEOUT).expect("a thread waits for itself");
}

struct Logging;

fn log_piece(bytes: usize) {
    let Some(log) = LOG.get() else { return };
    if !LOGS.replace(false) {
        return;
    }
    // Reached first in the midst of whatever allocates first.
    info!(log, "a piece", bytes = %bytes);
    info!("a piece", bytes = %bytes);
    LOGS.set(true);
}

// SAFETY: everything is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Logging {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        log_piece(layout.size());
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        log_piece(layout.size());
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Logging = Logging;

#[test]
fn an_allocator_may_log_whatever_the_library_is_doing() {
    let (container, events) = law::started();
    let container = Arc::new(container);
    let log = container.logger("program");
    // The thread's lane is open before its allocator logs, so that the first piece is one of a registration.
    LOG.set(container.logger("allocator")).unwrap();

    let registering = log.clone();
    with_allocations_logged(move || {
        LOGS.set(false);
        info!(registering, "opens the lane");
        LOGS.set(true);
        info!(registering, "registers its call site");
    });
    let rendering = log.clone();
    with_allocations_logged(move || {
        (1..100_usize)
            .for_each(|round| info!(rendering, "rendered", long = %format_args!("{:>1$}", round, 100 * round)));
    });
    let changing = Arc::clone(&container);
    with_allocations_logged(move || {
        for round in 0..100 {
            let target = format!("target{round}");
            changing.set_level(Directives::new(Level::Info).target(target, LevelFilter::Off));
        }
    });
    with_allocations_logged(|| {
        for _ in 0..10 {
            let _watches = [(); 3].map(|()| on_level_change(|| {}));
            let (sink, events) = sink::Memory::new(format::Json::new);
            let logs = fapilog::set_global(Container::builder().sink("memory", sink).start().unwrap()).unwrap();
            info!(fapilog::logger("program"), "logged");
            logs.flush(law::TIMEOUT).unwrap();
            assert!(events.lines().iter().any(|line| line.contains("a piece")));
        }
    });

    law::shut_down(&container);
    let messages = law::messages(&events);
    for message in ["registers its call site", "rendered", "a piece"] {
        assert!(messages.iter().any(|known| known == message), "{message}");
    }
}

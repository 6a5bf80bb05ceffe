//! A signal handler that logs, which is forbidden, harms no other event.
//!
//! The processor's trap flag raises SIGTRAP behind every instruction. So the handler interrupts a log call at each of its
//! instructions, in every run of the test alike.
#![allow(clippy::unwrap_used, clippy::panic, reason = "all of this program is test code")]
#![cfg(target_arch = "x86_64")]

mod law;

use std::{
    arch::asm,
    sync::{
        OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use fapilog::{Logger, error, info, metrics::LossReason};
use law::{shut_down, started};

static LOG: OnceLock<Logger> = OnceLock::new();
static HANDLED: AtomicU64 = AtomicU64::new(0);
/// Whether the handler waits behind its log call until the drain sleeps, as a rule.
static WAITS: AtomicBool = AtomicBool::new(false);

extern "C" fn log_in_a_handler(_signal: libc::c_int) {
    if let Some(log) = LOG.get() {
        // An event of ERROR rings the doorbell in any sleep of the drain.
        error!(log, "in a handler");
    }
    if WAITS.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_micros(100));
    }
    HANDLED.fetch_add(1, Ordering::Relaxed);
}

/// Runs `work`, with the handler called behind each of its instructions.
fn interrupted_at_each_instruction(work: impl FnOnce()) {
    let handler = log_in_a_handler as extern "C" fn(libc::c_int);
    // SAFETY: the handler has the signature that the call asks for. It allocates nothing: the thread has its ring by then.
    let before = unsafe { libc::signal(libc::SIGTRAP, handler as libc::sighandler_t) };
    assert_ne!(before, libc::SIG_ERR);
    // SAFETY: sets the trap flag and no other. The signal that it raises has a handler.
    unsafe { asm!("pushfq", "or qword ptr [rsp], 0x100", "popfq") };
    work();
    // SAFETY: clears the trap flag and no other.
    unsafe { asm!("pushfq", "and qword ptr [rsp], -0x101", "popfq") };
}

#[test]
fn a_handler_that_interrupts_a_log_call_harms_no_other_event() {
    let (container, events) = started();
    let log = LOG.get_or_init(|| container.logger("signals"));
    let with_field = log.with([("user", "ada".into())]);
    info!(log, "the thread has its ring");
    interrupted_at_each_instruction(|| info!(log, "of the thread", number = 1));
    interrupted_at_each_instruction(|| info!(with_field, "of the thread", text = "by the slow path"));
    // The drain sleeps, and each of the calls rings.
    WAITS.store(true, Ordering::Relaxed);
    interrupted_at_each_instruction(|| error!(log, "of the thread", number = 2));
    interrupted_at_each_instruction(|| error!(with_field, "of the thread", number = 3));
    info!(log, "of the thread", number = 4);
    shut_down(&container);
    let interrupted = container.accounts().lost.of(LossReason::SignalHandler);
    assert_eq!(container.accounts().lost_of_unknown_level(), 0);
    let delivered = |text| events.lines().iter().filter(|line| line.contains(text)).count() as u64;
    assert_eq!(delivered("the thread"), 6, "{:?}", container.accounts());
    assert!(interrupted > 0, "no call was interrupted while it held a ring");
    let handled = HANDLED.load(Ordering::Relaxed);
    assert_eq!(delivered("in a handler") + interrupted, handled, "{:?}", container.accounts());
}

//! Allocations: none in a log call with values that are redacted, none on the drain by processors that find nothing wrong.
#![allow(clippy::unwrap_used, reason = "all of this program is test code")]

mod law;

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

use fapilog::{
    Container, Logger, audit,
    container::ManualDrain,
    event::Value,
    format, info,
    privacy::{Pii, Secret, set_pseudonym_key},
    process::{AuditSchema, DangerousContent},
    sink,
};
use law::{end, until};

thread_local! {
    /// Allocations of this thread. Neither allocates nor has a destructor.
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: everything is passed on to the system's allocator as it came. The other methods call these two.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = ALLOCATIONS.try_with(|allocations| allocations.set(allocations.get() + 1));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// The number of this thread's allocations while it runs `work`.
fn allocations_in(work: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.with(Cell::get);
    work();
    ALLOCATIONS.with(Cell::get) - before
}

#[derive(Value)]
struct Login {
    user: Pii<String>,
    password: Secret<String>,
}

fn log_redacted(log: &Logger, login: &Login) {
    let password = &login.password;
    info!(log, "login", password, some = Some(password), list = [password, password], token = ~login, login);
    let user = &login.user;
    info!(log, "login of {user}", user, maybe = Some(user), ip = Pii::new(std::net::Ipv4Addr::LOCALHOST));
}

#[test]
fn a_call_with_redacted_values_allocates_nothing() {
    let (logs, mut drain) =
        Container::builder().sink("null", sink::Null::new(format::Json::new)).start_manual().unwrap();
    let log = logs.logger("test");
    let login = Login { user: Pii::new("ada".to_owned()), password: Secret::new("swordfish".to_owned()) };
    set_pseudonym_key("k1", b"a key of 16 bytes or more").unwrap();
    assert_eq!(allocations_in(|| drop(std::hint::black_box(vec![1]))), 1);
    log_redacted(&log, &login);
    assert_eq!(allocations_in(|| (0..100).for_each(|_| log_redacted(&log, &login))), 0);
    end(&logs, &mut drain);
}

/// The number of the drain's allocations while all that `log` logs in these rounds is delivered.
fn allocations_on_the_drain(container: &Container, drain: &mut ManualDrain, rounds: u64, log: impl Fn(u64)) -> u64 {
    let mut allocations = 0;
    for round in 0..rounds {
        log(round);
        allocations += allocations_in(|| drain.run_until_idle());
    }
    container.request_flush();
    until("everything is delivered", || {
        allocations += allocations_in(|| drain.run_until_idle());
        container.accounts().pending_total() == 0
    });
    allocations
}

#[test]
fn processors_that_find_nothing_wrong_allocate_nothing_per_event() {
    let (logs, mut drain) = Container::builder()
        .processor(|_| Box::new(AuditSchema::new()))
        .processor(|_| Box::new(DangerousContent::reject()))
        .sink("null", sink::Null::new(format::Json::new))
        .start_manual()
        .unwrap();
    let log = logs.logger("test");
    let calls = |number| {
        audit!(
            log,
            "order {number} cancelled",
            number,
            who = "ada",
            outcome = "success",
            origin = "web",
            object = number
        );
        info!(log, "no audit event", number, list = ["a", "b"], password = ~number);
    };
    allocations_on_the_drain(&logs, &mut drain, 200, calls);
    assert_eq!(allocations_on_the_drain(&logs, &mut drain, 200, calls), 0);
    end(&logs, &mut drain);
}

//! How do I test what my program logs?
//!
//! More is in `docs/testing.md`. `cargo test -p fapilog --example test_what_is_logged` runs the tests; as a program it has
//! nothing to do.

use fapilog::{Logger, error, info};

/// Code that is to be tested takes its logger as an argument.
fn place(log: &Logger, order_id: u64, quantity: i64) {
    if quantity > 0 {
        info!(log, "order placed", order_id, quantity, tags.region = "eu");
    } else {
        error!(log, "order rejected", order_id, quantity);
    }
}

fn main() -> Result<(), fapilog::Error> {
    let logs = fapilog::init()?;
    place(&logs.logger("orders"), 42, 10);
    Ok(())
}

// Each test has a log of its own, so they may run side by side. Logged events are kept, and are there at once.
#[cfg(test)]
fapilog::log_tests! {
    fn an_order_is_placed_with_its_region(test) {
        place(test.log(), 42, 10);
        fapilog::assert_logged!(test, level: Info, message: "order placed", order_id = 42, tags.region = "eu");
        fapilog::assert_not_logged!(test, level: Error);
    }

    fn an_order_of_nothing_is_an_error(test) {
        place(test.log(), 43, 0);
        let event = fapilog::assert_logged!(test, level: Error, order_id = 43);
        assert_eq!(event.message, "order rejected");
    }

    fn what_is_spawned_keeps_the_correlation_id(test) {
        test.assert_correlated(|| {
            let log = test.log().clone();
            let work = fapilog::Scope::current().wrap(move || place(&log, 44, 1));
            assert!(std::thread::spawn(work).join().is_ok());
        });
    }
}

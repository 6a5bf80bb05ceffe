//! Three numbers.

use fapilog::{Logger, info};

use super::{ExpectedLine, Workload, expected::opening};

pub(crate) struct Primitives;

/// From 100.0 in steps of a quarter, so that its text is known without an algorithm.
#[inline(always)]
fn price(n: u64) -> f64 {
    100.0 + (n % 4096) as f64 * 0.25
}

impl Workload for Primitives {
    #[inline(always)]
    fn log(log: &Logger, producer: u32, n: u64) {
        info!(log, "order filled", producer, n, price = price(n));
    }

    fn expect(line: &mut ExpectedLine, n: u64) {
        line.start(opening!("INFO", 3, "SYSTEM"), "\"order filled\"");
        line.context(n);
        line.raw(",\"price\":");
        line.eighths(800 + n % 4096 * 2);
        line.end_context();
        line.end();
    }
}

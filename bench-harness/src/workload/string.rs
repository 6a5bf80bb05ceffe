//! Two numbers and a text of 52 bytes.

use fapilog::{Logger, info};

use super::{ExpectedLine, Workload, expected::opening};

pub(crate) struct Text;

const PATHS: [&str; 4] = [
    "/api/v2/accounts/0017/orders?status=open&limit=00050",
    "/api/v2/accounts/0423/orders?status=done&limit=00100",
    "/api/v2/accounts/7781/trades?since=2026-01-31T23:59Z",
    "/api/v2/instruments/XNAS/quotes?depth=10&format=full",
];

#[inline(always)]
fn path(n: u64) -> &'static str {
    let [a, b, c, d] = PATHS;
    match n % 4 {
        0 => a,
        1 => b,
        2 => c,
        _ => d,
    }
}

impl Workload for Text {
    #[inline(always)]
    fn log(log: &Logger, producer: u32, n: u64) {
        info!(log, "request served", producer, n, path = path(n));
    }

    fn expect(line: &mut ExpectedLine, n: u64) {
        line.start(opening!("INFO", 3, "SYSTEM"), "\"request served\"");
        line.context(n);
        line.raw(",\"path\":\"");
        line.raw(path(n));
        line.raw("\"");
        line.end_context();
        line.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_52_bytes_long() {
        assert!(PATHS.iter().all(|path| path.len() == 52));
    }
}

//! Eight kinds of calls in turn, with every kind of value; one event in 512 is an AUDIT, one an ERROR.

use std::{error::Error, fmt, net::Ipv4Addr, time::Duration};

use fapilog::{Logger, audit, error, info, warn};

use super::{ExpectedLine, Workload, expected::opening};

pub(crate) struct Mixed;

/// The kind of call that logs event `n`.
#[derive(Debug, Clone, Copy)]
enum MixedCall {
    Trade,
    Wide,
    Optional,
    Displayed,
    Spelt,
    Listed,
    Bytes,
    Odd,
    Audit,
    Error,
}

impl MixedCall {
    #[inline(always)]
    fn of(n: u64) -> Self {
        match (n % 512, n % 8) {
            (255, _) => Self::Audit,
            (511, _) => Self::Error,
            (_, 0) => Self::Trade,
            (_, 1) => Self::Wide,
            (_, 2) => Self::Optional,
            (_, 3) => Self::Displayed,
            (_, 4) => Self::Spelt,
            (_, 5) => Self::Listed,
            (_, 6) => Self::Bytes,
            _ => Self::Odd,
        }
    }
}

/// Logged by its `Display` and its `Debug`.
#[derive(Debug, Clone, Copy)]
struct Order(u64);

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "order #{}", self.0)
    }
}

/// An error with a source.
#[derive(Debug)]
struct OrderRefused(Order);

impl fmt::Display for OrderRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("refused")
    }
}

impl Error for OrderRefused {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

impl Error for Order {}

/// Quotes, a backslash, a line's end, a tab, an escape character, letters of two, three and four bytes, and a tag.
const TEXT: &str = "ask \"hi\\\"\n\tto \u{1b}[1mGrüße, 世界 🙂 <b>";
const TEXT_JSON: &str = "\"ask \\\"hi\\\\\\\"\\n\\tto \\u001b[1mGrüße, 世界 🙂 \\u003cb>\"";

/// Not UTF-8, with a backslash.
const BYTES: &[u8] = b"caf\xe9 \\ ok";
const BYTES_JSON: &str = "\"caf\\\\xe9 \\\\\\\\ ok\"";

const WIDE: i128 = -170_141_183_460_469_231_731_687_303_715_884_105_728;

impl Workload for Mixed {
    #[inline(always)]
    fn log(log: &Logger, producer: u32, n: u64) {
        match MixedCall::of(n) {
            MixedCall::Trade => {
                let price = (n % 4096) as f64 * 0.125;
                info!(log, "trade", producer, n, price, tags.venue = "XNAS", metrics.latency_us = n % 1000);
            }
            MixedCall::Wide => info!(log, "wide numbers", producer, n, low = WIDE, high = u128::MAX, small = -1_i8),
            MixedCall::Optional => {
                let even = (n % 16 == 2).then_some(n);
                info!(log, "perhaps", producer, n, even, none = None::<u32>, is_set = n % 16 == 2);
            }
            MixedCall::Displayed => warn!(log, %Order(n), producer, n, shown = %Order(n), debug = ?Order(n)),
            MixedCall::Spelt => info!(log, TEXT, producer, n, letter = 'ß', tags."a key" = TEXT),
            MixedCall::Listed => {
                let peer = Ipv4Addr::new(10, 0, 0, 7);
                info!(log, "lists", producer, n, sizes = [1_u32, 2, 3], names = ["a", "b"], peer);
            }
            MixedCall::Bytes => info!(log, BYTES, producer, n, raw = BYTES),
            MixedCall::Odd => {
                let waited = Duration::from_millis(n % 1000);
                info!(log, "odd numbers", producer, n, metrics.rate = f64::NAN, metrics.half = 0.5_f32, waited);
            }
            MixedCall::Audit => audit!(log, "limit changed", producer, n, tags.user = "operator"),
            MixedCall::Error => error!(log, "no fill", producer, n, error = #OrderRefused(Order(n))),
        }
    }

    fn expect(line: &mut ExpectedLine, n: u64) {
        const INFO: &str = opening!("INFO", 3, "SYSTEM");
        match MixedCall::of(n) {
            MixedCall::Trade => expect_trade(line, INFO, n),
            MixedCall::Wide => {
                line.start(INFO, "\"wide numbers\"");
                line.context(n);
                line.raw(",\"low\":-170141183460469231731687303715884105728");
                line.raw(",\"high\":340282366920938463463374607431768211455,\"small\":-1");
                line.end_context();
            }
            MixedCall::Optional => expect_optional(line, INFO, n),
            MixedCall::Displayed => expect_displayed(line, n),
            MixedCall::Spelt => {
                line.start(INFO, TEXT_JSON);
                line.context(n);
                line.raw(",\"letter\":\"ß\"");
                line.end_context();
                line.raw(",\"tags\":{\"a key\":");
                line.raw(TEXT_JSON);
                line.raw("}");
            }
            MixedCall::Listed => {
                line.start(INFO, "\"lists\"");
                line.context(n);
                line.raw(",\"sizes\":[1,2,3],\"names\":[\"a\",\"b\"],\"peer\":\"10.0.0.7\"");
                line.end_context();
            }
            MixedCall::Bytes => {
                line.start(INFO, BYTES_JSON);
                line.context(n);
                line.raw(",\"raw\":");
                line.raw(BYTES_JSON);
                line.end_context();
                line.raw(",\"not_utf8\":[\"message\",\"context.raw\"]");
            }
            MixedCall::Odd => expect_odd(line, INFO, n),
            MixedCall::Audit => {
                line.start(opening!("AUDIT", 8, "COMPLIANCE"), "\"limit changed\"");
                line.context(n);
                line.end_context();
                line.raw(",\"tags\":{\"user\":\"operator\"}");
            }
            MixedCall::Error => {
                line.start(opening!("ERROR", 7, "ERROR"), "\"no fill\"");
                line.context(n);
                line.raw(",\"error\":\"refused: order #");
                line.number(n);
                line.raw("\"");
                line.end_context();
            }
        }
        line.end();
    }
}

fn expect_trade(line: &mut ExpectedLine, opening: &str, n: u64) {
    line.start(opening, "\"trade\"");
    line.context(n);
    line.raw(",\"price\":");
    line.eighths(n % 4096);
    line.end_context();
    line.raw(",\"tags\":{\"venue\":\"XNAS\"},\"metrics\":{\"latency_us\":");
    line.number(n % 1000);
    line.raw("}");
}

fn expect_optional(line: &mut ExpectedLine, opening: &str, n: u64) {
    line.start(opening, "\"perhaps\"");
    line.context(n);
    line.raw(",\"even\":");
    if n % 16 == 2 {
        line.number(n);
        line.raw(",\"none\":null,\"is_set\":true");
    } else {
        line.raw("null,\"none\":null,\"is_set\":false");
    }
    line.end_context();
}

fn expect_displayed(line: &mut ExpectedLine, n: u64) {
    let text = format!("\"order #{n}\"");
    line.start(opening!("WARNING", 5, "SYSTEM"), &text);
    line.context(n);
    line.raw(",\"shown\":");
    line.raw(&text);
    line.raw(&format!(",\"debug\":\"Order({n})\""));
    line.end_context();
}

fn expect_odd(line: &mut ExpectedLine, opening: &str, n: u64) {
    line.start(opening, "\"odd numbers\"");
    line.context(n);
    let millis = format!("{}.{:03}", n % 1000 / 1000, n % 1000);
    let seconds = millis.trim_end_matches('0').trim_end_matches('.');
    line.raw(",\"waited\":");
    line.raw(seconds);
    line.end_context();
    line.raw(",\"metrics\":{\"rate\":\"NaN\",\"half\":0.5}");
}

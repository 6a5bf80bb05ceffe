//! How do I write a redactor? This one leaves the last four digits of a card's number, wherever it was logged.
//!
//! A redactor is a processor that is added by `redactor`. It runs behind all others, and it fails closed: an event that
//! it has not seen, because it panicked, returned an error or is disabled, goes nowhere, and is counted as lost.
//!
//! The contract is in `docs/writing-a-plugin.md`.
//!
//! `cargo run -p fapilog --example custom_redactor`

use std::{error::Error, time::Duration};

use fapilog::{
    Container,
    event::{Batch, FieldRef, ValueRef},
    format, info,
    metrics::LossReason,
    plugin::PluginError,
    process::Processor,
    sink,
};

/// How long a card's number is, in digits (ISO/IEC 7812-1).
const CARD_DIGITS: std::ops::RangeInclusive<usize> = 13..=19;

/// How many of them may be seen.
const SHOWN_DIGITS: usize = 4;

struct CardNumbers;

impl Processor for CardNumbers {
    fn name(&self) -> &'static str {
        "card_numbers"
    }

    fn process(&mut self, batch: &mut Batch<'_>) -> Result<(), PluginError> {
        let arena = batch.arena();
        // A new value must live as long as the batch.
        let masked = |value: ValueRef<'_>| masked(value).map(|text| ValueRef::Text(arena.alloc_str(&text)));
        for event in batch.events_mut() {
            // The message is no field. It may have been made at run time.
            if let Some(text) = masked(event.message()) {
                event.set_message(text);
            }
            // Making all fields anew costs more than looking at them: only where one has to go.
            if event.fields().any(|field| may_hold_card(field.value)) {
                event.rewrite_fields(|field| {
                    Some(FieldRef { value: masked(field.value).unwrap_or(field.value), ..field })
                });
            }
        }
        Ok(())
    }
}

fn may_hold_card(value: ValueRef<'_>) -> bool {
    masked(value).is_some()
}

/// The value without what must not be seen; `None` if it may stay as it is. A value that is not understood does not stay.
fn masked(value: ValueRef<'_>) -> Option<String> {
    match value {
        ValueRef::Text(text) => masked_text(text),
        ValueRef::Bytes(bytes) => masked_text(&String::from_utf8_lossy(bytes)),
        ValueRef::U64(number) => masked_text(&number.to_string()),
        ValueRef::I64(number) => masked_text(&number.to_string()),
        ValueRef::I128(number) => masked_text(&number.to_string()),
        ValueRef::U128(number) => masked_text(&number.to_string()),
        // A list with such a number in it goes as a whole.
        ValueRef::Sequence(list) => list.iter().any(|element| masked(element).is_some()).then(|| "***".to_owned()),
        // So does a map, whose keys may be numbers too.
        ValueRef::Map(map) => {
            let has_card = map.iter().any(|(key, value)| masked_text(key).is_some() || masked(value).is_some());
            has_card.then(|| "***".to_owned())
        }
        // None of these can be a card's number.
        ValueRef::None
        | ValueRef::Bool(_)
        | ValueRef::Char(_)
        | ValueRef::F32(_)
        | ValueRef::F64(_)
        | ValueRef::Duration(_)
        | ValueRef::Time { .. }
        | ValueRef::Ip(_)
        | ValueRef::Socket(_)
        | ValueRef::Uuid(_) => None,
        // There may be more kinds of values one day.
        _ => Some("***".to_owned()),
    }
}

/// The text with `*` for all but the last digits of each run of digits that is as long as a card's number.
fn masked_text(text: &str) -> Option<String> {
    let is_digit = |c: char| c.is_ascii_digit();
    let runs = || text.split(|c| !is_digit(c));
    if !runs().any(|run| CARD_DIGITS.contains(&run.len())) {
        return None;
    }
    let mut masked = text.to_owned();
    let mut from = 0;
    for run in runs() {
        let to = from + run.len();
        if CARD_DIGITS.contains(&run.len()) {
            let hidden = from..to - SHOWN_DIGITS;
            masked.replace_range(hidden.clone(), &"*".repeat(hidden.len()));
        }
        // Behind the character that ended the run.
        from = to + text.get(to..).and_then(|tail| tail.chars().next()).map_or(0, char::len_utf8);
    }
    Some(masked)
}

#[cfg_attr(test, test)]
fn main() -> Result<(), Box<dyn Error>> {
    let (sink, events) = sink::Memory::new(format::Json::new);
    let logs = Container::builder().redactor(|_shard| Box::new(CardNumbers)).sink("memory", sink).start()?;
    let log = logs.logger("payments");
    let message = format!("charged card {}", 4_111_111_111_111_111_u64);
    info!(log, message, card = "4111111111111111", cards = ["5500005555555559"], order_id = 42);
    let accounts = logs.shutdown(Duration::from_secs(5))?;
    accounts.check()?;

    let lines = events.lines().concat();
    let expected = r#""message":"charged card ************1111","context":{"card":"************1111","cards":"***","order_id":42}"#;
    assert!(lines.contains(expected), "{lines}");
    assert_eq!(accounts.lost.of(LossReason::RedactorFailed), 0);
    Ok(())
}

//! Values with control characters, in every place that an event has for them.

mod control_text;
mod keys;
mod long;
mod messages;
mod values;

use fapilog::Container;

use self::{
    control_text::{control_texts, everywhere},
    keys::{clashing_keys, one_key_several_times},
    long::long,
    messages::{dangerous_messages, literals, messages_that_are_no_text},
    values::{levels, not_utf8, numbers, other_values, sequences},
};
use crate::logged::Logged;

/// Logs everything, and returns a list of it.
pub(crate) fn log_all(container: &Container) -> Vec<Logged> {
    let log = container.logger(crate::logged::SOURCE);
    let mut all = Vec::new();
    levels(&log, &mut all);
    numbers(&log, &mut all);
    other_values(&log, &mut all);
    sequences(&log, &mut all);
    not_utf8(&log, &mut all);
    literals(&log, &mut all);
    control_texts().iter().for_each(|control| everywhere(container, &log, control, &mut all));
    clashing_keys(&log, &mut all);
    one_key_several_times(&log, &mut all);
    messages_that_are_no_text(&log, &mut all);
    dangerous_messages(&log, &mut all);
    long(container, &log, &mut all);
    all
}

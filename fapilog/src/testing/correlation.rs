//! The check that events have the correlation id they should.

use std::fmt::Write;

use super::LoggedEvent;

/// The report, if there is one: events of the program that do not have `id`, or that there is no event at all.
///
/// Internal events belong to no request.
pub(super) fn report_strays(id: &str, events: &[LoggedEvent]) -> Option<String> {
    let logged: Vec<_> = events.iter().filter(|event| !event.is_of_the_library()).collect();
    if logged.is_empty() {
        return Some(format!(
            "nothing was logged, so no event has the correlation id {id:?}
        "
        ));
    }
    let strays: Vec<_> = logged.iter().filter(|event| event.correlation_id.as_deref() != Some(id)).collect();
    if strays.is_empty() {
        return None;
    }
    let mut report = format!(
        "{} of {} events do not have the correlation id {id:?}
    ",
        strays.len(),
        logged.len()
    );
    for stray in strays {
        let _ = writeln!(report, "    {stray}");
    }
    report.push_str("a thread takes its scope along by `Scope::current().wrap(..)`, a task by `in_current_scope()`\n");
    Some(report)
}

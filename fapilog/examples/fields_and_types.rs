//! Which values can be logged, and how do they come out?
//!
//! `cargo run -p fapilog --example fields_and_types`

#![expect(clippy::print_stdout, reason = "an example shows what came out")]

use std::{
    error::Error,
    net::Ipv4Addr,
    time::{Duration, SystemTime},
};

use fapilog::{
    Container, Level, Logger, event,
    event::{Category, DynamicEvent, FieldGroup, ValueRef},
    format, info, sink,
};

#[cfg_attr(test, test)]
fn main() -> Result<(), Box<dyn Error>> {
    let (sink, events) = sink::Memory::new(format::Json::new);
    let logs = Container::builder().sink("memory", sink).start()?;
    let log = logs.logger("types");

    values(&log);
    texts(&log)?;
    groups(&log);
    known_at_run_time_only(&log);

    logs.shutdown(Duration::from_secs(5))?.check()?;
    let lines = events.lines();
    lines.iter().for_each(|line| println!("{line}"));
    assert_eq!(lines.len(), 15);
    Ok(())
}

/// Types that a field may have. The thread that logs formats nothing: it copies bytes.
fn values(log: &Logger) {
    info!(log, "numbers", small = -1_i8, large = u128::MAX, price = 101.25, not_a_number = f64::NAN);
    info!(log, "others", is_open = true, grade = 'A', name = "venue", owned = String::from("text"));
    info!(log, "times", took = Duration::from_micros(1500), at = SystemTime::UNIX_EPOCH);
    info!(log, "addresses", peer = Ipv4Addr::LOCALHOST);
    info!(log, "perhaps", found = Some(3), missing = None::<u32>);
    info!(log, "several", sizes = [1, 2, 3], names = vec!["a", "b"]);
    // Bytes are text in an unknown encoding. Bytes that are no UTF-8 are marked.
    info!(log, "bytes", header = b"GET /\xff".as_slice());
}

/// Values logged by their text, which is made by the thread that logs.
fn texts(log: &Logger) -> Result<(), Box<dyn Error>> {
    let version: semver::Version = semver::Version { major: 1, minor: 2 };
    info!(log, "by Display and by Debug", shown = %version, debugged = ?version);
    // A lone variable stands for itself, and may be marked too.
    let order_id = 42;
    info!(log, "by name", order_id, %version);
    // An error comes with its sources.
    let Err(error) = "x".parse::<f64>() else { return Err("not reached".into()) };
    let error = semver::Invalid { source: error };
    info!(log, "with sources", #error);
    // The message may be made at run time, too.
    info!(log, %format_args!("order {order_id} filled"));
    Ok(())
}

/// A bare key goes to the event's context. Tags are to search by, metrics to add up.
fn groups(log: &Logger) {
    info!(log, "order filled", order_id = 42, tags.venue = "XNAS", metrics.latency_ms = 3.2);
    info!(log, "any key", "http.status_code" = 200, tags."k8s.pod" = "web-1");
    // The level as an argument: a constant.
    event!(Level::Audit, log, "user added", user = "kim");
}

/// For adapters: names and types that are not known when the program is compiled.
fn known_at_run_time_only(log: &Logger) {
    let row = [("id", ValueRef::U64(1)), ("name", ValueRef::Text("order"))];
    let event = DynamicEvent::new(Level::Info, "adapter::rows", "a row came in").category(Category::Business);
    let event = row.into_iter().fold(event, |event, (name, value)| event.field(FieldGroup::Context, name, value));
    log.log_dynamic(&event);
}

/// Stands for any type with a `Display`.
mod semver {
    use std::{error::Error, fmt, num::ParseFloatError};

    #[derive(Debug)]
    pub(crate) struct Version {
        pub(crate) major: u32,
        pub(crate) minor: u32,
    }

    impl fmt::Display for Version {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "{}.{}", self.major, self.minor)
        }
    }

    #[derive(Debug)]
    pub(crate) struct Invalid {
        pub(crate) source: ParseFloatError,
    }

    impl fmt::Display for Invalid {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("not a version")
        }
    }

    impl Error for Invalid {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.source)
        }
    }
}

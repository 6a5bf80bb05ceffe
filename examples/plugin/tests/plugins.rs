//! How a plugin is tested: in a container, as it will be used. `start_manual` has no thread of its own, so that nothing has
//! to be waited for.
#![expect(clippy::unwrap_used, reason = "all of this program is test code")]

use std::{
    collections::BTreeMap,
    num::NonZeroU64,
    time::{Duration, Instant},
};

use example_plugin::{ChannelSink, HostName, MaskedKeys, OneIn, TabSeparated};
use fapilog::{
    Container, Logger,
    container::{ContainerBuilder, Overflow},
    error, info,
    metrics::{Accounts, LossReason},
    sink,
};

const TIMEOUT: Duration = Duration::from_secs(10);

/// Logs in a container with these plugins. Returns the lines, and what became of all events.
fn logged(builder: ContainerBuilder, log: impl FnOnce(&Logger)) -> (Vec<String>, Accounts) {
    let (sink, events) = sink::Memory::new(TabSeparated::new);
    let (container, mut drain) = builder.sink("memory", sink).start_manual().unwrap();
    log(&container.logger("test"));
    container.request_shutdown(Instant::now() + TIMEOUT);
    while !drain.has_ended() {
        drain.turn();
    }
    let accounts = container.accounts();
    accounts.check().unwrap();
    (events.lines(), accounts)
}

#[test]
fn each_event_names_its_host_and_a_users_own_host_stays() {
    let builder = Container::builder().enricher(|_| Box::new(HostName::new("web-1")));
    let (lines, _) = logged(builder, |log| {
        info!(log, "plain");
        info!(log, "own", host = "mine");
    });
    assert_eq!(lines, ["INFO\ttest\tplain\thost=web-1", "INFO\ttest\town\thost=mine"]);
}

#[test]
fn one_in_so_many_events_passes_and_errors_always_do() {
    let builder = Container::builder().processor(|_| Box::new(OneIn::new(NonZeroU64::new(10).unwrap())));
    let (lines, accounts) = logged(builder, |log| {
        (0..25).for_each(|n| info!(log, "often", n));
        error!(log, "rare");
    });
    assert_eq!(lines.len(), 4);
    assert_eq!(lines[3], "ERROR\ttest\trare");
    assert_eq!(accounts.filtered, [("one_in".to_owned(), 22)]);
}

#[test]
fn masked_keys_are_masked_in_every_part_and_nothing_else_is() {
    let builder = Container::builder().redactor(|_| Box::new(MaskedKeys::new(["password"])));
    let (lines, _) =
        logged(builder, |log| info!(log, "login", user = "kim", Password = 7, tags.password = "swordfish"));
    assert_eq!(lines, ["INFO\ttest\tlogin\tuser=kim\tPassword=<masked>\tpassword=<masked>"]);
}

#[test]
fn a_map_with_a_masked_key_is_masked_as_a_whole() {
    let builder = Container::builder().redactor(|_| Box::new(MaskedKeys::new(["password"])));
    let (secret, open) = (BTreeMap::from([("password", 1)]), BTreeMap::from([("user", 1)]));
    let (lines, _) = logged(builder, |log| info!(log, "login", secret, nested = [(1, &secret)], open));
    assert_eq!(lines, ["INFO\ttest\tlogin\tsecret=<masked>\tnested=<masked>\topen={user: 1}"]);
}

#[test]
fn whatever_is_logged_is_one_line() {
    let (lines, _) = logged(Container::builder(), |log| info!(log, "forged\nERROR\troot\t\u{1b}[2J", "a\tb" = "\\n"));
    assert_eq!(lines, [r"INFO	test	forged\nERROR\troot\t\u{1b}[2J	a\tb=\\n"]);
}

#[test]
fn a_channel_that_is_full_is_waited_for() {
    let (sink, receiver) = ChannelSink::new(1, TabSeparated::new);
    let container =
        Container::builder().overflow(Overflow::Block { timeout: TIMEOUT }).sink("channel", sink).start().unwrap();
    let log = container.logger("test");
    let taken = std::thread::spawn(move || receiver.iter().map(|payload| payload.len()).sum::<usize>());
    (0..10_000_u64).for_each(|n| info!(log, "many", n));
    let accounts = container.shutdown(TIMEOUT).unwrap();
    accounts.check().unwrap();
    drop(container);
    assert_eq!((accounts.delivered_total(), accounts.lost_total()), (10_000, 0));
    assert_eq!(taken.join().unwrap() as u64, accounts.sinks[0].bytes);
}

#[test]
fn a_channel_that_nobody_reads_costs_events_at_the_deadline_and_not_the_program() {
    let (sink, _receiver) = ChannelSink::new(0, TabSeparated::new);
    let container = Container::builder().sink("channel", sink).start().unwrap();
    info!(container.logger("test"), "kept");
    let start = Instant::now();
    assert!(container.shutdown(Duration::from_millis(100)).is_err());
    assert!(start.elapsed() < TIMEOUT);
    let accounts = container.accounts();
    accounts.check().unwrap();
    assert_eq!(accounts.sinks[0].lost.of(LossReason::ShutdownDeadline), 1);
}

#[test]
fn a_channel_whose_other_end_is_gone_costs_events_and_it_is_counted() {
    let (sink, receiver) = ChannelSink::new(1, TabSeparated::new);
    drop(receiver);
    let container = Container::builder().sink("channel", sink).start().unwrap();
    info!(container.logger("test"), "lost");
    let accounts = container.shutdown(TIMEOUT).unwrap();
    accounts.check().unwrap();
    assert_eq!(accounts.sinks[0].lost.of(LossReason::SinkFailed), 1);
}

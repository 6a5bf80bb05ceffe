//! Short runs of every sink, so that the long ones stay able to run.

#![allow(clippy::unwrap_used, clippy::panic, reason = "all of this module is test code")]

use std::thread;

use clap::Parser;

use crate::{
    error::RunError,
    options::SoakOptions,
    servers::{SoakTarget, TARGETS},
    soak, throughput,
};

/// Runs all sinks at the same time.
fn each_target(test: impl Fn(&SoakTarget) + Sync) {
    thread::scope(|scope| {
        for target in TARGETS {
            let test = &test;
            thread::Builder::new().name(target.name.to_owned()).spawn_scoped(scope, move || test(target)).unwrap();
        }
    });
}

#[test]
fn every_sink_keeps_its_promise_when_its_server_is_killed_and_restarted() {
    each_target(|target| {
        let command = ["fault-tests", target.name, "--seconds", "2", "--rate", "2000", "--up", "300", "--down", "100"];
        match soak::run(&SoakOptions::try_parse_from(command).unwrap()) {
            Ok(outcome) => {
                assert!(outcome.restarts > 0, "{}: {outcome}", target.name);
                assert!(outcome.is_good(), "{}: {outcome}", target.name);
            }
            // `find_or_skip` has counted it.
            Err(RunError::NotInstalled) => {}
            Err(error) => panic!("{}: {error}", target.name),
        }
    });
}

#[test]
fn every_sink_has_a_server_that_its_throughput_is_measured_with() {
    each_target(|target| match throughput::measure(target, 2000) {
        Ok(measured) => assert_eq!(measured.delivered, 2000, "{}", target.name),
        Err(RunError::NotInstalled) => {}
        Err(error) => panic!("{}: {error}", target.name),
    });
}

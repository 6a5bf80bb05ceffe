//! The kernel: io_uring, and the limits of a process.

use std::{fs, path::Path};

use fapilog::machine::{self, GlommioUnavailable};
use rustix::{
    process::{Resource, getrlimit},
    system::uname,
};
use serde_json::json;

use super::{WantedExecutor, finding::DoctorFinding, finding::bytes};

/// Fewer descriptors than this are soon used up by a server.
const OPEN_FILES_LOW: u64 = 1024;

pub(super) fn release() -> DoctorFinding {
    let system = uname();
    let text = |part: &std::ffi::CStr| part.to_string_lossy().into_owned();
    let (name, release, machine) = (text(system.sysname()), text(system.release()), text(system.machine()));
    let figures = json!({ "name": name, "release": release, "machine": machine });
    DoctorFinding::good("kernel", format!("{name} {release} {machine}"), figures)
}

/// Whether io_uring works, and what forbids it.
pub(super) fn io_uring() -> DoctorFinding {
    let unavailable = machine::io_uring().err();
    let (disabled, seccomp) = (io_uring_disabled(), has_seccomp());
    let figures = json!({ "available": unavailable.is_none(), "io_uring_disabled": disabled, "seccomp": seccomp });
    match unavailable {
        None => DoctorFinding::good("io_uring", "available", figures),
        Some(reason) => {
            DoctorFinding::good("io_uring", reason.to_string(), figures).warns(why_no_io_uring(disabled, seccomp))
        }
    }
}

/// The setting of the kernel: 0 allows io_uring, 1 allows it for a group, 2 forbids it. `None`: a kernel before 6.6.
fn io_uring_disabled() -> Option<u32> {
    fs::read_to_string("/proc/sys/kernel/io_uring_disabled").ok()?.trim().parse().ok()
}

/// Whether a filter of system calls is in force.
fn has_seccomp() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    status_field(&status, "Seccomp").is_some_and(|mode| mode == "2")
}

fn status_field<'t>(status: &'t str, name: &str) -> Option<&'t str> {
    status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

fn why_no_io_uring(disabled: Option<u32>, has_seccomp: bool) -> String {
    match (disabled, has_seccomp) {
        (Some(2), _) => "kernel.io_uring_disabled is 2: `sysctl kernel.io_uring_disabled=0` allows it".to_owned(),
        (Some(1), _) => {
            "kernel.io_uring_disabled is 1: only processes of the group kernel.io_uring_group and root may use it"
                .to_owned()
        }
        (_, true) => {
            "a seccomp filter is in force, as in a container of Docker: its profile must allow io_uring_setup, \
             io_uring_enter and io_uring_register"
                .to_owned()
        }
        (_, false) => {
            "neither the setting of the kernel nor a seccomp filter forbids it: it may be older than 5.8".to_owned()
        }
    }
}

pub(super) fn locked_memory() -> DoctorFinding {
    let limit = getrlimit(Resource::Memlock).current;
    let found = limit.map_or_else(|| "unlimited".to_owned(), |limit| format!("{} a process", bytes(limit)));
    let finding = DoctorFinding::good("locked memory", found, json!({ "limit_bytes": limit }));
    match machine::glommio() {
        Err(reason @ GlommioUnavailable::LockedMemory { .. }) => finding.warns(reason.to_string()),
        _ => finding,
    }
}

pub(super) fn open_files() -> DoctorFinding {
    let limit = getrlimit(Resource::Nofile).current;
    let found = limit.map_or_else(|| "unlimited".to_owned(), |limit| format!("{limit} descriptors a process"));
    let finding = DoctorFinding::good("open files", found, json!({ "limit": limit }));
    if limit.is_some_and(|limit| limit < OPEN_FILES_LOW) {
        return finding.warns("a server with many connections uses them up, and then no new log file can be opened");
    }
    finding
}

/// The executor that a program gets, and why.
pub(super) fn executor(wanted: WantedExecutor) -> DoctorFinding {
    let unavailable = machine::glommio().err();
    let figures = json!({
        "wanted": wanted_name(wanted),
        "chosen": if unavailable.is_none() && wanted != WantedExecutor::Thread { "glommio" } else { "thread" },
        "reason": unavailable.as_ref().map(ToString::to_string),
    });
    let finding =
        |found: &str| DoctorFinding::good("executor", format!("{}: {found}", wanted_name(wanted)), figures.clone());
    match (wanted, unavailable) {
        (WantedExecutor::Thread, _) => finding("a plain thread for each shard"),
        (WantedExecutor::Auto, None) => finding("glommio").because(NEEDS_FEATURE),
        (WantedExecutor::Glommio, None) => finding("glommio").because(NEEDS_FEATURE),
        (WantedExecutor::Auto, Some(reason)) => finding("thread").because(reason.to_string()),
        (WantedExecutor::Glommio, Some(reason)) => {
            finding("not available: the program does not start").fails(reason.to_string())
        }
    }
}

const NEEDS_FEATURE: &str =
    "in a program that is built with the feature `glommio`, which is a default one; thread in others";

fn wanted_name(wanted: WantedExecutor) -> &'static str {
    match wanted {
        WantedExecutor::Auto => "auto",
        WantedExecutor::Glommio => "glommio",
        WantedExecutor::Thread => "thread",
    }
}

/// A file of one line, without the newline.
pub(super) fn line_of(path: impl AsRef<Path>) -> Option<String> {
    Some(fs::read_to_string(path).ok()?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_of_the_status_is_found_by_its_whole_name() {
        let status = "Name:\tx\nSeccomp_filters:\t3\nSeccomp:\t2\n";
        assert_eq!([status_field(status, "Seccomp"), status_field(status, "Seccom")], [Some("2"), None]);
    }

    #[test]
    fn the_reason_names_the_setting_that_forbids_io_uring() {
        let reasons =
            [(Some(2), true), (Some(1), false), (Some(0), true), (None, false)].map(|(d, s)| why_no_io_uring(d, s));
        for (reason, part) in reasons.iter().zip(["is 2", "io_uring_group", "seccomp", "older than 5.8"]) {
            assert!(reason.contains(part), "{reason}");
        }
    }

    #[test]
    fn glommio_that_is_demanded_and_not_there_is_the_only_executor_that_fails() {
        use super::super::finding::FindingStatus;

        let status = |wanted| executor(wanted).status;
        assert_eq!([status(WantedExecutor::Auto), status(WantedExecutor::Thread)], [FindingStatus::Good; 2]);
        let fails = status(WantedExecutor::Glommio) == FindingStatus::Fails;
        assert_eq!(fails, machine::glommio().is_err());
    }
}

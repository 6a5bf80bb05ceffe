//! `fapilog doctor`.

mod cgroup;
mod disk;
mod finding;
mod kernel;
mod mount;
mod processors;

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::json;

use self::{
    disk::Disk,
    finding::{DoctorFinding, FindingStatus, text_of},
};
use crate::{
    arguments::SharedArguments,
    commands::control::{paint_of_stdout, write_out},
    error::{CommandError, ExitStatus},
};

/// Checks this machine: io_uring, locked memory, disk, clock, CPUs and limits, and what `auto` would choose and why.
#[derive(Debug, Args)]
pub(crate) struct DoctorArguments {
    /// The directory of the log files. A scratch file is written to it, and removed.
    #[arg(default_value = ".", value_name = "DIRECTORY")]
    directory: PathBuf,
    /// The setting `executor` of the program.
    #[arg(long, value_name = "EXECUTOR", default_value = "auto")]
    executor: WantedExecutor,
    /// The setting `engine` of the program's file sink.
    #[arg(long, value_name = "ENGINE", default_value = "auto")]
    engine: WantedEngine,
    /// The setting `shards` of the program.
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=64))]
    shards: u8,
}

/// The executor that the program asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum WantedExecutor {
    /// glommio where it can be had.
    Auto,
    /// glommio, or an error.
    Glommio,
    /// Plain threads.
    Thread,
}

/// The engine that the program's file sink asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum WantedEngine {
    /// io_uring where it can be had.
    Auto,
    /// io_uring, or an error.
    IoUring,
    /// `pwrite`.
    Blocking,
}

pub(crate) fn run(arguments: &DoctorArguments, shared: &SharedArguments) -> Result<ExitStatus, CommandError> {
    let findings = findings(arguments);
    let fails = findings.iter().any(|finding| finding.status == FindingStatus::Fails);
    let text = if shared.json {
        format!("{}\n", json!({ "ok": !fails, "checks": findings }))
    } else {
        text_of(&findings, paint_of_stdout(shared.color))
    };
    write_out(&text)?;
    Ok(if fails { ExitStatus::Incomplete } else { ExitStatus::Complete })
}

fn findings(arguments: &DoctorArguments) -> Vec<DoctorFinding> {
    let disk = Disk::measure(&arguments.directory);
    let mut findings = vec![kernel::release(), kernel::io_uring(), kernel::locked_memory(), kernel::open_files()];
    findings.extend(processors::findings(usize::from(arguments.shards)));
    findings.extend(cgroup::findings());
    findings.extend(disk.findings());
    findings.push(kernel::executor(arguments.executor));
    findings.push(disk.engine(arguments.engine));
    findings
}

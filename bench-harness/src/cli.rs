//! The command line.

mod rotation;

use std::{path::PathBuf, time::Duration};

use clap::{ArgAction, ArgGroup, Args, Parser, Subcommand, ValueEnum};

pub(crate) use self::rotation::RotationArgs;

/// Measures fapilog as a user would, and checks that every event is there.
///
/// Without a subcommand, it runs `run`. Exit status: 0 if all is well; 1 if an event was lost under `--overflow block`,
/// the check failed, the rate is below `--at-least`, or something could not be done; 2 if the command line is wrong.
#[derive(Debug, Parser)]
#[command(name = "bench-harness", version, args_conflicts_with_subcommands = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) run: RunArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Logs as fast as it goes, then reads the file back and checks every event.
    Run(RunArgs),
    /// Measures how long a log call takes: bursts of 20 calls, 2 ms apart, the mean of each burst recorded.
    Latency(LatencyArgs),
    /// Measures the machine's own limits: the disk, the ring between two threads, the clocks.
    Device(DeviceArgs),
    /// Logs every line of log files, then compares the output with the files, byte for byte.
    Replay(ReplayArgs),
}

#[derive(Debug, Args)]
#[command(group = ArgGroup::new("length").args(["seconds", "events"]))]
pub(crate) struct RunArgs {
    /// Threads that log.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=256))]
    pub(crate) producers: u32,
    /// Duration of the run [default: 5].
    #[arg(long, value_name = "S", value_parser = seconds)]
    pub(crate) seconds: Option<Duration>,
    /// Number of events, of all producers together, instead of a duration.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) events: Option<u64>,
    /// The workload of an event.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) workload: WorkloadName,
    /// Destination of the events.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) sink: SinkName,
    #[command(flatten)]
    pub(crate) log: LogArgs,
    /// Drain shards.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) shards: u16,
    /// Whether all shards write one file, and not each one files of its own.
    #[arg(long, value_name = "BOOL", default_value_t = false, action = ArgAction::Set)]
    pub(crate) one_file: bool,
    #[command(flatten)]
    pub(crate) file: FileArgs,
    #[command(flatten)]
    pub(crate) rotation: RotationArgs,
    /// Run the drain on a thread of the harness, and measure how long each turn takes; needs a single shard.
    #[arg(long)]
    pub(crate) turn_times: bool,
    /// Fail below so many events a second.
    #[arg(long, value_name = "RATE")]
    pub(crate) at_least: Option<u64>,
    /// Do not read the events back.
    #[arg(long)]
    pub(crate) no_verify: bool,
    /// Measure the disk right before and after, and print how much of it was used.
    #[arg(long)]
    pub(crate) with_device: bool,
    #[command(flatten)]
    pub(crate) report: ReportArgs,
}

#[derive(Debug, Args)]
pub(crate) struct LatencyArgs {
    /// The workload of an event.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) workload: WorkloadName,
    /// Bursts to record; 200 more go before them and are not recorded.
    #[arg(long, value_name = "N", default_value_t = 5000, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    pub(crate) bursts: u64,
    /// The thread's activity in the two milliseconds between bursts.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) between: Between,
    /// Destination of the events.
    #[arg(long, value_enum, default_value_t = SinkName::Null)]
    pub(crate) sink: SinkName,
    #[command(flatten)]
    pub(crate) log: LogArgs,
    #[command(flatten)]
    pub(crate) file: FileArgs,
    #[command(flatten)]
    pub(crate) report: ReportArgs,
}

/// The activity of a measuring thread between bursts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(crate) enum Between {
    /// Looks at the clock again and again, as a thread that polls for work does: the processor stays awake.
    #[default]
    Spin,
    /// Sleeps: the first calls of a burst find a processor that has to wake up.
    Sleep,
}

impl Between {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Spin => "spinning",
            Self::Sleep => "asleep",
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct DeviceArgs {
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
    #[command(flatten)]
    pub(crate) blocks: BlockArgs,
    #[command(flatten)]
    pub(crate) report: ReportArgs,
}

#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// The files whose lines are logged.
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Number of rounds.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) repeat: u64,
    #[command(flatten)]
    pub(crate) log: LogArgs,
    #[command(flatten)]
    pub(crate) file: FileArgs,
    /// Fail below so many events a second.
    #[arg(long, value_name = "RATE")]
    pub(crate) at_least: Option<u64>,
    #[command(flatten)]
    pub(crate) report: ReportArgs,
}

/// The set-up of the log.
#[derive(Debug, Clone, Args)]
pub(crate) struct LogArgs {
    /// The pipeline: nothing, or the default enrichers (timestamp, correlation, context) and processors (filter, and a
    /// throttle with a limit that no run reaches), or with `hardened` also those of the preset: the size limit and the
    /// redactor. A `run` with `hardened` measures `default` before and after, too.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) pipeline: PipelineName,
    /// Format of the events.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) formatter: FormatterName,
    /// The executor of the drain.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) executor: ExecutorName,
    /// The behaviour of a log call when its ring is full.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) overflow: OverflowName,
    /// Longest wait of a call under `--overflow block` before its event is lost.
    #[arg(long, value_name = "S", default_value = "10", value_parser = seconds)]
    pub(crate) block_timeout: Duration,
}

/// The set-up of the file.
#[derive(Debug, Clone, Args)]
pub(crate) struct FileArgs {
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
    #[command(flatten)]
    pub(crate) blocks: BlockArgs,
    /// Way of writing the file.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) engine: EngineName,
    /// Whether full blocks go past the page cache.
    #[arg(long, value_name = "BOOL", default_value_t = true, action = ArgAction::Set)]
    pub(crate) direct: bool,
    /// Leave the file there.
    #[arg(long)]
    pub(crate) keep: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct PlaceArgs {
    /// The directory to write to [default: fapilog-bench in the system's directory for temporary files].
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct BlockArgs {
    /// The length of a block: a multiple of 4096, from 65536 to 16777216.
    #[arg(long, value_name = "BYTES", default_value_t = 1 << 20, value_parser = block_bytes)]
    pub(crate) block_bytes: usize,
    /// Most blocks on their way to the disk at once.
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) blocks_in_flight: u16,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct ReportArgs {
    /// Also write the figures as JSON to this file; `-` is standard output, which then holds nothing else.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum WorkloadName {
    /// Three numbers.
    #[default]
    Primitives,
    /// Two numbers and a text of 52 bytes.
    String,
    /// Eight kinds of calls, with every kind of value.
    Mixed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum PipelineName {
    #[default]
    Bare,
    Default,
    Hardened,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum SinkName {
    #[default]
    File,
    /// Formatted and thrown away.
    Null,
    /// Kept in memory, 256 MiB at most.
    Memory,
}

impl SinkName {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Null => "null",
            Self::Memory => "memory",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum FormatterName {
    #[default]
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum ExecutorName {
    #[default]
    Auto,
    Glommio,
    Thread,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum OverflowName {
    /// It waits.
    #[default]
    Block,
    /// It drops the event, and counts it.
    DropNewest,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum EngineName {
    #[default]
    Auto,
    IoUring,
    /// `pwrite(2)` on the drain's thread.
    #[value(alias = "pwrite")]
    Blocking,
}

fn seconds(text: &str) -> Result<Duration, String> {
    const ALLOWED: &str = "allowed is a number of seconds above 0, up to 3600";
    let seconds: f64 = text.parse().map_err(|_| ALLOWED.to_owned())?;
    if seconds > 0.0 && seconds <= 3600.0 { Ok(Duration::from_secs_f64(seconds)) } else { Err(ALLOWED.to_owned()) }
}

fn block_bytes(text: &str) -> Result<usize, String> {
    const ALLOWED: &str = "allowed are multiples of 4096 from 65536 to 16777216";
    let bytes: usize = text.parse().map_err(|_| ALLOWED.to_owned())?;
    let is_allowed = (65_536..=16 << 20).contains(&bytes) && bytes.is_multiple_of(4096);
    if is_allowed { Ok(bytes) } else { Err(ALLOWED.to_owned()) }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn without_a_subcommand_the_flags_are_those_of_run() {
        let cli = Cli::try_parse_from(["bench-harness", "--events", "1000"]).unwrap();
        assert!(cli.command.is_none());
        assert_eq!(cli.run.events, Some(1000));
    }

    #[test]
    fn events_and_seconds_exclude_each_other() {
        assert!(Cli::try_parse_from(["bench-harness", "run", "--events", "1", "--seconds", "1"]).is_err());
    }

    #[test]
    fn either_kind_of_rotation_allows_compression_and_retention() {
        for rotation in [["--rotate-bytes", "65536"], ["--rotate-interval", "1"]] {
            let others = ["--compress", "gzip", "--retain-files", "1", "--retain-bytes", "1"];
            let arguments = ["bench-harness", "run"].iter().chain(&rotation).chain(&others);
            Cli::try_parse_from(arguments).unwrap();
        }
        Cli::try_parse_from(["bench-harness", "run", "--compress", "none"]).unwrap();
    }

    #[test]
    fn a_value_out_of_range_is_refused() {
        let cases: [&[&str]; 15] = [
            &["run", "--producers", "0"],
            &["run", "--seconds", "0"],
            &["run", "--seconds", "NaN"],
            &["run", "--events", "0"],
            &["run", "--shards", "0"],
            &["run", "--rotate-bytes", "65535"],
            &["run", "--rotate-interval", "0.5"],
            &["run", "--rotate-bytes", "65536", "--retain-files", "0"],
            &["run", "--rotate-bytes", "65536", "--retain-bytes", "0"],
            &["run", "--rotate-bytes", "65536", "--compress", "lz4"],
            &["run", "--compress", "zstd"],
            &["run", "--retain-files", "5"],
            &["run", "--retain-bytes", "5"],
            &["device", "--block-bytes", "4097"],
            &["replay"],
        ];
        for case in cases {
            let arguments = ["bench-harness"].iter().chain(case);
            assert!(Cli::try_parse_from(arguments).is_err(), "{case:?}");
        }
    }
}

//! The arguments of the command, as clap reads them.

use clap::{Args, Parser, Subcommand, ValueEnum};

#[cfg(feature = "audit-query")]
use crate::commands::audit;
use crate::commands::{
    cat, check, completions, compliance, decrypt, doctor, flush, follow_request, keys, level, man, prove, rotate,
    shred, stats, tail, top, unseal, verify, verify_proof,
};

/// Reads, filters, follows and counts log files; verifies audit trails, decrypts files, and checks settings.
#[derive(Debug, Parser)]
#[command(name = "fapilog", version, max_term_width = 100)]
pub(crate) struct CommandLine {
    /// Options of every command.
    #[command(flatten)]
    pub(crate) shared: SharedArguments,
    /// The command.
    #[command(subcommand)]
    pub(crate) command: Subcommands,
}

/// The heading of the options of every command: the options of the command itself stand in front of them, in one list.
const GENERAL: &str = "Options of every command";

/// Options of every command.
#[derive(Debug, Args)]
pub(crate) struct SharedArguments {
    /// Write JSON: events as lines of JSON, reports as an object, errors as objects too.
    #[arg(long, global = true, help_heading = GENERAL)]
    pub(crate) json: bool,
    /// Use colours: auto (on a terminal, unless NO_COLOR is set), always, never.
    #[arg(long, global = true, help_heading = GENERAL, value_name = "WHEN", default_value = "auto")]
    pub(crate) color: ColorChoice,
    /// Write to the terminal without a pager.
    #[arg(long, global = true, help_heading = GENERAL)]
    pub(crate) no_pager: bool,
}

/// When the output has colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorChoice {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// In any case.
    Always,
    /// In no case.
    Never,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Subcommands {
    Cat(cat::CatArguments),
    Tail(tail::TailArguments),
    Stats(stats::StatsArguments),
    FollowRequest(follow_request::FollowRequestArguments),
    Check(check::CheckArguments),
    Doctor(doctor::DoctorArguments),
    Level(level::LevelArguments),
    Flush(flush::FlushCommandArguments),
    Rotate(rotate::RotateCommandArguments),
    Top(top::TopArguments),
    Verify(verify::VerifyArguments),
    Prove(prove::ProveArguments),
    VerifyProof(verify_proof::VerifyProofArguments),
    #[cfg(feature = "audit-query")]
    Audit(audit::AuditArguments),
    Decrypt(decrypt::DecryptArguments),
    Unseal(unseal::UnsealArguments),
    Shred(shred::ShredArguments),
    Keys(keys::KeysArguments),
    Compliance(compliance::ComplianceArguments),
    Completions(completions::CompletionsArguments),
    Man(man::ManArguments),
}

//! `fapilog unseal`.

use std::{io, path::PathBuf};

use clap::Args;
use fapilog_encryption::{DecryptExit, UnsealSummary, Unsealer};

use crate::{
    arguments::SharedArguments,
    commands::{
        audit_access::{AccessEvent, AccessTrailArguments},
        encryption_keys::read_keys,
        plaintext_output::PlaintextOutput,
    },
    error::{CommandError, ErrorReport, ExitStatus, ReportKind, in_one_line},
    input::{InputName, LineBlocks, MAX_LINE_BYTES, open},
    output::escaped,
};

/// How much of an input is read in one go.
const BLOCK_BYTES: usize = 1 << 20;

/// Writes lines with the values of fields that the redactor's actions `seal` and `tokenize` have encrypted. All else stays as it is, and
/// so do values whose keys are not given or were erased: they are counted on standard error. JSON stays JSON.
#[derive(Debug, Args)]
pub(crate) struct UnsealArguments {
    /// The files, plain or compressed; `-` is standard input, which is also read if no file is named.
    files: Vec<PathBuf>,
    /// A private key, `fapilog-identity-1...`: a file that its owner alone can read. Several are alternatives.
    #[arg(long = "identity", value_name = "FILE", required_unless_present = "keys")]
    identities: Vec<PathBuf>,
    /// A key-encryption key, `fapilog-key-1...`, 64 hexadecimal digits or 32 bytes: a file that its owner alone can read. Several
    /// are alternatives.
    #[arg(long = "key", value_name = "FILE")]
    keys: Vec<PathBuf>,
    /// The key store of values that are encrypted under keys of subjects.
    #[arg(long = "key-store", value_name = "DIRECTORY")]
    stores: Vec<PathBuf>,
    /// Write the lines to this new file, which its owner alone can read.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    access: AccessTrailArguments,
}

impl UnsealArguments {
    fn unsealer(&self) -> Result<Unsealer, CommandError> {
        Ok(Unsealer::new(read_keys(&self.identities, &self.keys, &self.stores)?)?)
    }
}

pub(crate) fn run(arguments: &UnsealArguments, shared: &SharedArguments) -> Result<ExitStatus, CommandError> {
    let inputs = InputName::of_files(&arguments.files)?;
    let mut unsealer = arguments.unsealer()?;
    arguments.access.record(&AccessEvent::of_files("values unsealed", &inputs, arguments.output.as_deref()))?;
    let mut out = PlaintextOutput::open(arguments.output.as_deref(), shared)?;
    let mut gravest = DecryptExit::Success;
    let written = inputs.iter().try_for_each(|name| {
        gravest = gravest.max(unseal(name, &mut unsealer, &mut out, shared)?);
        Ok(())
    });
    out.finish(written)?;
    Ok(match gravest {
        DecryptExit::Success => ExitStatus::Complete,
        exit => ExitStatus::Found(exit.code()),
    })
}

/// Writes the lines of an input, and reports the texts that stay, with their number for each reason.
fn unseal(
    name: &InputName,
    unsealer: &mut Unsealer,
    out: &mut PlaintextOutput,
    shared: &SharedArguments,
) -> Result<DecryptExit, CommandError> {
    let mut summary = UnsealSummary::default();
    let (read, long_lines) = match open(name) {
        Ok(input) => {
            let mut blocks = LineBlocks::new(input, BLOCK_BYTES);
            let read = write_lines(&mut blocks, unsealer, &mut summary, out)?;
            (read, blocks.long_lines())
        }
        Err(error) => (Err(error), 0),
    };
    report_texts(name, &summary, shared);
    let mut gravest = summary.exit();
    if long_lines > 0 {
        let reason = format!("{long_lines} line(s) of more than {MAX_LINE_BYTES} bytes are left out");
        report(name, &reason).with("lines", long_lines).write(shared.json);
        gravest = DecryptExit::NotReadable;
    }
    if let Err(error) = read {
        report(name, &error.to_string()).write(shared.json);
        gravest = DecryptExit::NotReadable;
    }
    Ok(gravest)
}

/// Writes all lines, up to the end or to a place that cannot be read.
fn write_lines(
    blocks: &mut LineBlocks,
    unsealer: &mut Unsealer,
    summary: &mut UnsealSummary,
    out: &mut PlaintextOutput,
) -> Result<io::Result<()>, CommandError> {
    let mut lines = Vec::new();
    loop {
        match blocks.advance() {
            Ok(true) => {}
            Ok(false) => return Ok(Ok(())),
            Err(error) => return Ok(Err(error)),
        }
        lines.clear();
        summary.add(unsealer.unseal_line(blocks.block(), &mut lines));
        out.write(&lines)?;
    }
}

fn report_texts(name: &InputName, summary: &UnsealSummary, shared: &SharedArguments) {
    let store_error = summary.store_error.as_ref().map(|error| in_one_line(error)).unwrap_or_default();
    for (texts, exit, reason) in [
        (summary.shredded, DecryptExit::Shredded, "their keys were erased"),
        (summary.no_key, DecryptExit::NoKey, "none of the keys at hand opens them"),
        (summary.damaged, DecryptExit::Damaged, "they are damaged"),
        (summary.not_readable, DecryptExit::NotReadable, &store_error),
    ] {
        if texts > 0 {
            let report = report(name, &format!("{texts} value(s) stay sealed: {reason}"));
            report.with("values", texts).with("exit_code", exit.code()).write(shared.json);
        }
    }
}

fn report(name: &InputName, reason: &str) -> ErrorReport {
    let report = ErrorReport::new(ReportKind::Input, format!("{name}: {}", escaped(reason)));
    match name {
        InputName::StandardInput => report.with("file", "-"),
        InputName::File(path) => report.with("file", path.to_string_lossy()),
    }
}

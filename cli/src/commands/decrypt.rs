//! `fapilog decrypt`.

use std::path::PathBuf;

use clap::Args;
use fapilog_encryption::{DecryptError, DecryptExit, DecryptionKeys, Decryptor};

use crate::{
    arguments::SharedArguments,
    commands::{
        audit_access::{AccessEvent, AccessTrailArguments},
        encryption_keys::DecryptionKeyArguments,
        plaintext_output::PlaintextOutput,
    },
    error::{CommandError, ErrorReport, ExitStatus, ReportKind, in_one_line},
    input::{InputName, open},
    output::escaped,
};

/// Decrypts log files, and writes their records. Frames that cannot be decrypted are reported with their places, and the others are
/// written: pipe them into `fapilog cat -`.
#[derive(Debug, Args)]
pub(crate) struct DecryptArguments {
    /// The files, plain or compressed; `-` is standard input, which is also read if no file is named.
    files: Vec<PathBuf>,
    #[command(flatten)]
    keys: DecryptionKeyArguments,
    /// Write the records to this new file, which its owner alone can read.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    access: AccessTrailArguments,
}

pub(crate) fn run(arguments: &DecryptArguments, shared: &SharedArguments) -> Result<ExitStatus, CommandError> {
    let inputs = InputName::of_files(&arguments.files)?;
    let keys = arguments.keys.read()?;
    arguments.access.record(&AccessEvent::of_files("log decrypted", &inputs, arguments.output.as_deref()))?;
    let mut out = PlaintextOutput::open(arguments.output.as_deref(), shared)?;
    let mut gravest = DecryptExit::Success;
    let written = inputs.iter().try_for_each(|name| {
        gravest = gravest.max(decrypt(name, &keys, &mut out, shared)?);
        Ok(())
    });
    out.finish(written)?;
    Ok(match gravest {
        DecryptExit::Success => ExitStatus::Complete,
        exit => ExitStatus::Found(exit.code()),
    })
}

/// Decrypts an input. Errors of its frames are reported as they come.
fn decrypt(
    name: &InputName,
    keys: &DecryptionKeys,
    out: &mut PlaintextOutput,
    shared: &SharedArguments,
) -> Result<DecryptExit, CommandError> {
    let read = match open(name) {
        Ok(read) => read,
        Err(error) => {
            report(name, &error.to_string()).write(shared.json);
            return Ok(DecryptExit::NotReadable);
        }
    };
    let mut gravest = DecryptExit::Success;
    for frame in Decryptor::new(read, keys.clone()) {
        match frame {
            Ok(frame) => out.write(&frame.records)?,
            Err(error) => {
                gravest = gravest.max(error.exit());
                report_frame(name, &error).write(shared.json);
            }
        }
    }
    Ok(gravest)
}

fn report(name: &InputName, reason: &str) -> ErrorReport {
    let report = ErrorReport::new(ReportKind::Input, format!("{name}: {}", escaped(reason)));
    match name {
        InputName::StandardInput => report.with("file", "-"),
        InputName::File(path) => report.with("file", path.to_string_lossy()),
    }
}

fn report_frame(name: &InputName, error: &DecryptError) -> ErrorReport {
    let report = report(name, &in_one_line(error));
    report.with("offset", error.offset()).with("exit_code", error.exit().code())
}

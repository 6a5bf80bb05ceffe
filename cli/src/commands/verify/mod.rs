//! `fapilog verify`.

mod verdict;

use std::path::PathBuf;

use clap::Args;
use fapilog_audit_trail::{
    format::Checkpoint,
    keys::VerifyingKey,
    verify::{Verifier, VerifyError},
};
use serde_json::json;

use self::verdict::{SoundTrail, TrailVerdict};
use crate::{
    arguments::SharedArguments,
    commands::{
        control::{paint_of_stdout, write_out},
        json_line,
        trail_inputs::{TrailKeyArguments, read_anchor},
    },
    error::{CommandError, ErrorReport, ExitStatus, ReportKind, code_of_trail, exit_code, in_one_line},
    output::escaped,
};

/// Verifies audit trails: every byte, entry, signature and checkpoint. Each kind of damage has an exit code of its own.
#[derive(Debug, Args)]
pub(crate) struct VerifyArguments {
    /// The data file of a trail, such as audit.jsonl. Its trail file and its rotated files are those beside it.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    keys: TrailKeyArguments,
    /// Checkpoints that were kept outside of the trail: a file of signed notes. The trail must continue each of them.
    #[arg(long = "anchor", value_name = "FILE")]
    anchors: Vec<PathBuf>,
    /// The program is writing the trails: a write in flight at the end is no damage.
    #[arg(long)]
    running: bool,
}

impl VerifyArguments {
    /// The verifier, with the checkpoints of all anchors.
    fn verifier(&self) -> Result<Verifier, CommandError> {
        let mut verifier = self.keys.verifier()?;
        if self.running {
            verifier = verifier.running();
        }
        for path in &self.anchors {
            verifier = verifier.anchor(&read_anchor(path)?, path);
        }
        Ok(verifier)
    }
}

pub(crate) fn run(arguments: &VerifyArguments, shared: &SharedArguments) -> Result<ExitStatus, CommandError> {
    let verifier = arguments.verifier()?;
    let key = arguments.keys.verifying_key()?;
    let verdicts: Vec<TrailVerdict<'_>> = arguments
        .paths
        .iter()
        .map(|path| TrailVerdict { path, result: sound_trail(&verifier, &key, path, arguments.anchors.len()) })
        .collect();
    if shared.json {
        let is_ok = verdicts.iter().all(|verdict| verdict.result.is_ok());
        let trails: Vec<_> = verdicts.iter().map(TrailVerdict::json).collect();
        write_out(&json_line(&json!({ "ok": is_ok, "trails": trails })))?;
    } else {
        let paint = paint_of_stdout(shared.color);
        write_out(&verdicts.iter().map(|verdict| verdict.text(paint)).collect::<String>())?;
    }
    let errors: Vec<&VerifyError> = verdicts.iter().filter_map(|verdict| verdict.result.as_ref().err()).collect();
    for verdict in &verdicts {
        if let Err(error @ (VerifyError::Io { .. } | VerifyError::NoTrail { .. })) = &verdict.result {
            let report = ErrorReport::new(ReportKind::Input, escaped(&in_one_line(error)));
            report.with("file", verdict.path.to_string_lossy()).write(shared.json);
        }
    }
    Ok(status_of(&errors))
}

/// The code of the first damage; without damage, that of files that cannot be read.
fn status_of(errors: &[&VerifyError]) -> ExitStatus {
    let mut codes = errors.iter().map(|error| code_of_trail(error));
    match codes.clone().find(|code| *code != exit_code::FAILURE).or_else(|| codes.next()) {
        Some(code) => ExitStatus::Found(code),
        None => ExitStatus::Complete,
    }
}

fn sound_trail(
    verifier: &Verifier,
    key: &VerifyingKey,
    path: &std::path::Path,
    anchors: usize,
) -> Result<SoundTrail, VerifyError> {
    let trail = verifier.verify(path)?;
    let last_checkpoint = trail.last_checkpoint.as_deref().and_then(|note| Checkpoint::verify(note, key).ok());
    Ok(SoundTrail { trail, last_checkpoint, anchors })
}

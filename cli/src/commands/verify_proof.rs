//! `fapilog verify-proof`.

use std::path::PathBuf;

use clap::Args;
use fapilog_audit_trail::{
    format::Checkpoint,
    proof::{ConsistencyProof, ProvenRecord, verify_inclusion_proof},
};
use serde_json::json;

use crate::{
    arguments::SharedArguments,
    commands::{
        control::{paint_of_stdout, write_out},
        json_line,
        trail_inputs::{VerifyingKeyArguments, read_old_checkpoint, read_text, utc_text},
    },
    error::{CommandError, ExitStatus},
    output::{
        colors::{GREEN, Paint},
        escaped,
    },
};

/// The first word of a proof that one checkpoint continues another.
const CONSISTENCY: &str = "old ";

/// Verifies a proof of `fapilog prove`, without the trail.
#[derive(Debug, Args)]
pub(crate) struct VerifyProofArguments {
    /// The proof: a file, or `-` for standard input.
    proof: PathBuf,
    #[command(flatten)]
    key: VerifyingKeyArguments,
    /// The older checkpoint, for a proof that the trail continues it: a file with a signed note. The last of several is taken.
    #[arg(long, value_name = "FILE")]
    old: Option<PathBuf>,
}

pub(crate) fn run(arguments: &VerifyProofArguments, shared: &SharedArguments) -> Result<ExitStatus, CommandError> {
    let key = arguments.key.read()?;
    let text = read_text(&arguments.proof)?;
    let paint = paint_of_stdout(shared.color);
    let report = match (text.starts_with(CONSISTENCY), &arguments.old) {
        (true, Some(old)) => {
            let old = read_old_checkpoint("--old", old, &key)?;
            let new = ConsistencyProof::from_text(&text)?.verify(&old, &key)?;
            if shared.json { consistency_json(&new) } else { consistency_text(&new, paint) }
        }
        (false, None) => {
            let proven = verify_inclusion_proof(&text, &key)?;
            if shared.json { record_json(&proven) } else { record_text(&proven, paint) }
        }
        (true, None) => {
            return Err(invalid_old("", "the proof is about an older checkpoint, which must be given"));
        }
        (false, Some(old)) => {
            let message = "the proof is about a record, and has no older checkpoint";
            return Err(invalid_old(&old.to_string_lossy(), message));
        }
    };
    write_out(&report)?;
    Ok(ExitStatus::Complete)
}

fn invalid_old(value: &str, message: &str) -> CommandError {
    CommandError::Option { option: "--old", value: value.to_owned(), message: message.to_owned(), suggestion: None }
}

fn checkpoint_text(checkpoint: &Checkpoint) -> String {
    let time = utc_text(checkpoint.extension.unix_nanos);
    format!("{time}, {} entries, signed for {}", checkpoint.size, escaped(&checkpoint.origin))
}

fn record_text(proven: &ProvenRecord, paint: Paint) -> String {
    let record = String::from_utf8_lossy(&proven.record);
    format!(
        "{}  the record is in the trail\n  block        {}, written at {}\n  checkpoint   {}\n  record       {}\n",
        paint.with(GREEN, "ok"),
        proven.index,
        utc_text(proven.unix_nanos),
        checkpoint_text(&proven.checkpoint),
        escaped(record.trim_end_matches('\n')),
    )
}

fn record_json(proven: &ProvenRecord) -> String {
    json_line(&json!({
        "ok": true, "proof": "record", "block": proven.index, "time": utc_text(proven.unix_nanos),
        "record": String::from_utf8_lossy(&proven.record), "checkpoint": proven.checkpoint.text(),
    }))
}

fn consistency_text(new: &Checkpoint, paint: Paint) -> String {
    let ok = paint.with(GREEN, "ok");
    format!("{ok}  the trail continues the older checkpoint\n  checkpoint   {}\n", checkpoint_text(new))
}

fn consistency_json(new: &Checkpoint) -> String {
    json_line(&json!({ "ok": true, "proof": "consistency", "checkpoint": new.text() }))
}

//! `fapilog prove`.

use std::path::{Path, PathBuf};

use clap::Args;
use fapilog_audit_trail::{proof::RecordSelector, verify::Verifier};
use serde_json::{Value, json};

use crate::{
    arguments::SharedArguments,
    commands::{
        audit_access::{AccessEvent, AccessTrailArguments, whole_path},
        trail_inputs::{TrailKeyArguments, read_old_checkpoint},
        write_document,
    },
    error::{CommandError, ExitStatus},
};

/// Writes a proof, which `fapilog verify-proof` verifies without the trail: that a record is in the trail, or that the trail continues
/// an older checkpoint. The proof of a record has the records of its whole block in it.
#[derive(Debug, Args)]
pub(crate) struct ProveArguments {
    /// The data file of the trail. All files from the first on must be there.
    path: PathBuf,
    #[command(flatten)]
    keys: TrailKeyArguments,
    #[command(flatten)]
    subject: ProofSubject,
    /// The number of the data file that `--offset` is a place of.
    #[arg(long, value_name = "NUMBER", requires = "offset", default_value_t = 0)]
    file_number: u64,
    #[command(flatten)]
    access: AccessTrailArguments,
}

/// The thing that is proven.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct ProofSubject {
    /// The record of this number in the trail, from 0.
    #[arg(long, value_name = "NUMBER")]
    record: Option<u64>,
    /// The record at this place of a data file, in bytes.
    #[arg(long, value_name = "BYTES")]
    offset: Option<u64>,
    /// The record of this event, in a trail whose records are JSON.
    #[arg(long, value_name = "ID")]
    event_id: Option<String>,
    /// The first record that contains this text.
    #[arg(long, value_name = "TEXT")]
    containing: Option<String>,
    /// A whole block, by its number: for records that are no lines, such as encrypted ones.
    #[arg(long, value_name = "NUMBER")]
    block: Option<u64>,
    /// That the last checkpoint of the trail continues this one: a file with a signed note. The last of several is taken.
    #[arg(long, value_name = "FILE")]
    continues: Option<PathBuf>,
}

impl ProofSubject {
    /// The subject for the access record.
    fn as_json(&self, file_number: u64) -> Value {
        let file = self.offset.map(|_| file_number);
        let note = self.continues.as_ref().map(|path| path.to_string_lossy());
        let all = json!({
            "record": self.record, "offset": self.offset, "file_number": file, "event_id": self.event_id,
            "containing": self.containing, "block": self.block, "continues": note,
        });
        match all {
            Value::Object(all) => all.into_iter().filter(|(_, value)| !value.is_null()).collect(),
            other => other,
        }
    }

    fn selector(&self, file_number: u64) -> RecordSelector {
        let text_of_event = |id: &String| format!("\"event_id\":{}", serde_json::Value::from(id.as_str())).into_bytes();
        let containing = self.containing.as_ref().map(|text| text.clone().into_bytes());
        let text = self.event_id.as_ref().map(text_of_event).or(containing);
        match (self.record, self.offset, text, self.block) {
            (Some(number), ..) => RecordSelector::Number(number),
            (_, Some(offset), ..) => RecordSelector::At { segment: file_number, offset },
            (_, _, Some(text), _) => RecordSelector::Containing(text),
            // clap demands one of them.
            (_, _, None, block) => RecordSelector::Block(block.unwrap_or_default()),
        }
    }
}

pub(crate) fn run(arguments: &ProveArguments, shared: &SharedArguments) -> Result<ExitStatus, CommandError> {
    let verifier = arguments.keys.verifier()?;
    let proof = match &arguments.subject.continues {
        Some(note) => consistency(arguments, &verifier, note),
        None => of_record(arguments, &verifier),
    };
    arguments.access.record(&AccessEvent {
        action: "audit trail proven",
        object: whole_path(&arguments.path),
        is_success: proof.is_ok(),
        records: None,
        terms: arguments.subject.as_json(arguments.file_number),
    })?;
    let proof = proof?;
    write_document("proof", proof.as_bytes(), shared)
}

fn of_record(arguments: &ProveArguments, verifier: &Verifier) -> Result<String, CommandError> {
    let selector = arguments.subject.selector(arguments.file_number);
    Ok(verifier.prove(&arguments.path, &selector)?.to_text())
}

fn consistency(arguments: &ProveArguments, verifier: &Verifier, note: &Path) -> Result<String, CommandError> {
    let key = arguments.keys.verifying_key()?;
    let old = read_old_checkpoint("--continues", note, &key)?;
    let proof = verifier.prove_consistency(&arguments.path, old.size)?;
    // A checkpoint of another tree has no proof, whatever its size is.
    proof.verify(&old, &key)?;
    Ok(proof.to_text())
}

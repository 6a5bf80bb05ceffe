//! `fapilog audit query`.

use std::path::PathBuf;

use clap::Args;
use fapilog_audit_index::{
    error::IndexError,
    index::{AuditIndex, SearchReport},
    query::AuditQuery,
    record::FoundRecord,
};
use fapilog_audit_trail::verify::{TrailReader, Verifier};

use crate::{
    arguments::SharedArguments,
    commands::{
        audit::{index_place, terms::QueryTerms},
        audit_access::{AccessEvent, DemandedAccessArguments, whole_path},
        trail_inputs::{TrailKeyArguments, read_anchor},
    },
    error::{CommandError, ErrorReport, ExitStatus, ReportKind},
    json::Tape,
    line::LogLine,
    output::{EventPrinter, FormatArguments, OutputFormat, PagerUse, Screen},
};

/// How often the trail is read anew, if another command has indexed more of it in the meantime, or makes the index anew.
const ATTEMPTS: u32 = 5;

/// Finds records of an audit trail by user, action, object, outcome and time. Each record is verified before it is shown.
///
/// The records are found by an index, a SQLite file that is made of the trail and updated by each query. A record of the access is written
/// before anything is shown.
#[derive(Debug, Args)]
pub(super) struct QueryArguments {
    /// The data file of the trail, such as audit.jsonl. Its trail file and its rotated files are those beside it.
    #[arg(value_name = "TRAIL")]
    path: PathBuf,
    #[command(flatten)]
    keys: TrailKeyArguments,
    /// Checkpoints that were kept outside of the trail: a file of signed notes. The trail must continue each of them.
    #[arg(long = "anchor", value_name = "FILE")]
    anchors: Vec<PathBuf>,
    /// The index. By default it stands beside the trail, with .index behind the name, or in the cache of the user, if the directory
    /// cannot be written to.
    #[arg(long, value_name = "FILE")]
    index: Option<PathBuf>,
    /// Make the index anew.
    #[arg(long)]
    rebuild: bool,
    #[command(flatten)]
    terms: QueryTerms,
    #[command(flatten)]
    access: DemandedAccessArguments,
    #[command(flatten)]
    format: FormatArguments,
}

impl QueryArguments {
    fn verifier(&self) -> Result<Verifier, CommandError> {
        let verifier = self.keys.verifier()?.running();
        self.anchors.iter().try_fold(verifier, |verifier, path| Ok(verifier.anchor(&read_anchor(path)?, path)))
    }
}

/// A trail with its index, and the search that has verified all records that are to be shown.
struct FoundRecords<'v> {
    trail: TrailReader<'v>,
    index: AuditIndex,
    report: SearchReport,
    not_indexed: u64,
}

pub(super) fn run(arguments: &QueryArguments, shared: &SharedArguments) -> Result<ExitStatus, CommandError> {
    let format = arguments.format.format(shared)?;
    let bounds = arguments.terms.bounds()?;
    let query = arguments.terms.query(bounds);
    let recorder = arguments.access.recorder()?;
    let verifier = arguments.verifier()?;
    let found = find(arguments, &verifier, &query);
    if let Some(recorder) = recorder {
        recorder.record(&AccessEvent {
            action: "audit trail queried",
            object: whole_path(&arguments.path),
            is_success: found.is_ok(),
            records: found.as_ref().ok().map(|found| found.report.found),
            terms: arguments.terms.as_json(bounds),
        })?;
    }
    let mut found = found?;
    let screen = Screen::open(shared, PagerUse::IfTerminal);
    let writer = arguments.format.writer(shared, &screen)?;
    show(RecordOutput { screen, writer, format, out: Vec::new(), line: Vec::new() }, &mut found, &query)?;
    report_notes(&found, shared);
    Ok(ExitStatus::Complete)
}

/// Updates the index, and searches it. Records are read and verified, and not shown yet.
fn find<'v>(
    arguments: &QueryArguments,
    verifier: &'v Verifier,
    query: &AuditQuery,
) -> Result<FoundRecords<'v>, CommandError> {
    let mut attempt = 1;
    loop {
        let found = find_once(arguments, verifier, query);
        match found {
            Err(CommandError::Index(IndexError::Shrunk { .. } | IndexError::MadeAnew { .. })) if attempt < ATTEMPTS => {
                attempt += 1;
            }
            found => return found,
        }
    }
}

fn find_once<'v>(
    arguments: &QueryArguments,
    verifier: &'v Verifier,
    query: &AuditQuery,
) -> Result<FoundRecords<'v>, CommandError> {
    let mut trail = verifier.reader(&arguments.path).map_err(IndexError::from)?;
    let path = match &arguments.index {
        Some(path) => path.clone(),
        None => index_place::of_trail(&arguments.path, &trail.summary().trail_id)?,
    };
    let mut index = AuditIndex::open(&path)?;
    if arguments.rebuild {
        index.clear()?;
    }
    let update = index.update(&mut trail)?;
    let report = index.search(&mut trail, query, |_| Ok::<(), IndexError>(()))?;
    Ok(FoundRecords { trail, index, report, not_indexed: update.not_indexed })
}

fn show(mut output: RecordOutput, found: &mut FoundRecords<'_>, query: &AuditQuery) -> Result<(), CommandError> {
    let FoundRecords { trail, index, .. } = found;
    let written = output.put_header();
    let written = written.and_then(|()| index.search(trail, query, |record| output.put(&record)).map(drop));
    output.screen.finish(written)
}

/// The records on their way to the screen.
struct RecordOutput {
    screen: Screen,
    writer: EventPrinter,
    format: OutputFormat,
    out: Vec<u8>,
    line: Vec<u8>,
}

impl RecordOutput {
    fn put_header(&mut self) -> Result<(), CommandError> {
        self.writer.put_header(&mut self.out);
        self.screen.write(&self.out)
    }

    fn put(&mut self, record: &FoundRecord<'_>) -> Result<(), CommandError> {
        self.line.clear();
        match self.format {
            OutputFormat::Raw => self.line.extend_from_slice(record.bytes),
            format => put_with_place(record, format, &mut self.line),
        }
        self.out.clear();
        let mut tape = Tape::default();
        self.writer.put(&LogLine::read(&self.line, &mut tape), &mut self.out);
        self.screen.write(&self.out)
    }
}

/// The record, a JSON object, with an object `trail` as its last member. For people it has the number, and whether a signature is absent.
fn put_with_place(record: &FoundRecord<'_>, format: OutputFormat, line: &mut Vec<u8>) {
    let FoundRecord { number, segment, offset, block, is_signed, .. } = record;
    let place = match (format, is_signed) {
        (OutputFormat::Pretty, true) => format!("\"trail.record\":{number}"),
        (OutputFormat::Pretty, false) => format!("\"trail.record\":{number},\"trail.signed\":false"),
        _ => format!(
            "\"trail\":{{\"record\":{number},\"file\":{segment},\"offset\":{offset},\"block\":{block},\"signed\":{is_signed}}}"
        ),
    };
    let object = record.bytes.trim_ascii_end();
    let members = object.strip_suffix(b"}").unwrap_or(object);
    let comma = if members.trim_ascii().len() > 1 { "," } else { "" };
    line.extend_from_slice(members);
    line.extend_from_slice(format!("{comma}{place}}}").as_bytes());
}

/// Facts about the answer that no record shows, on standard error.
fn report_notes(found: &FoundRecords<'_>, shared: &SharedArguments) {
    let FoundRecords { trail, report, not_indexed, .. } = found;
    let SearchReport { not_signed, in_missing_files, more_before, .. } = report;
    let note = |key: &str, count: u64, text: String| {
        ErrorReport::new(ReportKind::Note, text).with(key, count).write(shared.json);
    };
    if *not_signed > 0 {
        note(
            "not_signed",
            *not_signed,
            format!("{not_signed} of the records are not signed yet: they stand behind the last checkpoint"),
        );
    }
    let unrecorded = trail.summary().unrecorded_bytes;
    if unrecorded > 0 {
        let text = format!(
            "{unrecorded} bytes behind the last entry were not searched: a write in flight, or damage, which fapilog verify finds"
        );
        note("unrecorded_bytes", unrecorded, text);
    }
    if *not_indexed > 0 {
        let text = format!(
            "{not_indexed} records of the trail are not indexed, and were not searched: they are no JSON, or too long"
        );
        note("not_indexed", *not_indexed, text);
    }
    if *in_missing_files > 0 {
        let text = format!(
            "{in_missing_files} records in files that are gone meet the query, by the index; they are not shown"
        );
        note("in_missing_files", *in_missing_files, text);
    }
    if let Some(before) = more_before {
        note(
            "more_before",
            *before,
            format!("more records meet the query: --before {before} has the page before this one"),
        );
    }
}

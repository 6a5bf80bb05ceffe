//! `fapilog shred`.

use std::path::PathBuf;

use clap::Args;
use fapilog_encryption::{KeyStore, ShreddedDay, SubjectKeys, UtcDay};
use serde_json::json;

use crate::{
    arguments::SharedArguments,
    commands::{
        control::write_out,
        encryption_keys::{open_store, read_key},
        json_line,
        trail_inputs::invalid,
    },
    error::{CommandError, ExitStatus, exit_code},
    output::escaped,
};

/// The file of a key store that ids of subjects are made with.
const SUBJECTS: &str = "subjects.key";

/// Erases keys of a key store: what they encrypt can never be read again, by anybody. The encrypted bytes stay as they are.
#[derive(Debug, Args)]
pub(crate) struct ShredArguments {
    /// The key store.
    #[arg(value_name = "KEY_STORE")]
    store: PathBuf,
    #[command(flatten)]
    target: ShredTarget,
    /// The key-encryption key of the subjects: a file that its owner alone can read. Several are alternatives.
    #[arg(long = "key", value_name = "FILE", requires = "subject")]
    keys: Vec<PathBuf>,
    /// Erase. Without it, the command shows what it would erase, and erases nothing.
    #[arg(long)]
    yes: bool,
}

/// The keys that are erased.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct ShredTarget {
    /// The keys of this day in UTC, such as 2026-11-30. It must be over.
    #[arg(long, value_name = "DAY")]
    day: Option<UtcDay>,
    /// The keys of all days before this one.
    #[arg(long, value_name = "DAY")]
    before: Option<UtcDay>,
    /// The key of this subject: the person or account that values are about.
    #[arg(long, value_name = "SUBJECT", requires = "keys")]
    subject: Option<String>,
}

impl ShredArguments {
    /// The days that have keys, of those that are to be erased.
    fn days(&self, store: &KeyStore) -> Result<Vec<UtcDay>, CommandError> {
        let is_meant = |day: &UtcDay| self.target.day == Some(*day) || self.target.before.is_some_and(|end| *day < end);
        Ok(store.days()?.into_iter().filter(is_meant).collect())
    }

    fn unconfirmed(&self, store: &KeyStore) -> Result<CommandError, CommandError> {
        let effect = match &self.target.subject {
            Some(subject) => format!("the command erases the key of the subject {:?}, for ever", escaped(subject)),
            None => match self.days(store)?.as_slice() {
                [] => "nothing is erased either: the store has no key of these days".to_owned(),
                days => {
                    let days: Vec<String> = days.iter().map(UtcDay::to_string).collect();
                    format!("the command erases the keys of {}, for ever", days.join(", "))
                }
            },
        };
        let message = format!("it is not given, and nothing is erased; with it, {effect}");
        Ok(CommandError::Option { option: "--yes", value: String::new(), message, suggestion: None })
    }
}

pub(crate) fn run(arguments: &ShredArguments, shared: &SharedArguments) -> Result<ExitStatus, CommandError> {
    let store = open_store("KEY_STORE", &arguments.store)?;
    if !arguments.yes {
        return Err(arguments.unconfirmed(&store)?);
    }
    match &arguments.target.subject {
        Some(subject) => shred_subject(arguments, store, subject, shared),
        None => shred_days(arguments, &store, shared),
    }
}

fn shred_days(
    arguments: &ShredArguments,
    store: &KeyStore,
    shared: &SharedArguments,
) -> Result<ExitStatus, CommandError> {
    let shredded = match (arguments.target.day, arguments.target.before) {
        (Some(day), _) => vec![store.shred_day(day)?],
        (None, Some(end)) => store.shred_days_before(end)?,
        // clap demands one of the three.
        (None, None) => Vec::new(),
    };
    let keys: usize = shredded.iter().map(|day| day.keys).sum();
    write_out(&if shared.json { days_json(&shredded) } else { days_text(&shredded) })?;
    Ok(status(keys > 0))
}

fn days_json(shredded: &[ShreddedDay]) -> String {
    let days = shredded.iter().map(|shredded| json!({ "day": shredded.day.to_string(), "keys": shredded.keys }));
    json_line(&json!({ "days": days.collect::<Vec<_>>() }))
}

fn days_text(shredded: &[ShreddedDay]) -> String {
    if shredded.is_empty() {
        return "no keys to erase\n".to_owned();
    }
    shredded.iter().map(|shredded| format!("{}: {} key(s) erased\n", shredded.day, shredded.keys)).collect()
}

fn shred_subject(
    arguments: &ShredArguments,
    store: KeyStore,
    subject: &str,
    shared: &SharedArguments,
) -> Result<ExitStatus, CommandError> {
    // The library would make it.
    if !store.directory().join(SUBJECTS).exists() {
        let path = &arguments.store;
        let message = format!("{}: the store has no keys of subjects", escaped(&path.to_string_lossy()));
        return Err(invalid("KEY_STORE", path, message));
    }
    let keys = arguments.keys.iter().map(|path| read_key(path)).collect::<Result<Vec<_>, _>>()?;
    let is_erased = SubjectKeys::open(store, keys)?.shred(subject)?;
    let text = if is_erased { "the subject's key is erased\n" } else { "the subject has no key\n" };
    write_out(&if shared.json { json_line(&json!({ "subject_erased": is_erased })) } else { text.to_owned() })?;
    Ok(status(is_erased))
}

/// Without a key, nothing was erased: the day or the subject may be misspelt.
fn status(has_erased: bool) -> ExitStatus {
    if has_erased { ExitStatus::Complete } else { ExitStatus::Found(exit_code::NOTHING_ERASED) }
}

//! `fapilog flush`.

use clap::Args;
use fapilog_control::protocol::Flushed;
use serde_json::json;

use crate::{
    arguments::SharedArguments,
    commands::{
        control::{AnswerTime, ControlTarget, write_out},
        json_line,
    },
    error::{CommandError, ExitStatus},
};

/// Has a running program deliver everything that it has logged, over its control socket, and shows the sums.
#[derive(Debug, Args)]
pub(crate) struct FlushCommandArguments {
    #[command(flatten)]
    target: ControlTarget,
    #[command(flatten)]
    time: AnswerTime,
}

pub(crate) fn run(arguments: &FlushCommandArguments, shared: &SharedArguments) -> Result<ExitStatus, CommandError> {
    let flushed = arguments.target.connect()?.flush(arguments.time.timeout)?;
    write_out(&if shared.json { json_line(&json!(flushed)) } else { text_of(&flushed) })?;
    Ok(ExitStatus::Complete)
}

fn text_of(flushed: &Flushed) -> String {
    let Flushed { submitted, delivered, filtered, lost, .. } = flushed;
    format!("submitted: {submitted}\ndelivered: {delivered}\nfiltered: {filtered}\nlost: {lost}\n")
}

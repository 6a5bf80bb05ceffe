//! `fapilog rotate`.

use clap::Args;
use serde_json::json;

use crate::{
    arguments::SharedArguments,
    commands::{
        control::{AnswerTime, ControlTarget, shown, write_out},
        json_line,
    },
    error::{CommandError, ExitStatus},
};

/// Has a running program start new log files, over its control socket.
#[derive(Debug, Args)]
pub(crate) struct RotateCommandArguments {
    #[command(flatten)]
    target: ControlTarget,
    /// The sink that starts a new file. Default: all sinks.
    #[arg(long, value_name = "NAME")]
    sink: Option<String>,
    #[command(flatten)]
    time: AnswerTime,
}

pub(crate) fn run(arguments: &RotateCommandArguments, shared: &SharedArguments) -> Result<ExitStatus, CommandError> {
    let sink = arguments.sink.as_deref();
    arguments.target.connect()?.rotate(sink, arguments.time.timeout)?;
    write_out(&if shared.json {
        json_line(&json!({ "rotated": sink }))
    } else {
        format!("rotated: {}\n", sink.map_or_else(|| "all sinks".to_owned(), shown))
    })?;
    Ok(ExitStatus::Complete)
}

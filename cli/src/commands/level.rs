//! `fapilog level`.

use std::time::Duration;

use clap::{Args, Subcommand};
use fapilog_control::protocol::{ChangedLevels, LevelChange, LevelsInForce};
use serde_json::json;

use crate::{
    arguments::SharedArguments,
    commands::control::{ControlTarget, shown, write_out},
    error::{CommandError, ExitStatus},
};

/// Shows or changes the levels that a running program logs, over its control socket.
#[derive(Debug, Args)]
pub(crate) struct LevelArguments {
    #[command(subcommand)]
    command: LevelCommands,
}

#[derive(Debug, Subcommand)]
enum LevelCommands {
    /// Shows the levels in force.
    Get {
        #[command(flatten)]
        target: ControlTarget,
    },
    /// Changes the levels: `debug`, `my::db=debug`, `info,noisy=error`. LevelsInForce of targets that are not named stay.
    Set {
        /// A level for all targets, or targets with levels, parted by commas.
        directives: String,
        #[command(flatten)]
        target: ControlTarget,
        /// How long the change lasts, such as 10m; then the levels of before come back. Default: until the next change.
        #[arg(long = "for", value_name = "TIME")]
        lasting: Option<jiff::SignedDuration>,
        /// The directives take the place of all levels in force. Where no level stands alone, it is INFO.
        #[arg(long)]
        replace: bool,
    },
}

pub(crate) fn run(arguments: &LevelArguments, shared: &SharedArguments) -> Result<ExitStatus, CommandError> {
    match &arguments.command {
        LevelCommands::Get { target } => {
            let levels = target.connect()?.levels()?;
            write_out(&if shared.json { json_line(&json!(levels)) } else { text_of(&levels) })?;
        }
        LevelCommands::Set { directives, target, lasting, replace } => {
            let mut change = if *replace { LevelChange::replace(directives) } else { LevelChange::add(directives) };
            if let Some(lasting) = lasting {
                change = change.lasting(positive(*lasting)?);
            }
            let changed = target.connect()?.change_levels(change)?;
            write_out(&if shared.json { json_line(&json!(changed)) } else { text_of_change(&changed) })?;
        }
    }
    Ok(ExitStatus::Complete)
}

fn positive(time: jiff::SignedDuration) -> Result<Duration, CommandError> {
    let message = || format!("the time is {time}; it must be at least 1ms, such as 90s, 10m or 2h");
    let time = Duration::try_from(time).ok().filter(|time| *time >= Duration::from_millis(1));
    time.ok_or_else(|| CommandError::Option { option: "--for", message: message() })
}

fn json_line(value: &serde_json::Value) -> String {
    format!("{value}\n")
}

fn text_of(levels: &LevelsInForce) -> String {
    let mut text = format!("{}\n", shown(&levels.directives));
    if let Some(then) = &levels.then {
        text += &format!("in {}: {}\n", whole_seconds(then.in_ms), shown(&then.directives));
    }
    text
}

fn text_of_change(changed: &ChangedLevels) -> String {
    format!("before: {}\nnow: {}", shown(&changed.before), text_of(&changed.now))
}

/// A time as people write it: `9m 59s`.
fn whole_seconds(millis: u64) -> String {
    let millis = i64::try_from(millis).unwrap_or(i64::MAX);
    let time = jiff::SignedDuration::from_millis(millis);
    let time = if millis >= 1000 { jiff::SignedDuration::from_secs(time.as_secs()) } else { time };
    format!("{time:#}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shown_in_whole_seconds_from_a_second_on() {
        assert_eq!([599_900, 1_000, 250].map(whole_seconds), ["9m 59s", "1s", "250ms"]);
    }

    #[test]
    fn a_time_below_a_millisecond_is_refused() {
        for time in ["0s", "-5m", "10us"] {
            let error = positive(time.parse().unwrap()).unwrap_err().to_string();
            assert!(error.starts_with("--for: the time is"), "{error}");
        }
        assert_eq!(positive("10m".parse().unwrap()).unwrap(), Duration::from_secs(600));
    }
}

//! `fapilog level`.

use std::time::Duration;

use clap::{Args, Subcommand};
use fapilog_control::protocol::{ChangedLevels, LevelChange, LevelsInForce};
use serde_json::json;

use crate::{
    arguments::SharedArguments,
    commands::{
        control::{ControlTarget, shown, write_out},
        json_line,
        time_argument::time_of_at_least,
    },
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
    /// Changes the levels: `debug`, `my::db=debug`, `info,noisy=error`. Levels of targets that are not named stay.
    Set {
        /// A level for all targets, or targets with levels, parted by commas.
        directives: String,
        #[command(flatten)]
        target: ControlTarget,
        /// How long the change lasts, such as 10m; then the levels of before come back. Each target has its own time: a later
        /// change keeps the return of targets that it does not name. Default: until the next change of these targets.
        #[arg(long = "for", value_name = "TIME", value_parser = lasting)]
        lasting: Option<Duration>,
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
                change = change.lasting(*lasting);
            }
            let changed = target.connect()?.change_levels(change)?;
            write_out(&if shared.json { json_line(&json!(changed)) } else { text_of_change(&changed) })?;
        }
    }
    Ok(ExitStatus::Complete)
}

/// The shortest time of a change.
const LASTING_MIN: Duration = Duration::from_millis(1);

fn lasting(text: &str) -> Result<Duration, String> {
    time_of_at_least(LASTING_MIN, text)
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
}

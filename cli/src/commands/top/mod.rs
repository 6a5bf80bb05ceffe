//! `fapilog top`.

mod figures;
mod frame;
mod screen;
mod table;

use std::{
    thread,
    time::{Duration, Instant},
};

use clap::Args;
use fapilog_control::client::{Client, ClientError};
use serde_json::json;

use self::{
    figures::{Snapshot, TopMetrics},
    frame::TopFrame,
    screen::{KeyPress, TopScreen},
};
use crate::{
    arguments::SharedArguments,
    commands::{
        control::{ControlTarget, paint_of_stdout, write_out},
        time_argument::time_of_at_least,
    },
    error::{CommandError, ExitStatus},
    output::colors::Paint,
};

/// Shows what a running program logs, over its control socket: throughput, sinks, losses, rings, lag and plugins.
///
/// On a terminal, the screen is drawn anew each second, until `q` or Ctrl-C.
#[derive(Debug, Args)]
pub(crate) struct TopArguments {
    #[command(flatten)]
    target: ControlTarget,
    /// The time between two looks, such as 500ms.
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = interval)]
    interval: Duration,
    /// Show the figures of one interval, and end.
    #[arg(long)]
    once: bool,
}

/// The shortest time between two looks: each is some work for the program.
const INTERVAL_MIN: Duration = Duration::from_millis(100);

/// The width of a frame where there is no terminal.
const PLAIN_COLUMNS: usize = 200;

pub(crate) fn run(arguments: &TopArguments, shared: &SharedArguments) -> Result<ExitStatus, CommandError> {
    let interval = arguments.interval;
    let mut client = arguments.target.connect()?;
    let paint = paint_of_stdout(shared.color);
    if shared.json {
        print_json(&mut client, interval, arguments.once)?;
    } else if arguments.once {
        let earlier = look(&mut client)?;
        thread::sleep(interval);
        print(&TopFrame::new(&look(&mut client)?, Some(&earlier)), paint)?;
    } else {
        match TopScreen::open().map_err(CommandError::Write)? {
            Some(mut screen) => draw(&mut client, interval, paint, &mut screen)?,
            None => print_frames(&mut client, interval, paint)?,
        }
    }
    Ok(ExitStatus::Complete)
}

fn interval(text: &str) -> Result<Duration, String> {
    time_of_at_least(INTERVAL_MIN, text)
}

/// Asks the program for everything that a frame shows.
fn look(client: &mut Client) -> Result<Snapshot, ClientError> {
    let unreadable = |error: serde_json::Error| ClientError::Unreadable { reason: error.to_string() };
    Ok(Snapshot {
        metrics: serde_json::from_value::<TopMetrics>(client.metrics()?).map_err(unreadable)?,
        at: Instant::now(),
        info: client.info()?,
        levels: client.levels()?,
        diagnostics: client.diagnostics()?,
    })
}

/// An object for each look, on a line.
fn print_json(client: &mut Client, interval: Duration, once: bool) -> Result<(), CommandError> {
    loop {
        let look = json!({ "info": client.info()?, "levels": client.levels()?, "metrics": client.metrics()? });
        write_out(&format!("{look}\n"))?;
        if once {
            return Ok(());
        }
        thread::sleep(interval);
    }
}

/// Frames one after the other, for a file or a pipe.
fn print_frames(client: &mut Client, interval: Duration, paint: Paint) -> Result<(), CommandError> {
    let mut earlier = look(client)?;
    loop {
        thread::sleep(interval);
        let snapshot = look(client)?;
        print(&TopFrame::new(&snapshot, Some(&earlier)), paint)?;
        write_out("\n")?;
        earlier = snapshot;
    }
}

fn print(frame: &TopFrame<'_>, paint: Paint) -> Result<(), CommandError> {
    write_out(&frame.lines(PLAIN_COLUMNS, paint).iter().map(|line| format!("{line}\n")).collect::<String>())
}

/// Frames on the terminal, until a key or a signal ends them.
fn draw(client: &mut Client, interval: Duration, paint: Paint, screen: &mut TopScreen) -> Result<(), CommandError> {
    let mut earlier: Option<Snapshot> = None;
    let mut snapshot = look(client)?;
    loop {
        let frame = TopFrame::new(&snapshot, earlier.as_ref());
        screen.draw(|columns| frame.lines(columns, paint)).map_err(CommandError::Write)?;
        match screen.wait(snapshot.at + interval) {
            KeyPress::Quit => return Ok(()),
            KeyPress::Redraw => {}
            KeyPress::None => earlier = Some(std::mem::replace(&mut snapshot, look(client)?)),
        }
    }
}

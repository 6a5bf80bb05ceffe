//! `cargo run -p example-service [-- [--settings FILE] [ADDRESS [LOG_FILE]]]`: the shop, until it is interrupted.
//!
//! With a settings file, `FAPILOG_*` variables lie above it, and there is no `LOG_FILE`.

use std::{
    error::Error,
    io::{self, Write},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
};

use example_service::{first_run, logging::ShopLog};
use fapilog::{Logger, Settings, info};
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let mut text = format!("example-service: {error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                // Some errors have the text of their cause in their own.
                let reason = error.to_string();
                if !text.ends_with(&reason) {
                    text.push_str(": ");
                    text.push_str(&reason);
                }
                cause = error.source();
            }
            // Where nobody reads it, the exit code remains.
            let _ = writeln!(io::stderr(), "{text}");
            ExitCode::FAILURE
        }
    }
}

/// The arguments of the program.
struct ShopArguments {
    settings: Option<PathBuf>,
    address: SocketAddr,
    log_file: Option<PathBuf>,
}

impl ShopArguments {
    fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self, Box<dyn Error>> {
        let mut own = Self { settings: None, address: ([127, 0, 0, 1], 8080).into(), log_file: None };
        let mut has_address = false;
        while let Some(argument) = arguments.next() {
            if argument == "--settings" {
                own.settings = Some(arguments.next().ok_or("--settings has no file behind it")?.into());
            } else if !has_address {
                let wrong = |_| format!("the address is {argument:?}; it must be like 127.0.0.1:8080");
                own.address = argument.parse().map_err(wrong)?;
                has_address = true;
            } else if own.log_file.is_none() {
                own.log_file = Some(argument.into());
            } else {
                return Err(format!("{argument:?} is one argument too many; allowed are {USAGE}").into());
            }
        }
        match (&own.settings, &own.log_file) {
            (Some(_), Some(file)) => {
                Err(format!("the log file is {}; with --settings, the settings name the files", file.display()).into())
            }
            _ => Ok(own),
        }
    }
}

const USAGE: &str = "[--settings FILE] [ADDRESS [LOG_FILE]]";

async fn run() -> Result<(), Box<dyn Error>> {
    let ShopArguments { settings, address, log_file } = ShopArguments::read(std::env::args().skip(1))?;
    let log = match settings {
        Some(file) => log_by_settings(&file)?,
        None => ShopLog::start(&log_file.unwrap_or_else(|| PathBuf::from("shop.log")))?,
    };
    let (mut terminated, mut interrupted) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let end = async move {
        tokio::select! {
            _ = terminated.recv() => {}
            _ = interrupted.recv() => {}
        }
    };
    let ready = |address, log: &Logger| {
        info!(log, "shop is open", bind_address = address, pid = std::process::id());
        // Where nobody reads it, the shop is open all the same.
        let _ = writeln!(io::stdout(), "shop is open at {address}");
    };
    let accounts = example_service::serve_with_log(log, address, ready, end).await?;
    writeln!(io::stdout(), "{accounts}")?;
    accounts.check()?;
    Ok(())
}

fn log_by_settings(file: &Path) -> Result<ShopLog, Box<dyn Error>> {
    let settings = Settings::load(Some(file))?;
    first_run::prepare(Path::new("."))?;
    Ok(ShopLog::by_settings(settings)?)
}

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

async fn run() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1).peekable();
    let settings = arguments.next_if_eq("--settings").map(|_| arguments.next().ok_or("--settings needs a file"));
    let address: SocketAddr = arguments.next().as_deref().unwrap_or("127.0.0.1:8080").parse()?;
    let log = match settings.transpose()? {
        Some(file) => log_by_settings(Path::new(&file))?,
        None => ShopLog::start(&arguments.next().map_or_else(|| PathBuf::from("shop.log"), PathBuf::from))?,
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

//! `cargo run -p example-service [ADDRESS [LOG_FILE]]`: the shop, until it is interrupted.

use std::{error::Error, net::SocketAddr, path::PathBuf};

use fapilog::{Logger, info};
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let address: SocketAddr = arguments.next().as_deref().unwrap_or("127.0.0.1:8080").parse()?;
    let log_file = arguments.next().map_or_else(|| PathBuf::from("shop.log"), PathBuf::from);
    let (mut terminated, mut interrupted) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let end = async move {
        tokio::select! {
            _ = terminated.recv() => {}
            _ = interrupted.recv() => {}
        }
    };
    let ready = |address, log: &Logger| info!(log, "shop is open", address = address, pid = std::process::id());
    example_service::serve(&log_file, address, ready, end).await?;
    Ok(())
}

//! A service that answers on a control socket, and an operator that raises its levels for a while.
//!
//! `cargo run -p fapilog-control --example controlled_service -- run` logs until Ctrl-C: try `fapilog top`, `fapilog level get` and
//! `fapilog level set` on it.

use std::{error::Error, sync::Arc, thread, time::Duration};

use fapilog::{Container, debug, format, info, sink, warn};
use fapilog_control::{ControlSocket, client::Client, protocol::LevelChange};

#[cfg_attr(test, test)]
fn main() -> Result<(), Box<dyn Error>> {
    let directory = tempfile::tempdir()?;
    let file = sink::File::new(directory.path().join("shop.log"), format::Json::new);
    let logs = Container::builder().apply(fapilog::default_pipeline).sink("file", file).start()?;
    let logs = Arc::new(logs);
    let is_to_run = std::env::args().any(|argument| argument == "run");

    let builder = ControlSocket::builder(&logs);
    let builder = if is_to_run { builder } else { builder.path(directory.path().join("shop.sock")) };
    let control = builder.start()?;
    if is_to_run {
        serve(&logs);
    }

    // The part of the operator, who is in another process otherwise.
    let mut client = Client::connect(control.path())?;
    let change = LevelChange::add("controlled_service=debug").lasting(Duration::from_secs(600));
    let changed = client.change_levels(change)?;
    assert_eq!(changed.now.directives, "INFO,controlled_service=DEBUG");

    request(&logs, 1);
    let flushed = client.flush(Duration::from_secs(5))?;
    // The change of levels is an event, too.
    assert_eq!((flushed.submitted, flushed.delivered, flushed.lost), (3, 3, 0));

    // The socket first: it brings the levels of before back, and the container is drained by this thread.
    drop(control);
    assert_eq!(logs.directives().to_string(), "INFO");
    Ok(())
}

fn request(logs: &Container, number: u64) {
    let log = logs.logger("shop");
    debug!(log, "request begins", number);
    info!(log, "request ends", number, status = 200);
}

/// Some thousand requests a second, for ever.
fn serve(logs: &Container) {
    for number in 0.. {
        request(logs, number);
        if number % 10_000 == 0 {
            warn!(logs.logger("shop"), "stock is low", number);
        }
        thread::sleep(Duration::from_micros(100));
    }
}

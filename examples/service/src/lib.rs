//! A small shop whose requests are followed across all that a server has: handlers, crates that log through `log` and `tracing`,
//! background tasks, and a thread that works through a queue.
//!
//! | module | logs through |
//! |---|---|
//! | [`routes`] | fapilog's macros, with the logger of the request |
//! | [`pricing`] | `tracing`: a span, and events in it |
//! | [`legacy`] | `log`: a crate that knows nothing of fapilog |
//! | [`receipts`] | fapilog's macros, in a task that outlives its request |
//! | [`warehouse`] | fapilog's macros, on a thread of its own |
//! | [`customers`] | `audit!`: who did what to which object, with which outcome |
//!
//! Each event of a request has the request's id, wherever it is logged. `cargo run -p example-service` starts the shop;
//! `fapilog follow-request ID shop.log` shows a request.
//!
//! The folder `settings` has a settings file for each standard of compliance, such as PCI DSS. In an empty directory,
//! `example-service --settings .../settings/pci-dss.toml` starts the shop under that standard in strict mode: it does not start if a rule is
//! not met.

pub mod customers;
pub mod first_run;
pub mod legacy;
pub mod logging;
pub mod pricing;
pub mod receipts;
pub mod routes;
pub mod warehouse;

use std::{net::SocketAddr, path::Path};

use fapilog::{Logger, metrics::Accounts};
use fapilog_tower::axum::serve_with;
use tokio::net::TcpListener;

use crate::{
    logging::{LogError, ShopLog},
    receipts::Receipts,
    routes::BackOffice,
};

/// The shop cannot start, or its log did not end in time.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ShopError {
    /// The log.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The address.
    #[error("the shop cannot listen at {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's reason.
        #[source]
        cause: std::io::Error,
    },
    /// The thread of the warehouse.
    #[error("the warehouse cannot start")]
    Warehouse(#[source] std::io::Error),
    /// The server, or its log at the end.
    #[error("the shop has not ended as it should")]
    Serve(#[source] fapilog_tower::axum::ServeError),
}

/// Serves until `end` is ready, with a log in a file. Calls `ready` with the address that it listens at, and returns the accounts of
/// all events.
///
/// # Errors
/// See [`ShopError`].
pub async fn serve(
    log_file: &Path,
    address: SocketAddr,
    ready: impl FnOnce(SocketAddr, &Logger),
    end: impl Future<Output = ()> + Send + 'static,
) -> Result<Accounts, ShopError> {
    serve_with_log(ShopLog::start(log_file)?, address, ready, end).await
}

/// As [`serve`], with a log that has been started.
///
/// # Errors
/// See [`ShopError`].
pub async fn serve_with_log(
    log: ShopLog,
    address: SocketAddr,
    ready: impl FnOnce(SocketAddr, &Logger),
    end: impl Future<Output = ()> + Send + 'static,
) -> Result<Accounts, ShopError> {
    let listen_error = |cause| ShopError::Listen { address, cause };
    let listener = TcpListener::bind(address).await.map_err(listen_error)?;
    ready(listener.local_addr().map_err(listen_error)?, &log.logger("shop"));
    let (warehouse, all_packed) = warehouse::start(log.logger("warehouse")).map_err(ShopError::Warehouse)?;
    let receipts = Receipts::default();
    let router = routes::shop(&log, BackOffice { warehouse, receipts: receipts.clone() });
    let background = async {
        receipts.all_sent().await;
        all_packed.await;
    };
    let server = serve_with(log.container(), listener, router).shutdown_on(end).wait_for(background);
    server.await.map_err(ShopError::Serve)
}

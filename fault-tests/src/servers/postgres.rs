//! The sink `postgres`, and a real PostgreSQL: a kill drops no transaction that it has acknowledged.

use std::sync::Arc;

use fapilog_postgres::{PostgresSettings, PostgresTable};
use fapilog_test_servers::servers;

use crate::{
    arrivals::{EventArrivals, decimal},
    servers::{DeliveryPromise, KillableServer, SinkResult, SoakTarget},
};

/// The numbers of the events. Events of the library itself have none.
const NUMBERS: &str = "SELECT context->>'number' FROM fapilog WHERE context ? 'number'";

pub(super) const TARGET: SoakTarget = SoakTarget {
    name: "postgres",
    promise: DeliveryPromise::Idempotent,
    start: |arrivals| {
        let arrivals = Arc::clone(arrivals);
        servers::Postgres::start()
            .map(|server| Box::new(KilledPostgres { server, arrivals }) as Box<dyn KillableServer>)
    },
    absorbing: None,
};

struct KilledPostgres {
    server: servers::Postgres,
    arrivals: Arc<EventArrivals>,
}

impl KillableServer for KilledPostgres {
    fn sink(&self) -> SinkResult {
        let mut settings = PostgresSettings::default();
        settings.url = format!("postgres://postgres@{}/postgres", self.server.address());
        Ok(Arc::new(PostgresTable::new(&settings)?))
    }

    fn kill(&mut self) {
        self.server.server.kill();
    }

    fn restart(&mut self) {
        self.server.server.restart();
    }

    fn count_kept(&mut self) {
        let numbers = self.server.sql(NUMBERS);
        numbers.lines().for_each(|number| self.arrivals.count(decimal(number.as_bytes())));
    }
}

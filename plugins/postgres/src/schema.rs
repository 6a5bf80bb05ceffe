//! The table: its migrations, and the check of its columns.

use tokio_postgres::{Client, Error, Transaction};

use crate::{
    column::PostgresColumn,
    error::PostgresError,
    outcome::describe_setup,
    settings::{PostgresDuplicates, PostgresSettings},
};

/// The newest version of the table.
pub(crate) const VERSION: i32 = 2;

/// The key of the advisory lock under which migrations run: the bytes of `fapilog` and 1.
const LOCK_KEY: i64 = 0x6661_7069_6c6f_6701;

/// The statements of a table.
#[derive(Debug, Clone)]
pub(crate) struct TableStatements {
    columns: Vec<PostgresColumn>,
    schema: String,
    /// Schema and name, quoted.
    table: String,
    /// The table with the versions.
    versions: String,
    /// The index of the time.
    time_index: String,
    create_table: bool,
    suppresses: bool,
}

/// A name in double quotes.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

impl TableStatements {
    pub(crate) fn new(settings: &PostgresSettings) -> Self {
        let below = |name: &str| format!("{}.{}", quoted(&settings.schema), quoted(name));
        Self {
            columns: settings.columns.clone(),
            schema: settings.schema.clone(),
            table: below(&settings.table),
            versions: below(&format!("{}_schema", settings.table)),
            time_index: quoted(&format!("{}_time", settings.table)),
            create_table: settings.create_table,
            suppresses: settings.duplicates == PostgresDuplicates::Suppress,
        }
    }

    fn list(&self) -> String {
        self.columns.iter().map(|column| quoted(column.name())).collect::<Vec<_>>().join(", ")
    }

    /// The statement that takes the rows.
    pub(crate) fn copy(&self) -> String {
        let table = if self.suppresses { "pg_temp.fapilog_rows" } else { &self.table };
        format!("COPY {table} ({}) FROM STDIN (FORMAT binary)", self.list())
    }

    /// The statement that makes the temporary table, once for a connection.
    pub(crate) fn create_rows(&self) -> Option<String> {
        let list = self.list();
        self.suppresses.then(|| {
            format!(
                "CREATE TEMPORARY TABLE fapilog_rows ON COMMIT DELETE ROWS AS SELECT {list} FROM {} WITH NO DATA",
                self.table
            )
        })
    }

    /// The statement that moves the rows from there.
    pub(crate) fn insert(&self) -> Option<String> {
        let (table, list) = (&self.table, self.list());
        self.suppresses.then(|| {
            format!(
                "INSERT INTO {table} ({list}) SELECT {list} FROM pg_temp.fapilog_rows ON CONFLICT (\"id\") DO NOTHING"
            )
        })
    }

    /// Brings the table up to date, and checks it.
    pub(crate) async fn prepare(&self, client: &mut Client, destination: &str) -> Result<(), PostgresError> {
        let setup = |error: Error| describe_setup(destination, &error);
        if self.create_table {
            let is_current = self.version(client).await.map_err(setup)? == Some(VERSION);
            if !is_current || !self.missing(client).await.map_err(setup)?.is_empty() {
                self.migrate(client, destination).await?;
            }
        }
        let missing = self.missing(client).await.map_err(setup)?;
        if missing.is_empty() {
            return Ok(());
        }
        let columns = missing.iter().map(|column| format!("{} {}", column.name(), column.sql_type()));
        let columns = columns.collect::<Vec<_>>().join(", ");
        Err(PostgresError::MissingColumns { destination: destination.to_owned(), columns })
    }

    /// The version of the table. `None`: it has none.
    async fn version(&self, client: &Client) -> Result<Option<i32>, Error> {
        let exists = client.query_one("SELECT to_regclass($1) IS NOT NULL", &[&self.versions]).await?;
        if !exists.try_get::<_, bool>(0)? {
            return Ok(None);
        }
        let row = client.query_one(&format!("SELECT max(version) FROM {}", self.versions), &[]).await?;
        row.try_get(0)
    }

    /// The columns that the table has not, or has with another type.
    async fn missing(&self, client: &Client) -> Result<Vec<PostgresColumn>, Error> {
        let statement = "SELECT attname::text, format_type(atttypid, NULL) FROM pg_attribute \
                         WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped";
        let rows = client.query(statement, &[&self.table]).await?;
        let mut found = Vec::with_capacity(rows.len());
        for row in rows {
            found.push((row.try_get::<_, String>(0)?, row.try_get::<_, String>(1)?));
        }
        let has = |column: &PostgresColumn| {
            found.iter().any(|(name, kind)| name == column.name() && kind == column.sql_type())
        };
        Ok(self.columns.iter().filter(|column| !has(column)).copied().collect())
    }

    /// Runs the migrations that are missing, in one transaction: programs that start at once wait for each other.
    async fn migrate(&self, client: &mut Client, destination: &str) -> Result<(), PostgresError> {
        let setup = |error: Error| describe_setup(destination, &error);
        let transaction = client.transaction().await.map_err(setup)?;
        transaction.query_one("SELECT pg_advisory_xact_lock($1)", &[&LOCK_KEY]).await.map_err(setup)?;
        let found = self.locked_version(&transaction).await.map_err(setup)?;
        if found > VERSION {
            return Err(PostgresError::NewerSchema { destination: destination.to_owned(), found, known: VERSION });
        }
        self.run(&transaction, found).await.map_err(setup)?;
        transaction.commit().await.map_err(setup)
    }

    async fn locked_version(&self, transaction: &Transaction<'_>) -> Result<i32, Error> {
        // A role without the privilege to create schemas uses one that exists.
        let exists = transaction.query_one("SELECT to_regnamespace($1) IS NOT NULL", &[&quoted(&self.schema)]).await?;
        if !exists.try_get::<_, bool>(0)? {
            transaction.batch_execute(&format!("CREATE SCHEMA {}", quoted(&self.schema))).await?;
        }
        let create = format!(
            "CREATE TABLE IF NOT EXISTS {} (version integer PRIMARY KEY, migrated timestamptz NOT NULL DEFAULT now())",
            self.versions
        );
        transaction.batch_execute(&create).await?;
        let statement = format!("SELECT coalesce(max(version), 0) FROM {}", self.versions);
        transaction.query_one(&statement, &[]).await?.try_get(0)
    }

    async fn run(&self, transaction: &Transaction<'_>, found: i32) -> Result<(), Error> {
        for version in found.saturating_add(1)..=VERSION {
            for statement in self.migration(version) {
                transaction.batch_execute(&statement).await?;
            }
            let record = format!("INSERT INTO {} (version) VALUES ($1)", self.versions);
            transaction.execute(&record, &[&version]).await?;
        }
        // Columns that the settings have got later.
        for column in &self.columns {
            let (name, kind) = (quoted(column.name()), column.sql_type());
            let add = format!("ALTER TABLE {} ADD COLUMN IF NOT EXISTS {name} {kind}", self.table);
            transaction.batch_execute(&add).await?;
        }
        Ok(())
    }

    /// The statements of a version.
    fn migration(&self, version: i32) -> Vec<String> {
        match version {
            // The table.
            1 => vec![format!(
                "CREATE TABLE IF NOT EXISTS {} (\"id\" text COLLATE \"C\" PRIMARY KEY, \"time\" timestamptz NOT NULL)",
                self.table
            )],
            // Queries by time; rows come in the order of time, so that the small index of blocks is enough.
            2 => {
                vec![format!("CREATE INDEX IF NOT EXISTS {} ON {} USING brin (\"time\")", self.time_index, self.table)]
            }
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted() {
        let mut settings =
            PostgresSettings { schema: "a\"; DROP".to_owned(), table: "b c".to_owned(), ..PostgresSettings::default() };
        settings.columns = vec![PostgresColumn::Id, PostgresColumn::Time];
        settings.duplicates = PostgresDuplicates::Allow;
        let copy = TableStatements::new(&settings).copy();
        assert_eq!(copy, "COPY \"a\"\"; DROP\".\"b c\" (\"id\", \"time\") FROM STDIN (FORMAT binary)");
    }
}

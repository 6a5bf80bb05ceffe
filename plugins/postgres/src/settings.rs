//! The settings of the sink.

use std::{ops::RangeInclusive, path::PathBuf, time::Duration};

use fapilog_plugin::{
    named_enum,
    problem::Problem,
    settings::{Endpoint, SecretRef, duration, size_bytes, write_duration, write_size},
};
use fapilog_sink_network::{
    address::{AddressPolicy, AddressRange},
    dial::Dialer,
    tls::{Tls, TlsSettings},
};
use serde::Deserialize;

use crate::{
    address::{UrlParts, endpoint},
    column::PostgresColumn,
};

const PORT: u16 = 5432;
const PAYLOAD_BYTES: RangeInclusive<usize> = 1 << 10..=16 << 20;
const RECORD_BYTES: RangeInclusive<usize> = 1 << 10..=64 << 20;
const TIMEOUT_MIN: Duration = Duration::from_millis(1);
/// `NAMEDATALEN` - 1 of the server, which cuts longer names. The table of versions has `_schema` behind the table's name.
const NAME_BYTES_MAX: usize = 63;
const TABLE_BYTES_MAX: usize = NAME_BYTES_MAX - "_schema".len();

named_enum! {
    /// Whether a connection is encrypted, by the names of `libpq`.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum PostgresSslMode {
        /// Without TLS: for loopback, and for hosts that `allow_plaintext_hosts` names.
        Disable = "disable",
        /// With TLS, and a certificate of the host from a known authority.
        VerifyFull = "verify-full",
    }
}

named_enum! {
    /// Events that the server may have already.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
    pub enum PostgresDuplicates {
        /// They are copied into a temporary table, and only new ids are inserted from there.
        #[default]
        Suppress = "suppress",
        /// They are copied into the table.
        Allow = "allow",
    }
}

/// The settings of the sink `postgres`.
///
/// ```
/// use fapilog_postgres::PostgresSettings;
///
/// let mut settings = PostgresSettings::default();
/// settings.url = "postgres://logger@db.example.com/logs".to_owned();
/// settings.table = "shop".to_owned();
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct PostgresSettings {
    /// `postgres://USER@HOST:PORT/DATABASE`. With several hosts, and commas between them, the first that takes writes is used. The port is 5432.
    pub url: String,
    /// The path of a Unix socket, such as `/run/postgresql/.s.PGSQL.5432`, in place of hosts.
    pub socket: Option<PathBuf>,
    /// The user, if the URL has none.
    pub user: Option<String>,
    /// The password.
    pub password: Option<SecretRef>,
    /// The database, if the URL has none. Default: the name of the user.
    pub database: Option<String>,
    /// Whether the connection is encrypted. Default: `verify-full`; `disable` for loopback without `tls`.
    pub sslmode: Option<PostgresSslMode>,
    /// Certificates.
    pub tls: Option<TlsSettings>,
    /// Hosts that are reached without TLS, besides loopback.
    pub allow_plaintext_hosts: Vec<String>,
    /// Addresses and networks that would be refused.
    pub allow_addresses: Vec<AddressRange>,
    /// The name of the connection in the server's views. Default: `fapilog`.
    pub application_name: String,
    /// The schema of the table. Default: `public`.
    pub schema: String,
    /// The table. Default: `fapilog`.
    pub table: String,
    /// The columns.
    pub columns: Vec<PostgresColumn>,
    /// Whether the sink creates the table and migrates it. Otherwise it checks that the table has the columns. Default: true.
    pub create_table: bool,
    /// Events that the server may have already. Default: `suppress`.
    pub duplicates: PostgresDuplicates,
    /// The time limit of a connection, with TLS, the password and the check of the table. Default: 10 s.
    #[serde(with = "duration")]
    pub connect_timeout: Duration,
    /// The time limit of a payload, and of a statement at the server. Default: 30 s.
    #[serde(with = "duration")]
    pub statement_timeout: Duration,
    /// The length of a full payload: 1 KiB to 16 MiB. Default: 1 MiB.
    #[serde(with = "size_bytes")]
    pub payload_bytes: usize,
    /// The longest row: 1 KiB to 64 MiB. The fields of a longer one are left out, and its message is cut. Default: 1 MiB.
    #[serde(with = "size_bytes")]
    pub row_bytes_max: usize,
}

impl Default for PostgresSettings {
    fn default() -> Self {
        Self {
            url: String::new(),
            socket: None,
            user: None,
            password: None,
            database: None,
            sslmode: None,
            tls: None,
            allow_plaintext_hosts: Vec::new(),
            allow_addresses: Vec::new(),
            application_name: "fapilog".to_owned(),
            schema: "public".to_owned(),
            table: "fapilog".to_owned(),
            columns: PostgresColumn::DEFAULT.to_vec(),
            create_table: true,
            duplicates: PostgresDuplicates::Suppress,
            connect_timeout: Duration::from_secs(10),
            statement_timeout: Duration::from_secs(30),
            payload_bytes: 1 << 20,
            row_bytes_max: 1 << 20,
        }
    }
}

/// Settings that are valid.
#[derive(Debug, Clone)]
pub(crate) struct PostgresTarget {
    pub(crate) endpoints: Vec<Endpoint>,
    pub(crate) user: String,
    pub(crate) database: String,
    pub(crate) settings: PostgresSettings,
}

impl PostgresTarget {
    /// All errors at once.
    pub(crate) fn new(settings: &PostgresSettings) -> Result<Self, Vec<Problem>> {
        let mut problems = settings.own_problems();
        let parts = UrlParts::parse(&settings.url).map_err(|problem| problems.push(problem)).ok();
        let is_url = parts.is_some() || !settings.url.is_empty();
        if !is_url {
            problems.pop();
        }
        let parts = parts.unwrap_or_default();
        let mut endpoints = Vec::new();
        for host in &parts.hosts {
            match settings.endpoint(host) {
                Ok(endpoint) => endpoints.push(endpoint),
                Err(problem) => problems.push(problem),
            }
        }
        if parts.hosts.is_empty() != settings.socket.is_some() && problems.iter().all(|problem| problem.path != "url") {
            let (value, allowed) = match &settings.socket {
                None => ("without a host", "it must have a host, such as postgres://logger@db.example.com/logs"),
                Some(_) => ("with a host", "it has no host where socket is given"),
            };
            problems.push(Problem::new("url", value, allowed).beside("socket"));
        }
        if endpoints.iter().any(Endpoint::is_tls) {
            problems.extend(settings.load_tls().err().unwrap_or_default());
        } else if settings.tls.is_some() && !endpoints.is_empty() {
            problems.push(Problem::new("tls", "given", "it has no meaning without TLS").beside("sslmode"));
        }
        let user = once("user", &settings.user, parts.user, &mut problems);
        let database = once("database", &settings.database, parts.database, &mut problems);
        match user {
            Some(user) if problems.is_empty() => {
                let database = database.unwrap_or_else(|| user.clone());
                Ok(Self { endpoints, user, database, settings: settings.clone() })
            }
            Some(_) => Err(problems),
            None => {
                if problems.iter().all(|problem| problem.path != "url") {
                    problems
                        .push(Problem::new("user", "missing", "it must be given, or stand in the URL").beside("url"));
                }
                Err(problems)
            }
        }
    }

    /// A dialer for each host, with the certificates.
    pub(crate) fn dialers(&self) -> Result<Vec<(Dialer, Option<Tls>)>, Vec<Problem>> {
        let dialer = |endpoint: &Endpoint| {
            let policy = AddressPolicy::default().allow(self.settings.allow_addresses.iter().copied());
            let dialer = Dialer::new(endpoint, PORT, policy);
            if !endpoint.is_tls() {
                return Ok((dialer, None));
            }
            let tls = self.settings.load_tls()?;
            Ok((dialer.tls(tls.clone()), Some(tls)))
        };
        self.endpoints.iter().map(dialer).collect()
    }

    /// The hosts and the table, for reports.
    pub(crate) fn destination(&self) -> String {
        let hosts: Vec<_> = match &self.settings.socket {
            Some(path) => vec![path.display().to_string()],
            None => self.endpoints.iter().map(|end| end.to_string().trim_end_matches('/').to_owned()).collect(),
        };
        format!("{}/{} table {}.{}", hosts.join(","), self.database, self.settings.schema, self.settings.table)
    }
}

/// A value that stands in the URL or in a setting.
fn once(name: &str, setting: &Option<String>, of_url: Option<String>, problems: &mut Vec<Problem>) -> Option<String> {
    if let (Some(setting), Some(_)) = (setting, &of_url) {
        problems.push(Problem::new(name, format!("{setting:?}"), "it stands in the URL already").beside("url"));
    }
    let value = setting.clone().or(of_url)?;
    if value.is_empty() || value.contains('\0') {
        problems.push(Problem::new(name, format!("{value:?}"), "it must be a name"));
    }
    Some(value)
}

impl PostgresSettings {
    fn endpoint(&self, host: &str) -> Result<Endpoint, Problem> {
        let is_tls = match self.sslmode {
            Some(mode) => mode == PostgresSslMode::VerifyFull,
            None => {
                let encrypted = endpoint(host, true, &[])?;
                self.tls.is_some() || !encrypted.is_loopback()
            }
        };
        let endpoint = endpoint(host, is_tls, &self.allow_plaintext_hosts)?;
        if endpoint.path_and_query() != "/" {
            return Err(Problem::new("url", format!("{host:?}"), "a host has a name and a port"));
        }
        Ok(endpoint)
    }

    fn own_problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (setting, time) in
            [("connect_timeout", self.connect_timeout), ("statement_timeout", self.statement_timeout)]
        {
            if !(TIMEOUT_MIN..=Duration::from_secs(3600)).contains(&time) {
                problems.push(Problem::new(setting, write_duration(time), "it must be from 1ms to 1h"));
            }
        }
        for (setting, bytes, range, allowed) in [
            ("payload_bytes", self.payload_bytes, PAYLOAD_BYTES, "it must be from 1 KiB to 16 MiB"),
            ("row_bytes_max", self.row_bytes_max, RECORD_BYTES, "it must be from 1 KiB to 64 MiB"),
        ] {
            if !range.contains(&bytes) {
                problems.push(Problem::new(setting, write_size(bytes), allowed));
            }
        }
        for (setting, name, longest) in
            [("schema", &self.schema, NAME_BYTES_MAX), ("table", &self.table, TABLE_BYTES_MAX)]
        {
            if name.is_empty() || name.len() > longest || name.contains('\0') {
                let allowed = format!("it must be a name of 1 to {longest} bytes");
                problems.push(Problem::new(setting, format!("{name:?}"), allowed));
            }
        }
        if self.application_name.contains('\0') {
            problems.push(Problem::new("application_name", format!("{:?}", self.application_name), "it has no NUL"));
        }
        problems.extend(self.column_problem());
        problems
    }

    fn column_problem(&self) -> Option<Problem> {
        let names = self.columns.iter().map(|column| column.name()).collect::<Vec<_>>().join(", ");
        let problem = |allowed: &str| Some(Problem::new("columns", format!("{names:?}"), allowed).beside("duplicates"));
        let is_twice = |(index, column)| self.columns.iter().skip(index + 1).any(|other| other == column);
        if self.columns.iter().enumerate().any(is_twice) {
            return problem("each column stands once");
        }
        if !self.columns.contains(&PostgresColumn::Time) {
            return problem("time is among them");
        }
        if self.duplicates == PostgresDuplicates::Suppress && !self.columns.contains(&PostgresColumn::Id) {
            return problem("id is among them, unless duplicates are allowed");
        }
        None
    }

    fn load_tls(&self) -> Result<Tls, Vec<Problem>> {
        let loaded = self.tls.clone().unwrap_or_default().load();
        loaded.map_err(|problems| problems.into_iter().map(|problem| problem.below("tls")).collect())
    }
}

//! The settings of the sink.

use std::collections::BTreeMap;

use fapilog_plugin::{level::Level, problem::Problem, settings::SecretRef};
use fapilog_sink_http::settings::{AuthSettings, BatchSettings, BodyCompression, HttpTarget};

use crate::dsn::SentryDsn;

/// The most breadcrumbs that Sentry shows.
const BREADCRUMBS_MAX: usize = 100;

/// The longest release, environment and name of a server: Sentry's own limit of a tag.
const NAME_CHARS_MAX: usize = 200;

fapilog_sink_http::http_settings! {
    /// The settings of the sink `sentry`: these, and those of [all HTTP sinks](fapilog_sink_http::settings).
    ///
    /// The destination and the credentials are `dsn`, and neither `url` nor `auth`; the compression is `compression`, and not `request.compression`.
    #[derive(Debug, Clone)]
    #[non_exhaustive]
    pub struct SentrySettings {
        /// The DSN of the project.
        pub dsn: Option<SecretRef>,
        /// The `environment` of all events.
        pub environment: Option<String>,
        /// The `release` of all events.
        pub release: Option<String>,
        /// The `server_name` of all events. If it is not given, that of the machine.
        pub server_name: Option<String>,
        /// Events of this level and above are error events. Events of level AUDIT are none.
        pub event_level: Level,
        /// Whether other events are structured logs.
        pub logs: bool,
        /// Events of this level and above are structured logs.
        pub log_level: Level,
        /// How many events before an error event are its breadcrumbs: those of its correlation id, or of its thread.
        pub breadcrumbs: usize,
        /// The compression of requests.
        pub compression: BodyCompression,
    }
}

impl Default for SentrySettings {
    /// Error events from ERROR, logs from INFO, 20 breadcrumbs, and gzip.
    fn default() -> Self {
        Self {
            dsn: None,
            environment: None,
            release: None,
            server_name: None,
            event_level: Level::Error,
            logs: true,
            log_level: Level::Info,
            breadcrumbs: 20,
            compression: BodyCompression::Gzip,
            url: String::new(),
            allow_plaintext_hosts: Vec::new(),
            allow_addresses: Vec::new(),
            tls: Default::default(),
            auth: Default::default(),
            headers: BTreeMap::new(),
            request: Default::default(),
            batch: BatchSettings::default(),
        }
    }
}

impl SentrySettings {
    /// The destination, and all that is invalid.
    pub(crate) fn target(&self) -> Result<HttpTarget, Vec<Problem>> {
        let mut problems = self.check();
        let dsn = self.read_dsn().map_err(|problem| problems.push(problem)).ok();
        let target = dsn.and_then(|dsn| {
            let mut http = self.http();
            http.url = dsn.url;
            http.auth = AuthSettings::header("x-sentry-auth", "", SecretRef::bytes(dsn.auth));
            http.request.compression = self.compression;
            http.target().map_err(|found| problems.extend(found.into_iter().map(of_client))).ok()
        });
        target.filter(|_| problems.is_empty()).ok_or(problems)
    }

    /// The name of the server in events.
    pub(crate) fn server(&self) -> String {
        let of_machine = || rustix::system::uname().nodename().to_string_lossy().into_owned();
        self.server_name.clone().unwrap_or_else(of_machine)
    }

    fn read_dsn(&self) -> Result<SentryDsn, Problem> {
        let Some(reference) = &self.dsn else {
            let allowed = "it must be a reference to the DSN of a project, such as \"${SENTRY_DSN}\"";
            return Err(Problem::new("dsn", "missing", allowed));
        };
        let secret = reference.read().map_err(|error| error.problem("dsn"))?;
        let dsn = secret.expose_text().ok().and_then(SentryDsn::parse);
        let allowed = "it must lead to a DSN, such as https://key@sentry.example.com/42";
        dsn.ok_or_else(|| Problem::new("dsn", reference, allowed))
    }

    fn check(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if !self.url.is_empty() {
            problems.push(Problem::new("url", "given", "the destination is the setting dsn").beside("dsn"));
        }
        if !self.auth.is_none() {
            problems.push(Problem::new("auth", "[redacted]", "the credentials are the setting dsn").beside("dsn"));
        }
        if self.request.compression != BodyCompression::None {
            let allowed = "the compression is the setting compression of the sink";
            problems.push(Problem::new("request.compression", self.request.compression, allowed));
        }
        if self.breadcrumbs > BREADCRUMBS_MAX {
            problems.push(Problem::new("breadcrumbs", self.breadcrumbs, "allowed are 0 to 100"));
        }
        let names =
            [("environment", &self.environment), ("release", &self.release), ("server_name", &self.server_name)];
        for (setting, name) in names {
            problems.extend(name.as_deref().and_then(|name| check_name(setting, name)));
        }
        problems
    }
}

fn check_name(setting: &str, name: &str) -> Option<Problem> {
    let is_valid = (1..=NAME_CHARS_MAX).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    let allowed = "it must be a text of 1 to 200 characters without control characters";
    (!is_valid).then(|| Problem::new(setting, format!("{name:?}"), allowed))
}

/// A problem of the client's settings, with the path that the user gave.
fn of_client(mut problem: Problem) -> Problem {
    if problem.path == "url" || problem.path.starts_with("auth.header") {
        problem.path = "dsn".to_owned();
    }
    problem
}

//! The settings of the sink.

use std::collections::BTreeMap;

use fapilog_plugin::{named_enum, problem::Problem, settings::SecretRef};
use fapilog_sink_http::settings::{AuthSettings, BatchSettings, BodyCompression, HttpSettings, HttpTarget};

use crate::encode::TAG_CHARS_MAX;

/// The header with the API key.
const KEY_HEADER: &str = "dd-api-key";

/// The longest `service`, `source` and `hostname`: more than Datadog keeps of a tag.
const NAME_BYTES_MAX: usize = 255;

/// The most bytes of all `tags`.
const TAGS_BYTES_MAX: usize = 8 << 10;

named_enum! {
    /// A site of Datadog, which the address in the browser shows.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    #[non_exhaustive]
    pub enum DatadogSite {
        /// US1.
        Us1 = "datadoghq.com",
        /// US3.
        Us3 = "us3.datadoghq.com",
        /// US5.
        Us5 = "us5.datadoghq.com",
        /// EU1.
        Eu1 = "datadoghq.eu",
        /// AP1.
        Ap1 = "ap1.datadoghq.com",
        /// AP2.
        Ap2 = "ap2.datadoghq.com",
        /// UK1.
        Uk1 = "uk1.datadoghq.com",
        /// US1-FED.
        Us1Fed = "ddog-gov.com",
        /// US2-FED.
        Us2Fed = "us2.ddog-gov.com",
    }
}

impl DatadogSite {
    /// The URL of the logs API.
    fn logs_url(self) -> String {
        format!("https://http-intake.logs.{self}/api/v2/logs")
    }
}

fapilog_sink_http::http_settings! {
    /// The settings of the sink `datadog`: these, and those of [all HTTP sinks](fapilog_sink_http::settings).
    ///
    /// The destination is `site`, or `url` for a proxy. The credentials are `api_key`, and not `auth`; the compression is `compression`, and not
    /// `request.compression`.
    #[derive(Debug, Clone)]
    #[non_exhaustive]
    pub struct DatadogSettings {
        /// The site. If neither it nor `url` is given: `datadoghq.com`.
        pub site: Option<DatadogSite>,
        /// The API key.
        pub api_key: Option<SecretRef>,
        /// The `service` of all events. If it is not given, the name of the logger.
        pub service: Option<String>,
        /// The `ddsource` of all events: the name of the integration whose pipeline Datadog uses.
        pub source: String,
        /// The `hostname` of all events. If it is not given, that of the machine.
        pub hostname: Option<String>,
        /// Tags of all events, such as `env:prod`.
        pub tags: Vec<String>,
        /// The compression of requests.
        pub compression: BodyCompression,
    }
}

impl Default for DatadogSettings {
    /// The site `datadoghq.com`, `ddsource` `rust`, and gzip.
    fn default() -> Self {
        Self {
            site: None,
            api_key: None,
            service: None,
            source: "rust".to_owned(),
            hostname: None,
            tags: Vec::new(),
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

impl DatadogSettings {
    /// The destination, and all that is invalid.
    pub(crate) fn target(&self) -> Result<HttpTarget, Vec<Problem>> {
        let mut problems = self.check();
        match self.client().target() {
            Ok(target) if problems.is_empty() => Ok(target),
            Ok(_) => Err(problems),
            Err(found) => {
                problems.extend(found.into_iter().map(of_client));
                Err(problems)
            }
        }
    }

    /// The host name of events.
    pub(crate) fn host(&self) -> String {
        let of_machine = || rustix::system::uname().nodename().to_string_lossy().into_owned();
        self.hostname.clone().unwrap_or_else(of_machine)
    }

    fn client(&self) -> HttpSettings {
        let mut http = self.http();
        if http.url.is_empty() {
            http.url = self.site.unwrap_or(DatadogSite::Us1).logs_url();
        }
        http.auth =
            self.api_key.clone().map_or_else(AuthSettings::default, |key| AuthSettings::header(KEY_HEADER, "", key));
        http.request.compression = self.compression;
        http
    }

    fn check(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if let Some(site) = self.site
            && !self.url.is_empty()
        {
            problems.push(Problem::new("site", site, "the destination is site or url, not both").beside("url"));
        }
        if self.api_key.is_none() {
            let allowed = "it must be a reference to an API key, such as \"${DD_API_KEY}\"";
            problems.push(Problem::new("api_key", "missing", allowed));
        }
        if !self.auth.is_none() {
            problems.push(Problem::new("auth", "[redacted]", "the credentials are the setting api_key"));
        }
        if self.request.compression != BodyCompression::None {
            let allowed = "the compression is the setting compression of the sink";
            problems.push(Problem::new("request.compression", self.request.compression, allowed));
        }
        let names = [
            ("service", self.service.as_deref()),
            ("source", Some(&*self.source)),
            ("hostname", self.hostname.as_deref()),
        ];
        for (setting, name) in names {
            problems.extend(name.and_then(|name| check_name(setting, name)));
        }
        problems.extend(check_tags(&self.tags));
        problems
    }
}

fn check_name(setting: &str, name: &str) -> Option<Problem> {
    let is_valid = !name.is_empty() && name.len() <= NAME_BYTES_MAX && !name.chars().any(char::is_control);
    let allowed = format!("it must be a text of 1 to {NAME_BYTES_MAX} bytes without control characters");
    (!is_valid).then(|| Problem::new(setting, format!("{name:?}"), allowed))
}

fn check_tags(tags: &[String]) -> Vec<Problem> {
    let is_valid = |tag: &String| {
        !tag.is_empty()
            && tag.chars().count() <= TAG_CHARS_MAX
            && !tag.chars().any(|c| c == ',' || c.is_control() || c.is_whitespace())
    };
    let mut problems: Vec<Problem> = (tags.iter().enumerate())
        .filter(|(_, tag)| !is_valid(tag))
        .map(|(index, tag)| {
            let allowed = format!(
                "a tag is a text such as env:prod, of 1 to {TAG_CHARS_MAX} characters, without commas and spaces"
            );
            Problem::new(format!("tags[{index}]"), format!("{tag:?}"), allowed)
        })
        .collect();
    let bytes: usize = tags.iter().map(|tag| tag.len() + 1).sum();
    if bytes > TAGS_BYTES_MAX {
        problems.push(Problem::new(
            "tags",
            format!("{bytes} bytes"),
            format!("all tags have at most {TAGS_BYTES_MAX} bytes"),
        ));
    }
    problems
}

/// A problem of the client's settings, with the path that the user gave.
fn of_client(mut problem: Problem) -> Problem {
    if problem.path.starts_with("auth.header") {
        problem.path = "api_key".to_owned();
    }
    problem
}

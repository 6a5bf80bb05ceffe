//! The settings of the sink.

use std::{collections::BTreeMap, time::Duration};

use fapilog_plugin::{
    problem::Problem,
    settings::{duration, write_duration},
};
use fapilog_sink_http::settings::{BatchSettings, BodyCompression, HttpSettings, HttpTarget};

use crate::encode::is_label_name;

/// The path of the API, behind the prefix.
const API_PATH: &str = "/api/v2/alerts";

/// Twice the time after which the processor `alerting` repeats an alert by default.
const EXPIRES_AFTER: Duration = Duration::from_secs(2 * 3600);

const EXPIRES_AFTER_MIN: Duration = Duration::from_secs(60);
const EXPIRES_AFTER_MAX: Duration = Duration::from_secs(30 * 24 * 3600);

fapilog_sink_http::http_settings! {
    /// The settings of the sink `alertmanager`: these, and those of [all HTTP sinks](fapilog_sink_http::settings). `url` is the address of Alertmanager with
    /// its prefix, such as `https://alerts.example.com/alertmanager`; the path of the API is added.
    #[derive(Debug, Clone)]
    #[non_exhaustive]
    pub struct AlertmanagerSettings {
        /// Alertmanager resolves an alert by itself when nothing more is heard of it for so long: longer than `repeat_after` of its rule.
        #[serde(with = "duration")]
        pub expires_after: Duration,
        /// The value of the label `instance`. If it is not given, the name of the machine.
        pub instance: Option<String>,
        /// Whether there is a label `instance`. Without it, the alerts of one rule are one alert for all machines.
        pub instance_label: bool,
        /// Labels of all alerts.
        pub labels: BTreeMap<String, String>,
        /// A link back to the log, which notifications show.
        pub generator_url: Option<String>,
    }
}

impl Default for AlertmanagerSettings {
    /// Alerts expire after 2 h.
    fn default() -> Self {
        Self {
            expires_after: EXPIRES_AFTER,
            instance: None,
            instance_label: true,
            labels: BTreeMap::new(),
            generator_url: None,
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

impl AlertmanagerSettings {
    /// The destination, and all that is invalid.
    pub(crate) fn target(&self) -> Result<HttpTarget, Vec<Problem>> {
        let mut problems = self.check();
        match self.client().target() {
            Ok(target) if problems.is_empty() => Ok(target),
            Ok(_) => Err(problems),
            Err(found) => {
                problems.extend(found);
                Err(problems)
            }
        }
    }

    /// The label `instance`.
    pub(crate) fn label_of_instance(&self) -> Option<String> {
        let of_machine = || rustix::system::uname().nodename().to_string_lossy().into_owned();
        self.instance_label.then(|| self.instance.clone().unwrap_or_else(of_machine)).filter(|name| !name.is_empty())
    }

    fn client(&self) -> HttpSettings {
        let mut http = self.http();
        if !http.url.is_empty() && !http.url.contains(['?', '#']) {
            let base = http.url.trim_end_matches('/');
            http.url = format!("{}{API_PATH}", base.strip_suffix(API_PATH).unwrap_or(base));
        }
        http
    }

    fn check(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.url.contains(['?', '#']) {
            let allowed = "it must be the address of Alertmanager, without a query: the path of the API is added";
            problems.push(Problem::new("url", "a URL with a query", allowed));
        }
        if !(EXPIRES_AFTER_MIN..=EXPIRES_AFTER_MAX).contains(&self.expires_after) {
            let allowed = "allowed are 1m to 30d: more than repeat_after of the rules";
            problems.push(Problem::new("expires_after", write_duration(self.expires_after), allowed));
        }
        if let Some(instance) = &self.instance
            && !self.instance_label
        {
            let allowed = "there is no such label without instance_label";
            problems.push(Problem::new("instance", format!("{instance:?}"), allowed).beside("instance_label"));
        }
        if self.request.compression != BodyCompression::None {
            let allowed = "Alertmanager reads no compressed bodies";
            problems.push(Problem::new("request.compression", self.request.compression, allowed));
        }
        for (name, value) in &self.labels {
            problems.extend(check_label(name, value));
        }
        if let Some(url) = &self.generator_url
            && !is_url(url)
        {
            let allowed = "it must be a URL that begins with https:// or http://";
            problems.push(Problem::new("generator_url", format!("{url:?}"), allowed));
        }
        problems
    }
}

fn check_label(name: &str, value: &str) -> Option<Problem> {
    let allowed = match name {
        "alertname" | "severity" => "the rule of the alert has it",
        "instance" => "it is the setting instance",
        _ if !is_label_name(name) || name.starts_with("__") => {
            "the name of a label has letters, digits and _, and begins with a letter or one _"
        }
        _ if value.is_empty() => "a label has a value",
        _ => return None,
    };
    Some(Problem::new(format!("labels.{name}"), format!("{value:?}"), allowed))
}

fn is_url(url: &str) -> bool {
    let parsed: Result<http::Uri, _> = url.parse();
    parsed.is_ok_and(|uri| matches!(uri.scheme_str(), Some("https" | "http")) && uri.host().is_some())
}

//! Variables of OpenTelemetry, for settings that are left out.

use std::{ffi::OsString, path::PathBuf, time::Duration};

use fapilog_plugin::{problem::Problem, settings::SecretRef};
use fapilog_sink_http::settings::{BodyCompression, HttpRequestSettings, HttpSettings};
use http::{HeaderName, HeaderValue};

use crate::{
    resource::Resource,
    settings::{OtlpProtocol, OtlpSettings},
};

/// The path of logs below the endpoint of all signals.
const LOGS_PATH: &str = "/v1/logs";
/// Where a Collector on this machine listens.
const DEFAULT_URL: &str = "http://localhost:4318/v1/logs";
/// Where it listens for gRPC.
const DEFAULT_GRPC_URL: &str = "http://localhost:4317";

/// Headers that the sink sets itself.
const OWN_HEADERS: [&str; 7] =
    ["connection", "content-encoding", "content-length", "content-type", "expect", "host", "transfer-encoding"];

const PAIRS_RULE: &str =
    "it must be pairs name=value with commas between, percent-encoded where a value has other characters";

/// Returns the value of a variable.
pub(crate) type OtelLookup<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// Settings, completed by variables.
#[derive(Debug)]
pub(crate) struct CompleteSettings {
    pub(crate) http: HttpSettings,
    pub(crate) protocol: OtlpProtocol,
    /// Headers of the variables, which may be secrets.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) resource: Resource,
    /// Settings, and the variables that gave them.
    given_by: Vec<(&'static str, &'static str)>,
}

impl CompleteSettings {
    /// The settings, and what is invalid among the variables.
    pub(crate) fn new(settings: &OtlpSettings, lookup: OtelLookup<'_>) -> (Self, Vec<Problem>) {
        let no_variables = |_: &str| None;
        let lookup: OtelLookup<'_> = if settings.environment { lookup } else { &no_variables };
        let mut variables = OtelVariables { lookup, problems: Vec::new() };
        let mut complete = Self {
            http: settings.http(),
            protocol: settings.protocol.unwrap_or_default(),
            headers: Vec::new(),
            resource: Resource::of_this_process(),
            given_by: Vec::new(),
        };
        if settings.protocol.is_none()
            && let Some((name, protocol)) = variables.protocol()
        {
            complete.protocol = protocol;
            complete.given_by.push(("protocol", name));
        }
        complete.set_url(&variables.exporter("ENDPOINT", "LOGS_ENDPOINT"));
        complete.set_request(&mut variables);
        complete.set_tls(&mut variables);
        complete.headers = variables.headers();
        variables.set_resource(&mut complete.resource);
        for (name, value) in &settings.resource {
            complete.resource.set(name, value);
        }
        (complete, variables.problems)
    }

    /// Adds the variable to a problem with a setting that a variable gave.
    pub(crate) fn with_variable(&self, mut problem: Problem) -> Problem {
        let variable = self.given_by.iter().find(|(setting, _)| problem.path.starts_with(setting));
        if let Some((_, variable)) = variable {
            problem.given_by = Some((*variable).into());
        }
        problem
    }

    fn set_url(&mut self, variable: &Option<OtelVariable>) {
        let is_grpc = self.protocol == OtlpProtocol::Grpc;
        let url = &mut self.http.url;
        match variable {
            _ if is_grpc && !url.is_empty() => {}
            Some(OtelVariable { name, value }) if is_grpc => {
                *url = value.clone();
                self.given_by.push(("url", name));
            }
            None if is_grpc => *url = DEFAULT_GRPC_URL.to_owned(),
            _ if !url.is_empty() => {
                if !has_path(url) {
                    *url = with_logs_path(url);
                }
            }
            Some(OtelVariable { name, value }) => {
                *url = if name.contains("LOGS") { value.clone() } else { with_logs_path(value) };
                self.given_by.push(("url", name));
            }
            None => *url = DEFAULT_URL.to_owned(),
        }
    }

    fn set_request(&mut self, variables: &mut OtelVariables<'_>) {
        let defaults = HttpRequestSettings::default();
        let request = &mut self.http.request;
        if request.timeout == defaults.timeout
            && let Some((name, timeout)) = variables.timeout()
        {
            request.timeout = timeout;
            request.connect_timeout = request.connect_timeout.min(timeout);
            self.given_by.push(("request.timeout", name));
        }
        if request.compression == defaults.compression
            && let Some(compression) = variables.compression()
        {
            request.compression = compression;
        }
    }

    fn set_tls(&mut self, variables: &mut OtelVariables<'_>) {
        let mut file = |setting, name, logs_name| {
            let OtelVariable { name, value } = variables.exporter(name, logs_name)?;
            self.given_by.push((setting, name));
            Some(PathBuf::from(value))
        };
        let tls = &mut self.http.tls;
        if tls.ca_file.is_none() {
            tls.ca_file = file("tls.ca_file", "CERTIFICATE", "LOGS_CERTIFICATE");
        }
        // Both belong together: neither is mixed with a setting.
        if tls.client_certificate.is_none() && tls.client_key.is_none() {
            tls.client_certificate = file("tls.client_certificate", "CLIENT_CERTIFICATE", "LOGS_CLIENT_CERTIFICATE");
            tls.client_key = file("tls.client_key", "CLIENT_KEY", "LOGS_CLIENT_KEY").map(SecretRef::file);
        }
    }
}

/// Whether a URL has a path behind its host.
fn has_path(url: &str) -> bool {
    let behind_scheme = url.split_once("://").map_or(url, |(_, behind)| behind);
    behind_scheme.split_once('/').is_some_and(|(_, path)| !path.is_empty()) || behind_scheme.contains('?')
}

/// A URL of all signals, with the path of logs.
fn with_logs_path(url: &str) -> String {
    let (base, query) = url.split_at(url.find('?').unwrap_or(url.len()));
    format!("{}{LOGS_PATH}{query}", base.trim_end_matches('/'))
}

/// A variable that is set.
#[derive(Debug)]
struct OtelVariable {
    name: &'static str,
    value: String,
}

/// The variables, and what is invalid among those that were read.
struct OtelVariables<'a> {
    lookup: OtelLookup<'a>,
    problems: Vec<Problem>,
}

/// The names of variables of exporters.
const EXPORTER_NAMES: [&str; 16] = [
    "OTEL_EXPORTER_OTLP_CERTIFICATE",
    "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
    "OTEL_EXPORTER_OTLP_CLIENT_KEY",
    "OTEL_EXPORTER_OTLP_COMPRESSION",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_HEADERS",
    "OTEL_EXPORTER_OTLP_LOGS_CERTIFICATE",
    "OTEL_EXPORTER_OTLP_LOGS_CLIENT_CERTIFICATE",
    "OTEL_EXPORTER_OTLP_LOGS_CLIENT_KEY",
    "OTEL_EXPORTER_OTLP_LOGS_COMPRESSION",
    "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT",
    "OTEL_EXPORTER_OTLP_LOGS_HEADERS",
    "OTEL_EXPORTER_OTLP_LOGS_PROTOCOL",
    "OTEL_EXPORTER_OTLP_LOGS_TIMEOUT",
    "OTEL_EXPORTER_OTLP_PROTOCOL",
    "OTEL_EXPORTER_OTLP_TIMEOUT",
];

impl OtelVariables<'_> {
    /// A variable that is neither unset nor empty. A value that is no text is a problem.
    fn get(&mut self, name: &'static str) -> Option<OtelVariable> {
        let value = (self.lookup)(name).filter(|value| !value.is_empty())?;
        match value.into_string() {
            Ok(value) => Some(OtelVariable { name, value }),
            Err(_) => {
                self.problems.push(Problem::new(name, "[not UTF-8]", "it must be text"));
                None
            }
        }
    }

    /// The variable of logs, or else that of all signals, by the ends of their names.
    fn exporter(&mut self, end: &str, logs_end: &str) -> Option<OtelVariable> {
        let name =
            |end: &str| EXPORTER_NAMES.into_iter().find(|name| name.strip_prefix("OTEL_EXPORTER_OTLP_") == Some(end));
        name(logs_end).and_then(|name| self.get(name)).or_else(|| name(end).and_then(|name| self.get(name)))
    }

    fn protocol(&mut self) -> Option<(&'static str, OtlpProtocol)> {
        let OtelVariable { name, value } = self.exporter("PROTOCOL", "LOGS_PROTOCOL")?;
        let protocol = match value.trim() {
            "http/protobuf" => Some(OtlpProtocol::HttpProtobuf),
            "http/json" => Some(OtlpProtocol::HttpJson),
            "grpc" => Some(OtlpProtocol::Grpc),
            _ => None,
        };
        let allowed = "allowed are http/protobuf, http/json, grpc";
        self.valid(protocol, name, &value, allowed).map(|protocol| (name, protocol))
    }

    fn timeout(&mut self) -> Option<(&'static str, Duration)> {
        let OtelVariable { name, value } = self.exporter("TIMEOUT", "LOGS_TIMEOUT")?;
        let millis = value.trim().parse().ok().map(Duration::from_millis);
        self.valid(millis, name, &value, "it must be a number of milliseconds").map(|timeout| (name, timeout))
    }

    fn compression(&mut self) -> Option<BodyCompression> {
        let OtelVariable { name, value } = self.exporter("COMPRESSION", "LOGS_COMPRESSION")?;
        let compression = match value.trim() {
            "gzip" => Some(BodyCompression::Gzip),
            "none" => Some(BodyCompression::None),
            _ => None,
        };
        self.valid(compression, name, &value, "allowed are gzip, none")
    }

    fn valid<T>(&mut self, read: Option<T>, name: &str, value: &str, allowed: &str) -> Option<T> {
        if read.is_none() {
            self.problems.push(Problem::new(name, format!("{value:?}"), allowed));
        }
        read
    }

    /// The headers of the variable. Its value may hold secrets, so no error shows it.
    fn headers(&mut self) -> Vec<(HeaderName, HeaderValue)> {
        let Some(OtelVariable { name, value }) = self.exporter("HEADERS", "LOGS_HEADERS") else { return Vec::new() };
        let headers: Option<Vec<_>> = pairs(&value).and_then(|pairs| pairs.into_iter().map(header).collect());
        headers.unwrap_or_else(|| {
            let allowed = format!("{PAIRS_RULE}; the names are those of headers that the sink does not set itself");
            self.problems.push(Problem::new(name, "[redacted]", allowed));
            Vec::new()
        })
    }

    fn set_resource(&mut self, resource: &mut Resource) {
        if let Some(OtelVariable { name, value }) = self.get("OTEL_RESOURCE_ATTRIBUTES") {
            match pairs(&value) {
                Some(pairs) => pairs.iter().for_each(|(name, value)| resource.set(name, value)),
                None => self.problems.push(Problem::new(name, format!("{value:?}"), PAIRS_RULE)),
            }
        }
        if let Some(OtelVariable { value, .. }) = self.get("OTEL_SERVICE_NAME") {
            resource.set("service.name", &value);
        }
    }
}

/// Reads pairs `name=value`, with commas between, whose values are percent-encoded.
fn pairs(text: &str) -> Option<Vec<(String, String)>> {
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=')?;
        let name = percent_decoded(name.trim()).filter(|name| !name.is_empty())?;
        Some((name, percent_decoded(value.trim())?))
    };
    text.split(',').filter(|part| !part.trim().is_empty()).map(pair).collect()
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut encoded = text.bytes();
    while let Some(byte) = encoded.next() {
        bytes.push(match byte {
            b'%' => {
                let mut digit = || char::from(encoded.next()?).to_digit(16);
                (digit()? << 4 | digit()?) as u8
            }
            plain => plain,
        });
    }
    String::from_utf8(bytes).ok()
}

fn header((name, value): (String, String)) -> Option<(HeaderName, HeaderValue)> {
    let name: HeaderName = name.parse().ok()?;
    let mut value: HeaderValue = value.parse().ok()?;
    value.set_sensitive(true);
    (!OWN_HEADERS.contains(&name.as_str())).then_some((name, value))
}

#[cfg(test)]
#[allow(clippy::field_reassign_with_default, reason = "outside of the crate, settings are set so")]
mod tests {
    use super::*;

    fn complete(settings: &OtlpSettings, variables: &[(&str, &str)]) -> (CompleteSettings, Vec<String>) {
        let lookup =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(*value));
        let (complete, problems) = CompleteSettings::new(settings, &lookup);
        (complete, problems.iter().map(ToString::to_string).collect())
    }

    fn url(setting: &str, variables: &[(&str, &str)]) -> String {
        let mut settings = OtlpSettings::default();
        settings.url = setting.to_owned();
        complete(&settings, variables).0.http.url
    }

    #[test]
    fn the_endpoint_of_grpc_is_as_it_is() {
        let grpc = ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
        let of_logs = [("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"), ("OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", "grpc")];
        assert_eq!(url("", &[grpc]), "http://localhost:4317");
        assert_eq!(url("", &of_logs), "http://localhost:4317");
        assert_eq!(url("", &[grpc, ENDPOINT]), ENDPOINT.1);
        assert_eq!(url("", &[grpc, ENDPOINT, LOGS_ENDPOINT]), LOGS_ENDPOINT.1);
        assert_eq!(url("https://own.example", &[grpc, ENDPOINT]), "https://own.example");
    }

    const ENDPOINT: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://all.example/base/");
    const LOGS_ENDPOINT: (&str, &str) = ("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "https://logs.example");

    #[test]
    fn the_endpoint_of_all_signals_gets_the_path_of_logs_and_that_of_logs_is_as_it_is() {
        assert_eq!(url("", &[ENDPOINT]), "https://all.example/base/v1/logs");
        assert_eq!(url("", &[ENDPOINT, LOGS_ENDPOINT]), "https://logs.example");
        assert_eq!(url("", &[("OTEL_EXPORTER_OTLP_ENDPOINT", "")]), "http://localhost:4318/v1/logs");
        let with_query = ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://all.example?tenant=a");
        assert_eq!(url("", &[with_query]), "https://all.example/v1/logs?tenant=a");
    }

    #[test]
    fn the_setting_of_the_url_wins_and_gets_the_path_of_logs_if_it_has_none() {
        assert_eq!(url("https://own.example/x", &[ENDPOINT, LOGS_ENDPOINT]), "https://own.example/x");
        assert_eq!(url("https://own.example/", &[]), "https://own.example/v1/logs");
        assert_eq!(url("https://own.example", &[]), "https://own.example/v1/logs");
    }

    #[test]
    fn variables_complete_what_the_settings_leave_out() {
        let variables = [
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "3000"),
            ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
            ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/ca.pem"),
            ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "/client.pem"),
            ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "/client.key"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "x-key=a%20b, X-Tenant = 7"),
        ];
        let (from_variables, problems) = complete(&OtlpSettings::default(), &variables);
        assert!(problems.is_empty(), "{problems:?}");
        assert_eq!(from_variables.protocol, OtlpProtocol::HttpJson);
        let HttpSettings { request, tls, .. } = &from_variables.http;
        assert_eq!((request.timeout, request.compression), (Duration::from_secs(3), BodyCompression::Gzip));
        assert!(from_variables.http.request.check().is_empty());
        assert_eq!(tls.ca_file, Some(PathBuf::from("/ca.pem")));
        assert_eq!(tls.client_certificate, Some(PathBuf::from("/client.pem")));
        assert_eq!(tls.client_key, Some(SecretRef::file("/client.key")));
        let headers: Vec<_> =
            from_variables.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        assert_eq!(headers, [("x-key", "a b"), ("x-tenant", "7")]);

        let mut settings = OtlpSettings::default();
        settings.protocol = Some(OtlpProtocol::HttpProtobuf);
        settings.request.timeout = Duration::from_secs(9);
        settings.request.compression = BodyCompression::Zstd;
        settings.tls.ca_file = Some("/own.pem".into());
        settings.tls.client_certificate = Some("/own-client.pem".into());
        let (own, _) = complete(&settings, &variables);
        assert_eq!(own.protocol, OtlpProtocol::HttpProtobuf);
        assert_eq!((&own.http.request, &own.http.tls), (&settings.request, &settings.tls));
    }

    #[test]
    fn the_variables_of_logs_win_over_those_of_all_signals() {
        let variables = [
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("OTEL_EXPORTER_OTLP_LOGS_PROTOCOL", "http/json"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "1"),
            ("OTEL_EXPORTER_OTLP_LOGS_TIMEOUT", "2"),
        ];
        let (complete, problems) = complete(&OtlpSettings::default(), &variables);
        assert!(problems.is_empty(), "{problems:?}");
        assert_eq!((complete.protocol, complete.http.request.timeout.as_millis()), (OtlpProtocol::HttpJson, 2));
    }

    #[test]
    fn an_invalid_variable_is_named_and_no_secret_is_shown() {
        let (complete, problems) = complete(
            &OtlpSettings::default(),
            &[
                ("OTEL_EXPORTER_OTLP_PROTOCOL", "thrift"),
                ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s"),
                ("OTEL_EXPORTER_OTLP_COMPRESSION", "brotli"),
                ("OTEL_EXPORTER_OTLP_HEADERS", "api-key hunter2"),
                ("OTEL_RESOURCE_ATTRIBUTES", "a=%zz"),
            ],
        );
        let starts = [
            "OTEL_EXPORTER_OTLP_PROTOCOL is \"thrift\"; allowed are http/protobuf, http/json, grpc",
            "OTEL_EXPORTER_OTLP_TIMEOUT is \"10s\"; it must be a number of milliseconds",
            "OTEL_EXPORTER_OTLP_COMPRESSION is \"brotli\"; allowed are gzip, none",
            "OTEL_EXPORTER_OTLP_HEADERS is [redacted]; it must be pairs name=value",
            "OTEL_RESOURCE_ATTRIBUTES is \"a=%zz\"; it must be pairs name=value",
        ];
        assert_eq!(problems.len(), starts.len(), "{problems:?}");
        assert!(problems.iter().zip(starts).all(|(problem, start)| problem.starts_with(start)), "{problems:?}");
        assert!(!format!("{complete:?}{problems:?}").contains("hunter2"));
    }

    #[test]
    fn headers_of_the_variable_are_not_shown_and_not_those_of_the_sink() {
        let (valid, _) = complete(&OtlpSettings::default(), &[("OTEL_EXPORTER_OTLP_HEADERS", "api-key=hunter2")]);
        assert!(!format!("{valid:?}").contains("hunter2"));
        for own in ["content-length=1", "Host=a", "a b=c", "a=%0a"] {
            let (_, problems) = complete(&OtlpSettings::default(), &[("OTEL_EXPORTER_OTLP_HEADERS", own)]);
            assert_eq!(problems.len(), 1, "{own}");
        }
    }

    #[test]
    fn a_problem_with_a_setting_of_a_variable_names_the_variable() {
        let (complete, _) =
            complete(&OtlpSettings::default(), &[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://far.example")]);
        let problem = complete.http.target().unwrap_err().remove(0);
        let text = complete.with_variable(problem).to_string();
        assert!(
            text.contains("allow_plaintext_hosts") && text.ends_with("(given by OTEL_EXPORTER_OTLP_ENDPOINT)"),
            "{text}"
        );
    }

    #[test]
    fn attributes_of_the_settings_win_over_those_of_variables_and_an_empty_one_removes_its_attribute() {
        let variables = [
            ("OTEL_RESOURCE_ATTRIBUTES", "service.name=low,service.version=1.2%2C3,zone=a,kept=yes"),
            ("OTEL_SERVICE_NAME", "shop"),
        ];
        let mut settings = OtlpSettings::default();
        settings.resource = [("zone", "b"), ("host.name", "")].map(|(name, value)| (name.into(), value.into())).into();
        let json = String::from_utf8(complete(&settings, &variables).0.resource.bytes().json).unwrap();
        for pair in [("service.name", "shop"), ("service.version", "1.2,3"), ("zone", "b"), ("kept", "yes")] {
            let attribute = format!(r#"{{"key":"{}","value":{{"stringValue":"{}"}}}}"#, pair.0, pair.1);
            assert!(json.contains(&attribute), "{json}");
        }
        assert!(!json.contains("host.name") && json.contains(r#"{"key":"process.pid","value":{"intValue":""#));
    }

    #[test]
    fn variables_are_ignored_where_the_settings_ask_for_it() {
        let mut settings = OtlpSettings::default();
        settings.environment = false;
        let (complete, problems) = complete(&settings, &[ENDPOINT, ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")]);
        assert_eq!((complete.http.url.as_str(), problems.len()), (DEFAULT_URL, 0));
    }
}

//! Settings that depend on the protocol.

use fapilog_plugin::{problem::Problem, settings::Endpoint};
use http::HeaderName;

use crate::{environment::CompleteSettings, settings::OtlpProtocol};

/// Headers of gRPC, and those of a connection, which HTTP/2 has not (RFC 9113, section 8.2.2).
const GRPC_HEADERS: [&str; 5] = ["content-type", "keep-alive", "proxy-connection", "te", "upgrade"];

/// Settings that the protocol does not allow.
pub(crate) fn check(complete: &CompleteSettings) -> Vec<Problem> {
    check_with(complete, cfg!(feature = "grpc"))
}

fn check_with(complete: &CompleteSettings, has_grpc: bool) -> Vec<Problem> {
    match complete.protocol {
        OtlpProtocol::Grpc if has_grpc => grpc_problems(complete),
        OtlpProtocol::Grpc => vec![without_feature()],
        _ => Vec::new(),
    }
}

/// The crate was built without gRPC.
pub(crate) fn without_feature() -> Problem {
    let allowed =
        "it needs the feature `grpc` of the crate fapilog-otlp; allowed without it are http/protobuf, http/json";
    Problem::new("protocol", "\"grpc\"", allowed)
}

fn grpc_problems(complete: &CompleteSettings) -> Vec<Problem> {
    let http = &complete.http;
    let mut problems = Vec::new();
    let is_own = |name: &str| {
        let name = name.to_ascii_lowercase();
        GRPC_HEADERS.contains(&name.as_str()) || name.starts_with("grpc-")
    };
    let refused = "gRPC, or the sink, sets this header itself";
    for name in http.headers.keys().filter(|name| is_own(name)) {
        problems.push(Problem::new(format!("headers.{name}"), "[set]", refused));
    }
    if let Some(name) = http.auth.header.as_ref().map(|header| &header.name).filter(|name| is_own(name)) {
        problems.push(Problem::new("auth.header.name", format!("{name:?}"), refused));
    }
    let names = complete.headers.iter().map(|(name, _)| HeaderName::as_str(name));
    if let Some(name) = names.clone().find(|name| is_own(name)) {
        problems.push(Problem::new(format!("headers.{name}"), "[set by a variable]", refused));
    }
    // A URL that is none is a problem of its own.
    let path = Endpoint::parse(&http.url, &["https", "http"], &http.allow_plaintext_hosts);
    if path.is_ok_and(|endpoint| endpoint.path_and_query() != "/") {
        problems.push(Problem::new("url", format!("{:?}", http.url), "with gRPC it must have no path and no query"));
    }
    problems
}

#[cfg(test)]
#[allow(clippy::field_reassign_with_default, reason = "outside of the crate, settings are set so")]
mod tests {
    use super::*;
    use crate::settings::OtlpSettings;

    fn complete(change: impl FnOnce(&mut OtlpSettings)) -> CompleteSettings {
        let mut settings = OtlpSettings::default();
        settings.environment = false;
        settings.protocol = Some(OtlpProtocol::Grpc);
        change(&mut settings);
        CompleteSettings::new(&settings, &|_| None).0
    }

    fn texts(complete: &CompleteSettings) -> Vec<String> {
        check_with(complete, true).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn grpc_without_its_feature_is_refused_with_the_name_of_the_feature() {
        let problems = check_with(&complete(|_| {}), false);
        let expected = "protocol is \"grpc\"; it needs the feature `grpc` of the crate fapilog-otlp; \
                        allowed without it are http/protobuf, http/json";
        assert_eq!(problems[0].to_string(), expected);
        let http = complete(|settings| settings.protocol = None);
        assert!(check_with(&http, false).is_empty());
    }

    #[test]
    fn the_url_of_grpc_has_no_path() {
        for url in ["", "http://localhost:4317", "http://localhost:4317/"] {
            assert!(texts(&complete(|settings| settings.url = url.to_owned())).is_empty(), "{url}");
        }
        for url in ["http://localhost:4317/v1/logs", "http://localhost?a=b"] {
            let texts = texts(&complete(|settings| settings.url = url.to_owned()));
            assert!(texts[0].starts_with("url is ") && texts[0].contains("no path"), "{texts:?}");
        }
    }

    #[test]
    fn headers_of_grpc_itself_are_refused() {
        let texts = texts(&complete(|settings| {
            for name in ["TE", "grpc-timeout", "content-type", "x-tenant"] {
                settings.headers.insert(name.to_owned(), "1".to_owned());
            }
        }));
        assert_eq!(texts.len(), 3, "{texts:?}");
    }
}

//! Webhooks, against a server on loopback that checks signatures by another library.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod delivery;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use data_encoding::{BASE64, HEXLOWER};
use fapilog::{Container, Settings, container::Executor, format, info, metrics::Accounts, settings::SecretRef};
use fapilog_plugin::settings::PluginConfig;
use fapilog_sink_http::settings::BodyCompression;
use fapilog_test_servers::{FakeAnswer, FakeHttp, FakeRequest};
use fapilog_webhook::{SignatureKind, Webhook, WebhookSettings};
use ring::hmac;

const TIMEOUT: Duration = Duration::from_secs(30);
const SECRET: &str = "a secret of thirty-two bytes, ok";

fn settings(server: &FakeHttp) -> WebhookSettings {
    let mut settings = WebhookSettings::default();
    settings.url = server.url("/hook");
    settings.secrets = vec![SecretRef::bytes(SECRET.as_bytes().to_vec())];
    settings
}

fn log_to(settings: &WebhookSettings) -> Accounts {
    let sink = Webhook::new(settings, format::Json::new).unwrap();
    let container = Container::builder().executor(Executor::Thread).sink("webhook", sink).start().unwrap();
    info!(container.logger("shop"), "ready", number = 7);
    shut_down(&container)
}

#[track_caller]
fn shut_down(container: &Container) -> Accounts {
    let accounts = container.shutdown(TIMEOUT).unwrap();
    accounts.check().unwrap();
    assert_eq!((accounts.delivered_total(), accounts.pending_total()), (1, 0), "{accounts}");
    accounts
}

/// Checks a signature of Standard Webhooks, as a receiver does.
#[track_caller]
fn verify_standard(request: &FakeRequest) {
    let header = |name: &str| request.header(name).unwrap().to_owned();
    let (id, timestamp) = (header("webhook-id"), header("webhook-timestamp"));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    assert!(now.abs_diff(timestamp.parse().unwrap()) < 300);
    let signed = [id.as_bytes(), b".", timestamp.as_bytes(), b".", &request.raw_body].concat();
    let signature = header("webhook-signature");
    let signature = BASE64.decode(signature.strip_prefix("v1,").unwrap().as_bytes()).unwrap();
    hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes()), &signed, &signature).unwrap();
}

#[test]
fn a_receiver_of_standard_webhooks_accepts_the_signature() {
    let server = FakeHttp::start();
    log_to(&settings(&server));
    let request = &server.wait_for(1, TIMEOUT)[0];
    assert_eq!(request.json()[0]["context"]["number"], 7);
    assert_eq!(request.header("idempotency-key"), None);
    verify_standard(request);
}

#[test]
fn the_bytes_that_are_sent_are_signed_and_not_those_before_compression() {
    let server = FakeHttp::start();
    let mut settings = settings(&server);
    settings.request.compression = BodyCompression::Gzip;
    log_to(&settings);
    let request = &server.wait_for(1, TIMEOUT)[0];
    assert_ne!(request.raw_body, request.body);
    verify_standard(request);
}

#[test]
fn each_attempt_has_the_same_id_and_a_signature_of_its_own_time() {
    let server = FakeHttp::start();
    server.queue([FakeAnswer::new(503).retry_after_seconds(1)]);
    log_to(&settings(&server));
    let requests = server.wait_for(2, TIMEOUT);
    assert_eq!(requests[0].header("webhook-id"), requests[1].header("webhook-id"));
    assert_ne!(requests[0].header("webhook-timestamp"), requests[1].header("webhook-timestamp"));
    requests.iter().for_each(|request| verify_standard(request));
}

#[test]
fn a_receiver_of_githubs_webhooks_accepts_the_signature() {
    let server = FakeHttp::start();
    let mut settings = settings(&server);
    settings.signature = SignatureKind::Github;
    log_to(&settings);
    let request = &server.wait_for(1, TIMEOUT)[0];
    let signature = request.header("x-hub-signature-256").unwrap().strip_prefix("sha256=").unwrap();
    let signature = HEXLOWER.decode(signature.as_bytes()).unwrap();
    hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes()), &request.raw_body, &signature).unwrap();
}

#[test]
fn settings_make_a_webhook() {
    let server = FakeHttp::start();
    let mut settings = Settings::default();
    settings.sinks = vec!["webhook".into()];
    let config = serde_json::json!({
        "url": server.url("/hook/{level}"),
        "secrets": [{ "command": ["printf", SECRET] }],
        "body": "wrapped",
        "wrapper": { "key": "alerts" },
        "content_type": "application/vnd.alerts+json",
    });
    settings.plugin_config.insert("webhook".into(), serde_json::from_value::<PluginConfig>(config).unwrap());
    let container = settings.into_builder().unwrap().start().unwrap();
    info!(container.logger("shop"), "ready", number = 7);
    shut_down(&container);
    let request = &server.wait_for(1, TIMEOUT)[0];
    assert_eq!((request.path(), request.header("content-type")), ("/hook/INFO", Some("application/vnd.alerts+json")));
    assert_eq!(request.json()["alerts"][0]["context"]["number"], 7);
    verify_standard(request);
}

#[test]
fn all_problems_are_named_at_once() {
    let mut settings = WebhookSettings::default();
    settings.url = "ftp://example.com".to_owned();
    let error = Webhook::new(&settings, format::Json::new).unwrap_err();
    let paths: Vec<_> = error.problems.iter().map(|problem| problem.path.as_str()).collect();
    assert_eq!(paths, ["secrets", "url"]);
}

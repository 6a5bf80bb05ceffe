//! HTTPS.

use fapilog_plugin::settings::SecretRef;
use fapilog_sink_http::{HttpError, settings::HttpSettings};
use fapilog_test_servers::{FakeHttp, TestCa};

use super::client::{client, post};

fn trusting(server: &FakeHttp, ca: &TestCa) -> HttpSettings {
    let mut settings = HttpSettings::new(server.url("/logs"));
    settings.tls.ca_file = Some(ca.certificate_path());
    settings
}

#[test]
fn requests_go_out_by_tls_on_one_connection() {
    let ca = TestCa::new();
    let server = FakeHttp::builder().tls(&ca).start();
    let mut client = client(&trusting(&server, &ca));
    for _ in 0..3 {
        // Longer than a record of TLS and than the buffers of the client.
        assert!(post(&mut client, &vec![b'x'; 1 << 20]).unwrap().is_success());
    }
    assert_eq!((server.requests().len(), server.connections()), (3, 1));
}

#[test]
fn a_server_of_another_authority_gets_nothing() {
    let server = FakeHttp::builder().tls(&TestCa::new()).start();
    let error = post(&mut client(&trusting(&server, &TestCa::new())), b"one\n").unwrap_err();
    assert!(matches!(error, HttpError::Connect(_)), "{error:?}");
    assert!(server.requests().is_empty());
}

#[test]
fn a_client_certificate_is_shown() {
    let ca = TestCa::new();
    let server = FakeHttp::builder().mutual_tls(&ca).start();
    let mut settings = trusting(&server, &ca);
    assert!(post(&mut client(&settings), b"one\n").is_err());
    let app = ca.client("app");
    settings.tls.client_certificate = Some(app.certificate_path.clone());
    settings.tls.client_key = Some(SecretRef::file(&app.key_path).allow_readable_by_others(true));
    assert!(post(&mut client(&settings), b"one\n").unwrap().is_success());
}

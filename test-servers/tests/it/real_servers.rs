//! Each known server: started, and asked for its protocol's answer to a first request.

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
};

use fapilog_test_servers::{
    FakeHttp, TestCa, http_request,
    servers::{
        Azurite, Bugsink, FakeGcs, Moto, Nats, Nginx, Osmem, Postgres, RcloneS3, Redis, Rotel, SERVERS, ServerPackages,
        Tansu,
    },
};

use crate::http_client::DEADLINE;

/// Sends bytes, and reads as many as are expected.
fn ask(address: SocketAddr, question: &[u8], length: usize) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.write_all(question).unwrap();
    let mut answer = vec![0; length];
    stream.read_exact(&mut answer).unwrap();
    answer
}

#[test]
fn nginx_passes_requests_on_within_its_limit_with_and_without_tls() {
    let (ca, server) = (TestCa::new(), FakeHttp::start());
    let Some(nginx) = Nginx::in_front_of(server.address()) else { return };
    let nginx = nginx.body_limit(10).mutual_tls(&ca).start();
    assert_eq!(http_request(nginx.http(), "POST", "/a", &[], b"hello").unwrap().status, 200);
    assert_eq!(http_request(nginx.http(), "POST", "/b", &[], &[b'x'; 11]).unwrap().status, 413);
    assert!(crate::tls::get(nginx.https(), &ca, Some(&ca.client("tester"))).unwrap().starts_with("HTTP/1.1 200 "));
    assert!(crate::tls::get(nginx.https(), &ca, None).unwrap().starts_with("HTTP/1.1 400 "));
    let targets: Vec<_> = server.requests().iter().map(|request| request.target.clone()).collect();
    assert_eq!(targets, ["/a", "/"]);
}

#[test]
fn rotel_exports_the_logs_that_it_receives() {
    let backend = FakeHttp::start();
    let Some(rotel) = Rotel::exporting_to(&backend.url("")) else { return };
    let record = r#"{"timeUnixNano":"1","severityNumber":9,"body":{"stringValue":"hello from a test"}}"#;
    let logs = format!(r#"{{"resourceLogs":[{{"scopeLogs":[{{"logRecords":[{record}]}}]}}]}}"#);
    let headers = [("Content-Type", "application/json")];
    assert_eq!(http_request(rotel.http(), "POST", "/v1/logs", &headers, logs.as_bytes()).unwrap().status, 200);
    let requests = backend.wait_for(1, DEADLINE);
    assert_eq!(requests[0].path(), "/v1/logs");
    assert!(requests[0].body.windows(17).any(|window| window == b"hello from a test"));
}

#[test]
fn osmem_keeps_the_first_of_two_documents_with_one_id() {
    let Some(osmem) = Osmem::start() else { return };
    let lines = "{\"create\":{\"_index\":\"logs\",\"_id\":\"a\"}}\n{\"n\":1}\n{\"create\":{\"_index\":\"logs\",\"_id\":\"a\"}}\n{\"n\":2}\n";
    let headers = [("Content-Type", "application/x-ndjson")];
    let reply = http_request(osmem.http(), "POST", "/_bulk", &headers, lines.as_bytes()).unwrap().json();
    assert_eq!(reply["items"][1]["create"]["status"], 409);
    let documents = osmem.documents("logs");
    assert_eq!((documents.len(), &documents[0]["_source"]["n"]), (1, &1.into()));
    assert!(osmem.documents("absent").is_empty());
}

#[test]
fn tansu_has_kafka_s_protocol() {
    let Some(tansu) = Tansu::start() else { return };
    // ApiVersions, version 0, correlation 7, no client id.
    let answer = ask(tansu.broker(), &[0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 7, 0xff, 0xff], 10);
    assert_eq!(answer[4..], [0, 0, 0, 7, 0, 0]);
}

#[test]
fn moto_writes_an_object_only_once_on_request() {
    let Some(moto) = Moto::start() else { return };
    moto.create_bucket("logs");
    moto.create_bucket_with_lock("locked");
    let headers = [("Authorization", Moto::AUTHORIZATION), ("If-None-Match", "*")];
    let put = || http_request(moto.http(), "PUT", "/logs/a", &headers, b"x").unwrap().status;
    assert_eq!([put(), put()], [200, 412]);
}

#[test]
fn rclone_refuses_requests_without_a_signature() {
    let Some(rclone) = RcloneS3::start() else { return };
    rclone.create_bucket("logs");
    assert!(http_request(rclone.http(), "GET", "/logs", &[], &[]).unwrap().status >= 400);
    fs::create_dir(rclone.server.directory().join("buckets/logs/a")).unwrap();
    fs::write(rclone.server.directory().join("buckets/logs/a/b"), "x").unwrap();
    let [(name, path)] = rclone.objects("logs").try_into().unwrap();
    assert_eq!((name.as_str(), fs::read_to_string(path).unwrap().as_str()), ("a/b", "x"));
}

#[test]
fn fake_gcs_server_keeps_objects_over_a_restart() {
    let Some(mut gcs) = FakeGcs::start() else { return };
    gcs.create_bucket("logs");
    let upload = "/upload/storage/v1/b/logs/o?uploadType=media&name=a";
    assert_eq!(http_request(gcs.http(), "POST", upload, &[], b"hello").unwrap().status, 200);
    gcs.server.kill();
    gcs.server.restart();
    assert_eq!(http_request(gcs.http(), "GET", "/storage/v1/b/logs/o/a?alt=media", &[], &[]).unwrap().body, b"hello");
}

#[test]
fn azurite_makes_containers_and_refuses_requests_without_a_signature() {
    let Some(azurite) = Azurite::start() else { return };
    azurite.create_container("logs");
    let list = format!("/{}?comp=list", Azurite::ACCOUNT);
    assert_eq!(http_request(azurite.http(), "GET", &list, &[], &[]).unwrap().status, 403);
}

#[test]
fn bugsink_digests_the_events_of_its_project() {
    let Some(bugsink) = Bugsink::start() else { return };
    let dsn = bugsink.dsn();
    let (key, project) = (dsn[7..].split('@').next().unwrap(), dsn.rsplit('/').next().unwrap());
    let event = r#"{"event_id":"00112233445566778899aabbccddeeff","timestamp":"2026-01-02T03:04:05Z","platform":"other","message":"hello"}"#;
    let envelope = format!("{{\"event_id\":\"00112233445566778899aabbccddeeff\"}}\n{{\"type\":\"event\"}}\n{event}\n");
    let auth = format!("Sentry sentry_version=7, sentry_key={key}");
    let target = format!("/api/{project}/envelope/");
    let headers = [("X-Sentry-Auth", auth.as_str()), ("Content-Type", "application/x-sentry-envelope")];
    assert_eq!(http_request(bugsink.http(), "POST", &target, &headers, envelope.as_bytes()).unwrap().status, 200);
    assert_eq!(bugsink.events()[0]["event_id"], "00112233445566778899aabbccddeeff");
}

#[test]
fn nats_has_jetstream() {
    let Some(nats) = Nats::start() else { return };
    assert_eq!(ask(nats.address(), b"", 5), b"INFO ");
    let state = http_request(nats.monitor(), "GET", "/jsz", &[], &[]).unwrap().json();
    assert_eq!(state["streams"], 0);
}

#[test]
fn redis_keeps_its_data_when_it_is_killed() {
    let Some(mut redis) = Redis::start() else { return };
    assert_eq!(ask(redis.address(), b"XADD logs 1-1 a b\r\n", 9), b"$3\r\n1-1\r\n");
    redis.server.kill();
    redis.server.restart();
    assert_eq!(ask(redis.address(), b"XLEN logs\r\n", 4), b":1\r\n");
}

#[test]
fn postgres_keeps_its_data_when_it_is_killed() {
    let Some(mut postgres) = Postgres::start() else { return };
    postgres.sql("CREATE TABLE logs (id int)");
    postgres.sql("INSERT INTO logs VALUES (1), (2)");
    postgres.server.kill();
    postgres.server.restart();
    assert_eq!(postgres.sql("SELECT count(*), max(id) FROM logs"), "2|2\n");
}

#[test]
fn servers_have_names_and_packages_of_their_own() {
    let mut names: Vec<_> = SERVERS.iter().map(|server| server.name).collect();
    names.dedup();
    assert_eq!(names.len(), SERVERS.len());
    for server in SERVERS {
        let (ServerPackages::Apt(packages) | ServerPackages::Pip(packages) | ServerPackages::Npm(packages)) =
            server.packages;
        assert!(!packages.is_empty(), "{}", server.name);
    }
}

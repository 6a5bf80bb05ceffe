//! Prometheus itself scrapes a program that logs.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod support;

use std::{
    fs,
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Stdio},
};

use fapilog::{error, info};
use fapilog_prometheus::Exporter;
use serde_json::Value;
use support::{TIMEOUT, command, send, shut_down, started, until};

/// A Prometheus of the test's own, killed at its end.
struct Prometheus {
    child: Child,
    address: SocketAddr,
}

impl Prometheus {
    /// Starts it at a free port, with its data in this directory. `None` if the machine has none.
    fn start(directory: &Path, target: SocketAddr) -> Option<Self> {
        let config = directory.join("prometheus.yml");
        let text = format!(
            "global: {{scrape_interval: 250ms, scrape_timeout: 250ms}}\n\
             scrape_configs: [{{job_name: fapilog, static_configs: [{{targets: ['{target}']}}]}}]\n"
        );
        fs::write(&config, text).unwrap();
        let mut child = command("prometheus")?
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", directory.join("data").display()))
            .args(["--web.listen-address=127.0.0.1:0", "--log.level=info"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let mut seen = Vec::new();
        let address = lines.by_ref().find_map(|line| {
            let address = line.contains("Listening on").then(|| line.split_once("address=")).flatten();
            let parsed = address.and_then(|(_, text)| text.split(' ').next()?.parse().ok());
            seen.push(line);
            parsed
        });
        let Some(address) = address else { panic!("Prometheus does not listen: {seen:#?}") };
        // Its log goes on, and must not find a pipe that is full.
        std::thread::spawn(move || lines.for_each(drop));
        Some(Self { child, address })
    }

    /// The samples that a query finds.
    fn query(&self, query: &str) -> Vec<Value> {
        self.get(&format!("/api/v1/query?query={query}"))["result"].as_array().cloned().unwrap_or_default()
    }

    /// The data at this path; null while it starts.
    fn get(&self, path: &str) -> Value {
        // In HTTP/1.0, a body is not sent in chunks.
        let request = format!("GET {path} HTTP/1.0\r\nHost: {}\r\n\r\n", self.address);
        let answered = send(self.address, request.as_bytes());
        match answered.status() {
            "200" => serde_json::from_str::<Value>(&answered.body).unwrap()["data"].take(),
            "503" => Value::Null,
            status => panic!("{status}: {}", answered.body),
        }
    }

    /// The value of the only sample that a query finds.
    fn value(&self, query: &str) -> Option<f64> {
        match self.query(query).as_slice() {
            [one] => one["value"][1].as_str().unwrap().parse().ok(),
            _ => None,
        }
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn prometheus_scrapes_the_listener_and_has_its_figures() {
    let (container, _events) = started();
    let exporter = Exporter::builder().container("app", &container).build().unwrap();
    let listener = exporter.listen("127.0.0.1:0").unwrap();
    let directory = tempfile::tempdir().unwrap();
    let Some(prometheus) = Prometheus::start(directory.path(), listener.address()) else {
        return shut_down(&container);
    };
    let log = container.logger("test");
    (0..100).for_each(|n| info!(log, "counted", n));
    container.flush(TIMEOUT).unwrap();
    let is = |query: &str, expected: f64| until(query, || prometheus.value(query) == Some(expected));
    is("up", 1.0);
    is("fapilog_events_submitted_total%7Bcontainer=%22app%22%7D", 100.0);
    is("fapilog_sink_events_delivered_total%7Bsink=%22memory%22%7D", 100.0);
    is("fapilog_health%7Bfapilog_health=%22full%22%7D", 1.0);
    is("count(fapilog_events_lost_total)", 16.0);
    // Histograms are whole: a quantile can be had.
    is("fapilog_drain_lag_seconds_bucket%7Ble=%2260.0%22%7D", container.metrics().drain_lag.samples as f64);
    until("a quantile", || {
        let quantile = "histogram_quantile(0.99,fapilog_end_to_end_latency_seconds_bucket)";
        prometheus.value(quantile).is_some_and(|seconds| seconds > 0.0 && seconds <= 60.0)
    });
    // The metadata is that of OpenMetrics, which has types and units that the text format lacks.
    until("the metadata", || {
        let metadata = prometheus.get("/api/v1/metadata");
        let of = |name: &str| metadata[name][0].clone();
        of("fapilog_health")["type"] == "stateset" && of("fapilog_drain_lag_seconds")["unit"] == "seconds"
    });
    shut_down(&container);
    error!(log, "too late");
    is("sum(fapilog_events_lost_total)", 1.0);
    is("sum(fapilog_events_lost_by_level_total%7Blevel=%22error%22%7D)", 1.0);
    is("fapilog_container_closed", 1.0);
    drop(listener);
    is("up", 0.0);
}

//! The crates whose sinks and enrichers `fapilog check` knows: a crate that is linked registers its plugins.

use fapilog_alertmanager as _;
use fapilog_datadog as _;
use fapilog_elasticsearch as _;
use fapilog_geo as _;
use fapilog_journald as _;
use fapilog_loki as _;
use fapilog_nats as _;
use fapilog_otlp as _;
use fapilog_redis as _;
use fapilog_sentry as _;
use fapilog_sink_http as _;
use fapilog_splunk as _;
use fapilog_syslog as _;
use fapilog_webhook as _;

//! The settings of the sink.

use std::collections::BTreeMap;

use fapilog_plugin::{problem::Problem, settings::SecretRef};
use fapilog_sink_http::settings::{AuthSettings, BatchSettings, BodyCompression, HttpSettings};
use serde::Deserialize;

/// The `@timestamp` of the Elastic Common Schema, which each document of a data stream must have.
const TIMESTAMP_KEY: &str = "@timestamp";

/// The records of a request. The statuses of so many documents are within the part of an answer that the client reads.
const RECORDS_DEFAULT: usize = 2_000;

/// The records of the default are about as many bytes as that.
const BYTES_DEFAULT: usize = 2 << 20;

fapilog_sink_http::http_settings! {
    /// The settings of the sink `elasticsearch`: these, and those of [all HTTP sinks](fapilog_sink_http::settings).
    ///
    /// `index`, `data_stream.dataset` and `data_stream.namespace` may have placeholders: `{level}`, `{category}`, `{target}`, `{source}` for the name of the
    /// logger, any field, as in `{tags.region}`, and the event's date in UTC, as in `{+yyyy.MM.dd}` (`yyyy`, `MM`, `dd`, `HH`, and `xxxx`, `ww` for the
    /// week). A value is in lower case, cut to 64 bytes, and has `_` for characters that a name cannot have; `missing` stands for a missing one.
    #[derive(Debug, Clone)]
    #[non_exhaustive]
    pub struct ElasticsearchSettings {
        /// The index, in place of a data stream.
        pub index: Option<String>,
        /// The data stream. If neither it nor `index` is given: `logs-fapilog-default`.
        pub data_stream: Option<DataStreamSettings>,
        /// The ingest pipeline.
        pub pipeline: Option<String>,
        /// The field with the routing of the document, such as `tags.tenant`. An event without it has no routing.
        pub routing: Option<String>,
        /// Whether the destination refuses documents if there is no such data stream (since Elasticsearch 8.13).
        pub require_data_stream: bool,
        /// The key that the time of the event has in the document, in front. The `timestamp` of `json` gets this key; the time is added to other
        /// documents, unless they begin with it. An empty text: the document stays as it is.
        pub timestamp_key: String,
        /// An API key as Elasticsearch encodes it: `authorization: ApiKey <key>`.
        pub api_key: Option<SecretRef>,
    }
}

impl Default for ElasticsearchSettings {
    /// The data stream `logs-fapilog-default`, 2,000 records, 2 MiB.
    fn default() -> Self {
        Self {
            index: None,
            data_stream: None,
            pipeline: None,
            routing: None,
            require_data_stream: false,
            timestamp_key: TIMESTAMP_KEY.to_owned(),
            api_key: None,
            url: String::new(),
            allow_plaintext_hosts: Vec::new(),
            allow_addresses: Vec::new(),
            tls: Default::default(),
            auth: Default::default(),
            headers: BTreeMap::new(),
            request: Default::default(),
            batch: BatchSettings::new(RECORDS_DEFAULT, BYTES_DEFAULT),
        }
    }
}

/// The setting `data_stream`: the name `type-dataset-namespace` (the naming scheme of Elastic).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct DataStreamSettings {
    /// The type of the data.
    pub r#type: String,
    /// The data set, which may have placeholders.
    pub dataset: String,
    /// The namespace, such as the environment, which may have placeholders.
    pub namespace: String,
}

impl Default for DataStreamSettings {
    /// `logs-fapilog-default`.
    fn default() -> Self {
        Self { r#type: "logs".to_owned(), dataset: "fapilog".to_owned(), namespace: "default".to_owned() }
    }
}

impl ElasticsearchSettings {
    /// The settings of the client, with the API key, and what is invalid.
    pub(crate) fn client(&self) -> Result<HttpSettings, Vec<Problem>> {
        let mut http = self.http();
        let mut problems = Vec::new();
        if self.request.compression == BodyCompression::Zstd {
            let allowed = "Elasticsearch and OpenSearch read gzip: allowed are none and gzip";
            problems.push(Problem::new("request.compression", "zstd", allowed));
        }
        if let Some(key) = &self.api_key {
            if self.auth.is_none() {
                http.auth = AuthSettings::header("authorization", "ApiKey ", key.clone());
            } else {
                let allowed = "a request has one kind of credentials: api_key or auth";
                problems.push(Problem::new("api_key", "[redacted]", allowed).beside("auth"));
            }
        }
        if problems.is_empty() { Ok(http) } else { Err(problems) }
    }

    /// A problem of the client's settings, with the path that the user gave.
    pub(crate) fn of_client(&self, mut problem: Problem) -> Problem {
        if self.api_key.is_some() && problem.path.starts_with("auth.header") {
            problem.path = "api_key".to_owned();
        }
        problem
    }
}

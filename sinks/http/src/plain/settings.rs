//! The settings of the sink `http`.

use std::collections::BTreeMap;

use fapilog_plugin::named_enum;
use serde::Deserialize;

use crate::plain::BodyForm;

named_enum! {
    /// The method of the requests.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
    #[non_exhaustive]
    pub enum HttpMethod {
        /// `POST`.
        #[default]
        Post = "POST",
        /// `PUT`.
        Put = "PUT",
        /// `PATCH`.
        Patch = "PATCH",
    }
}

crate::http_settings! {
    /// The settings of the sink `http`: these, and those of [all HTTP sinks](crate::settings).
    ///
    /// `url`, behind the host, and the values of `headers` may have placeholders: `{level}`, `{category}`, `{target}`, `{source}` for the name of the
    /// logger, `{correlation_id}`, and any field, as in `{tags.region}` or `{order_id}`. Records with different values go out in different
    /// requests. A value is percent-encoded and cut to 256 bytes; `-` stands for a missing one, and `_` for each dot of a
    /// value that has only dots, which would name another path. `{{` and `}}` are braces, in headers.
    #[derive(Debug, Clone)]
    #[non_exhaustive]
    pub struct HttpSinkSettings {
        /// The method.
        pub method: HttpMethod,
        /// The form of the body.
        pub body: BodyForm,
        /// The object around the records, where `body` is `wrapped`.
        pub wrapper: WrapperSettings,
        /// The type of the body. If it is not given: `application/x-ndjson` or `application/json`.
        pub content_type: Option<String>,
        /// The header with the name of the request, by which a destination accepts each request once. An empty text: there is none.
        pub idempotency_header: String,
    }
}

impl Default for HttpSinkSettings {
    /// `POST`, NDJSON, `idempotency-key`.
    fn default() -> Self {
        Self {
            method: HttpMethod::default(),
            body: BodyForm::default(),
            wrapper: WrapperSettings::default(),
            content_type: None,
            idempotency_header: "idempotency-key".to_owned(),
            url: String::new(),
            allow_plaintext_hosts: Vec::new(),
            allow_addresses: Vec::new(),
            tls: Default::default(),
            auth: Default::default(),
            headers: BTreeMap::new(),
            request: Default::default(),
            batch: Default::default(),
        }
    }
}

/// The setting `wrapper`: the object around the records.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct WrapperSettings {
    /// The key of the array of records.
    pub key: String,
    /// Other keys of the object, and their values, which are strings.
    pub fields: BTreeMap<String, String>,
}

impl Default for WrapperSettings {
    /// `{"events":[...]}`.
    fn default() -> Self {
        Self { key: "events".to_owned(), fields: BTreeMap::new() }
    }
}

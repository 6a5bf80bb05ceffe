//! The settings of the sink `webhook`.

use fapilog_plugin::{named_enum, settings::SecretRef};
use fapilog_sink_http::{BodyForm, HttpSinkSettings, http_settings};

named_enum! {
    /// The signature of a request.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
    #[non_exhaustive]
    pub enum SignatureKind {
        /// That of Standard Webhooks.
        #[default]
        Standard = "standard",
        /// That of GitHub's webhooks.
        Github = "github",
    }
}

http_settings! {
    /// The settings of the sink `webhook`: these, and those of [all HTTP sinks](fapilog_sink_http::settings). `url` and `headers` may have
    /// [placeholders](fapilog_sink_http::HttpSinkSettings).
    #[derive(Debug, Clone)]
    #[non_exhaustive]
    pub struct WebhookSettings {
        /// The secrets: one, or two while a secret is replaced. The first one signs by `github`; all of them by `standard`.
        ///
        /// A secret of `standard` is the bytes themselves, or the text `whsec_` and their base64.
        pub secrets: Vec<SecretRef>,
        /// The signature.
        pub signature: SignatureKind,
        /// The form of the body.
        pub body: BodyForm,
        /// The object around the records, where `body` is `wrapped`.
        pub wrapper: fapilog_sink_http::WrapperSettings,
        /// The type of the body. If it is not given: `application/x-ndjson` or `application/json`.
        pub content_type: Option<String>,
    }
}

impl Default for WebhookSettings {
    /// Standard Webhooks, and a JSON array.
    fn default() -> Self {
        Self {
            secrets: Vec::new(),
            signature: SignatureKind::default(),
            body: BodyForm::JsonArray,
            wrapper: Default::default(),
            content_type: None,
            url: String::new(),
            allow_plaintext_hosts: Vec::new(),
            allow_addresses: Vec::new(),
            tls: Default::default(),
            auth: Default::default(),
            headers: Default::default(),
            request: Default::default(),
            batch: Default::default(),
        }
    }
}

impl WebhookSettings {
    /// The settings of the sink `http` that sends the requests. A webhook has an id in its signature's headers, and no second one.
    pub(crate) fn http_sink(&self) -> HttpSinkSettings {
        let mut http = HttpSinkSettings::default();
        http.body = self.body;
        http.wrapper = self.wrapper.clone();
        http.content_type = self.content_type.clone();
        http.idempotency_header = String::new();
        http.url = self.url.clone();
        http.allow_plaintext_hosts = self.allow_plaintext_hosts.clone();
        http.allow_addresses = self.allow_addresses.clone();
        http.tls = self.tls.clone();
        http.auth = self.auth.clone();
        http.headers = self.headers.clone();
        http.request = self.request.clone();
        http.batch = self.batch.clone();
        http
    }
}

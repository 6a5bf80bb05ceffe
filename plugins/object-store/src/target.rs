//! Checks of the settings, and the destinations that they lead to.

use std::{ops::RangeInclusive, time::Duration};

use fapilog_plugin::{
    problem::Problem,
    settings::{write_duration, write_size},
    sink::{Assurances, SinkPlace},
};
use fapilog_sink_http::settings::{HttpRequestSettings, HttpSettings, HttpTarget};
use fapilog_sink_network::{address::AddressRange, tls::TlsSettings};

use crate::{
    compress::levels,
    settings::{ObjectCompression, ObjectStoreSettings, StoreKind},
    spool::SpoolOptions,
    template::{NAME_RULE, NameTemplate},
};

/// S3, Azure and Google: 10,000 parts at most. S3 and Google: a part has 5 MiB at least, unless it is the last one.
const PART_BYTES: RangeInclusive<usize> = 5 << 20..=512 << 20;
const SEGMENT_BYTES: RangeInclusive<usize> = 4 << 10..=4 << 30;
/// The most days of a retention: 100 years, as in S3's default retention.
const LOCK_DAYS_MAX: u32 = 36_500;
const AGES: RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_secs(7 * 86_400);
const RETRY_MAX: RangeInclusive<Duration> = Duration::from_millis(1)..=Duration::from_secs(3600);

/// The address of the metadata service of AWS and Azure.
pub(crate) const INSTANCE_URL: &str = "http://169.254.169.254";
/// The addresses of the metadata services of AWS, Azure and Google.
const INSTANCE_ADDRESSES: [&str; 3] = ["169.254.169.254", "fd00:ec2::254", "fd20:ce::254"];
/// The name of the metadata service of Google. The crate's client has it as a constant.
const GOOGLE_INSTANCE_URL: &str = "http://metadata.google.internal";

/// Settings that are valid.
#[derive(Debug, Clone)]
pub(crate) struct StoreTarget {
    pub(crate) settings: ObjectStoreSettings,
    pub(crate) template: NameTemplate,
    /// The URL of the store, without the bucket.
    pub(crate) endpoint: String,
    pub(crate) is_path_style: bool,
    /// The destinations of requests: the store, and the metadata service where the settings name it.
    pub(crate) destinations: Vec<HttpTarget>,
}

impl StoreTarget {
    /// All errors at once.
    pub(crate) fn new(settings: &ObjectStoreSettings) -> Result<Self, Vec<Problem>> {
        let mut problems = settings.own_problems();
        problems.extend(settings.credential_problems());
        let endpoint = settings.endpoint_url();
        let is_path_style = settings.path_style.unwrap_or(settings.endpoint.is_some());
        let mut destinations = Vec::new();
        let origin = if settings.store == StoreKind::S3 && !is_path_style {
            endpoint.replacen("://", &format!("://{}.", settings.bucket), 1)
        } else {
            endpoint.clone()
        };
        match settings.http(&origin).target() {
            Ok(target) => destinations.push(target),
            Err(found) => problems.extend(found.into_iter().map(renamed)),
        }
        if let Some(url) = settings.instance_url() {
            match settings.instance_http(&url).target() {
                Ok(target) => destinations.push(target),
                Err(found) => {
                    problems.extend(found.into_iter().filter(|problem| problem.path == "url").map(|mut problem| {
                        problem.path = "credentials.instance_url".into();
                        problem
                    }));
                }
            }
        }
        match NameTemplate::parse(&settings.name) {
            Some(template) if problems.is_empty() => {
                let endpoint = if settings.store == StoreKind::S3 && !is_path_style { origin } else { endpoint };
                Ok(Self { settings: settings.clone(), template, endpoint, is_path_style, destinations })
            }
            Some(_) => Err(problems),
            None => {
                problems.push(Problem::new("name", format!("{:?}", settings.name), NAME_RULE));
                Err(problems)
            }
        }
    }

    pub(crate) fn spool_options(&self) -> SpoolOptions {
        SpoolOptions {
            spool: self.settings.spool.clone(),
            segment: self.settings.segment.clone(),
            template: self.template.clone(),
            compression: self.settings.compression,
        }
    }

    /// The URL with the bucket.
    pub(crate) fn destination(&self) -> String {
        let endpoint = self.endpoint.trim_end_matches('/');
        match (self.settings.store, self.is_path_style) {
            (StoreKind::S3, false) => endpoint.to_owned(),
            _ => format!("{endpoint}/{}", self.settings.bucket),
        }
    }

    pub(crate) fn assurances(&self) -> Assurances {
        let endpoint = self.destinations.first().map(HttpTarget::endpoint);
        let (host, is_encrypted) = endpoint.map_or((String::new(), false), |url| (url.host().to_owned(), url.is_tls()));
        Assurances::unknown().place(SinkPlace::Network { host, is_encrypted }).durable(self.settings.spool.sync)
    }

    pub(crate) fn level(&self) -> u8 {
        self.settings.compression_level.unwrap_or(levels(self.settings.compression).1)
    }
}

/// Problems of the settings of HTTP, with the paths of ours.
fn renamed(mut problem: Problem) -> Problem {
    let path = match &*problem.path {
        "url" => "endpoint",
        "request.timeout" => "request_timeout",
        "request.connect_timeout" => "connect_timeout",
        _ => return problem,
    };
    problem.path = path.into();
    problem
}

impl ObjectStoreSettings {
    fn endpoint_url(&self) -> String {
        let default = || match self.store {
            StoreKind::S3 => format!("https://s3.{}.amazonaws.com", self.region),
            StoreKind::Azure => {
                format!("https://{}.blob.core.windows.net", self.account.as_deref().unwrap_or("account"))
            }
            StoreKind::Gcs => "https://storage.googleapis.com".to_owned(),
        };
        let url = self.endpoint.clone().unwrap_or_else(default);
        url.trim_end_matches('/').to_owned()
    }

    fn http(&self, url: &str) -> HttpSettings {
        let mut http = HttpSettings::new(url);
        http.allow_plaintext_hosts.clone_from(&self.allow_plaintext_hosts);
        http.allow_addresses.clone_from(&self.allow_addresses);
        http.tls.clone_from(&self.tls);
        let mut request = HttpRequestSettings::default();
        (request.timeout, request.connect_timeout) = (self.request_timeout, self.connect_timeout);
        http.request = request;
        http
    }

    fn instance_url(&self) -> Option<String> {
        let default = if self.store == StoreKind::Gcs { GOOGLE_INSTANCE_URL } else { INSTANCE_URL };
        let url = self.credentials.instance_url.as_deref().unwrap_or(default);
        self.credentials.from_instance.then(|| url.trim_end_matches('/').to_owned())
    }

    /// The setting `credentials.from_instance` allows the one host of the metadata service, without TLS, and its addresses.
    fn instance_http(&self, url: &str) -> HttpSettings {
        let mut http = self.http(url);
        http.tls = TlsSettings::default();
        let host = url.split_once("://").map_or("", |(_, host)| host);
        let host = host.split(['/', ':']).next().unwrap_or_default();
        http.allow_plaintext_hosts.push(host.to_owned());
        let addresses = INSTANCE_ADDRESSES.iter().filter_map(|address| address.parse::<AddressRange>().ok());
        http.allow_addresses.extend(addresses);
        http
    }

    fn own_problems(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut check = |is_valid: bool, path: &str, value: String, allowed: &str| {
            if !is_valid {
                problems.push(Problem::new(path, value, allowed));
            }
        };
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let is_name = |name: &str| !name.is_empty() && name.len() <= 222 && name.chars().all(is_plain);
        check(
            is_name(&self.bucket),
            "bucket",
            format!("{:?}", self.bucket),
            "it must be the name of a bucket or container",
        );
        check(
            is_name(&self.region),
            "region",
            format!("{:?}", self.region),
            "it must be a region, such as \"eu-central-1\"",
        );
        let directory = &self.spool.directory;
        let allowed = "it must be an absolute path of a directory for this sink alone";
        check(directory.is_absolute(), "spool.directory", format!("{:?}", directory.display().to_string()), allowed);
        let segment = &self.segment;
        let size = write_size(segment.max_bytes);
        check(SEGMENT_BYTES.contains(&segment.max_bytes), "segment.max_bytes", size, "it must be from 4 KiB to 4 GiB");
        check(segment.max_events != Some(0), "segment.max_events", "0".to_owned(), "it must be at least 1");
        let age = write_duration(segment.max_age);
        check(AGES.contains(&segment.max_age), "segment.max_age", age, "it must be from 10ms to 7d");
        let holds_two = self.spool.max_bytes / 2 >= segment.max_bytes;
        let size = write_size(self.spool.max_bytes);
        check(holds_two, "spool.max_bytes", size, "it must be at least twice segment.max_bytes");
        let size = write_size(self.part_bytes);
        check(PART_BYTES.contains(&self.part_bytes), "part_bytes", size, "it must be from 5 MiB to 512 MiB");
        let retry = write_duration(self.retry_max);
        check(RETRY_MAX.contains(&self.retry_max), "retry_max", retry, "it must be from 1ms to 1h");
        if let Some(level) = self.compression_level {
            let (allowed, _) = levels(self.compression);
            let text = match self.compression {
                ObjectCompression::None => "it needs a compression".to_owned(),
                _ => format!("it must be from {} to {} for {}", allowed.start(), allowed.end(), self.compression),
            };
            check(allowed.contains(&level), "compression_level", level.to_string(), &text);
        }
        if let Some(lock) = &self.lock {
            let allowed = "it must be from 1 to 36500, or 0 with legal_hold";
            let is_valid = lock.days <= LOCK_DAYS_MAX && (lock.days > 0 || lock.legal_hold);
            check(is_valid, "lock.days", lock.days.to_string(), allowed);
        }
        let is_s3 = self.store == StoreKind::S3;
        for (path, is_given) in [
            ("lock", self.lock.is_some()),
            ("encryption", self.encryption.is_some()),
            ("path_style", self.path_style.is_some()),
        ] {
            check(is_s3 || !is_given, path, "given".to_owned(), "the store s3 alone has it");
        }
        let has_class = self.storage_class.is_some();
        check(
            !has_class || self.store != StoreKind::Azure,
            "storage_class",
            "given".to_owned(),
            "the stores s3 and gcs alone have it",
        );
        let class = self.storage_class.as_deref().unwrap_or("STANDARD");
        let is_class = !class.is_empty() && class.chars().all(is_plain);
        check(is_class, "storage_class", format!("{class:?}"), "it must be a class, such as \"STANDARD_IA\"");
        if let Some(encryption) = &self.encryption
            && let Some(key) = &encryption.kms_key
        {
            let is_kms = encryption.kind == crate::settings::ObjectEncryption::Kms;
            check(is_kms, "encryption.kms_key", "given".to_owned(), "the kind kms alone has a key");
            let is_key = !key.is_empty() && key.chars().all(|c| is_plain(c) || ":/".contains(c));
            check(is_key, "encryption.kms_key", format!("{key:?}"), "it must be the id or the ARN of a key");
        }
        let is_azure = self.store == StoreKind::Azure;
        let account = self.account.as_deref().unwrap_or_default();
        check(
            !is_azure || is_name(account),
            "account",
            format!("{account:?}"),
            "it must be the name of the storage account",
        );
        check(is_azure || self.account.is_none(), "account", "given".to_owned(), "the store azure alone has it");
        problems
    }

    /// The store has credentials of its own kind, and of one kind only.
    fn credential_problems(&self) -> Vec<Problem> {
        let own = &self.credentials;
        let given = [
            ("access_key_id", own.access_key_id.is_some(), StoreKind::S3),
            ("secret_access_key", own.secret_access_key.is_some(), StoreKind::S3),
            ("session_token", own.session_token.is_some(), StoreKind::S3),
            ("account_key", own.account_key.is_some(), StoreKind::Azure),
            ("sas_token", own.sas_token.is_some(), StoreKind::Azure),
            ("service_account", own.service_account.is_some(), StoreKind::Gcs),
        ];
        let mut problems = Vec::new();
        for (name, _, store) in given.iter().filter(|(_, is_given, store)| *is_given && *store != self.store) {
            let allowed = format!("the store {store} alone has it");
            problems.push(Problem::new(format!("credentials.{name}"), "given", allowed).beside("store"));
        }
        let has_key = own.access_key_id.is_some() && own.secret_access_key.is_some();
        let has_half = own.access_key_id.is_some() || own.secret_access_key.is_some() || own.session_token.is_some();
        if has_half && !has_key {
            let allowed = "access_key_id and secret_access_key must both be given";
            problems.push(Problem::new("credentials", "a part of a key", allowed));
        }
        let kinds = [
            has_half,
            own.account_key.is_some(),
            own.sas_token.is_some(),
            own.service_account.is_some(),
            own.from_instance,
            own.anonymous,
        ];
        let kinds = kinds.into_iter().filter(|is_given| *is_given).count();
        if kinds != 1 {
            let allowed = match self.store {
                StoreKind::S3 => {
                    "one kind must be given: access_key_id with secret_access_key, from_instance, or anonymous"
                }
                StoreKind::Azure => "one kind must be given: account_key, sas_token, from_instance, or anonymous",
                StoreKind::Gcs => "one kind must be given: service_account, from_instance, or anonymous",
            };
            let value = if kinds == 0 { "missing".to_owned() } else { format!("{kinds} kinds") };
            problems.push(Problem::new("credentials", value, allowed));
        }
        if own.instance_url.is_some() && (!own.from_instance || self.store == StoreKind::Gcs) {
            let allowed = "it needs from_instance, and the store s3 or azure";
            problems
                .push(Problem::new("credentials.instance_url", "given", allowed).beside("credentials.from_instance"));
        }
        problems
    }
}

//! The settings of the sink.

use std::{path::PathBuf, time::Duration};

use fapilog_plugin::{
    named_enum,
    settings::{SecretRef, duration, size_bytes},
};
use fapilog_sink_network::{address::AddressRange, tls::TlsSettings};
use serde::Deserialize;

named_enum! {
    /// The kind of an object store.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
    #[non_exhaustive]
    pub enum StoreKind {
        /// S3, and stores with its API.
        #[default]
        S3 = "s3",
        /// Azure Blob Storage.
        Azure = "azure",
        /// Google Cloud Storage.
        Gcs = "gcs",
    }
}

named_enum! {
    /// How an object is compressed.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
    #[non_exhaustive]
    pub enum ObjectCompression {
        /// By Zstandard (RFC 8878). The object's name ends in `.zst`.
        #[default]
        Zstd = "zstd",
        /// By gzip (RFC 1952). The object's name ends in `.gz`.
        Gzip = "gzip",
        /// Not at all.
        None = "none",
    }
}

named_enum! {
    /// The mode of an object's retention in S3.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
    #[non_exhaustive]
    pub enum ObjectLockMode {
        /// A user with a special permission may shorten the retention.
        #[default]
        Governance = "governance",
        /// The retention cannot be shortened by any user.
        Compliance = "compliance",
    }
}

named_enum! {
    /// The encryption of objects by S3.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
    #[non_exhaustive]
    pub enum ObjectEncryption {
        /// With keys of S3: SSE-S3.
        #[default]
        Aes256 = "aes256",
        /// With a key of the key management service: SSE-KMS.
        Kms = "kms",
    }
}

/// The settings of the sink `object_store`.
///
/// ```
/// use fapilog_object_store::ObjectStoreSettings;
/// use fapilog_plugin::settings::SecretRef;
///
/// let mut settings = ObjectStoreSettings::new("audit-logs", "/var/spool/shop");
/// settings.region = "eu-central-1".to_owned();
/// settings.credentials.access_key_id = Some("AKIAIOSFODNN7EXAMPLE".to_owned());
/// settings.credentials.secret_access_key = Some(SecretRef::env("AWS_SECRET_ACCESS_KEY"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ObjectStoreSettings {
    /// The kind of the store. Default: `s3`.
    pub store: StoreKind,
    /// The name of the bucket; for Azure, of the container.
    pub bucket: String,
    /// The region of S3. Default: `us-east-1`.
    pub region: String,
    /// The URL of the store, without the bucket. Default: that of AWS, Azure or Google.
    pub endpoint: Option<String>,
    /// Whether the bucket stands in the path of S3's URLs, and not in the host. Default: where `endpoint` is given.
    pub path_style: Option<bool>,
    /// The storage account of Azure.
    pub account: Option<String>,
    /// The credentials.
    pub credentials: StoreCredentials,
    /// The names of objects, with placeholders. The suffix of the compression is appended.
    pub name: String,
    /// The compression. Default: `zstd`.
    pub compression: ObjectCompression,
    /// The level of the compression: 1 to 22 for zstd, 1 to 9 for gzip. Default: 3 for zstd, 6 for gzip.
    pub compression_level: Option<u8>,
    /// When a segment is closed.
    pub segment: SegmentSettings,
    /// Where segments wait for their upload.
    pub spool: SpoolSettings,
    /// The length of a part. An object that is longer is uploaded in parts. Default: 8 MiB.
    #[serde(with = "size_bytes")]
    pub part_bytes: usize,
    /// Whether an upload asks the store to create the object, and to refuse one whose name is taken. Default: true.
    pub create_only: bool,
    /// The retention of objects in S3.
    pub lock: Option<ObjectLockSettings>,
    /// The encryption of objects by S3. Default: that of the bucket.
    pub encryption: Option<ObjectEncryptionSettings>,
    /// The storage class of S3 and Google, such as `STANDARD_IA`. Default: that of the bucket.
    pub storage_class: Option<String>,
    /// Certificates.
    pub tls: TlsSettings,
    /// Hosts that are reached without TLS, besides loopback.
    pub allow_plaintext_hosts: Vec<String>,
    /// Addresses and networks that would be refused.
    pub allow_addresses: Vec<AddressRange>,
    /// The time limit of a request, from the connection to the last byte of the answer. Default: 60 s.
    #[serde(with = "duration")]
    pub request_timeout: Duration,
    /// The time limit of a connection. Default: 5 s.
    #[serde(with = "duration")]
    pub connect_timeout: Duration,
    /// The longest wait between two attempts of an upload. The first wait is 1 s at most, and waits double. Default: 60 s.
    #[serde(with = "duration")]
    pub retry_max: Duration,
}

/// The credentials of a store.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct StoreCredentials {
    /// S3: the id of the access key.
    pub access_key_id: Option<String>,
    /// S3: the secret of the access key.
    pub secret_access_key: Option<SecretRef>,
    /// S3: the token of a session.
    pub session_token: Option<SecretRef>,
    /// Azure: the key of the storage account.
    pub account_key: Option<SecretRef>,
    /// Azure: a shared access signature.
    pub sas_token: Option<SecretRef>,
    /// Google: the JSON of a service account.
    pub service_account: Option<SecretRef>,
    /// The metadata service of the machine has the credentials. It also allows the service's address.
    pub from_instance: bool,
    /// Where the metadata service of S3 is. Default: `http://169.254.169.254`.
    pub instance_url: Option<String>,
    /// Requests are not signed: for emulators.
    pub anonymous: bool,
}

/// When a segment is closed: at the first of these limits.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct SegmentSettings {
    /// The length before compression. Default: 64 MiB.
    #[serde(with = "size_bytes")]
    pub max_bytes: usize,
    /// The number of events. Default: no limit.
    pub max_events: Option<u64>,
    /// The age of its first event. Default: 5 min.
    #[serde(with = "duration")]
    pub max_age: Duration,
}

impl Default for SegmentSettings {
    fn default() -> Self {
        Self { max_bytes: 64 << 20, max_events: None, max_age: Duration::from_secs(300) }
    }
}

/// The directory of segments.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct SpoolSettings {
    /// The directory. It is made if it does not exist. No other sink may have it.
    pub directory: PathBuf,
    /// The most bytes of all segments. Default: 1 GiB.
    #[serde(with = "size_bytes")]
    pub max_bytes: usize,
    /// Whether each payload is on stable storage before it counts as delivered. Default: true.
    pub sync: bool,
}

impl Default for SpoolSettings {
    fn default() -> Self {
        Self { directory: PathBuf::new(), max_bytes: 1 << 30, sync: true }
    }
}

/// The retention of objects in S3. The bucket must have object lock enabled.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ObjectLockSettings {
    /// The mode. Default: `governance`.
    pub mode: ObjectLockMode,
    /// The retention in days, from the upload on. 0: none; then `legal_hold` must be set.
    pub days: u32,
    /// Whether objects are under a legal hold.
    pub legal_hold: bool,
}

/// The encryption of objects by S3.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ObjectEncryptionSettings {
    /// The kind. Default: `aes256`.
    pub kind: ObjectEncryption,
    /// The id or ARN of the key of `kms`. Default: that of the account.
    pub kms_key: Option<String>,
}

impl Default for ObjectStoreSettings {
    fn default() -> Self {
        Self {
            store: StoreKind::default(),
            bucket: String::new(),
            region: "us-east-1".to_owned(),
            endpoint: None,
            path_style: None,
            account: None,
            credentials: StoreCredentials::default(),
            name: "fapilog/{date}/{hour}/{host}-{id}.log".to_owned(),
            compression: ObjectCompression::default(),
            compression_level: None,
            segment: SegmentSettings::default(),
            spool: SpoolSettings::default(),
            part_bytes: 8 << 20,
            create_only: true,
            lock: None,
            encryption: None,
            storage_class: None,
            tls: TlsSettings::default(),
            allow_plaintext_hosts: Vec::new(),
            allow_addresses: Vec::new(),
            request_timeout: Duration::from_secs(60),
            connect_timeout: Duration::from_secs(5),
            retry_max: Duration::from_secs(60),
        }
    }
}

impl ObjectStoreSettings {
    /// Settings for a bucket and a spool directory, and the defaults for all else.
    #[must_use]
    pub fn new(bucket: impl Into<String>, spool: impl Into<PathBuf>) -> Self {
        let spool = SpoolSettings { directory: spool.into(), ..SpoolSettings::default() };
        Self { bucket: bucket.into(), spool, ..Self::default() }
    }
}

impl ObjectLockSettings {
    /// A retention of so many days.
    #[must_use]
    pub fn new(mode: ObjectLockMode, days: u32) -> Self {
        Self { mode, days, legal_hold: false }
    }
}

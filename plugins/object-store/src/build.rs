//! The clients of the three kinds of stores.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use fapilog_plugin::settings::SecretRef;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use object_store::{
    BackoffConfig, ClientOptions, ObjectStore, RetryConfig,
    aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey, AwsCredentialProvider, Checksum},
    azure::{AzureConfigKey, MicrosoftAzureBuilder},
    client::StaticCredentialProvider,
    gcp::{GcpCredential, GoogleCloudStorageBuilder},
    multipart::MultipartStore,
};
use zeroize::Zeroizing;

use crate::{
    error::ObjectStoreError,
    service::StoreConnector,
    settings::{ObjectEncryption, ObjectLockMode, ObjectLockSettings, StoreKind},
    target::{INSTANCE_URL, StoreTarget},
    template::CivilHour,
};

const DAY_SECONDS: u64 = 86_400;

/// The name of the checksum that a request has, as the SDKs of AWS send it ("PutObject" of S3's API). The start of an upload in parts has no
/// body, and so no checksum.
const CHECKSUM_ALGORITHM: HeaderName = HeaderName::from_static("x-amz-sdk-checksum-algorithm");

/// A store that takes objects in one request and in parts.
pub(crate) trait UploadStore: ObjectStore + MultipartStore {}
impl<S: ObjectStore + MultipartStore> UploadStore for S {}

/// The clients of a store, by the requests that they make.
pub(crate) struct StoreSet {
    /// An object in one request.
    pub(crate) whole: Arc<dyn UploadStore>,
    /// The start of an object in parts.
    pub(crate) start: Arc<dyn UploadStore>,
    /// A part.
    pub(crate) part: Arc<dyn UploadStore>,
    /// The end of an object in parts.
    pub(crate) complete: Arc<dyn UploadStore>,
}

/// Makes clients, and keeps what they share.
pub(crate) enum StoreBuilder {
    /// The headers of a retention have a time, so that each upload has a client of its own.
    S3 {
        plain: Arc<AmazonS3>,
        complete: Arc<AmazonS3>,
    },
    Other(Arc<dyn UploadStore>),
}

impl StoreBuilder {
    /// Reads the secrets.
    pub(crate) fn new(target: &StoreTarget, connector: &StoreConnector) -> Result<Self, ObjectStoreError> {
        match target.settings.store {
            StoreKind::S3 => {
                let plain = build_s3(target, connector, None, HeaderMap::new())?;
                let mut headers = HeaderMap::new();
                if target.settings.create_only {
                    headers.insert(header::IF_NONE_MATCH, HeaderValue::from_static("*"));
                }
                let complete = build_s3(target, connector, Some(plain.credentials()), headers)?;
                Ok(Self::S3 { plain: Arc::new(plain), complete: Arc::new(complete) })
            }
            StoreKind::Azure => Ok(Self::Other(azure(target, connector)?)),
            StoreKind::Gcs => Ok(Self::Other(google(target, connector)?)),
        }
    }

    /// The clients of an upload that starts now.
    pub(crate) fn stores(
        &self,
        target: &StoreTarget,
        connector: &StoreConnector,
    ) -> Result<StoreSet, ObjectStoreError> {
        match self {
            Self::Other(store) => {
                let store = || Arc::clone(store);
                Ok(StoreSet { whole: store(), start: store(), part: store(), complete: store() })
            }
            Self::S3 { plain, complete } => {
                let (part, complete) = (Arc::clone(plain), Arc::clone(complete));
                let Some(lock) = &target.settings.lock else {
                    return Ok(StoreSet {
                        whole: Arc::clone(plain) as _,
                        start: Arc::clone(plain) as _,
                        part,
                        complete,
                    });
                };
                let headers = lock_headers(lock, SystemTime::now());
                let with = |headers| build_s3(target, connector, Some(plain.credentials()), headers).map(Arc::new);
                let mut headers_of_whole = headers.clone();
                headers_of_whole.insert(CHECKSUM_ALGORITHM, HeaderValue::from_static("SHA256"));
                Ok(StoreSet { whole: with(headers_of_whole)?, start: with(headers)?, part, complete })
            }
        }
    }
}

/// The headers of "PutObject" of S3's API.
fn lock_headers(lock: &ObjectLockSettings, now: SystemTime) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let mut set = |name: &'static str, value: &str| {
        // The values are letters, digits, `-` and `:`.
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    };
    if lock.days > 0 {
        set(
            "x-amz-object-lock-mode",
            match lock.mode {
                ObjectLockMode::Governance => "GOVERNANCE",
                ObjectLockMode::Compliance => "COMPLIANCE",
            },
        );
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let until = now + u64::from(lock.days) * DAY_SECONDS;
        let (date, second) = (CivilHour::of(until), until % 3600);
        let time = format!("{:02}:{:02}:{:02}", date.hour, second / 60, second % 60);
        set(
            "x-amz-object-lock-retain-until-date",
            &format!("{:04}-{:02}-{:02}T{time}Z", date.year, date.month, date.day),
        );
    }
    if lock.legal_hold {
        set("x-amz-object-lock-legal-hold", "ON");
    }
    headers
}

/// The thread that uploads makes the next attempt, and not the crate.
fn no_retries() -> RetryConfig {
    RetryConfig { backoff: BackoffConfig::default(), max_retries: 0, retry_timeout: Duration::from_secs(1) }
}

fn options(target: &StoreTarget, headers: HeaderMap) -> ClientOptions {
    // The settings were checked: a URL without TLS is one of an allowed host.
    let is_plain = target.endpoint.starts_with("http://");
    ClientOptions::new().with_default_headers(headers).with_allow_http(is_plain)
}

fn build_s3(
    target: &StoreTarget,
    connector: &StoreConnector,
    credentials: Option<&AwsCredentialProvider>,
    headers: HeaderMap,
) -> Result<AmazonS3, ObjectStoreError> {
    let settings = &target.settings;
    let own = &settings.credentials;
    let mut builder = AmazonS3Builder::new()
        .with_http_connector(connector.clone())
        .with_client_options(options(target, headers))
        .with_retry(no_retries())
        .with_bucket_name(&settings.bucket)
        .with_region(&settings.region)
        .with_endpoint(&target.endpoint)
        .with_virtual_hosted_style_request(!target.is_path_style);
    if settings.lock.is_some() {
        // S3 requires a checksum where an object is locked.
        builder = builder.with_checksum_algorithm(Checksum::SHA256);
    }
    if let Some(encryption) = &settings.encryption {
        let kind = match encryption.kind {
            ObjectEncryption::Aes256 => "AES256",
            ObjectEncryption::Kms => "aws:kms",
        };
        let key = |name: &str| name.parse::<AmazonS3ConfigKey>().map_err(client_error);
        builder = builder.with_config(key("aws_server_side_encryption")?, kind);
        if let Some(id) = &encryption.kms_key {
            builder = builder.with_config(key("aws_sse_kms_key_id")?, id);
        }
    }
    if own.anonymous {
        builder = builder.with_skip_signature(true);
    }
    if let Some(credentials) = credentials {
        builder = builder.with_credentials(Arc::clone(credentials));
    } else if own.from_instance {
        builder = builder.with_metadata_endpoint(own.instance_url.as_deref().unwrap_or(INSTANCE_URL));
    } else if let (Some(id), Some(secret)) = (&own.access_key_id, &own.secret_access_key) {
        let secret = read("credentials.secret_access_key", secret)?;
        builder = builder.with_access_key_id(id).with_secret_access_key(secret.as_str());
        if let Some(token) = &own.session_token {
            builder = builder.with_token(read("credentials.session_token", token)?.as_str());
        }
    }
    builder.build().map_err(client_error)
}

fn azure(target: &StoreTarget, connector: &StoreConnector) -> Result<Arc<dyn UploadStore>, ObjectStoreError> {
    let settings = &target.settings;
    let own = &settings.credentials;
    let mut builder = MicrosoftAzureBuilder::new()
        .with_http_connector(connector.clone())
        .with_client_options(options(target, HeaderMap::new()))
        .with_retry(no_retries())
        .with_account(settings.account.as_deref().unwrap_or_default())
        .with_container_name(&settings.bucket)
        .with_endpoint(target.endpoint.clone());
    if let Some(key) = &own.account_key {
        builder = builder.with_access_key(read("credentials.account_key", key)?.as_str());
    } else if let Some(token) = &own.sas_token {
        let token = read("credentials.sas_token", token)?;
        builder = builder.with_config(AzureConfigKey::SasKey, token.trim_start_matches('?'));
    } else if own.from_instance {
        let url = own.instance_url.as_deref().unwrap_or(INSTANCE_URL);
        let path = "metadata/identity/oauth2/token";
        builder = builder.with_msi_endpoint(format!("{}/{path}", url.trim_end_matches('/')));
        builder = builder.with_credential_type("managed_identity");
    } else {
        builder = builder.with_skip_signature(true);
    }
    Ok(Arc::new(builder.build().map_err(client_error)?))
}

fn google(target: &StoreTarget, connector: &StoreConnector) -> Result<Arc<dyn UploadStore>, ObjectStoreError> {
    let settings = &target.settings;
    let own = &settings.credentials;
    let mut builder = GoogleCloudStorageBuilder::new()
        .with_http_connector(connector.clone())
        .with_client_options(options(target, HeaderMap::new()))
        .with_retry(no_retries())
        .with_bucket_name(&settings.bucket)
        .with_base_url(&target.endpoint);
    if let Some(account) = &own.service_account {
        builder = builder.with_service_account_key(read("credentials.service_account", account)?.as_str());
    } else if own.anonymous {
        // Without it, the crate would look for a login of the user.
        let none = GcpCredential { bearer: String::new() };
        builder = builder.with_credentials(Arc::new(StaticCredentialProvider::new(none))).with_skip_signature(true);
    }
    Ok(Arc::new(builder.build().map_err(client_error)?))
}

fn read(setting: &'static str, secret: &SecretRef) -> Result<Zeroizing<String>, ObjectStoreError> {
    let bytes = secret.read().map_err(|source| ObjectStoreError::Secret { setting, source })?;
    let text = bytes.expose_text().map_err(|_| ObjectStoreError::SecretNoText { setting })?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// The texts of the crate's errors may repeat values of settings: the kind alone is shown.
pub(crate) fn client_error(error: object_store::Error) -> ObjectStoreError {
    let reason = match error {
        object_store::Error::InvalidPath { .. } => "the name of the object is invalid",
        object_store::Error::NotSupported { .. } | object_store::Error::NotImplemented { .. } => {
            "the store does not support the request"
        }
        object_store::Error::Generic { .. } => "the settings or the credentials are invalid, or an answer is",
        _ => "the request failed",
    };
    ObjectStoreError::Client { reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retention_ends_so_many_days_after_the_upload() {
        let now = UNIX_EPOCH + Duration::from_secs(1_796_095_845);
        let mut lock = ObjectLockSettings::new(ObjectLockMode::Compliance, 365);
        let headers = lock_headers(&lock, now);
        assert_eq!(headers["x-amz-object-lock-mode"], "COMPLIANCE");
        assert_eq!(headers["x-amz-object-lock-retain-until-date"], "2027-12-01T03:30:45Z");
        (lock.days, lock.legal_hold) = (0, true);
        let headers = lock_headers(&lock, now);
        assert_eq!((headers.len(), headers["x-amz-object-lock-legal-hold"].as_bytes()), (1, &b"ON"[..]));
    }
}

//! Signatures over the bytes of a body.

use std::{
    sync::Mutex,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use data_encoding::{BASE64, HEXLOWER};
use fapilog_plugin::{
    problem::Problem,
    settings::{SecretBytes, SecretRef},
    threads::lock,
};
use fapilog_sink_http::BodySigner;
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, HeaderName, HeaderValue};
use sha2::Sha256;

use crate::settings::SignatureKind;

/// The text in front of a secret that is written as base64.
const SECRET_PREFIX: &[u8] = b"whsec_";

/// The shortest and the longest secret: "between 24 bytes (192 bits) and 64 bytes (512 bits)" (Standard Webhooks, "Signature scheme").
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

const WEBHOOK_ID: HeaderName = HeaderName::from_static("webhook-id");
const WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");
const GITHUB_DELIVERY: HeaderName = HeaderName::from_static("x-github-delivery");
const GITHUB_SIGNATURE: HeaderName = HeaderName::from_static("x-hub-signature-256");

/// The time after which a request reads the secrets again: a receiver accepts a former secret for a while, and a wrong signature has no status of its own.
const READ_AGAIN_AFTER: Duration = Duration::from_secs(60);

/// Signs the bodies of webhooks. All shards share it.
pub(crate) struct WebhookSigner {
    kind: SignatureKind,
    secrets: Vec<SecretRef>,
    keys: Mutex<SigningKeys>,
}

struct SigningKeys {
    /// Ready for a body. The type wipes them.
    keys: Vec<Hmac<Sha256>>,
    read_at: Instant,
}

impl WebhookSigner {
    /// Reads the secrets. Problems have paths relative to the settings of the sink.
    pub(crate) fn read(kind: SignatureKind, secrets: &[SecretRef]) -> Result<Self, Vec<Problem>> {
        if secrets.is_empty() {
            return Err(vec![Problem::new("secrets", "[]", "a webhook needs a secret")]);
        }
        if kind == SignatureKind::Github && secrets.len() > 1 {
            let allowed = "a signature as GitHub has it is made with one secret";
            return Err(vec![
                Problem::new("secrets", format!("{} secrets", secrets.len()), allowed).beside("signature"),
            ]);
        }
        let keys = read_keys(kind, secrets)?;
        let keys = Mutex::new(SigningKeys { keys, read_at: Instant::now() });
        Ok(Self { kind, secrets: secrets.to_vec(), keys })
    }

    /// The keys, of secrets that are read again after a time. Secrets that are unreadable for a moment leave the former ones in use.
    fn keys(&self) -> Vec<Hmac<Sha256>> {
        let is_due = {
            let mut current = lock(&self.keys);
            let is_due = current.read_at.elapsed() >= READ_AGAIN_AFTER;
            if is_due {
                current.read_at = Instant::now();
            }
            is_due
        };
        // Without the lock: a secret may come from a program that takes long, and other shards sign meanwhile.
        let renewed = if is_due { read_keys(self.kind, &self.secrets).ok() } else { None };
        let mut current = lock(&self.keys);
        if let Some(keys) = renewed {
            current.keys = keys;
        }
        current.keys.clone()
    }

    fn sign_standard(&self, id: &str, body: &[u8], seconds: u64, headers: &mut HeaderMap) {
        let seconds = seconds.to_string();
        let mut signatures = String::new();
        for mut mac in self.keys() {
            for part in [id.as_bytes(), b".", seconds.as_bytes(), b".", body] {
                mac.update(part);
            }
            if !signatures.is_empty() {
                signatures.push(' ');
            }
            signatures.push_str("v1,");
            signatures.push_str(&BASE64.encode(&mac.finalize().into_bytes()));
        }
        set(headers, WEBHOOK_ID, id);
        set(headers, WEBHOOK_TIMESTAMP, &seconds);
        set(headers, WEBHOOK_SIGNATURE, &signatures);
    }

    fn sign_github(&self, id: &str, body: &[u8], headers: &mut HeaderMap) {
        let Some(mut mac) = self.keys().into_iter().next() else { return };
        mac.update(body);
        set(headers, GITHUB_DELIVERY, id);
        set(headers, GITHUB_SIGNATURE, &format!("sha256={}", HEXLOWER.encode(&mac.finalize().into_bytes())));
    }
}

impl BodySigner for WebhookSigner {
    fn sign(&self, id: &str, body: &[u8], headers: &mut HeaderMap) {
        match self.kind {
            SignatureKind::Standard => self.sign_standard(id, body, now(), headers),
            SignatureKind::Github => self.sign_github(id, body, headers),
        }
    }
}

/// Seconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// Ids, numbers, base64 and hexadecimal digits are valid values.
fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// Reads all secrets. Problems name the secrets.
fn read_keys(kind: SignatureKind, secrets: &[SecretRef]) -> Result<Vec<Hmac<Sha256>>, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut keys = Vec::new();
    for (index, reference) in secrets.iter().enumerate() {
        match key(kind, reference) {
            Ok(key) => keys.push(key),
            Err(problem) => problems.push(problem.below(&format!("secrets[{index}]"))),
        }
    }
    if problems.is_empty() { Ok(keys) } else { Err(problems) }
}

fn key(kind: SignatureKind, reference: &SecretRef) -> Result<Hmac<Sha256>, Problem> {
    let secret = reference.read().map_err(|error| error.problem(""))?;
    let secret = match kind {
        SignatureKind::Standard => standard_secret(reference, secret)?,
        SignatureKind::Github => secret,
    };
    // A key of HMAC has any length.
    Hmac::new_from_slice(secret.expose()).map_err(|_| Problem::new("", reference, "it is no key"))
}

fn standard_secret(reference: &SecretRef, secret: SecretBytes) -> Result<SecretBytes, Problem> {
    let secret = match secret.expose().strip_prefix(SECRET_PREFIX) {
        None => secret,
        Some(encoded) => {
            let problem = |_| Problem::new("", reference, "behind whsec_ stands base64");
            SecretBytes::new(BASE64.decode(encoded).map_err(problem)?)
        }
    };
    if !SECRET_BYTES.contains(&secret.len()) {
        let allowed =
            format!("a secret of Standard Webhooks has {} to {} bytes", SECRET_BYTES.start(), SECRET_BYTES.end());
        return Err(Problem::new("", reference, allowed));
    }
    Ok(secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> SecretRef {
        SecretRef::bytes(text.as_bytes().to_vec())
    }

    fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
        headers.get(name).unwrap().to_str().unwrap()
    }

    /// The vector of the reference libraries of Standard Webhooks: id, timestamp, secret, payload and signature.
    #[test]
    fn the_vector_of_standard_webhooks_is_signed_alike() {
        let secrets = [secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")];
        let signer = WebhookSigner::read(SignatureKind::Standard, &secrets).unwrap();
        let mut headers = HeaderMap::new();
        signer.sign_standard("msg_p5jXN8AQM9LWM0D4loKWxJek", br#"{"test": 2432232314}"#, 1_614_265_330, &mut headers);
        assert_eq!(header(&headers, "webhook-id"), "msg_p5jXN8AQM9LWM0D4loKWxJek");
        assert_eq!(header(&headers, "webhook-timestamp"), "1614265330");
        assert_eq!(header(&headers, "webhook-signature"), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    /// The example of GitHub's page "Validating webhook deliveries".
    #[test]
    fn the_example_of_github_is_signed_alike() {
        let signer = WebhookSigner::read(SignatureKind::Github, &[secret("It's a Secret to Everybody")]).unwrap();
        let mut headers = HeaderMap::new();
        signer.sign("id-1", b"Hello, World!", &mut headers);
        let expected = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
        assert_eq!(header(&headers, "x-hub-signature-256"), expected);
        assert_eq!(header(&headers, "x-github-delivery"), "id-1");
    }

    #[test]
    fn each_secret_signs_while_one_is_replaced() {
        let secrets = [secret(&"a".repeat(24)), secret(&"b".repeat(64))];
        let signer = WebhookSigner::read(SignatureKind::Standard, &secrets).unwrap();
        let mut headers = HeaderMap::new();
        signer.sign("id-1", b"x", &mut headers);
        let signatures: Vec<_> = header(&headers, "webhook-signature").split(' ').collect();
        assert_eq!(signatures.len(), 2);
        assert!(signatures.iter().all(|signature| signature.starts_with("v1,")) && signatures[0] != signatures[1]);
    }

    #[test]
    fn secrets_are_read_again_after_a_time() {
        let file = std::env::temp_dir().join(format!("fapilog-webhook-{}", std::process::id()));
        let write = |text: &str| {
            std::fs::write(&file, text).unwrap();
            std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        };
        write("It's a Secret to Everybody");
        let signer = WebhookSigner::read(SignatureKind::Github, &[SecretRef::file(&file)]).unwrap();
        let signature = || {
            let mut headers = HeaderMap::new();
            signer.sign("id-1", b"Hello, World!", &mut headers);
            header(&headers, "x-hub-signature-256").to_owned()
        };
        let make_old = || lock(&signer.keys).read_at -= READ_AGAIN_AFTER;
        let former = signature();
        write("another secret");
        assert_eq!(signature(), former);
        make_old();
        let renewed = signature();
        assert_ne!(renewed, former);
        std::fs::remove_file(&file).unwrap();
        make_old();
        assert_eq!(signature(), renewed);
    }

    #[test]
    fn secrets_that_are_not_valid_are_named_and_not_shown() {
        for (text, allowed) in [
            ("hunter2", "a secret of Standard Webhooks has 24 to 64 bytes"),
            ("whsec_hunter2!", "behind whsec_ stands base64"),
        ] {
            let problems = WebhookSigner::read(SignatureKind::Standard, &[secret(text)]).err().unwrap();
            assert_eq!((problems[0].path.as_str(), problems[0].allowed.as_str()), ("secrets[0]", allowed));
            assert!(!problems[0].to_string().contains("hunter2"));
        }
        let problems = WebhookSigner::read(SignatureKind::Standard, &[]).err().unwrap();
        assert_eq!(problems[0].allowed, "a webhook needs a secret");
        let two = [secret("a"), secret("b")];
        let problems = WebhookSigner::read(SignatureKind::Github, &two).err().unwrap();
        assert_eq!(problems[0].allowed, "a signature as GitHub has it is made with one secret");
    }
}

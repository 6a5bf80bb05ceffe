//! The settings `hash_key` and `hash_key_id`, of redactors and of the enricher `user_context`.

use std::sync::Arc;

use fapilog_plugin::{
    problem::Problem,
    settings::{REDACTED, SecretError, SecretRef},
};

use crate::redact::{HashKeyError, KeyedHash};

/// The hash of the settings `hash_key` and `hash_key_id`. `None` in a check of settings, which reads no secrets: the plugin of a check
/// hashes nothing.
pub(crate) fn keyed_hash(key: &SecretRef, id: &str) -> Result<Option<Arc<KeyedHash>>, Vec<Problem>> {
    let key = match key.read() {
        Ok(key) => key,
        Err(SecretError::Unread { .. }) => return Ok(None),
        Err(error) => return Err(vec![error.problem("hash_key")]),
    };
    KeyedHash::new(id, key.expose()).map(|hash| Some(Arc::new(hash))).map_err(|error| {
        let (setting, value) = match &error {
            HashKeyError::IdLength { id, .. } | HashKeyError::IdCharacter { id, .. } => {
                ("hash_key_id", format!("{id:?}"))
            }
            _ => ("hash_key", REDACTED.to_owned()),
        };
        vec![Problem::new(setting, value, error.to_string())]
    })
}

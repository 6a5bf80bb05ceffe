//! Keys of the extension.

use fapilog_plugin::problem::Problem;
use fapilog_record::{field_group::FieldGroup, text::number::put_u64};

use crate::cef::escape::put_extension;

/// Keys that lines have for the event itself.
#[rustfmt::skip]
const OWN: &[&str] = &[
    "rt", "msg", "externalId", "cat", "deviceProcessName", "cs1", "cs1Label", "truncated", "truncatedFields",
    "notUtf8",
];

/// Keys of the dictionary of the format: each has a meaning and a type, which a field of such a name need not have.
#[rustfmt::skip]
const DICTIONARY: &[&str] = &[
    "act", "agt", "agentDnsDomain", "agentNtDomain", "agentTranslatedAddress", "agentTranslatedZoneExternalID",
    "agentTranslatedZoneURI", "agentZoneExternalID", "agentZoneURI", "ahost", "aid", "amac", "app", "art", "at",
    "atz", "av", "c6a1", "c6a1Label", "c6a2", "c6a2Label", "c6a3", "c6a3Label", "c6a4", "c6a4Label", "cat",
    "categoryBehavior", "categoryDeviceGroup", "categoryObject", "categoryOutcome", "categorySignificance",
    "categoryTechnique", "cfp1", "cfp1Label", "cfp2", "cfp2Label", "cfp3", "cfp3Label", "cfp4", "cfp4Label", "cn1",
    "cn1Label", "cn2", "cn2Label", "cn3", "cn3Label", "cnt", "cs1", "cs1Label", "cs2", "cs2Label", "cs3", "cs3Label",
    "cs4", "cs4Label", "cs5", "cs5Label", "cs6", "cs6Label", "customerExternalID", "customerURI",
    "destinationDnsDomain", "destinationServiceName", "destinationTranslatedAddress", "destinationTranslatedPort",
    "destinationTranslatedZoneExternalID", "destinationTranslatedZoneURI", "destinationZoneExternalID",
    "destinationZoneURI", "deviceCustomDate1", "deviceCustomDate1Label", "deviceCustomDate2",
    "deviceCustomDate2Label", "deviceDirection", "deviceDnsDomain", "deviceExternalId", "deviceFacility",
    "deviceInboundInterface", "deviceNtDomain", "deviceOutboundInterface", "devicePayloadId", "deviceProcessName",
    "deviceTranslatedAddress", "deviceTranslatedZoneExternalID", "deviceTranslatedZoneURI", "deviceZoneExternalID",
    "deviceZoneURI", "dhost", "dlat", "dlong", "dmac", "dntdom", "dpid", "dpriv", "dproc", "dpt", "dst", "dtz",
    "duid", "duser", "dvc", "dvchost", "dvcmac", "dvcpid", "end", "eventId", "externalId", "fileCreateTime",
    "fileHash", "fileId", "fileModificationTime", "filePath", "filePermission", "fileType", "flexDate1",
    "flexDate1Label", "flexNumber1", "flexNumber1Label", "flexNumber2", "flexNumber2Label", "flexString1",
    "flexString1Label", "flexString2", "flexString2Label", "fname", "fsize", "in", "msg", "oldFileCreateTime",
    "oldFileHash", "oldFileId", "oldFileModificationTime", "oldFileName", "oldFilePath", "oldFilePermission",
    "oldFileSize", "oldFileType", "out", "outcome", "proto", "rawEvent", "reason", "request",
    "requestClientApplication", "requestContext", "requestCookies", "requestMethod", "rt", "shost", "slat", "slong",
    "smac", "sntdom", "sourceDnsDomain", "sourceServiceName", "sourceTranslatedAddress", "sourceTranslatedPort",
    "sourceTranslatedZoneExternalID", "sourceTranslatedZoneURI", "sourceZoneExternalID", "sourceZoneURI", "spid",
    "spriv", "sproc", "spt", "src", "start", "suid", "suser", "type",
];

/// Fields that have a key of the dictionary by default.
const KNOWN: &[(&str, &str)] = &[
    ("err", "reason"),
    ("error", "reason"),
    ("hostname", "dvchost"),
    ("pid", "dvcpid"),
    ("process_id", "dvcpid"),
    ("user_id", "suid"),
];

/// The keys of fields that do not have the key of their own name.
#[derive(Debug, Clone, Default)]
pub(super) struct KeyMap {
    /// Names, as in `order_id` and `tags.region`, and keys.
    chosen: Vec<(String, String)>,
}

impl KeyMap {
    /// Gives a field a key.
    pub(super) fn set(&mut self, name: &str, key: &str) -> Result<(), Problem> {
        let refused = |allowed: String| Problem::new(format!("fields.{name}"), key, allowed);
        let is_word = key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if key.is_empty() || !is_word {
            return Err(refused("a key is made of letters, digits and _".to_owned()));
        }
        if OWN.contains(&key) {
            return Err(refused(format!("each line has this key already, as it has {}", OWN.join(", "))));
        }
        if is_label(key) {
            return Err(refused("a label is written with the key that it describes".to_owned()));
        }
        if let Some((other, _)) = self.chosen.iter().find(|(other, taken)| taken == key && other != name) {
            return Err(refused("a key of no other field".to_owned()).beside(format!("fields.{other}")));
        }
        self.chosen.retain(|(known, _)| known != name);
        self.chosen.push((name.to_owned(), key.to_owned()));
        Ok(())
    }

    /// Appends the key of a field with a space before it, and with its label.
    pub(super) fn put(&self, out: &mut Vec<u8>, group: FieldGroup, name: &str) {
        out.push(b' ');
        match self.of(group, name) {
            Some(key) => {
                if DICTIONARY.iter().any(|label| label.strip_suffix("Label") == Some(key)) {
                    out.extend_from_slice(key.as_bytes());
                    out.extend_from_slice(b"Label=");
                    put_extension(out, name);
                    out.push(b' ');
                }
                out.extend_from_slice(key.as_bytes());
            }
            None => put_own(out, name),
        }
        out.push(b'=');
    }

    /// The key that was chosen for a field, or that it has by default.
    fn of(&self, group: FieldGroup, name: &str) -> Option<&str> {
        let is_it = |chosen: &str| match group {
            FieldGroup::Context => chosen == name,
            group => {
                let own = chosen.strip_prefix(group.name()).and_then(|chosen| chosen.strip_prefix('.'));
                own == Some(name)
            }
        };
        let chosen = self.chosen.iter().find(|(chosen, _)| is_it(chosen)).map(|(_, key)| key.as_str());
        let is_free = |key: &str| !self.chosen.iter().any(|(_, chosen)| chosen == key);
        let known = || {
            let mut known = KNOWN.iter().filter(|_| group == FieldGroup::Context);
            known.find(|(known, key)| *known == name && is_free(key)).map(|(_, key)| *key)
        };
        chosen.or_else(known)
    }
}

/// Appends the key of a field's own name, with a number behind it and a space before it.
pub(super) fn put_numbered(out: &mut Vec<u8>, name: &str, number: u32) {
    out.push(b' ');
    put_own(out, name);
    out.push(b'_');
    put_u64(out, number.into());
    out.push(b'=');
}

/// Appends the key of a field's own name: letters, digits and `_`, and `_` for all else. A key of the dictionary begins with `field_`.
fn put_own(out: &mut Vec<u8>, name: &str) {
    let as_key = |byte: u8| if byte.is_ascii_alphanumeric() { byte } else { b'_' };
    let is = |taken: &str| taken.bytes().eq(name.bytes().map(as_key));
    if OWN.iter().chain(DICTIONARY).any(|taken| is(taken)) {
        out.extend_from_slice(b"field_");
    }
    out.extend(name.bytes().map(as_key));
    if name.is_empty() {
        out.push(b'_');
    }
}

fn is_label(key: &str) -> bool {
    key.ends_with("Label") && DICTIONARY.contains(&key)
}

//! The resource: the attributes that all records of a program have in common.

use std::{
    collections::BTreeMap,
    time::{SystemTime, UNIX_EPOCH},
};

use fapilog_format::json::put_string;
use fapilog_plugin::{
    timestamp::Timestamp,
    uuid_v7::{UuidV7, random_part},
    value::ValueRef,
};

use crate::encode::put_attribute;
use fapilog_format::protobuf_wire::length_tag;

/// The tag of `Resource.attributes`.
const ATTRIBUTE: u8 = length_tag(1);
const PROCESS_ID: &str = "process.pid";

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_unix_nanos(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}

/// Attributes by name. Later sources replace earlier ones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Resource {
    attributes: BTreeMap<String, String>,
}

/// A resource in both forms.
#[derive(Debug, Clone)]
pub(crate) struct ResourceBytes {
    pub(crate) protobuf: Vec<u8>,
    pub(crate) json: Vec<u8>,
}

impl Resource {
    /// The attributes that are known without settings.
    pub(crate) fn of_this_process() -> Self {
        let mut resource = Self { attributes: BTreeMap::new() };
        let program = std::env::current_exe().ok();
        let program = program.as_deref().and_then(|path| path.file_name()).map(|name| name.to_string_lossy());
        let service = program.map_or("unknown_service".to_owned(), |name| format!("unknown_service:{name}"));
        resource.set("service.name", &service);
        let mut text = [0; fapilog_plugin::uuid_v7::TEXT_BYTES];
        resource.set("service.instance.id", UuidV7::new(now(), random_part()).encode(&mut text));
        let host = rustix::system::uname();
        resource.set("host.name", &host.nodename().to_string_lossy());
        resource.set(PROCESS_ID, &std::process::id().to_string());
        resource.set("telemetry.sdk.language", "rust");
        resource.set("telemetry.sdk.name", "fapilog");
        resource.set("telemetry.sdk.version", env!("CARGO_PKG_VERSION"));
        resource
    }

    /// Sets an attribute. An empty value removes it.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        if value.is_empty() {
            self.attributes.remove(name);
        } else {
            self.attributes.insert(name.to_owned(), value.to_owned());
        }
    }

    pub(crate) fn bytes(&self) -> ResourceBytes {
        let mut bytes = ResourceBytes { protobuf: Vec::new(), json: b"{\"attributes\":[".to_vec() };
        for (index, (name, value)) in self.attributes.iter().enumerate() {
            let number = value.parse().ok().filter(|_| name == PROCESS_ID).map(ValueRef::U64);
            put_attribute(&mut bytes.protobuf, ATTRIBUTE, name, number.unwrap_or(ValueRef::Text(value)));
            let json = &mut bytes.json;
            json.extend_from_slice(if index == 0 { b"{\"key\":" } else { b",{\"key\":" });
            put_string(json, name);
            let kind: &[u8] = if number.is_some() { b"intValue" } else { b"stringValue" };
            json.extend_from_slice(&[b",\"value\":{\"", kind, b"\":"].concat());
            put_string(json, value);
            json.extend_from_slice(b"}}");
        }
        bytes.json.extend_from_slice(b"]}");
        bytes
    }
}

//! Keys of the Elastic Common Schema.

use fapilog_record::field_group::FieldGroup;

use crate::json::put_escaped;

/// Names that fapilog, its integrations and OpenTelemetry use, and their places in the schema. The fields of Kubernetes are those of
/// Elastic's agents, which the schema leaves open.
const KNOWN: &[(&str, &str)] = &[
    ("backtrace", "error.stack_trace"),
    ("environment", "service.environment"),
    ("err", "error.message"),
    ("error", "error.message"),
    ("exception.message", "error.message"),
    ("exception.stacktrace", "error.stack_trace"),
    ("exception.type", "error.type"),
    ("hostname", "host.name"),
    ("k8s.container.name", "kubernetes.container.name"),
    ("k8s.namespace.name", "kubernetes.namespace"),
    ("k8s.node.name", "kubernetes.node.name"),
    ("k8s.pod.ip", "kubernetes.pod.ip"),
    ("k8s.pod.name", "kubernetes.pod.name"),
    ("k8s.pod.uid", "kubernetes.pod.uid"),
    ("pid", "process.pid"),
    ("process_id", "process.pid"),
    ("request_id", "http.request.id"),
    ("service", "service.name"),
    ("span_id", "span.id"),
    ("thread_id", "process.thread.id"),
    ("thread_name", "process.thread.name"),
    ("trace_id", "trace.id"),
    ("transaction_id", "transaction.id"),
    ("user_id", "user.id"),
    ("version", "service.version"),
];

/// The field sets of the schema that a field may name a part of. `data_stream`, `ecs`, `labels` and `log` are not among them: they route
/// a document, or hold the event itself.
#[rustfmt::skip]
const FIELD_SETS: &[&str] = &[
    "agent", "as", "client", "cloud", "code_signature", "container", "destination", "device", "dll", "dns", "email",
    "error", "event", "faas", "file", "geo", "group", "host", "http", "network", "observer", "orchestrator",
    "organization", "os", "package", "process", "registry", "related", "rule", "server", "service", "source", "span",
    "threat", "tls", "trace", "transaction", "url", "user", "user_agent", "vulnerability",
];

/// Names of the schema that each line has for the event itself.
const OWN: &[&str] = &["event.id", "event.provider", "event.severity"];

/// Labels that lines have for the event itself.
const OWN_LABELS: &[&str] = &["category", "correlation_id", "not_utf8", "truncated", "truncated_fields"];

/// Appends the key of a field, up to its colon. `is_fixed` is true for a name of the schema that each line has already.
pub(super) fn put_field_key(out: &mut Vec<u8>, group: FieldGroup, name: &str, is_fixed: impl Fn(&str) -> bool) {
    match place_of(group, name).filter(|place| !is_fixed(place)) {
        Some(place) => {
            out.push(b'"');
            out.extend_from_slice(place.as_bytes());
        }
        None => put_label(out, name),
    }
    out.extend_from_slice(b"\":");
}

/// Appends the key of a label with a number behind it.
pub(super) fn put_numbered_label(out: &mut Vec<u8>, name: &str, number: u32) {
    put_label(out, name);
    out.push(b'_');
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
    out.extend_from_slice(b"\":");
}

/// The name of the schema that a field has, if it has any.
fn place_of(group: FieldGroup, name: &str) -> Option<&str> {
    let known = KNOWN.iter().find(|(known, _)| *known == name && group == FieldGroup::Context);
    known.map(|(_, place)| *place).or_else(|| is_of_schema(name).then_some(name))
}

/// Whether a name is a part of a field set: `http.request.method`.
fn is_of_schema(name: &str) -> bool {
    let is_part =
        |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let Some((set, parts)) = name.split_once('.') else { return false };
    FIELD_SETS.contains(&set) && parts.split('.').all(is_part) && !OWN.contains(&name)
}

/// Appends a label without its closing quote: dots, asterisks and backslashes are `_`, as the specification of ECS logging has it.
fn put_label(out: &mut Vec<u8>, name: &str) {
    out.extend_from_slice(b"\"labels.");
    if is_own_label(name) {
        out.extend_from_slice(b"field_");
    }
    for (index, piece) in name.split(['.', '*', '\\']).enumerate() {
        if index > 0 {
            out.push(b'_');
        }
        put_escaped(out, piece.as_bytes());
    }
    if name.trim().is_empty() {
        // Elasticsearch refuses names of spaces alone.
        out.push(b'_');
    }
}

fn is_own_label(name: &str) -> bool {
    let as_label = |byte| if matches!(byte, b'.' | b'*' | b'\\') { b'_' } else { byte };
    OWN_LABELS.iter().any(|label| label.bytes().eq(name.bytes().map(as_label)))
}

//! Acknowledgements of streams, and which of their errors lead to another attempt.

use serde::Deserialize;

/// The fate of a record by the server's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AckKind {
    /// The stream has the message.
    Stored,
    /// The stream has had a message of this id within its window of duplicates.
    Duplicate,
    /// The stream may take the message later.
    Retryable(AckReason),
    /// The stream refuses this message for good.
    Rejected(AckReason),
    /// The message is no acknowledgement of a stream: another subscriber of the subject has replied.
    Unrelated,
}

/// The reason of an error, without the server's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AckReason {
    /// The number of JetStream (`err_code`), or that of a status line.
    pub(crate) code: u64,
    pub(crate) meaning: &'static str,
}

/// The answer of JetStream: ADR-1 of nats-io/nats-architecture-and-design has the form of errors.
#[derive(Deserialize)]
struct StreamAnswer<'a> {
    #[serde(default)]
    error: Option<StreamError>,
    #[serde(borrow, default)]
    stream: Option<std::borrow::Cow<'a, str>>,
    #[serde(default)]
    seq: u64,
    #[serde(default)]
    duplicate: bool,
}

#[derive(Deserialize)]
struct StreamError {
    #[serde(default)]
    code: u64,
    #[serde(default)]
    err_code: u64,
}

/// The status line of a reply, as of a subject that nobody listens to: `NATS/1.0 503`.
pub(crate) fn kind_of_status(header: &[u8]) -> Option<AckKind> {
    let line = header.strip_prefix(b"NATS/1.0 ")?;
    let digits = line.get(..3)?;
    Some(match std::str::from_utf8(digits).ok()?.parse().ok()? {
        503 => AckKind::Retryable(AckReason {
            code: 503,
            meaning: "no stream takes messages of this subject, or JetStream does not answer",
        }),
        code => AckKind::Retryable(AckReason { code, meaning: "the server has answered with this status" }),
    })
}

/// Reads an acknowledgement.
pub(crate) fn kind_of_ack(message: &[u8]) -> AckKind {
    match serde_json::from_slice::<StreamAnswer<'_>>(message) {
        Ok(StreamAnswer { error: Some(error), .. }) => error.kind(),
        Ok(StreamAnswer { stream: Some(stream), seq, duplicate, .. }) if !stream.is_empty() && seq > 0 => {
            if duplicate {
                AckKind::Duplicate
            } else {
                AckKind::Stored
            }
        }
        _ => AckKind::Unrelated,
    }
}

/// Errors of JetStream, by `err_code`. <https://github.com/nats-io/nats-server/blob/main/server/errors.json>
const RETRYABLE: [(u64, &str); 17] = [
    (10002, "the account has no resources left"),
    (10004, "the cluster's answers are incomplete"),
    (10005, "the cluster has no peers"),
    (10007, "the server has no JetStream assigned"),
    (10008, "JetStream is temporarily unavailable"),
    (10009, "the server is not the leader of its cluster"),
    (10023, "the server has too few resources"),
    (10028, "the server has no memory left for streams"),
    (10035, "the account is unknown"),
    (10039, "the account has no JetStream"),
    (10041, "the cluster's servers do not agree"),
    (10047, "the server has no storage left for streams"),
    (10059, "the stream does not exist"),
    (10076, "the server has no JetStream"),
    (10077, "the stream is full (max_msgs, max_bytes or max_msgs_per_subject with discard new), or cannot be written"),
    (10118, "the stream is offline"),
    (10120, "the account has no limits for JetStream"),
];
const REJECTED: [(u64, &str); 8] = [
    (10003, "JetStream cannot read the message"),
    (10052, "the stream's settings do not fit the message"),
    (10054, "the message is longer than the stream's max_msg_size"),
    (10060, "another stream takes messages of this subject than expected_stream names"),
    (10071, "the stream's last sequence is another"),
    (10097, "the header is longer than 64 KiB"),
    (10109, "the stream is sealed"),
    (10111, "the stream allows no rollup"),
];

impl StreamError {
    fn kind(&self) -> AckKind {
        let find = |table: &[(u64, &'static str)]| {
            let found = table.iter().find(|(code, _)| *code == self.err_code);
            found.map(|(code, meaning)| AckReason { code: *code, meaning })
        };
        if let Some(reason) = find(&RETRYABLE) {
            return AckKind::Retryable(reason);
        }
        if let Some(reason) = find(&REJECTED) {
            return AckKind::Rejected(reason);
        }
        let code = if self.err_code == 0 { self.code } else { self.err_code };
        let reason = AckReason { code, meaning: "the stream has refused the message" };
        // Codes as those of HTTP: 4xx is about the message, and all others are about the server.
        match self.code {
            401 | 403 | 404 | 408 | 429 => AckKind::Retryable(reason),
            400..500 => AckKind::Rejected(reason),
            _ => AckKind::Retryable(reason),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(kind: AckKind) -> (char, u64) {
        match kind {
            AckKind::Stored => ('s', 0),
            AckKind::Duplicate => ('d', 0),
            AckKind::Retryable(reason) => ('r', reason.code),
            AckKind::Rejected(reason) => ('p', reason.code),
            AckKind::Unrelated => ('u', 0),
        }
    }

    #[test]
    fn each_acknowledgement_has_the_fate_of_its_code() {
        for (message, expected) in [
            (r#"{"stream":"LOGS","seq":1}"#, ('s', 0)),
            (r#"{"stream":"LOGS","domain":"hub","seq":7,"duplicate":true}"#, ('d', 0)),
            (r#"{"stream":"LO\u0047S","seq":1}"#, ('s', 0)),
            (r#"{"error":{"code":503,"err_code":10077,"description":"secret"},"stream":"LOGS","seq":0}"#, ('r', 10077)),
            (r#"{"error":{"code":400,"err_code":10060}}"#, ('p', 10060)),
            (r#"{"error":{"code":400,"err_code":10054}}"#, ('p', 10054)),
            (r#"{"error":{"code":400,"err_code":19999}}"#, ('p', 19999)),
            (r#"{"error":{"code":500,"err_code":19999}}"#, ('r', 19999)),
            (r#"{"error":{"code":429}}"#, ('r', 429)),
            (r#"{"stream":"","seq":1}"#, ('u', 0)),
            (r#"{"stream":"LOGS"}"#, ('u', 0)),
            ("hello", ('u', 0)),
            ("", ('u', 0)),
        ] {
            assert_eq!(code(kind_of_ack(message.as_bytes())), expected, "{message}");
        }
    }

    #[test]
    fn a_status_line_without_responders_is_retryable() {
        assert_eq!(kind_of_status(b"NATS/1.0 503\r\n\r\n").map(code), Some(('r', 503)));
        assert_eq!(kind_of_status(b"NATS/1.0\r\nA: b\r\n\r\n"), None);
        assert_eq!(kind_of_status(b"NATS/1.0 x"), None);
    }
}

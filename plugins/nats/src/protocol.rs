//! Messages of the server. <https://docs.nats.io/reference/reference-protocols/nats-protocol>

use std::io;

use serde::Deserialize;

/// The longest line. That of `INFO` has the addresses of a cluster's servers.
const LINE_BYTES_MAX: usize = 256 << 10;
/// The longest message to the sink. An acknowledgement has about 100 bytes.
const MESSAGE_BYTES_MAX: usize = 64 << 10;

/// A message of the server.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum ServerOp<'a> {
    /// The JSON behind `INFO`.
    Info(&'a [u8]),
    /// A message to a subscription: its subject, the header if there is one, and its content.
    Message {
        subject: &'a [u8],
        header: Option<&'a [u8]>,
        content: &'a [u8],
    },
    Ping,
    Pong,
    Done,
    /// The text of an error, in its quotes.
    Error(&'a [u8]),
}

/// Reads the message at the beginning of `bytes`, and its length. `None`: it is not complete.
///
/// # Errors
/// Bytes that are none of the protocol, and messages above the limits.
pub(crate) fn read_op(bytes: &[u8]) -> io::Result<Option<(ServerOp<'_>, usize)>> {
    let Some(line_end) = memchr::memchr(b'\n', bytes) else {
        return if bytes.len() > LINE_BYTES_MAX { Err(invalid("a line is too long")) } else { Ok(None) };
    };
    if line_end > LINE_BYTES_MAX {
        return Err(invalid("a line is too long"));
    }
    let line = bytes.get(..line_end).unwrap_or_default();
    let line = line.strip_suffix(b"\r").ok_or_else(|| invalid("a line does not end with CR LF"))?;
    let behind = line_end + 1;
    let (name, text) = match line.iter().position(|byte| matches!(byte, b' ' | b'\t')) {
        Some(place) => (line.get(..place).unwrap_or_default(), line.get(place + 1..).unwrap_or_default()),
        None => (line, &b""[..]),
    };
    let op = if name.eq_ignore_ascii_case(b"MSG") {
        return message(text, false, bytes, behind);
    } else if name.eq_ignore_ascii_case(b"HMSG") {
        return message(text, true, bytes, behind);
    } else if name.eq_ignore_ascii_case(b"PING") {
        ServerOp::Ping
    } else if name.eq_ignore_ascii_case(b"PONG") {
        ServerOp::Pong
    } else if name.eq_ignore_ascii_case(b"+OK") {
        ServerOp::Done
    } else if name.eq_ignore_ascii_case(b"-ERR") {
        ServerOp::Error(text.trim_ascii())
    } else if name.eq_ignore_ascii_case(b"INFO") {
        ServerOp::Info(text.trim_ascii())
    } else {
        return Err(invalid("a message is none of the protocol"));
    };
    Ok(Some((op, behind)))
}

/// `MSG subject sid [reply] bytes`, or `HMSG subject sid [reply] header-bytes bytes`.
fn message<'a>(
    words: &'a [u8],
    has_header: bool,
    bytes: &'a [u8],
    start: usize,
) -> io::Result<Option<(ServerOp<'a>, usize)>> {
    let malformed = || invalid("a message has a malformed line");
    let mut words = words.split(|byte| matches!(byte, b' ' | b'\t')).filter(|word| !word.is_empty());
    let subject = words.next().ok_or_else(malformed)?;
    let mut last = [None; 4];
    let mut count = 0;
    for word in words {
        *last.get_mut(count).ok_or_else(malformed)? = Some(word);
        count += 1;
    }
    let number = |back: usize| -> io::Result<usize> {
        let word = count.checked_sub(back).filter(|place| *place > 0).and_then(|place| last.get(place)).copied();
        let text = word.flatten().and_then(|word| std::str::from_utf8(word).ok());
        text.and_then(|text| text.parse().ok()).ok_or_else(malformed)
    };
    let length = number(1)?;
    let header_bytes = if has_header { number(2)? } else { 0 };
    if header_bytes > length {
        return Err(malformed());
    }
    if length > MESSAGE_BYTES_MAX {
        return Err(invalid("a message is too long"));
    }
    let Some(message) = bytes.get(start..start + length + 2) else { return Ok(None) };
    let message = message.strip_suffix(b"\r\n").ok_or_else(|| invalid("a message has another length"))?;
    let (header, content) = message.split_at_checked(header_bytes).ok_or_else(malformed)?;
    let header = has_header.then_some(header);
    Ok(Some((ServerOp::Message { subject, header, content }, start + length + 2)))
}

pub(crate) fn invalid(reason: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

/// `INFO`: the parts of it that the sink uses.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct ServerInfo {
    /// The longest message, in bytes, header and content together. 0: the server has named none.
    pub(crate) max_payload: u64,
    pub(crate) headers: bool,
    pub(crate) jetstream: bool,
    pub(crate) tls_required: bool,
    pub(crate) tls_available: bool,
    pub(crate) nonce: String,
    /// Lame duck mode: the server closes its connections soon.
    pub(crate) ldm: bool,
    pub(crate) connect_urls: Vec<String>,
}

impl ServerInfo {
    pub(crate) fn read(json: &[u8]) -> io::Result<Self> {
        serde_json::from_slice(json).map_err(|_| invalid("INFO is no JSON of the protocol"))
    }
}

/// The kind of an error of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ServerErrorKind<'a> {
    /// The user may not publish to this subject. The connection stays open.
    PublishDenied(&'a [u8]),
    /// The connection is of no more use.
    Fatal(&'static str),
}

/// Errors of the server, by the beginning of their text, and their meaning. The server's text is left out, because it may repeat what a user logged.
/// <https://docs.nats.io/reference/reference-protocols/nats-protocol#err>
const ERRORS: [(&str, &str); 15] = [
    ("permissions violation for subscription", "the user may not subscribe to the inbox"),
    ("permissions violation", "the user may not publish to the subject"),
    ("authorization violation", "the user, the password, the token or the key is wrong"),
    ("authentication timeout", "the authentication took too long"),
    ("user authentication expired", "the user's credentials have expired"),
    ("user authentication revoked", "the user's credentials are revoked"),
    ("account authentication expired", "the account's credentials have expired"),
    ("secure connection", "the server asks for TLS"),
    ("maximum payload violation", "a message is longer than max_payload"),
    ("maximum connections exceeded", "the server has too many connections"),
    ("maximum account active connections", "the account has too many connections"),
    ("maximum control line exceeded", "a subject is too long for the server"),
    ("stale connection", "the server has had no answer to its PING"),
    ("slow consumer", "the sink has read its acknowledgements too slowly"),
    ("unknown protocol operation", "the server does not know the command"),
];

impl<'a> ServerErrorKind<'a> {
    pub(crate) fn of(text: &'a [u8]) -> Self {
        let text = text.strip_prefix(b"'").unwrap_or(text);
        let is =
            |front: &str| text.get(..front.len()).is_some_and(|start| start.eq_ignore_ascii_case(front.as_bytes()));
        if is("permissions violation for publish to") {
            let mut quoted = text.split(|byte| *byte == b'"');
            if let Some(subject) = quoted.nth(1) {
                return Self::PublishDenied(subject);
            }
        }
        let known = ERRORS.iter().find(|(front, _)| is(front));
        Self::Fatal(known.map_or("an unknown error", |(_, meaning)| meaning))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_message_of_the_protocol_is_read_with_its_length() {
        let bytes = b"INFO {\"a\":1} \r\nPING\r\nPONG\r\n+OK\r\n-ERR 'x y'\r\nMSG a 1 2\r\nhi\r\nMSG a 1 r 0\r\n\r\nHMSG a 1 16 17\r\n\
                      NATS/1.0 503\r\n\r\nx\r\nhmsg a 1 r 4 4\r\nabcd\r\n";
        let mut tail = &bytes[..];
        let mut found = Vec::new();
        while let Some((op, length)) = read_op(tail).unwrap() {
            found.push(op);
            tail = &tail[length..];
        }
        let subject = &b"a"[..];
        let expected = [
            ServerOp::Info(b"{\"a\":1}"),
            ServerOp::Ping,
            ServerOp::Pong,
            ServerOp::Done,
            ServerOp::Error(b"'x y'"),
            ServerOp::Message { subject, header: None, content: b"hi" },
            ServerOp::Message { subject, header: None, content: b"" },
            ServerOp::Message { subject, header: Some(b"NATS/1.0 503\r\n\r\n"), content: b"x" },
            ServerOp::Message { subject, header: Some(b"abcd"), content: b"" },
        ];
        assert_eq!((found.as_slice(), tail), (&expected[..], &b""[..]));
    }

    #[test]
    fn a_message_in_part_is_waited_for() {
        for bytes in [&b""[..], b"PIN", b"PING\r", b"MSG a 1 2\r\n", b"MSG a 1 2\r\nhi\r"] {
            assert_eq!(read_op(bytes).unwrap(), None, "{bytes:?}");
        }
    }

    #[test]
    fn garbage_and_messages_above_the_limits_are_errors() {
        for bytes in [
            &b"HTTP/1.1 400 Bad\r\n"[..],
            b"\r\n",
            b"PING\n",
            b"MSG\r\n",
            b"MSG a\r\n",
            b"MSG a 1\r\n",
            b"MSG a 1 b c d e\r\n",
            b"MSG a 1 -1\r\n",
            b"MSG a 1 99999999999999999999\r\n",
            b"MSG a 1 65537\r\n",
            b"MSG a 1 2\r\nhi!\r\n",
            b"HMSG a 1 3\r\n",
            b"HMSG a 1 5 3\r\nabc\r\n",
        ] {
            assert!(read_op(bytes).is_err(), "{:?}", String::from_utf8_lossy(bytes));
        }
        assert!(read_op(&vec![b'x'; LINE_BYTES_MAX + 1]).is_err());
    }

    #[test]
    fn an_error_has_its_meaning_and_no_text_of_the_server() {
        let denied = b"'Permissions Violation for Publish to \"logs.a\"'";
        assert_eq!(ServerErrorKind::of(denied), ServerErrorKind::PublishDenied(b"logs.a"));
        let wrong = ServerErrorKind::of(b"'Authorization Violation'");
        assert_eq!(wrong, ServerErrorKind::Fatal("the user, the password, the token or the key is wrong"));
        let inbox = ServerErrorKind::of(b"'Permissions Violation for Subscription to \"_INBOX.a\"'");
        assert_eq!(inbox, ServerErrorKind::Fatal("the user may not subscribe to the inbox"));
        assert_eq!(ServerErrorKind::of(b"secret"), ServerErrorKind::Fatal("an unknown error"));
        assert_eq!(ServerErrorKind::of(b""), ServerErrorKind::Fatal("an unknown error"));
    }
}

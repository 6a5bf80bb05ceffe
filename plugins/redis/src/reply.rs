//! Replies of the server (RESP2).

use std::io::{self, BufRead, Read};

/// The longest line, and the longest string, that a reply may have.
const REPLY_BYTES_MAX: usize = 64 << 10;

/// The fate of a command by its reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReplyKind {
    /// The command was executed.
    Done,
    /// The server may execute the command later.
    Retryable,
    /// The server may execute the command later, or another server does: the name is resolved again.
    RetryableElsewhere,
    /// The server refuses this command for good.
    Rejected,
}

/// Reads a reply. The bytes of an error are in `line`.
pub(crate) fn read_reply(reader: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<ReplyKind> {
    read_line(reader, line)?;
    let Some((first, text)) = line.split_first() else { return Err(invalid()) };
    match first {
        b'+' | b':' => Ok(ReplyKind::Done),
        b'-' if text.starts_with(TOO_MANY_CLIENTS) => Ok(ReplyKind::RetryableElsewhere),
        b'-' => Ok(kind_of(code_of(text))),
        b'$' => {
            let length = std::str::from_utf8(text).ok().and_then(|text| text.parse::<usize>().ok());
            let length = length.filter(|length| *length <= REPLY_BYTES_MAX).ok_or_else(invalid)?;
            skip(reader, length + 2)?;
            Ok(ReplyKind::Done)
        }
        _ => Err(invalid()),
    }
}

fn read_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<()> {
    line.clear();
    reader.take(REPLY_BYTES_MAX as u64).read_until(b'\n', line)?;
    if line.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let length = line.strip_suffix(b"\r\n").ok_or_else(invalid)?.len();
    line.truncate(length);
    Ok(())
}

fn skip(reader: &mut impl BufRead, bytes: usize) -> io::Result<()> {
    let skipped = io::copy(&mut reader.take(bytes as u64), &mut io::sink())?;
    if skipped == bytes as u64 { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

fn invalid() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the server's reply is none of the protocol RESP2")
}

fn code_of(text: &[u8]) -> &[u8] {
    text.split(|byte| *byte == b' ').next().unwrap_or_default()
}

/// The answer to a connection beyond `maxclients`. It comes in the place of the first reply, and the server closes the connection.
const TOO_MANY_CLIENTS: &[u8] = b"ERR max number of clients reached";

/// The table of error codes. Other codes, and `ERR`, are those of commands that no attempt makes better.
const CODES: [(&str, ReplyKind, &str); 17] = [
    ("OOM", ReplyKind::Retryable, "the server's memory is full (maxmemory)"),
    ("LOADING", ReplyKind::Retryable, "the server loads its data"),
    ("BUSY", ReplyKind::Retryable, "a script keeps the server busy"),
    ("MISCONF", ReplyKind::Retryable, "the server cannot write its data to disk"),
    ("NOREPLICAS", ReplyKind::Retryable, "the server has too few replicas"),
    ("TRYAGAIN", ReplyKind::Retryable, "keys of the cluster move"),
    ("READONLY", ReplyKind::RetryableElsewhere, "the server is a replica"),
    ("MASTERDOWN", ReplyKind::RetryableElsewhere, "the server is a replica without its master"),
    ("CLUSTERDOWN", ReplyKind::RetryableElsewhere, "the cluster is down"),
    ("MOVED", ReplyKind::RetryableElsewhere, "another server of the cluster has the stream"),
    ("ASK", ReplyKind::RetryableElsewhere, "another server of the cluster has the stream"),
    ("NOAUTH", ReplyKind::RetryableElsewhere, "the server wants a password"),
    ("WRONGPASS", ReplyKind::RetryableElsewhere, "the user or the password is wrong"),
    // In the place of the first reply, too.
    (
        "DENIED",
        ReplyKind::RetryableElsewhere,
        "the server is in protected mode: it takes connections of its own machine alone",
    ),
    ("NOPERM", ReplyKind::Rejected, "the user may not do this"),
    ("WRONGTYPE", ReplyKind::Rejected, "the key is that of another type than a stream"),
    ("ERR", ReplyKind::Rejected, "the server refuses the command"),
];

fn kind_of(code: &[u8]) -> ReplyKind {
    let known = CODES.iter().find(|(name, ..)| name.as_bytes() == code);
    known.map_or(ReplyKind::Rejected, |(_, kind, _)| *kind)
}

/// An error for people: its code and the meaning. The server's text is left out, because it may repeat what a user logged.
pub(crate) fn describe(line: &[u8]) -> String {
    let text = line.strip_prefix(b"-").unwrap_or(line);
    if text.starts_with(TOO_MANY_CLIENTS) {
        return "ERR: the server has as many connections as it allows (maxclients)".to_owned();
    }
    let code = code_of(text);
    match CODES.iter().find(|(name, ..)| name.as_bytes() == code) {
        Some((name, _, meaning)) => format!("{name}: {meaning}"),
        None if code.len() <= 32 && code.iter().all(u8::is_ascii_uppercase) => {
            String::from_utf8_lossy(code).into_owned()
        }
        None => "an unknown error".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> io::Result<Vec<ReplyKind>> {
        let mut reader = bytes;
        let mut line = Vec::new();
        let mut kinds = Vec::new();
        while !reader.is_empty() {
            kinds.push(read_reply(&mut reader, &mut line)?);
        }
        Ok(kinds)
    }

    #[test]
    fn each_reply_has_the_fate_of_its_code() {
        let replies = b"$15\r\n1526919030474-0\r\n-OOM command not allowed\r\n-READONLY You can't write\r\n-MOVED 1 h:1\r\n+OK\r\n\
                        -WRONGTYPE Operation\r\n-ERR Protocol error\r\n-LOADING x\r\n-NEW y\r\n:1\r\n";
        use ReplyKind::{Done, Rejected, Retryable, RetryableElsewhere};
        let expected = [
            Done,
            Retryable,
            RetryableElsewhere,
            RetryableElsewhere,
            Done,
            Rejected,
            Rejected,
            Retryable,
            Rejected,
            Done,
        ];
        assert_eq!(read(replies).unwrap(), expected);
    }

    #[test]
    fn a_refusal_of_the_connection_is_no_refusal_of_the_command() {
        for refusal in [
            &b"-ERR max number of clients reached\r\n"[..],
            b"-DENIED Redis is running in protected mode because protected mode is enabled\r\n",
        ] {
            assert_eq!(read(refusal).unwrap(), [ReplyKind::RetryableElsewhere], "{}", refusal.escape_ascii());
        }
        assert!(describe(b"-ERR max number of clients reached").contains("maxclients"));
    }

    #[test]
    fn bytes_that_are_no_reply_are_an_error() {
        for bytes in [&b"HTTP/1.1 400\r\n"[..], b"+OK", b"+OK\n", b"$5\r\nab", b"$-1\r\n", b"$99999999\r\n", b"\r\n"] {
            assert!(read(bytes).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn an_error_is_described_without_the_server_s_text() {
        assert!(describe(b"-OOM secret").starts_with("OOM: ") && !describe(b"-OOM secret").contains("secret"));
        assert_eq!(
            (describe(b"-NEW secret"), describe(b"-user data")),
            ("NEW".to_owned(), "an unknown error".to_owned())
        );
    }
}

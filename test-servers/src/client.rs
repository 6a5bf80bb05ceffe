//! A plain HTTP client, for questions to servers.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

const TIMEOUT: Duration = Duration::from_secs(20);

/// The answer to [`http_request`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct HttpReply {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}

impl HttpReply {
    /// The body as JSON. Panics if it is not.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        let text = String::from_utf8_lossy(&self.body);
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("status {}: {error}: {text}", self.status))
    }
}

/// Sends a request by a connection of its own, and reads the whole answer. No TLS.
pub fn http_request(
    address: SocketAddr,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> io::Result<HttpReply> {
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    let length = body.len();
    let mut head =
        format!("{method} {target} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {length}\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    stream.write_all(&[head.as_bytes(), body].concat())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    parse(&answer).ok_or_else(|| io::Error::other(format!("no answer of HTTP: {}", String::from_utf8_lossy(&answer))))
}

fn parse(answer: &[u8]) -> Option<HttpReply> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let (head, body) = answer.split_at_checked(end + 4)?;
    let head = std::str::from_utf8(head).ok()?;
    let status = head.get(9..12)?.parse().ok()?;
    let is_chunked = head.to_ascii_lowercase().contains("\r\ntransfer-encoding: chunked\r\n");
    let body = if is_chunked { unchunked(body)? } else { body.to_vec() };
    Some(HttpReply { status, body })
}

fn unchunked(mut body: &[u8]) -> Option<Vec<u8>> {
    let mut whole = Vec::new();
    loop {
        let end = body.windows(2).position(|window| window == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(body.get(..end)?).ok()?, 16).ok()?;
        if size == 0 {
            return Some(whole);
        }
        whole.extend(body.get(end + 2..end + 2 + size)?);
        body = body.get(end + 4 + size..)?;
    }
}

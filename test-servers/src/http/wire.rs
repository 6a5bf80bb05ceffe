//! Requests on the wire, read by the letter of RFC 9112.

use std::io::{self, Read, Write};

/// More than real servers allow.
const HEAD_MAX: usize = 64 * 1024;
const HEADERS_MAX: usize = 128;
const BODY_MAX: usize = 1 << 30;

/// The reason why there is no request.
#[derive(Debug)]
pub(super) enum ReadError {
    /// The client closed the connection between two requests.
    Closed,
    /// The connection ended within a request.
    Aborted,
    /// The request breaks the standard.
    Violation(String),
    /// The body is longer than the server allows.
    TooLarge,
}

pub(super) struct RequestLine {
    pub(super) method: String,
    pub(super) target: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) framing: BodyFraming,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum BodyFraming {
    None,
    Length(usize),
    Chunked,
}

/// A connection, with the bytes that were read too early.
pub(super) struct RequestReader<S> {
    pub(super) stream: S,
    buffer: Vec<u8>,
}

impl RequestLine {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }
}

impl<S: Read + Write> RequestReader<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, buffer: Vec::new() }
    }

    /// Whether bytes of another request are there: the client did not wait for the answer.
    pub(super) fn has_more(&self) -> bool {
        !self.buffer.is_empty()
    }

    pub(super) fn read_head(&mut self) -> Result<RequestLine, ReadError> {
        let mut searched = 0;
        let end = loop {
            let from = usize::saturating_sub(searched, 3);
            if let Some(at) = find(self.buffer.get(from..).unwrap_or_default(), b"\r\n\r\n") {
                break from + at + 4;
            }
            searched = self.buffer.len();
            if searched > HEAD_MAX {
                return Err(ReadError::Violation(format!("the head is longer than {HEAD_MAX} bytes")));
            }
            if !self.fill().map_err(|_| self.end_of_stream())? {
                return Err(self.end_of_stream());
            }
        };
        let head: Vec<u8> = self.buffer.drain(..end).collect();
        parse(&head).map_err(ReadError::Violation)
    }

    fn end_of_stream(&self) -> ReadError {
        if self.buffer.is_empty() { ReadError::Closed } else { ReadError::Aborted }
    }

    /// The body, up to `limit` bytes.
    pub(super) fn read_body(&mut self, framing: BodyFraming, limit: usize) -> Result<Vec<u8>, ReadError> {
        let limit = limit.min(BODY_MAX);
        match framing {
            BodyFraming::None => Ok(Vec::new()),
            BodyFraming::Length(length) if length > limit => Err(ReadError::TooLarge),
            BodyFraming::Length(length) => self.take(length),
            BodyFraming::Chunked => self.read_chunks(limit),
        }
    }

    fn read_chunks(&mut self, limit: usize) -> Result<Vec<u8>, ReadError> {
        let mut body = Vec::new();
        loop {
            let line = self.take_line()?;
            let size = chunk_size(&line)?;
            if size == 0 {
                break;
            }
            if body.len() + size > limit {
                return Err(ReadError::TooLarge);
            }
            body.extend(self.take(size)?);
            if self.take(2)? != b"\r\n" {
                return Err(ReadError::Violation(format!("no CR LF follows a chunk of {size} bytes")));
            }
        }
        match self.take_line()?.as_str() {
            "" => Ok(body),
            trailer => Err(ReadError::Violation(format!("trailers are not expected: `{trailer}`"))),
        }
    }

    fn take_line(&mut self) -> Result<String, ReadError> {
        loop {
            if let Some(end) = find(&self.buffer, b"\r\n") {
                let line: Vec<u8> = self.buffer.drain(..end + 2).take(end).collect();
                return String::from_utf8(line)
                    .map_err(|_| ReadError::Violation("a line of a chunk is no text".to_owned()));
            }
            if self.buffer.len() > HEAD_MAX {
                return Err(ReadError::Violation("a line of a chunk has no end".to_owned()));
            }
            self.need_more()?;
        }
    }

    pub(super) fn take(&mut self, length: usize) -> Result<Vec<u8>, ReadError> {
        while self.buffer.len() < length {
            self.need_more()?;
        }
        Ok(self.buffer.drain(..length).collect())
    }

    fn need_more(&mut self) -> Result<(), ReadError> {
        match self.fill() {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => Err(ReadError::Aborted),
        }
    }

    /// Reads once. `false` at the end of the stream.
    fn fill(&mut self) -> io::Result<bool> {
        let mut piece = [0; 16 * 1024];
        let length = loop {
            match self.stream.read(&mut piece) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read?,
            }
        };
        self.buffer.extend(piece.iter().take(length));
        Ok(length > 0)
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

fn chunk_size(line: &str) -> Result<usize, ReadError> {
    let violation = || ReadError::Violation(format!("`{line}` is no size of a chunk"));
    let is_hex = !line.is_empty() && line.bytes().all(|digit| digit.is_ascii_hexdigit());
    if is_hex { usize::from_str_radix(line, 16).map_err(|_| violation()) } else { Err(violation()) }
}

fn parse(head: &[u8]) -> Result<RequestLine, String> {
    let lines = head.strip_suffix(b"\r\n\r\n").unwrap_or(head);
    if lines.iter().enumerate().any(|(at, byte)| *byte == b'\n' && (at == 0 || lines.get(at - 1) != Some(&b'\r'))) {
        return Err("a line of the head ends with LF alone".to_owned());
    }
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(head) {
        Ok(httparse::Status::Complete(length)) if length == head.len() => {}
        Ok(_) => return Err("the head has an empty line within it".to_owned()),
        Err(error) => return Err(format!("the head is malformed: {error}")),
    }
    if request.version != Some(1) {
        return Err("the version is not HTTP/1.1".to_owned());
    }
    let headers = request.headers.iter().map(text_header).collect::<Result<Vec<_>, _>>()?;
    let method = request.method.unwrap_or_default().to_owned();
    let target = request.path.unwrap_or_default().to_owned();
    check_target(&target)?;
    check_host(&headers)?;
    let framing = framing(&headers)?;
    Ok(RequestLine { method, target, headers, framing })
}

fn text_header(header: &httparse::Header<'_>) -> Result<(String, String), String> {
    let value = std::str::from_utf8(header.value).map_err(|_| format!("the header `{}` is not UTF-8", header.name))?;
    Ok((header.name.to_ascii_lowercase(), value.to_owned()))
}

fn check_target(target: &str) -> Result<(), String> {
    let is_allowed = |byte: u8| byte.is_ascii_graphic() && !br##"#"<>\^`{|}"##.contains(&byte);
    if target.starts_with('/') && target.bytes().all(is_allowed) {
        Ok(())
    } else {
        Err(format!("the target `{target}` is no path with a query as RFC 3986 has them"))
    }
}

fn check_host(headers: &[(String, String)]) -> Result<(), String> {
    match headers.iter().filter(|(name, _)| name == "host").collect::<Vec<_>>().as_slice() {
        [(_, host)] if !host.is_empty() => Ok(()),
        found => Err(format!("there must be a single header `Host`, and there are {}", found.len())),
    }
}

fn framing(headers: &[(String, String)]) -> Result<BodyFraming, String> {
    let values = |wanted: &str| -> Vec<&str> {
        headers.iter().filter(|(name, _)| name == wanted).map(|(_, value)| value.as_str()).collect()
    };
    match (values("content-length").as_slice(), values("transfer-encoding").as_slice()) {
        ([], []) => Ok(BodyFraming::None),
        ([], ["chunked"]) => Ok(BodyFraming::Chunked),
        ([], other) => Err(format!("`Transfer-Encoding: {}` is not `chunked`", other.join(", "))),
        ([length], []) if length.bytes().all(|digit| digit.is_ascii_digit()) => {
            length.parse().map(BodyFraming::Length).map_err(|_| format!("`Content-Length: {length}` is no length"))
        }
        (lengths, []) => Err(format!("`Content-Length: {}` is no length", lengths.join(", "))),
        (_, _) => Err("there are both `Content-Length` and `Transfer-Encoding`".to_owned()),
    }
}

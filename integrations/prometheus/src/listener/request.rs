//! The head of a request (RFC 9112, sections 3 and 5).

/// The longest head. Prometheus' is shorter than 512 bytes.
pub(super) const HEAD_MAX_BYTES: usize = 8 * 1024;

/// The parts of a request that a listener needs.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct HttpRequest {
    pub(crate) is_head: bool,
    /// Without the query.
    pub(crate) path: String,
    /// The headers `Accept`.
    pub(crate) accept: Option<String>,
}

/// A request that gets an error as its response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RequestError {
    /// It is not HTTP/1.
    Malformed,
    /// Its method is neither GET nor HEAD.
    Method,
    /// Its version of HTTP is another one.
    Version,
    /// Its head is too long.
    TooLong,
    /// It did not come in time.
    Late,
}

impl RequestError {
    /// The status of the response.
    pub(crate) const fn status(self) -> &'static str {
        match self {
            Self::Malformed => "400 Bad Request",
            Self::Method => "405 Method Not Allowed",
            Self::Version => "505 HTTP Version Not Supported",
            Self::TooLong => "431 Request Header Fields Too Large",
            Self::Late => "408 Request Timeout",
        }
    }
}

/// The length of a head with the empty line at its end, if that is there. Empty lines in front of a request are a part of its head (RFC
/// 9112, section 2.2).
pub(crate) fn head_bytes(received: &[u8]) -> Option<usize> {
    let begin = received.chunks(2).take_while(|line| *line == b"\r\n").count() * 2;
    let end = received.get(begin..)?.windows(4).position(|bytes| bytes == b"\r\n\r\n")?;
    Some(begin + end + 4)
}

impl HttpRequest {
    /// Reads a whole head.
    pub(crate) fn parse(head: &[u8]) -> Result<Self, RequestError> {
        let head = String::from_utf8_lossy(head);
        let mut lines = head.trim_start_matches("\r\n").split("\r\n");
        let mut words = lines.next().unwrap_or_default().split(' ');
        let (Some(method), Some(target), Some(version), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(RequestError::Malformed);
        };
        match version {
            "HTTP/1.1" | "HTTP/1.0" => {}
            other if other.starts_with("HTTP/") => return Err(RequestError::Version),
            _ => return Err(RequestError::Malformed),
        }
        let is_head = match method {
            "GET" => false,
            "HEAD" => true,
            _ => return Err(RequestError::Method),
        };
        let path = path_of(target).ok_or(RequestError::Malformed)?.to_owned();
        let headers = lines.filter_map(|line| line.split_once(':'));
        let accept = headers.filter(|(name, _)| name.eq_ignore_ascii_case("accept"));
        let accept: Vec<_> = accept.map(|(_, value)| value.trim()).collect();
        let accept = (!accept.is_empty()).then(|| accept.join(","));
        Ok(Self { is_head, path, accept })
    }
}

/// The path of a target, which is `/path?query` or, through a proxy, `http://host/path?query`.
fn path_of(target: &str) -> Option<&str> {
    let target = match target.split_once("://") {
        Some(("http" | "https", after)) => after.get(after.find('/')?..)?,
        _ => target,
    };
    target.starts_with('/').then(|| target.split(['?', '#']).next().unwrap_or(target))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn path(target: &str) -> Result<String, RequestError> {
        HttpRequest::parse(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()).map(|request| request.path)
    }

    #[test]
    fn the_path_has_neither_query_nor_host() {
        for target in ["/metrics", "/metrics?name=a", "http://host:1/metrics?x", "/metrics#part"] {
            assert_eq!(path(target).unwrap(), "/metrics", "{target}");
        }
        for target in ["metrics", "*", "host:443", "http://host", ""] {
            assert_eq!(path(target), Err(RequestError::Malformed), "{target}");
        }
    }

    #[test]
    fn headers_are_found_in_any_case_and_several_count_as_one() {
        let head = b"GET / HTTP/1.0\r\nACCEPT: text/plain \r\nOther: x\r\naccept:application/openmetrics-text\r\n\r\n";
        let request = HttpRequest::parse(head).unwrap();
        assert_eq!(request.accept.as_deref(), Some("text/plain,application/openmetrics-text"));
    }

    #[test]
    fn a_request_that_is_none_gets_its_error() {
        let cases: [(&[u8], RequestError); 9] = [
            (b"\r\n\r\n", RequestError::Malformed),
            (b" \r\n\r\n", RequestError::Malformed),
            (b"GET /\r\n\r\n", RequestError::Malformed),
            (b"GET / HTTP/1.1 more\r\n\r\n", RequestError::Malformed),
            (b"\x16\x03\x01\x02\x00\r\n\r\n", RequestError::Malformed),
            (b"GET / FTP/1.1\r\n\r\n", RequestError::Malformed),
            (b"PRI * HTTP/2.0\r\n\r\n", RequestError::Version),
            (b"POST / HTTP/1.1\r\n\r\n", RequestError::Method),
            (b"get / HTTP/1.1\r\n\r\n", RequestError::Method),
        ];
        for (head, error) in cases {
            assert_eq!(HttpRequest::parse(head), Err(error), "{}", head.escape_ascii());
        }
    }

    proptest! {
        /// A head may hold any bytes, also those that resemble a request.
        #[test]
        fn any_bytes_are_a_request_or_an_error(bytes in any_head()) {
            let end = head_bytes(&bytes);
            prop_assert!(end.is_none_or(|end| bytes[..end].ends_with(b"\r\n\r\n")));
            if let Ok(request) = HttpRequest::parse(&bytes) {
                prop_assert!(request.path.starts_with('/') && !request.path.contains(['?', '#']));
            }
        }
    }

    fn any_head() -> impl Strategy<Value = Vec<u8>> {
        let parts = [
            "GET ", "HEAD ", "/", "/metrics", "http://a", "?", "#", " ", "HTTP/1.1", "HTTP/2", "\r\n", "Accept:", ",",
            "\0",
        ];
        let part = prop_oneof![
            proptest::sample::select(parts.to_vec()).prop_map(|part| part.as_bytes().to_vec()),
            proptest::collection::vec(any::<u8>(), 0..4),
        ];
        proptest::collection::vec(part, 0..12).prop_map(|parts| parts.concat())
    }

    #[test]
    fn empty_lines_in_front_of_a_request_are_skipped() {
        let head = b"\r\n\r\nHEAD /metrics HTTP/1.1\r\n\r\n";
        assert_eq!(head_bytes(head), Some(head.len()));
        assert_eq!(HttpRequest::parse(head).unwrap().path, "/metrics");
        assert_eq!(head_bytes(b"\r\n\r\n"), None);
    }

    #[test]
    fn a_head_ends_with_an_empty_line() {
        assert_eq!(head_bytes(b"GET / HTTP/1.1\r\n\r\nbody"), Some(18));
        assert_eq!(head_bytes(b"GET / HTTP/1.1\r\n\r"), None);
    }
}

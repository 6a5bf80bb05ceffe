//! The length of a response's body: announced, and sent so far.

/// The bytes of a response's body.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ResponseLength {
    announced: Option<u64>,
    sent: u64,
}

impl ResponseLength {
    pub(crate) fn announce(&mut self, bytes: u64) {
        self.announced = Some(bytes);
    }

    pub(crate) fn add(&mut self, bytes: u64) {
        self.sent = self.sent.saturating_add(bytes);
    }

    pub(crate) const fn sent(self) -> u64 {
        self.sent
    }

    /// Whether all announced bytes are sent; `false` where none are announced.
    pub(crate) fn is_complete(self) -> bool {
        self.announced.is_some_and(|announced| self.sent >= announced)
    }

    /// The announced bytes, if fewer are sent.
    pub(crate) fn announced_beyond_sent(self) -> Option<u64> {
        self.announced.filter(|announced| self.sent < *announced)
    }
}

/// Whether a response to this method, with this status, has a body at all (RFC 9110, section 6.4.1): a server sends none else,
/// whatever the service returns.
#[must_use]
pub fn response_has_body(method: &str, status: u16) -> bool {
    let is_tunnel = method == "CONNECT" && (200..300).contains(&status);
    method != "HEAD" && !is_tunnel && !(100..200).contains(&status) && status != 204 && status != 304
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_complete_behind_the_bytes_that_are_announced() {
        let mut length = ResponseLength::default();
        length.add(3);
        assert!(!length.is_complete() && length.announced_beyond_sent().is_none());
        length.announce(5);
        assert_eq!((length.is_complete(), length.announced_beyond_sent()), (false, Some(5)));
        length.add(2);
        assert_eq!((length.is_complete(), length.announced_beyond_sent(), length.sent()), (true, None, 5));
    }

    #[test]
    fn a_tunnel_has_no_body_and_a_refused_one_has() {
        assert!(!response_has_body("CONNECT", 200));
        assert!(response_has_body("CONNECT", 403));
    }

    #[test]
    fn responses_to_head_and_those_of_some_statuses_have_no_body() {
        for (method, status) in [("HEAD", 200), ("GET", 101), ("GET", 204), ("GET", 304)] {
            assert!(!response_has_body(method, status), "{method} {status}");
        }
        assert!(response_has_body("GET", 200) && response_has_body("POST", 500) && response_has_body("GET", 205));
    }
}

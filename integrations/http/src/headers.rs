//! Request headers in the log: those of an allow list, and never those of a deny list.

use fapilog::event::ValueRef;

use crate::settings_error::RequestLogError;

/// Headers that hold secrets.
const DENIED: [&str; 5] = ["authorization", "cookie", "set-cookie", "x-api-key", "proxy-authorization"];

/// The longest value that is logged, in bytes.
const VALUE_MAX_BYTES: usize = 1024;

/// A header to log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LoggedHeader {
    /// Its name, in lower case.
    pub(crate) name: String,
    /// The key of its field.
    pub(crate) key: String,
}

/// The allow list and the deny list, as they are set.
#[derive(Debug, Clone, Default)]
pub(crate) struct HeaderLists {
    allowed: Vec<String>,
    denied: Vec<String>,
}

impl HeaderLists {
    pub(crate) fn allow(&mut self, name: &str) {
        self.allowed.push(name.to_owned());
    }

    pub(crate) fn deny(&mut self, name: &str) {
        self.denied.push(name.to_owned());
    }

    /// The headers to log: those that are allowed and not denied, in the order of the allow list.
    pub(crate) fn into_logged(self) -> Result<Vec<LoggedHeader>, RequestLogError> {
        let denied = checked_names("deny_header", &self.denied)?;
        let mut logged: Vec<LoggedHeader> = Vec::new();
        for name in checked_names("log_header", &self.allowed)? {
            let is_denied = holds_secrets(&name) || denied.contains(&name);
            if !is_denied && logged.iter().all(|known| known.name != name) {
                logged.push(LoggedHeader { key: format!("header.{name}"), name });
            }
        }
        Ok(logged)
    }
}

/// Whether a header of this name, in lower case, holds secrets.
pub(crate) fn holds_secrets(name: &str) -> bool {
    DENIED.contains(&name)
}

fn checked_names(setting: &'static str, names: &[String]) -> Result<Vec<String>, RequestLogError> {
    names.iter().map(|name| checked_name(setting, name)).collect()
}

/// The name in lower case, if a header can have it: a token of RFC 9110.
pub(crate) fn checked_name(setting: &'static str, name: &str) -> Result<String, RequestLogError> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(is_token) {
        return Err(RequestLogError::HeaderName { setting, value: name.to_owned() });
    }
    Ok(name.to_ascii_lowercase())
}

/// A header's value as it is logged: its front, as text if it is UTF-8.
pub(crate) fn logged_value(value: &[u8]) -> ValueRef<'_> {
    let front = value.get(..VALUE_MAX_BYTES).unwrap_or(value);
    match std::str::from_utf8(front) {
        Ok(text) => ValueRef::Text(text),
        // A character that the cut has split, and text before it.
        Err(error) if error.error_len().is_none() && front.len() < value.len() => {
            let whole = front.get(..error.valid_up_to()).unwrap_or_default();
            ValueRef::Text(std::str::from_utf8(whole).unwrap_or_default())
        }
        Err(_) => ValueRef::Bytes(front),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logged(allowed: &[&str], denied: &[&str]) -> Vec<String> {
        let mut lists = HeaderLists::default();
        allowed.iter().for_each(|name| lists.allow(name));
        denied.iter().for_each(|name| lists.deny(name));
        lists.into_logged().unwrap().into_iter().map(|header| header.name).collect()
    }

    #[test]
    fn headers_with_secrets_are_never_logged_whatever_their_case_is() {
        let allowed = ["Authorization", "COOKIE", "set-cookie", "X-Api-Key", "proxy-authorization", "User-Agent"];
        assert_eq!(logged(&allowed, &[]), ["user-agent"]);
    }

    #[test]
    fn the_deny_list_of_the_program_wins_too() {
        assert_eq!(logged(&["x-tenant", "x-session"], &["X-Session"]), ["x-tenant"]);
    }

    #[test]
    fn a_long_value_is_cut_between_two_characters() {
        let long = "ä".repeat(600);
        assert_eq!(logged_value(long.as_bytes()), ValueRef::Text(&long[..1024]));
        let odd = format!("x{long}");
        assert_eq!(logged_value(odd.as_bytes()), ValueRef::Text(&odd[..1023]));
        assert_eq!(logged_value(b"\xFF"), ValueRef::Bytes(b"\xFF"));
    }

    #[test]
    fn a_name_that_no_header_can_have_is_refused_with_the_setting_and_the_value() {
        let mut lists = HeaderLists::default();
        lists.allow("user agent");
        let error = lists.into_logged().unwrap_err().to_string();
        assert!(error.contains("log_header") && error.contains("\"user agent\""), "{error}");
    }
}

//! Redirects: only those that keep the method and lead to the same scheme, host and port.

use http::{StatusCode, header, uri::PathAndQuery};

use crate::client::HttpAnswer;

/// The path that an answer leads to, if that is on the origin, such as `https://host:port`.
pub(super) fn path_within(origin: &str, answer: &HttpAnswer) -> Option<String> {
    if !matches!(answer.status(), StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT) {
        return None;
    }
    path_of(origin, answer.header(&header::LOCATION)?)
}

fn path_of(origin: &str, location: &str) -> Option<String> {
    let location = location.split('#').next().unwrap_or_default();
    let path = match location.strip_prefix('/') {
        // `//host/path` leads to another host.
        Some(behind) if !behind.starts_with(['/', '\\']) => location,
        Some(_) => return None,
        None => path_of_url(origin, location)?,
    };
    let is_plain = path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let is_valid = is_plain && path.parse::<PathAndQuery>().is_ok();
    is_valid.then(|| path.to_owned())
}

/// The path of a URL on the origin. The port may be given where it is that of the scheme.
fn path_of_url<'a>(origin: &str, location: &'a str) -> Option<&'a str> {
    let (scheme, behind) = location.split_once("://")?;
    let (authority, path) = behind.split_at_checked(behind.find('/')?)?;
    let (own_scheme, own_authority) = origin.split_once("://")?;
    let default_port = if own_scheme.eq_ignore_ascii_case("https") { ":443" } else { ":80" };
    let without_port =
        |authority: &'_ str| authority.strip_suffix(default_port).unwrap_or(authority).to_ascii_lowercase();
    let is_same = scheme.eq_ignore_ascii_case(own_scheme) && without_port(authority) == without_port(own_authority);
    is_same.then_some(path)
}

#[cfg(test)]
mod tests {
    use super::path_of;

    const ORIGIN: &str = "https://logs.example.com:8443";

    #[test]
    fn a_path_on_the_same_origin_is_followed() {
        assert_eq!(path_of(ORIGIN, "/v2/push?a=b#c").as_deref(), Some("/v2/push?a=b"));
        assert_eq!(path_of(ORIGIN, "HTTPS://Logs.example.com:8443/v2").as_deref(), Some("/v2"));
    }

    #[test]
    fn the_port_of_the_scheme_may_be_given_or_not() {
        assert_eq!(path_of("https://logs.example.com", "https://logs.example.com:443/v2").as_deref(), Some("/v2"));
        assert_eq!(path_of("https://logs.example.com:443", "https://logs.example.com/v2").as_deref(), Some("/v2"));
        assert_eq!(path_of("http://[::1]", "http://[::1]:80/v2").as_deref(), Some("/v2"));
        assert_eq!(path_of("https://logs.example.com", "https://logs.example.com:80/v2"), None);
        assert_eq!(path_of("http://logs.example.com", "https://logs.example.com:80/v2"), None);
    }

    #[test]
    fn every_other_place_is_refused() {
        let elsewhere = [
            "http://logs.example.com:8443/v2",
            "https://logs.example.com/v2",
            "https://logs.example.com:84430/v2",
            "https://logs.example.com:8443.evil.org/v2",
            "https://logs.example.com:8443@evil.org/v2",
            "https://evil.org/v2",
            "//evil.org/v2",
            "/\\evil.org/v2",
            "v2",
            "",
            "/a b",
            "/a\\b",
            "/<a>",
        ];
        for location in elsewhere {
            assert_eq!(path_of(ORIGIN, location), None, "{location}");
        }
    }
}

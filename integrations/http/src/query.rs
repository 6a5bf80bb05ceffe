//! Query strings in the log.

/// How the query of a logged path is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum QueryLogging {
    /// Not at all: `/search`.
    Omitted,
    /// As a mark that there was one: `/search?…`.
    #[default]
    Redacted,
    /// Its keys without their values: `/search?q=…&page=…`. A part without `=`, or without a value, is redacted as a whole: it
    /// may be a token.
    Keys,
    /// As it came. Tokens and names of people in it are then in the log.
    Full,
}

/// Stands for text that is not logged.
const REDACTED: &str = "…";

/// Appends a query, as it is to be logged.
pub(crate) fn append_query(path: &mut String, query: &str, logging: QueryLogging) {
    match logging {
        QueryLogging::Omitted => {}
        QueryLogging::Redacted => path.extend(["?", REDACTED]),
        QueryLogging::Keys => append_keys(path, query),
        QueryLogging::Full => path.extend(["?", query]),
    }
}

fn append_keys(path: &mut String, query: &str) {
    let mut separator = "?";
    for part in query.split('&') {
        path.push_str(separator);
        // A part without a value may be a token in base64, which is padded by `=`.
        if let Some((key, value)) = part.split_once('=')
            && !value.bytes().all(|byte| byte == b'=')
        {
            path.extend([key, "="]);
        }
        path.push_str(REDACTED);
        separator = "&";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logged(query: &str, logging: QueryLogging) -> String {
        let mut path = "/search".to_owned();
        append_query(&mut path, query, logging);
        path
    }

    #[test]
    fn each_way_to_log_a_query_keeps_as_much_as_it_states() {
        let query = "q=rust&page=2";
        assert_eq!(logged(query, QueryLogging::Omitted), "/search");
        assert_eq!(logged(query, QueryLogging::Redacted), "/search?…");
        assert_eq!(logged(query, QueryLogging::Keys), "/search?q=…&page=…");
        assert_eq!(logged(query, QueryLogging::Full), "/search?q=rust&page=2");
    }

    #[test]
    fn a_part_without_a_value_is_redacted_as_a_whole() {
        assert_eq!(logged("secret-token", QueryLogging::Keys), "/search?…");
        assert_eq!(logged("a=1=2&b", QueryLogging::Keys), "/search?a=…&…");
    }

    #[test]
    fn a_token_in_base64_is_no_key() {
        for query in ["c2VjcmV0IQ==", "c2VjcmV0ISE="] {
            assert_eq!(logged(query, QueryLogging::Keys), "/search?…");
        }
    }
}

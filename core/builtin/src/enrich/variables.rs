//! The process's environment.

use std::ffi::OsString;

/// Looks up an environment variable.
pub(super) type VariableLookup<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// In the process's own environment.
pub(super) fn of_process(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

/// The first of these variables that is set. An empty one counts as not set, as in OpenTelemetry's rules; bytes that are
/// not UTF-8 are replaced by U+FFFD.
pub(super) fn first(names: &[&str], variable: VariableLookup<'_>) -> Option<String> {
    let values = names.iter().filter_map(|name| variable(name));
    values.map(|value| value.to_string_lossy().into_owned()).find(|value| !value.is_empty())
}

/// An environment of these variables.
#[cfg(test)]
pub(super) fn staged<'a>(variables: &'a [(&'a str, &'a str)]) -> impl Fn(&str) -> Option<OsString> + 'a {
    move |name| variables.iter().find(|variable| variable.0 == name).map(|variable| variable.1.into())
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use super::*;

    #[test]
    fn the_first_that_is_set_counts() {
        let variables = staged(&[("A", ""), ("B", "b"), ("C", "c")]);
        assert_eq!(first(&["A", "B", "C"], &variables), Some("b".to_owned()));
        assert_eq!(first(&["A", "D"], &variables), None);
    }

    #[test]
    fn bytes_that_are_not_utf8_are_replaced() {
        let variable = |_: &str| Some(OsString::from_vec(b"a\xFFb".to_vec()));
        assert_eq!(first(&["A"], &variable), Some("a\u{FFFD}b".to_owned()));
    }
}

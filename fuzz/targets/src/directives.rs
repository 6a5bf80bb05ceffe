//! Levels by target.

use fapilog_record::directives::Directives;

/// Directives that are shown read back the same; an error names a part of the text.
pub(crate) fn directives(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    match text.parse::<Directives>() {
        Ok(directives) => {
            let shown = directives.to_string();
            assert_eq!(shown.parse().as_ref(), Ok(&directives), "{shown:?} reads back as something else");
            for (target, level) in directives.targets() {
                assert_eq!(directives.level_of(target), level, "{target:?}");
            }
        }
        Err(error) => {
            let wrong = &error.directive;
            assert!(!wrong.is_empty() && text.contains(wrong.as_str()), "{wrong:?} is no part of {text:?}");
        }
    }
}

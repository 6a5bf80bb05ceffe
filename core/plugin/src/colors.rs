//! Whether to write colours.

use std::ffi::OsString;

use crate::named_enum;

named_enum! {
    /// Whether a formatter for people writes colours.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    #[non_exhaustive]
    pub enum Colors {
        /// On a terminal that has them, unless the user wants none: see [`resolve`](Self::resolve).
        #[default]
        Auto = "auto",
        /// In any case.
        Always = "always",
        /// In no case.
        Never = "never",
    }
}

impl Colors {
    /// Whether there are to be colours. `is_terminal` is true for an output that is a terminal
    /// (a console sink's `is_terminal`), and `variable` looks up an environment variable,
    /// as a rule [`std::env::var_os`].
    ///
    /// [`Auto`](Self::Auto) asks, in this order:
    ///
    /// 1. `NO_COLOR`, set and not empty: no colours (<https://no-color.org>).
    /// 2. `FORCE_COLOR` or `CLICOLOR_FORCE`, set, not empty and not `0`: colours (<https://force-color.org>,
    ///    <https://bixense.com/clicolors>).
    /// 3. `CLICOLOR`, set to `0`: no colours.
    /// 4. Not a terminal, or one whose `TERM` is `dumb`: no colours.
    ///
    /// ```
    /// use fapilog_plugin::colors::Colors;
    ///
    /// let is_terminal = false;
    /// assert!(!Colors::Auto.resolve(is_terminal, |_| None));
    /// assert!(Colors::Auto.resolve(is_terminal, |name| (name == "FORCE_COLOR").then(|| "1".into())));
    /// assert!(Colors::Always.resolve(is_terminal, |name| std::env::var_os(name)));
    /// ```
    #[must_use]
    pub fn resolve(self, is_terminal: bool, variable: impl Fn(&str) -> Option<OsString>) -> bool {
        let value = |name| variable(name).filter(|value| !value.is_empty());
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto if value("NO_COLOR").is_some() => false,
            Self::Auto => {
                let is_forced = |name| value(name).is_some_and(|value| value != "0");
                is_forced("FORCE_COLOR")
                    || is_forced("CLICOLOR_FORCE")
                    || (is_terminal
                        && value("CLICOLOR").is_none_or(|wanted| wanted != "0")
                        && value("TERM").is_none_or(|term| term != "dumb"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Variables, and whether there are colours on a terminal and elsewhere.
    type Case = (&'static [(&'static str, &'static str)], bool, bool);

    const AUTO: [Case; 19] = [
        (&[("CLICOLOR", "0")], false, false),
        (&[("CLICOLOR", "1")], true, false),
        (&[("CLICOLOR", "0"), ("CLICOLOR_FORCE", "1")], true, true),
        (&[], true, false),
        (&[("TERM", "xterm-256color")], true, false),
        (&[("TERM", "")], true, false),
        (&[("TERM", "dumb")], false, false),
        (&[("NO_COLOR", "1")], false, false),
        (&[("NO_COLOR", "0")], false, false),
        (&[("NO_COLOR", "")], true, false),
        (&[("FORCE_COLOR", "1")], true, true),
        (&[("FORCE_COLOR", "0")], true, false),
        (&[("FORCE_COLOR", "")], true, false),
        (&[("CLICOLOR_FORCE", "1")], true, true),
        (&[("CLICOLOR_FORCE", "0")], true, false),
        (&[("FORCE_COLOR", "0"), ("CLICOLOR_FORCE", "1")], true, true),
        (&[("FORCE_COLOR", "1"), ("TERM", "dumb")], true, true),
        (&[("NO_COLOR", "1"), ("FORCE_COLOR", "1")], false, false),
        (&[("NO_COLOR", ""), ("CLICOLOR_FORCE", "yes")], true, true),
    ];

    fn resolve(colors: Colors, is_terminal: bool, variables: &[(&str, &str)]) -> bool {
        let value = |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into());
        colors.resolve(is_terminal, value)
    }

    #[test]
    fn auto_follows_the_terminal_and_the_users_variables() {
        for (variables, on_terminal, elsewhere) in AUTO {
            assert_eq!(resolve(Colors::Auto, true, variables), on_terminal, "{variables:?} on a terminal");
            assert_eq!(resolve(Colors::Auto, false, variables), elsewhere, "{variables:?} elsewhere");
        }
    }

    #[test]
    fn always_and_never_depend_on_nothing() {
        for (variables, ..) in AUTO {
            for is_terminal in [true, false] {
                assert!(resolve(Colors::Always, is_terminal, variables));
                assert!(!resolve(Colors::Never, is_terminal, variables));
            }
        }
    }
}

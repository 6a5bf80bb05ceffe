//! Declares each setting once.

/// The type of a setting, by its shape.
macro_rules! setting_type {
    (one $type:ty) => { $type };
    (into $type:ty) => { $type };
    (maybe $type:ty) => { Option<$type> };
    (list $type:ty) => { Vec<$type> };
    (table $type:ty) => { std::collections::BTreeMap<String, $type> };
}

/// The builder's method for a setting, by its shape.
macro_rules! setting_method {
    (one, $(#[$doc:meta])* $name:ident: $type:ty) => {
        $(#[$doc])*
        pub fn $name(mut self, $name: $type) -> Self {
            self.given.insert(stringify!($name));
            self.settings.$name = $name;
            self
        }
    };
    (into, $(#[$doc:meta])* $name:ident: $type:ty) => {
        $(#[$doc])*
        pub fn $name(self, $name: impl Into<$type>) -> Self {
            let mut builder = self;
            builder.given.insert(stringify!($name));
            builder.settings.$name = $name.into();
            builder
        }
    };
    (maybe, $(#[$doc:meta])* $name:ident: $type:ty) => {
        $(#[$doc])*
        pub fn $name(mut self, $name: $type) -> Self {
            self.given.insert(stringify!($name));
            self.settings.$name = Some($name);
            self
        }
    };
    (list, $(#[$doc:meta])* $name:ident: $type:ty) => {
        $(#[$doc])*
        pub fn $name(mut self, $name: impl IntoIterator<Item = impl Into<$type>>) -> Self {
            self.given.insert(stringify!($name));
            self.settings.$name = $name.into_iter().map(Into::into).collect();
            self
        }
    };
    (table, $(#[$doc:meta])* $name:ident: $type:ty) => {
        $(#[$doc])*
        ///
        /// Adds one entry.
        pub fn $name(mut self, name: impl Into<String>, value: impl Into<$type>) -> Self {
            self.given.insert(stringify!($name));
            self.settings.$name.insert(name.into(), value.into());
            self
        }
    };
}

/// Declares the settings: `name: shape Type = default, what is allowed;` under a doc comment.
///
/// Makes of them the struct with its defaults, the builder, the checks and the reference. A shape is `one` value, a value
/// `into` which others convert, `maybe` a value, a `list` or a `table`.
macro_rules! settings {
    ($(
        $(#[doc = $doc:literal])*
        $(#[serde($($serde:tt)*)])?
        $name:ident: $shape:ident $type:ty = $default:expr, $allowed:expr;
    )*) => {
        /// Everything that a container can be told.
        ///
        /// Made by [`builder`](Settings::builder), [`load`](Settings::load), [`from_file`](Settings::from_file) or
        /// [`from_env`](Settings::from_env), which check it as a whole; or as a part of your own settings, by serde.
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        #[non_exhaustive]
        pub struct Settings {
            $(
                $(#[doc = $doc])*
                $(#[serde($($serde)*)])?
                pub $name: $crate::declare::setting_type!($shape $type),
            )*
            /// Is called with each notice about the log itself. From code only.
            #[serde(skip)]
            pub error_callback: Option<::fapilog_engine::diagnostics::ErrorCallback>,
            #[serde(skip)]
            loaded: $crate::loaded::Loaded,
        }

        impl Default for Settings {
            fn default() -> Self {
                Self { $($name: $default,)* error_callback: None, loaded: Default::default() }
            }
        }

        impl Settings {
            /// The names of all settings that can be written in a file.
            pub const NAMES: &'static [&'static str] = &[$(stringify!($name)),*];

            /// What is wrong with each setting, seen alone.
            fn problems_of_each(&self) -> Vec<::fapilog_plugin::problem::Problem> {
                let mut problems = Vec::new();
                $(
                    let own = $allowed.problems(&self.$name).into_iter();
                    problems.extend(own.map(|problem| problem.below(stringify!($name))));
                )*
                problems
            }

            /// The names of the settings that are not the same in both.
            #[must_use]
            pub fn differences(&self, other: &Self) -> Vec<&'static str> {
                let mut names = Vec::new();
                $(
                    if self.$name != other.$name {
                        names.push(stringify!($name));
                    }
                )*
                if self.error_callback != other.error_callback {
                    names.push("error_callback");
                }
                names
            }

            /// What there is to know about each setting.
            #[must_use]
            pub fn reference() -> Vec<$crate::SettingInfo> {
                let defaults = serde_json::to_value(Self::default()).unwrap_or_default();
                vec![$(
                    $crate::SettingInfo::new(
                        stringify!($name),
                        concat!($($doc, "\n"),*),
                        &defaults,
                        $crate::allowed::Allowed::<$crate::declare::setting_type!($shape $type)>::text(&$allowed),
                    ),
                )*]
            }
        }

        /// Makes [`Settings`] of what code, files and the environment say.
        #[must_use = "a builder does nothing until it builds"]
        #[derive(Debug, Clone, Default)]
        pub struct SettingsBuilder {
            settings: Settings,
            /// What the code has said.
            given: std::collections::BTreeSet<&'static str>,
            files: Vec<std::path::PathBuf>,
            variables: Vec<(std::ffi::OsString, std::ffi::OsString)>,
        }

        impl SettingsBuilder {
            $(
                $crate::declare::setting_method! { $shape, $(#[doc = $doc])* $name: $type }
            )*
        }
    };
}

pub(super) use {setting_method, setting_type, settings};

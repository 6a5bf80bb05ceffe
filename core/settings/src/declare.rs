//! Makes the settings of their declarations.

/// The settings, of declarations as in [`container_options`](fapilog_engine::container_options): those that only settings
/// have, and the options of the engine.
///
/// The macro makes of them the struct with its defaults, its reader, the builder, the checks, the other names, the reference,
/// and the way into a container's builder. Two more shapes are a `list` and a `table`.
macro_rules! settings {
    ($(
        $(#[doc = $doc:literal])*
        $(#[serde($($serde:tt)*)])?
        $name:ident: $shape:ident $type:ty = $default:expr, $allowed:expr
        $(, aliases [$($alias:literal),*])? $(, in $table:ident.$key:ident)?;
    )*) => {
        /// The settings of a container.
        ///
        /// Made by [`builder`](Settings::builder), [`load`](Settings::load), [`from_file`](Settings::from_file) or
        /// [`from_env`](Settings::from_env), which check it as a whole; or as a part of your own settings, by serde.
        ///
        /// `Debug` and `Serialize` are for people, and show `[redacted]` in place of values that may be secrets.
        #[doc(alias = "UniversalSettings")]
        #[derive(Clone, PartialEq)]
        #[non_exhaustive]
        pub struct Settings {
            $(
                $(#[doc = $doc])*
                pub $name: ::fapilog_engine::option_type!($shape $type),
            )*
            /// The function that is called with each diagnostic of the log itself. From code only.
            pub error_callback: Option<::fapilog_engine::diagnostics::ErrorCallback>,
            loaded: $crate::loaded::Loaded,
        }

        /// Reads and writes [`Settings`] that have their own names. The defaults are those of `Settings`: without `bound`, serde asks
        /// for defaults of this type, too.
        #[derive(serde::Deserialize, serde::Serialize)]
        #[serde(remote = "Settings", default, bound = "", deny_unknown_fields)]
        struct SettingsByOwnNames {
            $(
                $(#[serde($($serde)*)])?
                $name: ::fapilog_engine::option_type!($shape $type),
            )*
            #[serde(skip)]
            error_callback: Option<::fapilog_engine::diagnostics::ErrorCallback>,
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

            /// The aliases of the settings, with their names. Files and variables may use either.
            pub const ALIASES: &'static [(&'static str, &'static str)] =
                &[$($($(($alias, stringify!($name)),)*)?)*];

            /// The settings that may be written in a table: the table and the key, with the setting's name. Files and
            /// variables may use either.
            pub const IN_TABLES: &'static [(&'static str, &'static str)] =
                &[$($((concat!(stringify!($table), ".", stringify!($key)), stringify!($name)),)?)*];

            /// The problems of each setting, seen alone.
            fn problems_of_each(&self) -> Vec<::fapilog_plugin::problem::Problem> {
                let mut problems = Vec::new();
                $(
                    let own = $allowed.problems(&self.$name).into_iter();
                    problems.extend(own.map(|problem| problem.below(stringify!($name))));
                )*
                problems
            }

            /// The names of the settings that differ.
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

            /// A description of each setting.
            #[must_use]
            pub fn reference() -> Vec<$crate::SettingInfo> {
                let defaults = serde_json::to_value(Self::default()).unwrap_or_default();
                vec![$(
                    $crate::SettingInfo::new(
                        stringify!($name),
                        concat!($($doc, "\n"),*),
                        &defaults,
                        ::fapilog_plugin::settings::Allowed::<
                            ::fapilog_engine::option_type!($shape $type)
                        >::text(&$allowed),
                    ),
                )*]
            }
        }

        /// Makes [`Settings`] of code, files and the environment.
        #[must_use = "a builder does nothing until it builds"]
        #[derive(Debug, Clone, Default)]
        pub struct SettingsBuilder {
            settings: Settings,
            /// The names of the settings that code gives.
            given: std::collections::BTreeSet<&'static str>,
            layers: Vec<$crate::load::SettingsLayer>,
            variables: $crate::environment::EnvironmentVariables,
        }

        impl SettingsBuilder {
            $(
                ::fapilog_engine::option_setter! { $shape, $(#[doc = $doc])* $name: $type }
            )*
        }
    };
}

/// Passes the options of the engine from settings to a container's builder.
macro_rules! give_options {
    (
        ($settings:ident to $builder:ident)
        $(
            $(#[doc = $doc:literal])*
            $(#[serde($($serde:tt)*)])?
            $name:ident: $shape:ident $type:ty = $default:expr, $allowed:expr
            $(, aliases [$($alias:literal),*])? $(, in $table:ident.$key:ident)?;
        )*
    ) => {
        $( $crate::declare::give_option! { $shape, $settings, $builder, $name } )*
    };
}

macro_rules! give_option {
    (maybe, $settings:ident, $builder:ident, $name:ident) => {
        if let Some(value) = Clone::clone(&$settings.$name) {
            $builder = $builder.$name(value);
        }
    };
    ($shape:ident, $settings:ident, $builder:ident, $name:ident) => {
        $builder = $builder.$name(Clone::clone(&$settings.$name));
    };
}

pub(super) use {give_option, give_options, settings};

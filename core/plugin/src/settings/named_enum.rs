//! Enums whose values settings write as names.

use std::{error::Error, fmt};

use crate::settings::suggestion::suggestion;

/// Declares an enum whose variants have names: `drop_newest` in a file, in a variable, in an error and on a page.
///
/// The names are given once. The macro makes of them `NAMES`, `ALL`, `name`, `Display`, `FromStr`, `Serialize` and
/// `Deserialize`. A text that is no name is an [`UnknownName`]: it lists the names, with a suggestion.
///
/// ```
/// use fapilog_plugin::named_enum;
///
/// named_enum! {
///     /// The compression of a file.
///     #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
///     pub enum Compression {
///         /// No compression.
///         #[default]
///         None = "none",
///         /// LZ4 frames.
///         Lz4 = "lz4",
///     }
/// }
///
/// assert_eq!("lz4".parse(), Ok(Compression::Lz4));
/// assert_eq!(Compression::Lz4.to_string(), "lz4");
/// let error = "lz3".parse::<Compression>().unwrap_err();
/// assert_eq!(error.to_string(), "\"lz3\" is unknown; allowed are none, lz4; did you mean lz4?");
/// ```
#[macro_export]
macro_rules! named_enum {
    (
        $(#[$attribute:meta])*
        $visibility:vis enum $type:ident { $( $(#[$variant_attribute:meta])* $variant:ident = $name:literal ),+ $(,)? }
    ) => {
        $(#[$attribute])*
        $visibility enum $type {
            $( $(#[$variant_attribute])* $variant, )+
        }

        impl $type {
            /// The values, in the order of their declaration.
            $visibility const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The names of the values, as settings write them.
            $visibility const NAMES: &'static [&'static str] = &[$($name),+];

            /// The name of the value, as settings write it.
            #[must_use]
            $visibility const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }

        impl ::core::fmt::Display for $type {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                f.pad(self.name())
            }
        }

        impl ::core::str::FromStr for $type {
            type Err = $crate::settings::UnknownName;

            fn from_str(name: &str) -> ::core::result::Result<Self, Self::Err> {
                match name {
                    $($name => Ok(Self::$variant),)+
                    _ => Err($crate::settings::UnknownName::new(name, Self::NAMES)),
                }
            }
        }

        impl $crate::settings::serde::Serialize for $type {
            fn serialize<S: $crate::settings::serde::Serializer>(
                &self,
                serializer: S,
            ) -> ::core::result::Result<S::Ok, S::Error> {
                serializer.serialize_str(self.name())
            }
        }

        impl<'de> $crate::settings::serde::Deserialize<'de> for $type {
            fn deserialize<D: $crate::settings::serde::Deserializer<'de>>(
                deserializer: D,
            ) -> ::core::result::Result<Self, D::Error> {
                deserializer.deserialize_str($crate::settings::NameVisitor::new(Self::NAMES))
            }
        }
    };
}

/// A text that is none of the names.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnknownName {
    /// The text.
    pub text: String,
    /// The names.
    pub allowed: &'static [&'static str],
    /// The name that resembles the text.
    pub suggestion: Option<Box<str>>,
}

impl UnknownName {
    #[doc(hidden)]
    #[must_use]
    pub fn new(text: &str, allowed: &'static [&'static str]) -> Self {
        let suggestion = suggestion(text, allowed.iter().copied());
        Self { text: text.to_owned(), allowed, suggestion }
    }
}

impl fmt::Display for UnknownName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is unknown; allowed are {}", self.text, self.allowed.join(", "))?;
        match &self.suggestion {
            Some(suggestion) => write!(f, "; did you mean {suggestion}?"),
            None => Ok(()),
        }
    }
}

impl Error for UnknownName {}

/// Reads a name.
#[doc(hidden)]
#[derive(Debug)]
pub struct NameVisitor<T> {
    names: &'static [&'static str],
    target: std::marker::PhantomData<T>,
}

impl<T> NameVisitor<T> {
    #[must_use]
    pub fn new(names: &'static [&'static str]) -> Self {
        Self { names, target: std::marker::PhantomData }
    }
}

impl<T: std::str::FromStr> serde::de::Visitor<'_> for NameVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "one of {}", self.names.join(", "))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(|_| E::unknown_variant(text, self.names))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    named_enum! {
        /// Two values.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        enum Shape {
            /// A circle.
            Circle = "circle",
            /// A square.
            LargeSquare = "large_square",
        }
    }

    #[test]
    fn serde_and_text_use_the_same_names() {
        for (value, name) in Shape::ALL.iter().zip(Shape::NAMES) {
            assert_eq!((value.name(), value.to_string().as_str()), (*name, *name));
            assert_eq!(name.parse(), Ok(*value));
            assert_eq!(serde_json::to_value(value).ok(), Some(json!(name)));
            assert_eq!(serde_json::from_value::<Shape>(json!(name)).ok(), Some(*value));
        }
    }

    #[test]
    fn an_unknown_name_lists_the_names_and_a_suggestion() {
        let error = "large_sqare".parse::<Shape>();
        let expected = UnknownName {
            text: "large_sqare".to_owned(),
            allowed: &["circle", "large_square"],
            suggestion: Some("large_square".into()),
        };
        assert_eq!(error, Err(expected));
        let [problem] = &crate::settings::read::<Shape>(&json!("cirle")).unwrap_err()[..] else { unreachable!() };
        assert_eq!(problem.to_string(), " is \"cirle\"; allowed are circle, large_square; did you mean circle?");
        let [problem] = &crate::settings::read::<Shape>(&json!(5)).unwrap_err()[..] else { unreachable!() };
        assert_eq!(problem.to_string(), " is 5; it must be one of circle, large_square");
    }
}

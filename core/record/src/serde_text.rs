//! Levels in settings: read and written as their text.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

use crate::{
    directives::{Directives, DirectivesError},
    level::{Level, LevelError, LevelFilter},
};

macro_rules! by_text {
    ($($type:ty),*) => {$(
        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                // The reader of the value adds its place.
                text.parse().map_err(|error| D::Error::custom(AllowedText::allowed(&error, &text)))
            }
        }
    )*};
}

by_text! { Level, LevelFilter, Directives }

/// The part of an error that stands behind the value.
trait AllowedText {
    fn allowed(&self, text: &str) -> String;
}

impl AllowedText for LevelError {
    fn allowed(&self, _: &str) -> String {
        Self::allowed(self)
    }
}

impl AllowedText for DirectivesError {
    /// The text may have several directives: the invalid one is named.
    fn allowed(&self, text: &str) -> String {
        let allowed = Self::allowed(self);
        if self.directive == text.trim() { allowed } else { format!("the directive {:?}: {allowed}", self.directive) }
    }
}

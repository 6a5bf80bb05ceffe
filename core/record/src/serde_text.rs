//! Levels in settings: read and written as their text.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

use crate::{
    directives::Directives,
    level::{Level, LevelFilter},
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
                String::deserialize(deserializer)?.parse().map_err(|error| D::Error::custom(AllowedText(&error)))
            }
        }
    )*};
}

by_text! { Level, LevelFilter, Directives }

/// The part of an error that lists the allowed values. The reader of the value adds its place.
struct AllowedText<'a, E>(&'a E);

impl<E: fmt::Display> fmt::Display for AllowedText<'_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.to_string();
        f.write_str(text.split_once("; ").map_or(text.as_str(), |(_, allowed)| allowed))
    }
}

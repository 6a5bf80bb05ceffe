//! Sizes and durations.

use std::time::Duration;

use fapilog_plugin::settings::{duration, size_bytes};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// A setting that is a size.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
struct SizeSetting(#[serde(with = "size_bytes")] usize);

/// A setting that is a duration.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
struct DurationSetting(#[serde(with = "duration")] Duration);

/// A size or a duration that is read, and written, reads back the same; an error has the form that is allowed.
pub(crate) fn units(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    reads_back::<SizeSetting>(text);
    reads_back::<DurationSetting>(text);
}

fn reads_back<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(text: &str) {
    match serde_json::from_value::<T>(text.into()) {
        Ok(value) => {
            let written = serde_json::to_value(&value).unwrap_or_else(|error| panic!("{value:?}: {error}"));
            let read = serde_json::from_value(written.clone()).unwrap_or_else(|error| panic!("{written}: {error}"));
            assert_eq!(value, read, "{text:?} is written {written}");
        }
        // It names the unit that is absent or unknown.
        Err(error) => assert!(error.to_string().contains("unit"), "{error}"),
    }
}

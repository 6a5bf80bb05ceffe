//! A line, parsed as strictly as can be: JSON by RFC 8259, no key twice, none that is not known.

use std::{borrow::Cow, collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor},
};
use serde_json::Value;

use super::Finding;

/// An event, read from its line.
#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Record<'a> {
    #[serde(borrow)]
    pub(crate) timestamp: Cow<'a, str>,
    #[serde(borrow)]
    level: Cow<'a, str>,
    severity: u8,
    #[serde(borrow)]
    category: Cow<'a, str>,
    #[serde(borrow)]
    target: Cow<'a, str>,
    #[serde(borrow)]
    source: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) event_id: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) message: Cow<'a, str>,
    #[serde(borrow)]
    correlation_id: Option<Cow<'a, str>>,
    pub(crate) context: Option<GroupFields>,
    pub(crate) tags: Option<GroupFields>,
    metrics: Option<GroupFields>,
    pub(crate) truncated: Option<bool>,
    pub(crate) not_utf8: Option<Vec<String>>,
}

impl<'a> Record<'a> {
    pub(crate) fn parse(number: u64, line: &'a [u8]) -> Result<Self, Finding> {
        serde_json::from_slice(line).map_err(|error| Finding::NotJson {
            line: number,
            reason: error.to_string(),
            found: excerpt(line),
        })
    }

    /// Whether the library itself has logged it.
    pub(crate) fn is_internal(&self) -> bool {
        self.source == "fapilog" && self.target == "fapilog"
    }
}

/// The fields of a group, by key.
#[derive(Debug, PartialEq)]
pub(crate) struct GroupFields(BTreeMap<String, Value>);

impl GroupFields {
    pub(crate) fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key)
    }
}

impl<'de> Deserialize<'de> for GroupFields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Keys;

        impl<'de> Visitor<'de> for Keys {
            type Value = GroupFields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<GroupFields, A::Error> {
                let mut fields = BTreeMap::new();
                while let Some((key, value)) = map.next_entry::<String, Value>()? {
                    if fields.contains_key(&key) {
                        return Err(A::Error::custom(format_args!("key {key:?} comes twice")));
                    }
                    fields.insert(key, value);
                }
                Ok(GroupFields(fields))
            }
        }

        deserializer.deserialize_map(Keys)
    }
}

/// The part of a line that a report shows.
pub(crate) fn excerpt(line: &[u8]) -> String {
    const MAX_BYTES: usize = 600;
    let shown = line.get(..MAX_BYTES.min(line.len())).unwrap_or_default();
    let dots = if line.len() > MAX_BYTES { " ..." } else { "" };
    let text = String::from_utf8_lossy(shown);
    let printable = text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c });
    printable.chain(dots.chars()).collect()
}

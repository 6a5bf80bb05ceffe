//! Answers of the bulk API.

use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize,
    de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

/// The longest type of an error that is shown.
const KIND_BYTES_MAX: usize = 64;

/// Stands for the type of an error that has none.
const UNNAMED: &str = "error";

/// The type of the error for a document that is there already.
const VERSION_CONFLICT: &str = "version_conflict_engine_exception";

/// The answer to a request of the bulk API. It may be cut: the client reads its front only.
#[derive(Debug, Default)]
pub(crate) struct BulkAnswer {
    /// Whether a document has an error. It stands in front of the results.
    errors: Option<bool>,
    /// The results, in the order of the records.
    items: Vec<BulkItem>,
    is_whole: bool,
}

/// The result of a document.
#[derive(Debug, Deserialize)]
struct BulkItem {
    status: u16,
    error: Option<BulkItemError>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum BulkItemError {
    Typed {
        #[serde(rename = "type")]
        kind: String,
    },
    /// A text, as other programs with this API have it.
    Untyped(IgnoredAny),
}

impl BulkItemError {
    /// The type of the error: a name in lower case. Any other text may be one that a user logged.
    fn kind(&self) -> &str {
        match self {
            Self::Typed { kind } if is_name(kind) => kind,
            Self::Typed { .. } | Self::Untyped(_) => UNNAMED,
        }
    }
}

/// The results of a request's records, by their indices.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct BulkOutcome {
    pub(crate) rejected: Vec<usize>,
    pub(crate) retryable: Vec<usize>,
    /// The numbers of documents with each error.
    pub(crate) reasons: String,
}

enum ItemOutcome {
    Delivered,
    Retryable,
    Rejected,
}

impl BulkAnswer {
    pub(crate) fn read(body: &[u8]) -> Self {
        let mut answer = Self::default();
        let mut json = serde_json::Deserializer::from_slice(body);
        answer.is_whole = AnswerSeed(&mut answer).deserialize(&mut json).is_ok() && json.end().is_ok();
        answer
    }

    /// The number of results.
    pub(crate) fn items(&self) -> usize {
        self.items.len()
    }

    /// The outcome of so many records. `None`: this is not the answer to them.
    ///
    /// A record whose result was not read is sent again: it is not stored again if it is stored.
    pub(crate) fn outcome(&self, records: usize) -> Option<BulkOutcome> {
        let items = self.items.len();
        let is_stored = self.errors == Some(false);
        let is_complete = self.is_whole && (items == records || (items == 0 && is_stored));
        let is_cut = !self.is_whole && items <= records && (items > 0 || self.errors.is_some());
        if !is_complete && !is_cut {
            return None;
        }
        if is_stored {
            return Some(BulkOutcome::default());
        }
        let mut outcome = BulkOutcome::default();
        let mut reasons: BTreeMap<(u16, &str), usize> = BTreeMap::new();
        for (index, item) in self.items.iter().enumerate() {
            match item.outcome() {
                ItemOutcome::Delivered => continue,
                ItemOutcome::Retryable => outcome.retryable.push(index),
                ItemOutcome::Rejected => outcome.rejected.push(index),
            }
            *reasons.entry((item.status, item.kind())).or_default() += 1;
        }
        outcome.retryable.extend(items..records);
        outcome.reasons = reasons_text(&reasons, records - items);
        Some(outcome)
    }
}

fn reasons_text(reasons: &BTreeMap<(u16, &str), usize>, unread: usize) -> String {
    let one = |((status, kind), count): (&(u16, &str), &usize)| format!("{count} with {status} {kind}");
    let mut texts: Vec<String> = reasons.iter().map(one).collect();
    if unread > 0 {
        texts.push(format!("{unread} whose results are behind the part of the answer that is read"));
    }
    texts.join(", ")
}

impl BulkItem {
    fn outcome(&self) -> ItemOutcome {
        match self.status {
            200..=299 => ItemOutcome::Delivered,
            // The document is there: an earlier attempt has stored it.
            409 if matches!(self.kind(), UNNAMED | VERSION_CONFLICT) => ItemOutcome::Delivered,
            // Rights and indices that are missing are the destination's, and an operator can mend that while the records wait.
            401 | 403 | 404 | 408 | 409 | 429 | 500..=599 => ItemOutcome::Retryable,
            _ => ItemOutcome::Rejected,
        }
    }

    fn kind(&self) -> &str {
        self.error.as_ref().map_or(UNNAMED, BulkItemError::kind)
    }
}

fn is_name(kind: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    (1..=KIND_BYTES_MAX).contains(&kind.len()) && kind.bytes().all(is_part)
}

/// The type of the error in the answer to a request that is refused as a whole.
pub(crate) fn request_error_kind(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct RefusedRequest {
        error: BulkItemError,
    }
    let refused: RefusedRequest = serde_json::from_slice(body).ok()?;
    matches!(refused.error, BulkItemError::Typed { .. }).then(|| refused.error.kind().to_owned())
}

/// Reads an answer member by member: if it is cut, what was read stays.
struct AnswerSeed<'a>(&'a mut BulkAnswer);

impl<'de> DeserializeSeed<'de> for AnswerSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for AnswerSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the answer of the bulk API")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while let Some(key) = members.next_key::<String>()? {
            match key.as_str() {
                "errors" => self.0.errors = Some(members.next_value()?),
                "items" => members.next_value_seed(ItemsSeed(&mut self.0.items))?,
                _ => drop(members.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

struct ItemsSeed<'a>(&'a mut Vec<BulkItem>);

impl<'de> DeserializeSeed<'de> for ItemsSeed<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for ItemsSeed<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of results")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while let Some(NamedItem { create }) = items.next_element()? {
            self.0.push(create);
        }
        Ok(())
    }
}

/// A result, under the name of the action.
#[derive(Deserialize)]
struct NamedItem {
    // Programs that take `create` for `index` answer so.
    #[serde(alias = "index")]
    create: BulkItem,
}

#[cfg(test)]
mod tests {
    use super::*;

    const STORED: &str = r#"{"create":{"status":201}}"#;

    fn failed(status: u16, kind: &str) -> String {
        format!(r#"{{"create":{{"_id":"a","status":{status},"error":{{"type":"{kind}","reason":"hunter2"}}}}}}"#)
    }

    fn body(errors: bool, items: &[String]) -> String {
        format!(r#"{{"took":3,"errors":{errors},"items":[{}]}}"#, items.join(","))
    }

    fn outcome(body: &str, records: usize) -> Option<BulkOutcome> {
        BulkAnswer::read(body.as_bytes()).outcome(records)
    }

    #[test]
    fn each_document_has_its_outcome_by_status() {
        let items = [
            STORED.to_owned(),
            failed(409, "version_conflict_engine_exception"),
            failed(429, "es_rejected_execution_exception"),
            failed(400, "document_parsing_exception"),
            failed(503, "unavailable_shards_exception"),
            failed(403, "cluster_block_exception"),
            failed(400, "document_parsing_exception"),
            failed(413, "text of a user"),
        ];
        let found = outcome(&body(true, &items), 8).unwrap();
        assert_eq!((found.rejected, found.retryable), (vec![3, 6, 7], vec![2, 4, 5]));
        assert_eq!(
            found.reasons,
            "2 with 400 document_parsing_exception, 1 with 403 cluster_block_exception, 1 with 413 error, \
             1 with 429 es_rejected_execution_exception, 1 with 503 unavailable_shards_exception"
        );
    }

    #[test]
    fn a_document_that_is_stored_already_is_delivered_and_any_other_conflict_is_not() {
        let without_type = r#"{"index":{"status":409,"error":"exists"}}"#.to_owned();
        let items = [failed(409, VERSION_CONFLICT), without_type, failed(409, "resource_conflict_exception")];
        let found = outcome(&body(true, &items), 3).unwrap();
        assert_eq!((found.rejected, found.retryable), (vec![], vec![2]));
    }

    #[test]
    fn documents_whose_results_are_not_in_a_cut_answer_are_sent_again() {
        let items = [STORED.to_owned(), failed(400, "document_parsing_exception"), STORED.to_owned()];
        let whole = body(true, &items);
        let cut = &whole[..whole.len() - 10];
        let found = outcome(cut, 3).unwrap();
        assert_eq!((found.rejected, found.retryable), (vec![1], vec![2]));
        assert!(
            found.reasons.ends_with("1 whose results are behind the part of the answer that is read"),
            "{}",
            found.reasons
        );
    }

    #[test]
    fn a_cut_answer_without_errors_is_a_delivery() {
        let whole = body(false, &[STORED.to_owned(), STORED.to_owned()]);
        assert_eq!(outcome(&whole[..whole.len() - 10], 2), Some(BulkOutcome::default()));
        assert_eq!(outcome(&whole, 2), Some(BulkOutcome::default()));
        assert_eq!(outcome(r#"{"errors":false}"#, 2), Some(BulkOutcome::default()));
    }

    #[test]
    fn an_answer_for_other_records_is_none() {
        let whole = body(false, &[STORED.to_owned(), STORED.to_owned()]);
        for (body, records) in
            [(whole.as_str(), 1), (&whole, 3), ("OK", 1), ("", 1), ("{}", 1), (r#"{"errors":true}"#, 1)]
        {
            assert_eq!(outcome(body, records), None, "{body} {records}");
        }
    }

    #[test]
    fn the_type_of_a_refused_request_is_read() {
        let body = br#"{"error":{"root_cause":[],"type":"security_exception","reason":"x"},"status":401}"#;
        assert_eq!(request_error_kind(body).as_deref(), Some("security_exception"));
        assert_eq!(request_error_kind(b"Unauthorized"), None);
        assert_eq!(request_error_kind(br#"{"error":"no handler"}"#), None);
    }
}

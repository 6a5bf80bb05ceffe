//! A strict bulk API.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use fapilog_test_servers::{FakeAnswer, FakeHttp, FakeHttpBuilder, FakeRequest};
use serde_json::{Value, json};

/// The status and the type of an error for a document, by its attempt, from 1. `None`: the document is stored.
type Verdict = fn(&Value, usize) -> Option<(u16, &'static str)>;

/// A server with the bulk API. It refuses and reports requests that the API does not allow.
pub(crate) struct FakeSearch {
    pub(crate) server: FakeHttp,
    store: Arc<Mutex<SearchStore>>,
}

#[derive(Default)]
struct SearchStore {
    /// By index and id.
    documents: BTreeMap<(String, String), Value>,
    attempts: BTreeMap<String, usize>,
    conflicts: usize,
    violations: Vec<String>,
}

impl FakeSearch {
    pub(crate) fn start() -> Self {
        Self::built(FakeHttp::builder(), |_, _| None)
    }

    pub(crate) fn with_verdict(verdict: Verdict) -> Self {
        Self::built(FakeHttp::builder(), verdict)
    }

    pub(crate) fn built(builder: FakeHttpBuilder, verdict: Verdict) -> Self {
        let store = Arc::new(Mutex::new(SearchStore::default()));
        let server = {
            let store = Arc::clone(&store);
            builder.answer(move |request| store.lock().unwrap().bulk(request, verdict)).start()
        };
        Self { server, store }
    }

    /// Answers a request as if it were the next one: a test that answers itself stores documents by it.
    pub(crate) fn store(&self) -> impl Fn(&FakeRequest) -> FakeAnswer + Send + Sync + 'static {
        let store = Arc::clone(&self.store);
        move |request| store.lock().unwrap().bulk(request, |_, _| None)
    }

    /// All documents, by the name of their index. Panics where a request broke the rules of the API.
    pub(crate) fn documents(&self) -> Vec<(String, Value)> {
        let store = self.store.lock().unwrap();
        assert!(store.violations.is_empty(), "{:?}", store.violations);
        store.documents.iter().map(|((index, _), document)| (index.clone(), document.clone())).collect()
    }

    /// The number of documents that were sent although they were stored.
    pub(crate) fn conflicts(&self) -> usize {
        self.store.lock().unwrap().conflicts
    }
}

impl SearchStore {
    fn bulk(&mut self, request: &FakeRequest, verdict: Verdict) -> FakeAnswer {
        match self.items(request, verdict) {
            Ok(items) => {
                let errors = items.iter().any(|item| item["create"].get("error").is_some());
                FakeAnswer::json(format!("{{\"errors\":{errors},\"items\":{}}}", Value::Array(items)))
            }
            Err(violation) => {
                self.violations.push(violation);
                FakeAnswer::json(r#"{"error":{"type":"illegal_argument_exception","reason":"x"},"status":400}"#)
                    .status(400)
            }
        }
    }

    fn items(&mut self, request: &FakeRequest, verdict: Verdict) -> Result<Vec<Value>, String> {
        let target = target_of(request)?;
        let text = request.text().strip_suffix('\n').ok_or("no line feed at the end")?;
        let lines: Vec<&str> = text.split('\n').collect();
        if !lines.len().is_multiple_of(2) {
            return Err("an action without a document".to_owned());
        }
        lines.chunks(2).map(|pair| self.item(target.as_deref(), pair[0], pair[1], verdict)).collect()
    }

    fn item(&mut self, target: Option<&str>, action: &str, line: &str, verdict: Verdict) -> Result<Value, String> {
        let (index, id) = action_of(target, action)?;
        let document: Value = serde_json::from_str(line).map_err(|error| format!("{error}: {line}"))?;
        if index.starts_with("logs-") && !document["@timestamp"].is_string() {
            return Err(format!("no @timestamp: {line}"));
        }
        if document["event_id"] != id.as_str() {
            return Err(format!("the _id {id} is not that of the event: {line}"));
        }
        let attempt = self.attempts.entry(id.clone()).or_default();
        *attempt += 1;
        let failed = |(status, kind): (u16, &str)| json!({ "create": { "status": status, "error": { "type": kind } } });
        if let Some(error) = verdict(&document, *attempt) {
            return Ok(failed(error));
        }
        if self.documents.contains_key(&(index.clone(), id.clone())) {
            self.conflicts += 1;
            return Ok(failed((409, "version_conflict_engine_exception")));
        }
        self.documents.insert((index, id), document);
        Ok(json!({ "create": { "status": 201 } }))
    }
}

/// The target in the path.
fn target_of(request: &FakeRequest) -> Result<Option<String>, String> {
    if request.method != "POST" || request.header("content-type") != Some("application/x-ndjson") {
        return Err(format!("{} with {:?}", request.method, request.header("content-type")));
    }
    for parameter in request.query().split('&') {
        let name = parameter.split('=').next().unwrap();
        if !["filter_path", "pipeline", "require_data_stream"].contains(&name) {
            return Err(format!("unrecognized parameter: [{name}]"));
        }
    }
    let front = request.path().strip_suffix("/_bulk").ok_or_else(|| format!("the path {}", request.path()))?;
    Ok(front.strip_prefix('/').map(str::to_owned))
}

fn action_of(target: Option<&str>, line: &str) -> Result<(String, String), String> {
    let action: Value = serde_json::from_str(line).map_err(|error| format!("{error}: {line}"))?;
    let members = action["create"].as_object().filter(|_| action.as_object().unwrap().len() == 1);
    let members = members.ok_or_else(|| format!("Malformed action: {line}"))?;
    if let Some(name) = members.keys().find(|name| !["_index", "_id", "routing"].contains(&name.as_str())) {
        return Err(format!("unknown parameter [{name}]"));
    }
    let text = |name: &str| members.get(name).and_then(Value::as_str).map(str::to_owned);
    let index = text("_index").or(target.map(str::to_owned)).ok_or("index is missing")?;
    let id = text("_id").filter(|id| !id.is_empty() && id.len() <= 512).ok_or("id is missing")?;
    Ok((index, id))
}

//! Kubernetes enricher: the pod.

mod downward;
pub(crate) mod settings;

use std::{
    borrow::Cow,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use fapilog_plugin::{enricher::Enricher, error::PluginError, event::Batch};

use crate::enrich::{
    facts::Facts,
    files::SharedFiles,
    variables::{self, VariableLookup},
};

// Named as in OpenTelemetry's semantic conventions: https://opentelemetry.io/docs/specs/semconv/resource/k8s/.
const POD_NAME: &str = "k8s.pod.name";
const POD_UID: &str = "k8s.pod.uid";
const POD_IP: &str = "k8s.pod.ip";
const NAMESPACE: &str = "k8s.namespace.name";
const NODE_NAME: &str = "k8s.node.name";
const CONTAINER_NAME: &str = "k8s.container.name";
const LABEL_PREFIX: &str = "k8s.pod.label.";
const ANNOTATION_PREFIX: &str = "k8s.pod.annotation.";

/// Where the examples of Kubernetes' documentation mount the downward API.
const DIRECTORY: &str = "/etc/podinfo";

/// Where every container with a service account finds its namespace.
const NAMESPACE_FILE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";

/// Default interval at which an enricher looks whether the files have been read anew.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Adds the pod of a Kubernetes cluster to each event's context.
///
/// | field | from, the first that is there |
/// |---|---|
/// | `k8s.pod.name` | `POD_NAME`, file `name`, `HOSTNAME` where Kubernetes has set `KUBERNETES_SERVICE_HOST` |
/// | `k8s.pod.uid` | `POD_UID`, file `uid` |
/// | `k8s.pod.ip` | `POD_IP` |
/// | `k8s.namespace.name` | `POD_NAMESPACE`, file `namespace`, the service account's file |
/// | `k8s.node.name` | `NODE_NAME` |
/// | `k8s.container.name` | `CONTAINER_NAME` |
/// | `k8s.pod.label.<key>` | file `labels`, for keys that were [asked for](Self::labels) |
/// | `k8s.pod.annotation.<key>` | file `annotations`, for keys that were [asked for](Self::annotations) |
///
/// Variables are those that a manifest sets by `fieldRef`, and are read when the enricher is made. SharedFiles are those of a
/// downward API volume, in `/etc/podinfo` or the [directory](Self::directory) it is mounted in. A value that is not there is
/// absent: outside Kubernetes, nothing is added. `HOSTNAME` is the pod's name unless the manifest sets `hostname` or
/// `hostNetwork`; a manifest that sets these sets `POD_NAME` too.
///
/// Labels may change while a pod runs. SharedFiles are read every half a minute at most, by one shard for all of the process,
/// and the text counts within ten seconds more, or within the [refresh interval](Self::refresh_interval). The first 64 KiB
/// of a file are read, and the first 1,024 bytes of a value are logged.
#[doc(alias = "KubernetesEnricher")]
#[derive(Debug, Clone)]
#[must_use]
pub struct Kubernetes {
    variables: Variables,
    directory: PathBuf,
    namespace_file: PathBuf,
    labels: Vec<Selected>,
    annotations: Vec<Selected>,
    files: Arc<SharedFiles>,
    facts: Facts,
    refresh_interval: Duration,
    /// When it last looked at the files.
    looked: Option<Instant>,
}

/// The variables of the environment.
#[derive(Debug, Clone)]
struct Variables {
    pod_name: Option<String>,
    pod_uid: Option<String>,
    pod_ip: Option<String>,
    namespace: Option<String>,
    node_name: Option<String>,
    container_name: Option<String>,
    hostname: Option<String>,
}

/// A label or an annotation that is wanted.
#[derive(Debug, Clone)]
struct Selected {
    key: String,
    field: String,
}

impl Kubernetes {
    /// The enricher without labels and annotations.
    pub fn new() -> Self {
        Self::with_variables(&variables::of_process)
    }

    fn with_variables(variable: VariableLookup<'_>) -> Self {
        Self {
            variables: Variables::read(variable),
            directory: DIRECTORY.into(),
            namespace_file: NAMESPACE_FILE.into(),
            labels: Vec::new(),
            annotations: Vec::new(),
            files: SharedFiles::of_process(),
            facts: Facts::new([]),
            refresh_interval: LOOK_EVERY,
            looked: None,
        }
    }

    /// Where the downward API volume is mounted. Default: `/etc/podinfo`.
    pub fn directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = directory.into();
        self.looked = None;
        self
    }

    /// How often it looks whether the files have changed. Default: 10 s.
    pub fn refresh_interval(mut self, interval: Duration) -> Self {
        self.refresh_interval = interval;
        self
    }

    /// The keys of the labels that are added, as in `app.kubernetes.io/name`. Default: none.
    pub fn labels<K: Into<String>>(mut self, keys: impl IntoIterator<Item = K>) -> Self {
        self.labels = keys.into_iter().map(|key| Selected::new(LABEL_PREFIX, key.into())).collect();
        self.looked = None;
        self
    }

    /// The keys of the annotations that are added. Default: none.
    pub fn annotations<K: Into<String>>(mut self, keys: impl IntoIterator<Item = K>) -> Self {
        self.annotations = keys.into_iter().map(|key| Selected::new(ANNOTATION_PREFIX, key.into())).collect();
        self.looked = None;
        self
    }

    #[cold]
    fn look(&mut self, now: Instant) {
        if self.looked.is_none() {
            let fixed = [POD_NAME, POD_UID, POD_IP, NAMESPACE, NODE_NAME, CONTAINER_NAME].map(Cow::Borrowed);
            let selected = self.labels.iter().chain(&self.annotations).map(|selected| selected.field.clone().into());
            self.facts = Facts::new(fixed.into_iter().chain(selected));
        }
        self.looked = Some(now);
        let known = self.variables.clone();
        let pod_name = known.pod_name.or_else(|| self.line("name")).or(known.hostname);
        let namespace = known.namespace.or_else(|| self.line("namespace")).or_else(|| self.service_account_namespace());
        let pod_uid = known.pod_uid.or_else(|| self.line("uid"));
        self.facts.set_text(POD_NAME, pod_name);
        self.facts.set_text(POD_UID, pod_uid);
        self.facts.set_text(POD_IP, known.pod_ip);
        self.facts.set_text(NAMESPACE, namespace);
        self.facts.set_text(NODE_NAME, known.node_name);
        self.facts.set_text(CONTAINER_NAME, known.container_name);
        self.look_up_selected();
    }

    fn look_up_selected(&mut self) {
        for (file, all) in [("labels", &self.labels), ("annotations", &self.annotations)] {
            if all.is_empty() {
                continue;
            }
            let text = self.files.text(&self.directory.join(file));
            for selected in all {
                let value = text.as_deref().and_then(|text| downward::value_of(text, &selected.key));
                self.facts.set_text(&selected.field, value);
            }
        }
    }

    /// The one line of a file of the volume.
    fn line(&self, name: &str) -> Option<String> {
        one_line(&self.files.text(&self.directory.join(name))?)
    }

    fn service_account_namespace(&self) -> Option<String> {
        one_line(&self.files.text(&self.namespace_file)?)
    }
}

impl Default for Kubernetes {
    fn default() -> Self {
        Self::new()
    }
}

impl Enricher for Kubernetes {
    fn name(&self) -> &'static str {
        "kubernetes"
    }

    fn enrich(&mut self, batch: &mut Batch<'_>) -> Result<(), PluginError> {
        let now = batch.instant();
        if self.looked.is_none_or(|looked| now.saturating_duration_since(looked) >= self.refresh_interval) {
            self.look(now);
        }
        self.facts.add(batch);
        Ok(())
    }
}

impl Variables {
    fn read(variable: VariableLookup<'_>) -> Self {
        let get = |name| variables::first(&[name], variable);
        Self {
            pod_name: get("POD_NAME"),
            pod_uid: get("POD_UID"),
            pod_ip: get("POD_IP"),
            namespace: get("POD_NAMESPACE"),
            node_name: get("NODE_NAME"),
            container_name: get("CONTAINER_NAME"),
            // Elsewhere it is no pod's name.
            hostname: get("KUBERNETES_SERVICE_HOST").and_then(|_| get("HOSTNAME")),
        }
    }
}

impl Selected {
    fn new(prefix: &str, key: String) -> Self {
        Self { field: format!("{prefix}{key}"), key }
    }
}

fn one_line(text: &str) -> Option<String> {
    let line = text.trim();
    (!line.is_empty()).then(|| line.to_owned())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use fapilog_plugin::testing::TestBatches;
    use fapilog_record::{field_group::FieldGroup, timestamp::Timestamp, value::ValueRef};
    use tempfile::TempDir;

    use super::*;

    /// A directory of these files.
    fn volume(files: &[(&str, &str)]) -> TempDir {
        let directory = tempfile::tempdir().unwrap();
        files.iter().for_each(|(name, text)| fs::write(directory.path().join(name), text).unwrap());
        directory
    }

    /// It reads files anew whenever it looks, from this directory only.
    fn enricher(variables: &[(&str, &str)], volume: &TempDir) -> Kubernetes {
        let mut enricher = Kubernetes::with_variables(&variables::staged(variables)).directory(volume.path());
        enricher.namespace_file = volume.path().join("service-account");
        enricher.files = Arc::new(SharedFiles::good_for(Duration::ZERO));
        enricher
    }

    /// The fields of an event that comes so long after the start.
    fn fields_after(enricher: &mut Kubernetes, start: Instant, passed: Duration) -> Vec<(String, String)> {
        TestBatches::new().taken(Timestamp::from_unix_nanos(0), start + passed).batch(&[0], |batch| {
            enricher.enrich(batch).unwrap();
            let shared = batch.events()[0].shared_context().iter();
            let text = |value| if let ValueRef::Text(text) = value { text.to_owned() } else { panic!("{value:?}") };
            shared.map(|field| (field.name.to_owned(), text(field.value))).collect()
        })
    }

    fn fields(mut enricher: Kubernetes) -> Vec<(String, String)> {
        fields_after(&mut enricher, Instant::now(), Duration::ZERO)
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn outside_kubernetes_nothing_is_added() {
        let nowhere = tempfile::tempdir().unwrap();
        let enricher = enricher(&[("HOSTNAME", "laptop")], &nowhere).directory("/nonexistent").labels(["app"]);
        assert_eq!(fields(enricher), []);
    }

    #[test]
    fn the_variables_are_added() {
        let variables = [
            ("POD_NAME", "orders-0"),
            ("POD_UID", "u-1"),
            ("POD_IP", "10.0.0.7"),
            ("POD_NAMESPACE", "shop"),
            ("NODE_NAME", "node-a"),
            ("CONTAINER_NAME", "main"),
        ];
        let files = volume(&[("name", "no"), ("uid", "no"), ("namespace", "no"), ("service-account", "no")]);
        let expected = [
            (POD_NAME, "orders-0"),
            (POD_UID, "u-1"),
            (POD_IP, "10.0.0.7"),
            (NAMESPACE, "shop"),
            (NODE_NAME, "node-a"),
            (CONTAINER_NAME, "main"),
        ];
        assert_eq!(fields(enricher(&variables, &files)), pairs(&expected));
    }

    #[test]
    fn the_texts_of_the_files_are_added() {
        let files = volume(&[("name", "orders-0"), ("uid", "u-1\n"), ("namespace", "shop"), ("service-account", "no")]);
        let expected = [(POD_NAME, "orders-0"), (POD_UID, "u-1"), (NAMESPACE, "shop")];
        assert_eq!(fields(enricher(&[("HOSTNAME", "no")], &files)), pairs(&expected));
    }

    #[test]
    fn host_name_and_service_account_are_the_last_sources() {
        let files = volume(&[("service-account", "shop")]);
        let variables = [("HOSTNAME", "orders-0"), ("KUBERNETES_SERVICE_HOST", "10.0.0.1")];
        assert_eq!(fields(enricher(&variables, &files)), pairs(&[(POD_NAME, "orders-0"), (NAMESPACE, "shop")]));
    }

    #[test]
    fn only_labels_and_annotations_that_were_asked_for_are_added() {
        let files = volume(&[("labels", "app=\"orders\"\ntier=\"back\""), ("annotations", "note=\"a\\nb\"\nx=\"y\"")]);
        let enricher = enricher(&[], &files).labels(["app", "missing"]).annotations(["note"]);
        let expected = [("k8s.pod.label.app", "orders"), ("k8s.pod.annotation.note", "a\nb")];
        assert_eq!(fields(enricher), pairs(&expected));
    }

    #[test]
    fn a_label_that_changes_is_seen_when_it_is_time_to_look() {
        let files = volume(&[("labels", "app=\"first\"")]);
        let mut enricher = enricher(&[], &files).labels(["app"]);
        let start = Instant::now();
        let mut app = |passed| fields_after(&mut enricher, start, passed).pop().map(|field| field.1);
        assert_eq!(app(Duration::ZERO).as_deref(), Some("first"));
        fs::write(files.path().join("labels"), "app=\"second\"").unwrap();
        assert_eq!(app(LOOK_EVERY - Duration::from_nanos(1)).as_deref(), Some("first"));
        assert_eq!(app(LOOK_EVERY).as_deref(), Some("second"));
        fs::remove_file(files.path().join("labels")).unwrap();
        assert_eq!(app(LOOK_EVERY * 2), None);
    }

    #[test]
    fn the_files_are_looked_at_once_in_the_refresh_interval() {
        let files = volume(&[("labels", "app=\"first\"")]);
        let mut enricher = enricher(&[], &files).labels(["app"]).refresh_interval(LOOK_EVERY * 5);
        let start = Instant::now();
        let mut app = |passed| fields_after(&mut enricher, start, passed).pop().map(|field| field.1);
        assert_eq!(app(Duration::ZERO).as_deref(), Some("first"));
        fs::write(files.path().join("labels"), "app=\"second\"").unwrap();
        assert_eq!(app(LOOK_EVERY * 4).as_deref(), Some("first"));
        assert_eq!(app(LOOK_EVERY * 5).as_deref(), Some("second"));
    }

    #[test]
    fn eight_shards_read_a_file_once() {
        let files = volume(&[("name", "first")]);
        let shard = || {
            let enricher = Kubernetes::with_variables(&variables::staged(&[])).directory(files.path());
            fields(enricher).into_iter().find(|field| field.0 == POD_NAME).map(|field| field.1)
        };
        assert_eq!(shard().as_deref(), Some("first"));
        fs::write(files.path().join("name"), "second").unwrap();
        (1..8).for_each(|_| assert_eq!(shard().as_deref(), Some("first")));
    }

    #[test]
    fn a_users_own_key_stays() {
        let files = volume(&[("name", "orders-0")]);
        TestBatches::new().argument(POD_NAME).batch(&[7], |batch| {
            enricher(&[], &files).enrich(batch).unwrap();
            assert_eq!(batch.events()[0].field(FieldGroup::Context, POD_NAME), Some(ValueRef::U64(7)));
        });
    }
}

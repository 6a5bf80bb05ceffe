//! Runtime info enricher: the program, and its deployment.

pub(crate) mod settings;

use std::{borrow::Cow, ffi::OsString};

use fapilog_plugin::{enricher::Enricher, error::PluginError, event::Batch};

use crate::enrich::{
    facts::{FactValue, Facts},
    variables::{self, VariableLookup},
};

const SERVICE: &str = "service";
const VERSION: &str = "version";
const ENVIRONMENT: &str = "environment";
const PID: &str = "pid";

/// OpenTelemetry's variable for the attributes of a process:
/// <https://opentelemetry.io/docs/specs/otel/resource/sdk/#specifying-resource-information-via-an-environment-variable>.
const RESOURCE_ATTRIBUTES: &str = "OTEL_RESOURCE_ATTRIBUTES";

/// Adds `service`, `version`, `environment` and `pid` to each event's context: those that are known.
///
/// A value that the program does not set comes from the environment, once, when the enricher is made. The first that is
/// set counts, and an empty variable counts as not set:
///
/// | field | from |
/// |---|---|
/// | `service` | `OTEL_SERVICE_NAME`, `service.name` in `OTEL_RESOURCE_ATTRIBUTES`, `SERVICE_NAME` |
/// | `version` | `service.version` in `OTEL_RESOURCE_ATTRIBUTES`, `SERVICE_VERSION` |
/// | `environment` | `deployment.environment.name`, then `deployment.environment` in `OTEL_RESOURCE_ATTRIBUTES`, `DEPLOYMENT_ENVIRONMENT`, `ENVIRONMENT` |
/// | `pid` | the process's id |
///
/// Bytes that are not UTF-8 are replaced by U+FFFD, and a text longer than 1,024 bytes is cut.
#[doc(alias = "RuntimeInfoEnricher")]
#[derive(Debug, Clone)]
#[must_use]
pub struct RuntimeInfo {
    facts: Facts,
}

impl RuntimeInfo {
    /// The enricher with the values of the environment. It reads the process's id now, so it is to be made in the process
    /// that runs it.
    pub fn new() -> Self {
        Self::with_variables(&variables::of_process)
    }

    fn with_variables(variable: VariableLookup<'_>) -> Self {
        let attributes = Attributes::read(variable(RESOURCE_ATTRIBUTES));
        let first = |names: &[&str]| variables::first(names, variable);
        let service = first(&["OTEL_SERVICE_NAME"])
            .or_else(|| attributes.get("service.name"))
            .or_else(|| first(&["SERVICE_NAME"]));
        let version = attributes.get("service.version").or_else(|| first(&["SERVICE_VERSION"]));
        let environment = (attributes.get("deployment.environment.name"))
            .or_else(|| attributes.get("deployment.environment"))
            .or_else(|| first(&["DEPLOYMENT_ENVIRONMENT", "ENVIRONMENT"]));

        let mut facts = Facts::new([SERVICE, VERSION, ENVIRONMENT, PID].map(Cow::Borrowed));
        facts.set_text(SERVICE, service);
        facts.set_text(VERSION, version);
        facts.set_text(ENVIRONMENT, environment);
        facts.set(PID, Some(FactValue::Number(std::process::id().into())));
        Self { facts }
    }

    /// The name of the program, before that of the environment. Empty: the field is absent.
    pub fn service(mut self, name: impl Into<String>) -> Self {
        self.facts.set_text(SERVICE, Some(name.into()));
        self
    }

    /// The version of the program, before that of the environment, as in `env!("CARGO_PKG_VERSION")`. Empty: the field is
    /// absent.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.facts.set_text(VERSION, Some(version.into()));
        self
    }

    /// The deployment, as in `production`, before that of the environment. Empty: the field is absent.
    pub fn environment(mut self, environment: impl Into<String>) -> Self {
        self.facts.set_text(ENVIRONMENT, Some(environment.into()));
        self
    }

    /// Whether the process's id is added. Default: yes. [`Context`](super::Context) adds the same number
    /// as `process_id`.
    pub fn pid(mut self, add: bool) -> Self {
        self.facts.set(PID, add.then(|| FactValue::Number(std::process::id().into())));
        self
    }
}

impl Default for RuntimeInfo {
    fn default() -> Self {
        Self::new()
    }
}

impl Enricher for RuntimeInfo {
    fn name(&self) -> &'static str {
        "runtime_info"
    }

    fn enrich(&mut self, batch: &mut Batch<'_>) -> Result<(), PluginError> {
        self.facts.add(batch);
        Ok(())
    }
}

/// `key=value` pairs between commas; in values, anything may be written as `%` and two hexadecimal digits.
#[derive(Debug, Default)]
struct Attributes {
    pairs: Vec<(String, String)>,
}

impl Attributes {
    /// As the specification has it, a variable with an error in it is ignored as a whole.
    fn read(variable: Option<OsString>) -> Self {
        let variable = variable.and_then(|text| text.into_string().ok()).unwrap_or_default();
        let parts = variable.split(',').map(str::trim).filter(|part| !part.is_empty());
        let pairs: Option<Vec<_>> = parts.map(pair).collect();
        Self { pairs: pairs.unwrap_or_default() }
    }

    fn get(&self, key: &str) -> Option<String> {
        self.pairs.iter().find(|pair| pair.0 == key && !pair.1.is_empty()).map(|pair| pair.1.clone())
    }
}

fn pair(text: &str) -> Option<(String, String)> {
    let (key, value) = text.split_once('=')?;
    Some((percent_decoded(key.trim())?, percent_decoded(value.trim())?))
}

/// `None` where a `%` has no two hexadecimal digits behind it, or what comes of it is not UTF-8.
fn percent_decoded(text: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => hex_digit(bytes.next()?)? << 4 | hex_digit(bytes.next()?)?,
            plain => plain,
        });
    }
    String::from_utf8(decoded).ok()
}

fn hex_digit(byte: u8) -> Option<u8> {
    // A hexadecimal digit is below 16.
    char::from(byte).to_digit(16).map(|digit| digit as u8)
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use fapilog_plugin::testing::TestBatches;
    use fapilog_record::{field_group::FieldGroup, value::ValueRef};

    use super::*;

    fn with(variables: &[(&str, &str)]) -> RuntimeInfo {
        RuntimeInfo::with_variables(&variables::staged(variables))
    }

    /// Service, version, environment.
    fn texts(mut enricher: RuntimeInfo) -> [Option<String>; 3] {
        TestBatches::new().batch(&[0], |batch| {
            enricher.enrich(batch).unwrap();
            [SERVICE, VERSION, ENVIRONMENT].map(|name| match batch.events()[0].field(FieldGroup::Context, name) {
                Some(ValueRef::Text(text)) => Some(text.to_owned()),
                _ => None,
            })
        })
    }

    fn some(service: &str, version: &str, environment: &str) -> [Option<String>; 3] {
        [service, version, environment].map(|text| Some(text.to_owned()))
    }

    #[test]
    fn the_programs_values_count_before_the_environment() {
        let enricher = with(&[("SERVICE_NAME", "a"), ("SERVICE_VERSION", "b"), ("ENVIRONMENT", "c")]);
        assert_eq!(texts(enricher.clone()), some("a", "b", "c"));
        assert_eq!(texts(enricher.service("x").version("y").environment("z")), some("x", "y", "z"));
    }

    #[test]
    fn opentelemetrys_variables_count_before_others() {
        let others = [
            ("SERVICE_NAME", "no"),
            ("SERVICE_VERSION", "no"),
            ("DEPLOYMENT_ENVIRONMENT", "no"),
            (
                "OTEL_RESOURCE_ATTRIBUTES",
                "service.name=a, service.version = 1.2%2C3 ,deployment.environment=old,deployment.environment.name=new",
            ),
        ];
        assert_eq!(texts(with(&others)), some("a", "1.2,3", "new"));
        let all = [&others[..], &[("OTEL_SERVICE_NAME", "b")]].concat();
        assert_eq!(texts(with(&all))[0].as_deref(), Some("b"));
    }

    #[test]
    fn attributes_with_an_error_are_ignored() {
        for broken in ["service.name=a,nothing", "service.name=a%2", "service.name=a%GG", "service.name=a,x=%FF"] {
            assert_eq!(texts(with(&[("OTEL_RESOURCE_ATTRIBUTES", broken)])), [None, None, None], "{broken}");
        }
        let not_utf8 =
            |name: &str| (name == RESOURCE_ATTRIBUTES).then(|| OsString::from_vec(b"service.name=\xFF".to_vec()));
        assert_eq!(texts(RuntimeInfo::with_variables(&not_utf8)), [None, None, None]);
    }

    #[test]
    fn a_name_that_is_not_utf8_is_logged_as_far_as_it_is() {
        let variable = |name: &str| (name == "SERVICE_NAME").then(|| OsString::from_vec(b"caf\xE9".to_vec()));
        assert_eq!(texts(RuntimeInfo::with_variables(&variable))[0].as_deref(), Some("caf\u{FFFD}"));
    }

    #[test]
    fn the_process_id_can_be_disabled() {
        let has_pid = |mut enricher: RuntimeInfo| {
            let pid = ValueRef::U64(std::process::id().into());
            TestBatches::new().batch(&[0], |batch| {
                enricher.enrich(batch).unwrap();
                batch.events()[0].field(FieldGroup::Context, PID) == Some(pid)
            })
        };
        assert!(has_pid(with(&[])));
        assert!(!has_pid(with(&[]).pid(false)));
    }
}

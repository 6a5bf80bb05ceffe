//! The tree that layers are merged into: each value knows who gave it.

use config::{Config, Format, Source, Value as Given, ValueKind};
use serde_json::{Map, Value};

use crate::problem::Problem;

/// Values of several layers; a later one covers an earlier one, tables are merged.
#[derive(Debug, Clone, Default)]
pub(super) struct Tree {
    merged: Given,
}

/// One layer, or one variable of the environment.
#[derive(Debug, Clone)]
struct Layer(config::Map<String, Given>);

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<config::Map<String, Given>, config::ConfigError> {
        Ok(self.0.clone())
    }
}

/// Layers, the lowest first.
#[derive(Debug, Clone, Default)]
pub(super) struct Layers {
    layers: Vec<Layer>,
}

impl Layers {
    /// A layer of a file's text.
    pub(super) fn push_text(&mut self, format: config::FileFormat, text: &str, given_by: &str) -> Result<(), Problem> {
        let parsed = format.parse(Some(&given_by.to_owned()), text);
        let entries = parsed.map_err(|error| {
            let reason = error.to_string();
            Problem::new(given_by, "unreadable", reason.trim().replace('\n', " "))
        })?;
        let strange: Vec<&String> = entries.keys().filter(|name| !is_plain(name)).collect();
        if let Some(name) = strange.first() {
            let mut problem = Problem::new(format!("{name:?}"), "given", "there is no such setting");
            problem.given_by = Some(given_by.to_owned());
            return Err(problem);
        }
        self.layers.push(Layer(entries));
        Ok(())
    }

    /// A layer of one value, at a path of plain names.
    pub(super) fn push_value(&mut self, path: &[String], value: &Value, given_by: &str) {
        self.layers.push(Layer([(path.join("."), given(value, given_by))].into_iter().collect()));
    }

    /// The same layers, over one more.
    pub(super) fn over(mut self, lowest: &Value, given_by: &str) -> Self {
        if let ValueKind::Table(entries) = given(lowest, given_by).kind {
            self.layers.insert(0, Layer(entries));
        }
        self
    }

    pub(super) fn merge(self) -> Result<Tree, Problem> {
        let builder = self.layers.into_iter().fold(Config::builder(), |builder, layer| builder.add_source(layer));
        let merged = builder.build().map_err(|error| Problem::new("settings", "unreadable", error.to_string()))?;
        Ok(Tree { merged: merged.cache })
    }
}

/// Whether it is a name that means nothing but itself to the layering library, which knows paths.
pub(super) fn is_plain(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

impl Tree {
    /// The values alone.
    pub(super) fn values(&self) -> Value {
        bare(&self.merged)
    }

    /// Who gave the value at `path`, or what is nearest above it.
    pub(super) fn given_by(&self, path: &str) -> Option<&str> {
        let mut place = &self.merged;
        for step in path.split(['.', '[']).map(|step| step.trim_end_matches(']')) {
            let below = match &place.kind {
                ValueKind::Table(entries) => entries.get(step),
                ValueKind::Array(items) => step.parse::<usize>().ok().and_then(|index| items.get(index)),
                _ => None,
            };
            match below {
                Some(below) => place = below,
                None => break,
            }
        }
        origin(place)
    }
}

/// A table that several layers have a part in is nobody's: it is given by whoever gave its first entry.
fn origin(given: &Given) -> Option<&str> {
    let first = || match &given.kind {
        ValueKind::Table(entries) => entries.iter().min_by_key(|(name, _)| *name).and_then(|(_, entry)| origin(entry)),
        _ => None,
    };
    given.origin().or_else(first)
}

fn bare(given: &Given) -> Value {
    match &given.kind {
        ValueKind::Nil => Value::Null,
        ValueKind::Boolean(value) => Value::Bool(*value),
        ValueKind::I64(value) => Value::from(*value),
        ValueKind::U64(value) => Value::from(*value),
        ValueKind::I128(value) => Value::String(value.to_string()),
        ValueKind::U128(value) => Value::String(value.to_string()),
        // Those that JSON does not know are text, which is read as a number all the same.
        ValueKind::Float(value) => {
            serde_json::Number::from_f64(*value).map_or_else(|| Value::String(value.to_string()), Value::Number)
        }
        ValueKind::String(value) => Value::String(value.clone()),
        ValueKind::Table(entries) => {
            Value::Object(entries.iter().map(|(name, below)| (name.clone(), bare(below))).collect::<Map<_, _>>())
        }
        ValueKind::Array(items) => Value::Array(items.iter().map(bare).collect()),
    }
}

fn given(value: &Value, given_by: &str) -> Given {
    let kind = match value {
        Value::Null => ValueKind::Nil,
        Value::Bool(value) => ValueKind::Boolean(*value),
        Value::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(value), _, _) => ValueKind::I64(value),
            (_, Some(value), _) => ValueKind::U64(value),
            (_, _, Some(value)) => ValueKind::Float(value),
            _ => ValueKind::String(number.to_string()),
        },
        Value::String(value) => ValueKind::String(value.clone()),
        Value::Array(items) => ValueKind::Array(items.iter().map(|item| given(item, given_by)).collect()),
        Value::Object(entries) => {
            ValueKind::Table(entries.iter().map(|(name, below)| (name.clone(), given(below, given_by))).collect())
        }
    };
    Given::new(Some(&given_by.to_owned()), kind)
}

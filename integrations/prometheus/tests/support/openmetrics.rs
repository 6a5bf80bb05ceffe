//! A strict reader of OpenMetrics 1.0, written from the specification. It refuses all that a scraper may refuse, and what the
//! specification advises against, where the exporter can do without.

#![allow(dead_code, reason = "each test program uses a part of it")]

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// Labels by name.
pub(crate) type Labels = BTreeMap<String, String>;

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) labels: Labels,
    pub(crate) value: f64,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Family {
    pub(crate) name: String,
    pub(crate) kind: Option<String>,
    pub(crate) help: Option<String>,
    pub(crate) unit: Option<String>,
    pub(crate) samples: Vec<Sample>,
}

impl Family {
    /// The value of the sample with these labels, among others.
    pub(crate) fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let has = |sample: &&Sample| {
            labels.iter().all(|(label, value)| sample.labels.get(*label).is_some_and(|known| known == value))
        };
        self.samples.iter().filter(|sample| sample.name == name).find(has).map(|sample| sample.value)
    }
}

/// The families of a whole text.
pub(crate) fn read(text: &str) -> Result<Vec<Family>, String> {
    let body = text.strip_suffix("# EOF\n").ok_or("the text does not end with `# EOF`")?;
    let mut families: Vec<Family> = Vec::new();
    if !body.is_empty() && !body.ends_with('\n') {
        return Err("a line does not end".to_owned());
    }
    for line in body.lines() {
        let result = match line.strip_prefix("# ") {
            Some(descriptor) => read_descriptor(descriptor, &mut families),
            None => read_sample(line).and_then(|sample| add_sample(sample, &mut families)),
        };
        result.map_err(|error| format!("{error}: {line:?}"))?;
    }
    check_names(&families)?;
    families.iter().try_for_each(check_family)?;
    Ok(families)
}

fn read_descriptor(descriptor: &str, families: &mut Vec<Family>) -> Result<(), String> {
    let mut words = descriptor.splitn(3, ' ');
    let (Some(keyword), Some(name), Some(text)) = (words.next(), words.next(), words.next()) else {
        return Err("a descriptor has three words".to_owned());
    };
    if !is_name(name) {
        return Err("not a name".to_owned());
    }
    if families.last().is_none_or(|family| family.name != name) {
        if families.iter().any(|family| family.name == name) {
            return Err("a family comes twice".to_owned());
        }
        families.push(Family { name: name.to_owned(), ..Family::default() });
    }
    let family = families.last_mut().unwrap();
    if !family.samples.is_empty() {
        return Err("a descriptor behind a sample".to_owned());
    }
    let place = match keyword {
        "TYPE" => &mut family.kind,
        "HELP" => &mut family.help,
        "UNIT" => &mut family.unit,
        _ => return Err("a comment that is no descriptor".to_owned()),
    };
    let text = if keyword == "HELP" { unescape(text)? } else { text.to_owned() };
    match place.replace(text) {
        None => Ok(()),
        Some(_) => Err("a descriptor comes twice".to_owned()),
    }
}

fn read_sample(line: &str) -> Result<Sample, String> {
    let end = line.find(['{', ' ']).ok_or("neither labels nor value")?;
    let (name, mut tail) = line.split_at(end);
    if !is_name(name) {
        return Err("not a name".to_owned());
    }
    let mut labels = Labels::new();
    if let Some(mut list) = tail.strip_prefix('{') {
        loop {
            let (label, after) = list.split_once("=\"").ok_or("a label without a value")?;
            if !is_label(label) {
                return Err(format!("{label:?} is no label"));
            }
            let end = end_of_text(after).ok_or("a value without an end")?;
            if labels.insert(label.to_owned(), unescape(&after[..end])?).is_some() {
                return Err(format!("the label {label} comes twice"));
            }
            match after[end + 1..].split_at_checked(1) {
                Some((",", more)) => list = more,
                Some(("}", more)) => break tail = more,
                _ => return Err("labels without an end".to_owned()),
            }
        }
    }
    let value = tail.strip_prefix(' ').ok_or("no space before the value")?;
    Ok(Sample { name: name.to_owned(), labels, value: number(value)? })
}

/// The place of the quote that ends a text.
fn end_of_text(text: &str) -> Option<usize> {
    let mut is_escaped = false;
    text.bytes().position(|byte| {
        let is_end = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        is_end
    })
}

fn unescape(text: &str) -> Result<String, String> {
    let mut plain = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some('n') => plain.push('\n'),
                Some(escaped @ ('\\' | '"')) => plain.push(escaped),
                other => return Err(format!("an escape that is none: {other:?}")),
            },
            '"' => return Err("a quote that is not escaped".to_owned()),
            other => plain.push(other),
        }
    }
    Ok(plain)
}

fn number(text: &str) -> Result<f64, String> {
    let is_number = |text: &str| {
        let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
        digits.starts_with(|first: char| first.is_ascii_digit())
            && digits.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | 'e' | '+' | '-'))
    };
    match text {
        "+Inf" => Ok(f64::INFINITY),
        "-Inf" => Ok(f64::NEG_INFINITY),
        "NaN" => Ok(f64::NAN),
        text if is_number(text) => text.parse().map_err(|_| format!("{text:?} is no number")),
        text => Err(format!("{text:?} is no number")),
    }
}

fn is_name(text: &str) -> bool {
    // Colons are for rules of the database.
    is_label(text)
}

fn is_label(text: &str) -> bool {
    let is_first = |c: char| c.is_ascii_alphabetic() || c == '_';
    text.starts_with(is_first) && text.chars().all(|c| is_first(c) || c.is_ascii_digit()) && !text.starts_with("__")
}

/// The ends of names of samples, by the kind of their family.
fn suffixes(kind: &str) -> &'static [&'static str] {
    match kind {
        "counter" => &["_total", "_created"],
        "info" => &["_info"],
        "histogram" => &["_bucket", "_count", "_sum", "_created"],
        _ => &[""],
    }
}

fn add_sample(sample: Sample, families: &mut [Family]) -> Result<(), String> {
    let family = families.last_mut().ok_or("a sample before all families")?;
    let kind = family.kind.as_deref().ok_or("a sample of a family without a type")?;
    let suffix = sample.name.strip_prefix(&family.name).ok_or("a sample that is none of its family")?;
    if !suffixes(kind).contains(&suffix) {
        return Err(format!("a sample that a {kind} does not have"));
    }
    family.samples.push(sample);
    Ok(())
}

/// No name of a sample is that of two families.
fn check_names(families: &[Family]) -> Result<(), String> {
    let mut names = HashSet::new();
    for family in families {
        let all = suffixes(family.kind.as_deref().unwrap_or_default());
        let own: BTreeSet<String> = all.iter().chain(&[""]).map(|suffix| format!("{}{suffix}", family.name)).collect();
        if let Some(name) = own.into_iter().find(|name| !names.insert(name.clone())) {
            return Err(format!("{name} is the name of two families"));
        }
    }
    Ok(())
}

fn check_family(family: &Family) -> Result<(), String> {
    let name = &family.name;
    let error = |text: &str| Err(format!("{name}: {text}"));
    let kind = family.kind.as_deref().unwrap_or("unknown");
    if family.help.is_none() {
        return error("no help");
    }
    if family.unit.as_ref().is_some_and(|unit| unit.is_empty() || !name.ends_with(&format!("_{unit}"))) {
        return error("the name does not end in the unit");
    }
    if name.ends_with("_total") || name.ends_with("_info") || name.ends_with("_bucket") || name.ends_with("_count") {
        return error("the name ends in what is for samples");
    }
    let mut seen = HashSet::new();
    for sample in &family.samples {
        let labels: Vec<_> = sample.labels.iter().collect();
        if !seen.insert((&sample.name, labels)) {
            return error("a sample comes twice");
        }
        let is_legal = match kind {
            "counter" => sample.value >= 0.0,
            "info" => sample.value == 1.0,
            "stateset" => sample.labels.contains_key(name) && matches!(sample.value, 0.0 | 1.0),
            "gauge" | "histogram" => true,
            _ => return error("a type that is none, or is not in use"),
        };
        if !is_legal {
            return error("a value that the type does not have");
        }
    }
    match kind {
        "histogram" => check_histogram(family).or_else(|text| error(&text)),
        "stateset" => check_contiguous(family, name).or_else(|text| error(&text)),
        _ => Ok(()),
    }
}

/// The samples of a metric stand together. `label` is the one that they differ in.
fn check_contiguous(family: &Family, label: &str) -> Result<(), String> {
    let mut last: Option<Labels> = None;
    let mut seen: HashSet<String> = HashSet::new();
    for sample in &family.samples {
        let mut labels = sample.labels.clone();
        labels.remove(label);
        if last.as_ref() != Some(&labels) && !seen.insert(format!("{labels:?}")) {
            return Err("samples of a metric are apart".to_owned());
        }
        last = Some(labels);
    }
    Ok(())
}

fn check_histogram(family: &Family) -> Result<(), String> {
    check_contiguous(family, "le")?;
    let mut metrics: HashMap<String, Vec<&Sample>> = HashMap::new();
    for sample in &family.samples {
        let mut labels = sample.labels.clone();
        labels.remove("le");
        metrics.entry(format!("{labels:?}")).or_default().push(sample);
    }
    for samples in metrics.values() {
        let of = |suffix: &str| {
            let name = format!("{}{suffix}", family.name);
            samples.iter().filter(move |sample| sample.name == name).copied()
        };
        let count = of("_count").next().ok_or("no count")?.value;
        let sum = of("_sum").next().ok_or("no sum")?.value;
        let buckets: Vec<_> = of("_bucket").collect();
        let mut before = (f64::NEG_INFINITY, 0.0);
        for bucket in &buckets {
            let text = bucket.labels.get("le").ok_or("a bucket without a bound")?;
            let bound = number(text)?;
            if bound != f64::INFINITY && !text.contains(['.', 'e']) {
                return Err(format!("{text} is not canonical"));
            }
            if bound <= before.0 || bucket.value < before.1 {
                return Err(format!("the bucket {text} is below the one before"));
            }
            before = (bound, bucket.value);
        }
        if before != (f64::INFINITY, count) {
            return Err("the last bucket is not that of all samples".to_owned());
        }
        if sum.is_nan() || sum < 0.0 || (count > 0.0 && sum == 0.0) {
            return Err("a sum that the samples do not have".to_owned());
        }
    }
    Ok(())
}

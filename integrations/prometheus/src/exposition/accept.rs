//! The header `Accept` of a request (RFC 9110, section 12.5.1).

use crate::exposition::ExpositionFormat;

/// The versions of OpenMetrics that 1.0.0 satisfies.
const OPEN_METRICS_VERSIONS: [&str; 2] = ["1.0.0", "0.0.1"];

pub(super) fn format_of(accept: &str) -> ExpositionFormat {
    // The most specific of the ranges that hold the text format counts.
    let (mut open_metrics, mut text) = (0, None);
    for range in accept.split(',').map(MediaRange::parse) {
        if range.is_open_metrics() {
            open_metrics = range.weight.max(open_metrics);
        } else if let Some(specificity) = range.specificity_for_text() {
            text = Some((specificity, range.weight)).max(text);
        }
    }
    let text = text.map_or(0, |(_, weight)| weight);
    if open_metrics > 0 && open_metrics >= text { ExpositionFormat::OpenMetrics } else { ExpositionFormat::Text }
}

/// A media type with its parameters.
struct MediaRange<'a> {
    name: &'a str,
    version: Option<&'a str>,
    /// In thousandths.
    weight: u16,
}

impl<'a> MediaRange<'a> {
    fn parse(range: &'a str) -> Self {
        let mut parts = range.split(';').map(str::trim);
        let mut parsed = Self { name: parts.next().unwrap_or_default(), version: None, weight: 1000 };
        for (name, value) in parts.filter_map(|part| part.split_once('=')) {
            let value = value.trim().trim_matches('"');
            match name.trim() {
                name if name.eq_ignore_ascii_case("version") => parsed.version = Some(value),
                name if name.eq_ignore_ascii_case("q") => parsed.weight = thousandths(value),
                _ => {}
            }
        }
        parsed
    }

    fn is_open_metrics(&self) -> bool {
        self.name.eq_ignore_ascii_case("application/openmetrics-text")
            && self.version.is_none_or(|version| OPEN_METRICS_VERSIONS.contains(&version))
    }

    /// How closely it describes the text format, if it holds that.
    fn specificity_for_text(&self) -> Option<u8> {
        match self.name {
            "*/*" => Some(0),
            name if name.eq_ignore_ascii_case("text/*") => Some(1),
            name if !name.eq_ignore_ascii_case("text/plain") => None,
            _ if self.version.is_none_or(|version| version == "0.0.4") => Some(2),
            _ => None,
        }
    }
}

/// A weight from 0 to 1 in thousandths; 0 if it is none.
fn thousandths(weight: &str) -> u16 {
    match weight.parse::<f32>() {
        Ok(weight) if (0.0..=1.0).contains(&weight) => (weight * 1000.0).round() as u16,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use ExpositionFormat::{OpenMetrics, Text};

    #[test]
    fn the_headers_of_scrapers_and_browsers_get_the_format_that_they_prefer() {
        let prometheus_2_42 = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
             text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        let prometheus_3 = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,\
             application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;version=0.0.4;q=0.2,*/*;q=0.1";
        let cases = [
            (prometheus_2_42, OpenMetrics),
            (prometheus_3, OpenMetrics),
            ("application/openmetrics-text", OpenMetrics),
            ("Application/OpenMetrics-Text; Version=\"1.0.0\"", OpenMetrics),
            ("text/plain, application/openmetrics-text", OpenMetrics),
            ("text/plain;q=0.9, application/openmetrics-text;q=0.8", Text),
            ("application/openmetrics-text;version=2.0.0", Text),
            (
                "application/openmetrics-text;version=2.0.0, application/openmetrics-text;version=1.0.0;q=0.1",
                OpenMetrics,
            ),
            ("application/openmetrics-text;q=0", Text),
            ("application/openmetrics-text;q=0.5, */*", Text),
            ("application/openmetrics-text;q=0.5, text/*;q=0.8, */*;q=0.1", Text),
            ("application/openmetrics-text;q=0.5, text/*;q=0.8, text/plain;q=0.2", OpenMetrics),
            ("application/openmetrics-text;q=none", Text),
            ("application/openmetrics-text;q=NaN", Text),
            ("text/plain;version=0.0.4", Text),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Text),
            ("*/*", Text),
            ("", Text),
            (";;=,,;q=", Text),
        ];
        for (accept, format) in cases {
            assert_eq!(ExpositionFormat::accepted_by(Some(accept)), format, "{accept}");
        }
        assert_eq!(ExpositionFormat::accepted_by(None), Text);
    }

    proptest! {
        #[test]
        fn any_header_has_an_answer_and_openmetrics_only_if_it_is_named(header in "[a-z*/;=,. 0-9\"]{0,40}|\\PC{0,40}") {
            prop_assert_eq!(format_of(&header), Text);
            prop_assert_eq!(format_of(&format!("{header},application/openmetrics-text")), OpenMetrics);
        }
    }
}

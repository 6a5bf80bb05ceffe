//! The text that a scraper reads.

mod accept;
mod number;
mod text;

#[cfg(feature = "metrics")]
pub(crate) use self::text::sample_suffix;
use crate::figures::FigureFamily;

/// A format of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum ExpositionFormat {
    /// Prometheus' text format, version 0.0.4.
    #[default]
    Text,
    /// OpenMetrics 1.0.
    OpenMetrics,
}

impl ExpositionFormat {
    /// The format that the header `Accept` of a request asks for: OpenMetrics only where it names it, and does not prefer the
    /// text format.
    #[must_use]
    pub fn accepted_by(accept: Option<&str>) -> Self {
        accept.map_or(Self::Text, accept::format_of)
    }

    /// The value of the header `Content-Type`.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// Figures as a text, for the response to a scraper.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exposition {
    format: ExpositionFormat,
    body: String,
}

impl Exposition {
    pub(crate) fn of(families: &[FigureFamily], format: ExpositionFormat) -> Self {
        Self { format, body: text::render(families, format) }
    }

    /// The format.
    #[must_use]
    pub fn format(&self) -> ExpositionFormat {
        self.format
    }

    /// The value of the header `Content-Type`.
    #[must_use]
    pub fn content_type(&self) -> &'static str {
        self.format.content_type()
    }

    /// The body of the response.
    #[must_use]
    pub fn body(&self) -> &str {
        &self.body
    }

    /// The body of the response.
    #[must_use]
    pub fn into_body(self) -> String {
        self.body
    }
}

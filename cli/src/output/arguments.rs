//! The options of output on the command line.

use clap::{Args, ValueEnum};

use crate::{
    arguments::SharedArguments,
    error::CommandError,
    output::{EventPrinter, OutputField, OutputLayout, Paint, Screen, zone},
};

/// How events are written.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct FormatArguments {
    /// The format of events.
    #[arg(short, long, value_name = "FORMAT", default_value = "pretty")]
    output: OutputFormat,
    /// The fields that are written, such as status,tags.region.
    #[arg(long, value_name = "FIELDS", value_delimiter = ',')]
    fields: Vec<String>,
    /// Write times in UTC; without it, they are in the local time zone.
    #[arg(long)]
    utc: bool,
}

/// A format of events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputFormat {
    /// Lines for people.
    #[default]
    Pretty,
    /// JSON lines, as they are in the file.
    Json,
    /// `key=value` pairs.
    Logfmt,
    /// Comma-separated values with a header, by RFC 4180.
    Csv,
    /// Lines as they are in the file.
    Raw,
}

impl FormatArguments {
    /// The format, if the other options fit it.
    pub(crate) fn format(&self, shared: &SharedArguments) -> Result<OutputFormat, CommandError> {
        let format = if shared.json { OutputFormat::Json } else { self.output };
        if format == OutputFormat::Raw && !self.fields.is_empty() {
            let message = "raw lines have no fields; with --fields, the output is pretty, json, logfmt or csv";
            let value = self.fields.join(",");
            return Err(CommandError::Option {
                option: "--fields",
                value,
                message: message.to_owned(),
                suggestion: None,
            });
        }
        Ok(format)
    }

    pub(crate) fn writer(&self, shared: &SharedArguments, screen: &Screen) -> Result<EventPrinter, CommandError> {
        let format = self.format(shared)?;
        let layout = OutputLayout {
            fields: self.fields.iter().filter(|name| !name.is_empty()).map(|name| OutputField::of(name)).collect(),
            paint: Paint::new(screen.has_colors()),
            zone: zone(self.utc),
            is_for_terminal: screen.is_terminal(),
            origin: None,
        };
        Ok(EventPrinter::new(format, layout))
    }
}

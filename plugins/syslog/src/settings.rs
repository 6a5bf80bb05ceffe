//! Settings of the sink and of the formatters. An absent setting has the default of [`SyslogFormat`] or [`Syslog`].

use std::time::Duration;

use fapilog_plugin::{
    named_enum,
    problem::Problem,
    registry::PluginSettings,
    settings::{duration, size_bytes},
};
use fapilog_sink_network::{address::AddressRange, tls::TlsSettings};
use serde::Deserialize;

use crate::{
    Facility, Framing, MessageIdSource, PrioritySource, StructuredData, Syslog, SyslogFormat, SyslogProtocol,
    SyslogTime, transport::UNIX,
};

/// The name of the message that is the event's own, and of no formatter.
const TEXT: &str = "text";

named_enum! {
    /// The message of the sink.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
    enum SinkMessage {
        /// The event's message.
        #[default]
        Text = "text",
        /// The text of the sink's formatter.
        Formatter = "formatter",
    }
}

/// Declares a table of settings that has those of all messages.
macro_rules! message_settings {
    ($(#[$doc:meta])* $table:ident { $($(#[$attribute:meta])* $setting:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Default, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub(crate) struct $table {
            facility: Option<Facility>,
            priority_from: Option<PrioritySource>,
            hostname: Option<String>,
            app_name: Option<String>,
            #[serde(with = "size_bytes::maybe")]
            max_message_bytes: Option<usize>,
            $($(#[$attribute])* $setting: $type,)*
        }

        impl $table {
            fn apply_common(&self, format: SyslogFormat) -> SyslogFormat {
                format
                    .with(self.facility, SyslogFormat::facility)
                    .with(self.priority_from, SyslogFormat::priority_from)
                    .with(self.hostname.clone(), SyslogFormat::hostname)
                    .with(self.app_name.clone(), SyslogFormat::app_name)
                    .with(self.max_message_bytes, SyslogFormat::max_message_bytes)
            }
        }
    };
}

/// Declares a table of settings that has those of all messages, and those of RFC 5424.
macro_rules! rfc5424_settings {
    ($(#[$doc:meta])* $table:ident { $($(#[$attribute:meta])* $setting:ident: $type:ty,)* }) => {
        message_settings! {
            $(#[$doc])*
            $table {
                message_id: Option<MessageIdSource>,
                message_id_text: Option<String>,
                structured_data: Option<StructuredData>,
                sd_id: Option<String>,
                time_quality: Option<bool>,
                origin: Option<bool>,
                software_version: Option<String>,
                sequence_id: Option<bool>,
                byte_order_mark: Option<bool>,
                $($(#[$attribute])* $setting: $type,)*
            }
        }

        impl $table {
            fn apply_rfc5424(&self, format: SyslogFormat) -> SyslogFormat {
                format
                    .with(self.message_id_text.clone(), SyslogFormat::message_id_text)
                    .with(self.message_id, SyslogFormat::message_id)
                    .with(self.structured_data, SyslogFormat::structured_data)
                    .with(self.sd_id.clone(), SyslogFormat::sd_id)
                    .with(self.time_quality, SyslogFormat::time_quality)
                    .with(self.origin, SyslogFormat::origin)
                    .with(self.software_version.clone(), SyslogFormat::software_version)
                    .with(self.sequence_id, SyslogFormat::sequence_id)
                    .with(self.byte_order_mark, SyslogFormat::byte_order_mark)
            }

            /// Texts that no message would have.
            fn unused_texts(&self) -> Vec<Problem> {
                let mut problems = Vec::new();
                let is_text = self.message_id.is_none_or(|source| source == MessageIdSource::Text);
                if let Some(text) = self.message_id_text.as_deref().filter(|_| !is_text) {
                    let allowed = "it needs message_id = \"text\", or none";
                    problems.push(Problem::new("message_id_text", format!("{text:?}"), allowed).beside("message_id"));
                }
                if let Some(text) = self.software_version.as_deref().filter(|_| self.origin != Some(true)) {
                    let allowed = "it needs origin = true";
                    problems.push(Problem::new("software_version", format!("{text:?}"), allowed).beside("origin"));
                }
                problems
            }
        }
    };
}

rfc5424_settings! {
    /// Settings of the formatter `syslog_rfc5424`.
    Rfc5424Settings {
        message: Option<String>,
    }
}

message_settings! {
    /// Settings of the formatter `syslog_rfc3164`.
    Rfc3164Settings {
        time: Option<SyslogTime>,
        message: Option<String>,
    }
}

rfc5424_settings! {
    /// Settings of the sink `syslog`.
    SyslogSettings {
        url: Option<String>,
        format: Option<SyslogProtocol>,
        time: Option<SyslogTime>,
        message: SinkMessage,
        allow_plaintext_hosts: Vec<String>,
        allow_addresses: Vec<AddressRange>,
        framing: Option<Framing>,
        tls: Option<TlsSettings>,
        #[serde(with = "duration::maybe")]
        connect_timeout: Option<Duration>,
        #[serde(with = "duration::maybe")]
        write_timeout: Option<Duration>,
        #[serde(with = "size_bytes::maybe")]
        payload_bytes: Option<usize>,
    }
}

impl Rfc5424Settings {
    pub(crate) fn format(&self, settings: &PluginSettings<'_>) -> Result<SyslogFormat, Vec<Problem>> {
        let format = self.apply_rfc5424(self.apply_common(SyslogFormat::rfc5424()));
        let mut problems = format.check();
        problems.extend(self.unused_texts());
        with_message(format, self.message.as_deref(), settings, problems)
    }
}

impl Rfc3164Settings {
    pub(crate) fn format(&self, settings: &PluginSettings<'_>) -> Result<SyslogFormat, Vec<Problem>> {
        let format = self.apply_common(SyslogFormat::rfc3164()).with(self.time, SyslogFormat::time);
        let problems = format.check();
        with_message(format, self.message.as_deref(), settings, problems)
    }
}

/// The format whose message is the text of the formatter of this name.
fn with_message(
    format: SyslogFormat,
    name: Option<&str>,
    settings: &PluginSettings<'_>,
    mut problems: Vec<Problem>,
) -> Result<SyslogFormat, Vec<Problem>> {
    let format = match name.filter(|name| *name != TEXT) {
        None => Some(format),
        Some(name) => match settings.formatter_named("message", name) {
            Ok(formatter) => Some(format.content(formatter)),
            Err(found) => {
                problems.extend(found);
                None
            }
        },
    };
    format.filter(|_| problems.is_empty()).ok_or(problems)
}

impl SyslogSettings {
    /// The sink, and the errors in its settings that are not the sink's to find.
    pub(crate) fn sink(self, settings: &PluginSettings<'_>) -> Result<(Syslog, Vec<Problem>), Vec<Problem>> {
        let mut problems = self.problems();
        let mut format = self.apply_rfc5424(self.apply_common(SyslogFormat::new(self.protocol())));
        format = format.with(self.time, SyslogFormat::time);
        if self.message == SinkMessage::Formatter {
            format = format.content(settings.formatter(false)?);
        }
        if self.url.is_none() {
            problems.push(Problem::new("url", "missing", "it must be given, such as \"tls://logs.example.com:6514\""));
        }
        let sink = Syslog::new(self.url.unwrap_or_default(), format)
            .allow_plaintext_hosts(self.allow_plaintext_hosts)
            .allow_addresses(self.allow_addresses)
            .with(self.framing, Syslog::framing)
            .with(self.tls, Syslog::tls)
            .with(self.connect_timeout, Syslog::connect_timeout)
            .with(self.write_timeout, Syslog::write_timeout)
            .with(self.payload_bytes, Syslog::payload_bytes);
        Ok((sink, problems))
    }

    /// Sockets of this machine, such as `/dev/log`, are read by RFC 3164.
    fn protocol(&self) -> SyslogProtocol {
        let is_unix = self.url.as_deref().is_some_and(|url| url.starts_with(UNIX));
        self.format.unwrap_or(if is_unix { SyslogProtocol::Rfc3164 } else { SyslogProtocol::Rfc5424 })
    }

    /// The settings that only RFC 5424 has, as far as they are given.
    fn given_of_rfc5424(&self) -> Vec<&'static str> {
        let given = [
            ("message_id", self.message_id.is_some()),
            ("message_id_text", self.message_id_text.is_some()),
            ("structured_data", self.structured_data.is_some()),
            ("sd_id", self.sd_id.is_some()),
            ("time_quality", self.time_quality.is_some()),
            ("origin", self.origin.is_some()),
            ("software_version", self.software_version.is_some()),
            ("sequence_id", self.sequence_id.is_some()),
            ("byte_order_mark", self.byte_order_mark.is_some()),
        ];
        given.into_iter().filter(|(_, is_given)| *is_given).map(|(setting, _)| setting).collect()
    }

    fn problems(&self) -> Vec<Problem> {
        match self.protocol() {
            SyslogProtocol::Rfc3164 => {
                let only = |setting| Problem::new(setting, "given", "rfc5424 alone has it").beside("format");
                self.given_of_rfc5424().into_iter().map(only).collect()
            }
            _ => {
                let mut problems = self.unused_texts();
                if let Some(time) = self.time {
                    let allowed = "rfc3164 alone has it; rfc5424 has UTC";
                    problems.push(Problem::new("time", time, allowed).beside("format"));
                }
                problems
            }
        }
    }
}

/// Options whose settings may be absent.
trait WithOption: Sized {
    /// With an option, if its setting is given.
    fn with<T>(self, value: Option<T>, set: impl FnOnce(Self, T) -> Self) -> Self {
        match value {
            Some(value) => set(self, value),
            None => self,
        }
    }
}

impl WithOption for SyslogFormat {}
impl WithOption for Syslog {}

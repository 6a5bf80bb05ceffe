//! Options of messages.

use std::{env, fmt, path::Path, process, sync::Arc};

use fapilog_plugin::{
    factory::{Factory, ShardInfo},
    formatter::Formatter,
    named_enum,
    problem::Problem,
    settings::write_size,
};

use crate::message::{
    Facility, MessageWriter, PrioritySource, SyslogFormatter,
    header_text::{APP_NAME_MAX, HOSTNAME_MAX, MESSAGE_ID_MAX, is_header_text},
    structured_data::{SD_NAME_MAX, is_sd_name},
    writer::{SequenceNumbers, WriterLimits},
};

/// The shortest length that every receiver must accept: RFC 5424, section 6.1.
const MESSAGE_BYTES_MIN: usize = 480;
/// A receiver that takes longer messages is none that is known.
const MESSAGE_BYTES_MAX: usize = 1 << 20;
/// RFC 5424, section 7.2.4.
const SOFTWARE_VERSION_MAX: usize = 32;

named_enum! {
    /// The standard of a message.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    #[non_exhaustive]
    pub enum SyslogProtocol {
        /// RFC 5424: a header with a version, structured data, and the message.
        #[default]
        Rfc5424 = "rfc5424",
        /// RFC 3164, of BSD: a time without a year, a host, a tag, and the message. It has no fields. To a Unix socket it has no host,
        /// as `syslog(3)` writes it.
        Rfc3164 = "rfc3164",
    }
}

named_enum! {
    /// The part of an event that is the MSGID of a message by RFC 5424: the type of the message.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    #[non_exhaustive]
    pub enum MessageIdSource {
        /// The category: `SYSTEM`, `SECURITY`.
        #[default]
        Category = "category",
        /// The target, such as `shop::orders`.
        Target = "target",
        /// The name of the logger.
        Source = "source",
        /// The text that is given: [`SyslogFormat::message_id_text`].
        Text = "text",
        /// None: `-`.
        None = "none",
    }
}

named_enum! {
    /// The structured data of a message by RFC 5424.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    #[non_exhaustive]
    pub enum StructuredData {
        /// Level, category, source, target, event id and correlation id, and all fields.
        #[default]
        All = "all",
        /// The fields.
        Fields = "fields",
        /// None of the event.
        None = "none",
    }
}

named_enum! {
    /// The time of a message by RFC 3164, which has no time zone.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
    #[non_exhaustive]
    pub enum SyslogTime {
        /// Local time, as RFC 3164 has it: by the variable `TZ`, else by `/etc/localtime`, else UTC.
        #[default]
        Local = "local",
        /// UTC.
        Utc = "utc",
    }
}

/// The message of an event: its standard, its header, its structured data and its length.
///
/// ```
/// use fapilog_syslog::{Facility, SyslogFormat};
///
/// let format = SyslogFormat::rfc5424().facility(Facility::Local0).app_name("shop").sd_id("shop@32473");
/// assert!(format.check().is_empty());
/// assert_eq!(SyslogFormat::rfc5424().app_name("my shop").check()[0].path, "app_name");
/// ```
#[derive(Clone)]
#[must_use]
pub struct SyslogFormat {
    pub(super) protocol: SyslogProtocol,
    pub(super) facility: Facility,
    pub(super) priority_from: PrioritySource,
    pub(super) hostname: Option<String>,
    pub(super) app_name: Option<String>,
    pub(super) message_id: MessageIdSource,
    pub(super) message_id_text: String,
    pub(super) structured_data: StructuredData,
    pub(super) sd_id: String,
    pub(super) has_time_quality: bool,
    pub(super) has_origin: bool,
    pub(super) software_version: String,
    pub(super) sequence: Option<Arc<SequenceNumbers>>,
    pub(super) has_byte_order_mark: bool,
    pub(super) time: SyslogTime,
    message_bytes_max: Option<usize>,
    content: Option<Arc<Factory<dyn Formatter>>>,
}

impl SyslogFormat {
    /// RFC 5424.
    pub fn rfc5424() -> Self {
        Self::new(SyslogProtocol::Rfc5424)
    }

    /// RFC 3164.
    pub fn rfc3164() -> Self {
        Self::new(SyslogProtocol::Rfc3164)
    }

    /// Messages of a standard, with the defaults of all options.
    pub fn new(protocol: SyslogProtocol) -> Self {
        Self {
            protocol,
            facility: Facility::default(),
            priority_from: PrioritySource::default(),
            hostname: None,
            app_name: None,
            message_id: MessageIdSource::default(),
            message_id_text: String::new(),
            structured_data: StructuredData::default(),
            sd_id: "fapilog@32473".to_owned(),
            has_time_quality: false,
            has_origin: false,
            software_version: String::new(),
            sequence: None,
            has_byte_order_mark: false,
            time: SyslogTime::default(),
            message_bytes_max: None,
            content: None,
        }
    }

    /// Sets the facility. Default: `user`.
    pub fn facility(mut self, facility: Facility) -> Self {
        self.facility = facility;
        self
    }

    /// Sets the part of an event that the severity is made of. Default: the level.
    pub fn priority_from(mut self, source: PrioritySource) -> Self {
        self.priority_from = source;
        self
    }

    /// Sets the host's name: printable ASCII, 255 bytes at most. Default: the node name of `uname(2)`; by RFC 3164 without its domain.
    pub fn hostname(mut self, hostname: impl Into<String>) -> Self {
        self.hostname = Some(hostname.into());
        self
    }

    /// Sets the program's name: printable ASCII, 48 bytes at most. It is the tag of RFC 3164, which has 32 bytes. Default: the name of
    /// the program's file.
    pub fn app_name(mut self, app_name: impl Into<String>) -> Self {
        self.app_name = Some(app_name.into());
        self
    }

    /// Sets the part of an event that is the MSGID. Default: the category. RFC 5424 only.
    pub fn message_id(mut self, source: MessageIdSource) -> Self {
        self.message_id = source;
        self
    }

    /// Sets a text as the MSGID of every message: printable ASCII, 32 bytes at most. RFC 5424 only.
    pub fn message_id_text(mut self, text: impl Into<String>) -> Self {
        (self.message_id, self.message_id_text) = (MessageIdSource::Text, text.into());
        self
    }

    /// Sets the structured data. Default: all. RFC 5424 only.
    pub fn structured_data(mut self, structured_data: StructuredData) -> Self {
        self.structured_data = structured_data;
        self
    }

    /// Sets the id of the element with the event's data: a name, `@`, and the organization's number at IANA. Default:
    /// `fapilog@32473`; 32473 is the number for documentation (RFC 5612). RFC 5424 only.
    pub fn sd_id(mut self, sd_id: impl Into<String>) -> Self {
        self.sd_id = sd_id.into();
        self
    }

    /// Whether messages have `[timeQuality tzKnown="1"]`. Default: no. RFC 5424 only.
    pub fn time_quality(mut self, is_wanted: bool) -> Self {
        self.has_time_quality = is_wanted;
        self
    }

    /// Whether messages have `[origin ...]`: the program and its [version](Self::software_version). Default: no. RFC 5424 only.
    pub fn origin(mut self, is_wanted: bool) -> Self {
        self.has_origin = is_wanted;
        self
    }

    /// Sets the program's version for `origin`: printable ASCII, 32 bytes at most. RFC 5424 only.
    pub fn software_version(mut self, version: impl Into<String>) -> Self {
        self.software_version = version.into();
        self
    }

    /// Whether messages have `[meta sequenceId="..."]`: numbers from 1 to 2147483647 and again from 1, by which a collector finds gaps. All
    /// formatters of this format count together. Default: no. RFC 5424 only.
    pub fn sequence_id(mut self, is_wanted: bool) -> Self {
        self.sequence = is_wanted.then(Arc::default);
        self
    }

    /// Whether the message begins with the byte order mark of UTF-8. RFC 5424 demands it for a message that is declared to be UTF-8, and
    /// many receivers show it as a part of the message. Default: no. RFC 5424 only.
    pub fn byte_order_mark(mut self, is_wanted: bool) -> Self {
        self.has_byte_order_mark = is_wanted;
        self
    }

    /// Sets the time of messages by RFC 3164. Default: local time.
    pub fn time(mut self, time: SyslogTime) -> Self {
        self.time = time;
        self
    }

    /// Sets the longest message in bytes, without a frame: 480 to 1 MiB. Default: 8 KiB, over UDP 2 KiB; 1 KiB by RFC 3164.
    pub fn max_message_bytes(mut self, bytes: usize) -> Self {
        self.message_bytes_max = Some(bytes);
        self
    }

    /// Sets a formatter whose text is the message, such as JSON or CEF, in the place of the event's message.
    pub fn content<F: Formatter + 'static>(self, formatter: impl Fn() -> F + Send + Sync + 'static) -> Self {
        Self { content: Some(Arc::new(Factory::formatter(move |_| formatter()))), ..self }
    }

    /// The formatter: a message in a line.
    #[must_use]
    pub fn formatter(&self) -> SyslogFormatter {
        SyslogFormatter::new(self.protocol, self.writer(self.default_bytes_max(), false))
    }

    /// Invalid options: the value, the error, and the allowed values.
    #[must_use]
    pub fn check(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let header = |bytes_max| format!("it must be printable ASCII without spaces, of 1 to {bytes_max} bytes");
        let texts = [
            ("hostname", self.hostname.as_deref(), HOSTNAME_MAX),
            ("app_name", self.app_name.as_deref(), APP_NAME_MAX),
            ("message_id_text", self.given_message_id(), MESSAGE_ID_MAX),
            ("software_version", Some(&*self.software_version).filter(|text| !text.is_empty()), SOFTWARE_VERSION_MAX),
        ];
        for (setting, text, bytes_max) in texts {
            if let Some(text) = text.filter(|text| !is_header_text(text, bytes_max)) {
                problems.push(Problem::new(setting, format!("{text:?}"), header(bytes_max)));
            }
        }
        if !is_private_sd_id(&self.sd_id) {
            let allowed = format!(
                "it must be NAME@NUMBER, such as shop@32473, of {SD_NAME_MAX} bytes at most: a name without spaces, =, ], \", \
                 and the organization's number at IANA"
            );
            problems.push(Problem::new("sd_id", format!("{:?}", self.sd_id), allowed));
        }
        problems.extend(self.length_problem());
        problems
    }

    /// The longest header must leave half of a message to data.
    fn length_problem(&self) -> Option<Problem> {
        let bytes = self.message_bytes_max?;
        let names = self.hostname_or_default().len() + self.app_name_or_default().len();
        let least = MESSAGE_BYTES_MIN.max(2 * (names.min(HOSTNAME_MAX + APP_NAME_MAX) + 128));
        let is_valid = (least..=MESSAGE_BYTES_MAX).contains(&bytes);
        let allowed = format!("it must be from {least} to {}", write_size(MESSAGE_BYTES_MAX));
        (!is_valid).then(|| Problem::new("max_message_bytes", bytes, allowed))
    }

    fn given_message_id(&self) -> Option<&str> {
        (self.message_id == MessageIdSource::Text).then_some(&*self.message_id_text)
    }

    /// The writer of a shard. `default_max` is the longest message, where none is set; `is_local` is for a socket of this machine.
    pub(crate) fn writer(&self, default_max: usize, is_local: bool) -> MessageWriter {
        let content = self.content.as_ref().map(|factory| factory.make(ShardInfo::new(0, 1)));
        let bytes_max = self.message_bytes_max.unwrap_or(default_max);
        MessageWriter::new(self, content, WriterLimits { bytes_max, is_local })
    }

    /// The longest message where nothing is set, over a transport that has no limit.
    pub(crate) fn default_bytes_max(&self) -> usize {
        match self.protocol {
            // RFC 5425, section 4.3.1.
            SyslogProtocol::Rfc5424 => 8 << 10,
            // RFC 3164, section 4.1.
            SyslogProtocol::Rfc3164 => 1 << 10,
        }
    }

    pub(crate) fn given_bytes_max(&self) -> Option<usize> {
        self.message_bytes_max
    }

    pub(super) fn hostname_or_default(&self) -> String {
        let node_name = || rustix::system::uname().nodename().to_string_lossy().into_owned();
        match (&self.hostname, self.protocol) {
            (Some(hostname), _) => hostname.clone(),
            (None, SyslogProtocol::Rfc5424) => node_name(),
            (None, SyslogProtocol::Rfc3164) => node_name().split('.').next().unwrap_or_default().to_owned(),
        }
    }

    pub(super) fn app_name_or_default(&self) -> String {
        let of_program = || {
            let program = env::current_exe().ok()?;
            Some(Path::new(&program).file_name()?.to_string_lossy().into_owned())
        };
        self.app_name.clone().or_else(of_program).unwrap_or_default()
    }
}

/// Names without `@` are registered at IANA.
fn is_private_sd_id(text: &str) -> bool {
    let is_number =
        |text: &str| text.split('.').all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit()));
    is_sd_name(text) && text.split_once('@').is_some_and(|(name, number)| !name.is_empty() && is_number(number))
}

/// The process id, as it is now: a forked child has another.
pub(super) fn process_id() -> u64 {
    process::id().into()
}

impl fmt::Debug for SyslogFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SyslogFormat")
            .field("protocol", &self.protocol)
            .field("facility", &self.facility)
            .finish_non_exhaustive()
    }
}

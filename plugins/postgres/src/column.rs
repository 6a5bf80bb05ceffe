//! Columns of the table.

use fapilog_plugin::named_enum;

named_enum! {
    /// A column of the table. Its name in the table is that of the setting.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
    pub enum PostgresColumn {
        /// The event's id, as `4fk2m09q7vh1-3-1024`.
        Id = "id",
        /// The time, in microseconds.
        Time = "time",
        /// The level, such as `INFO`.
        Level = "level",
        /// The severity: 1 to 10.
        Severity = "severity",
        /// The category, such as `SYSTEM`.
        Category = "category",
        /// The logger's name.
        Source = "source",
        /// The module.
        Target = "target",
        /// The message.
        Message = "message",
        /// The correlation id, or null.
        CorrelationId = "correlation_id",
        /// The fields of the context, or null.
        Context = "context",
        /// The tags, or null.
        Tags = "tags",
        /// The metrics, or null.
        Metrics = "metrics",
        /// Context, tags and metrics in one object with these three keys, or null.
        Fields = "fields",
    }
}

impl PostgresColumn {
    /// The columns without a setting.
    pub(crate) const DEFAULT: [Self; 11] = [
        Self::Id,
        Self::Time,
        Self::Level,
        Self::Severity,
        Self::Category,
        Self::Source,
        Self::Message,
        Self::CorrelationId,
        Self::Context,
        Self::Tags,
        Self::Metrics,
    ];

    /// The type, as the server names it.
    pub(crate) const fn sql_type(self) -> &'static str {
        match self {
            Self::Time => "timestamp with time zone",
            Self::Severity => "smallint",
            Self::Context | Self::Tags | Self::Metrics | Self::Fields => "jsonb",
            _ => "text",
        }
    }
}

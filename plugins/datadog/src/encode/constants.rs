//! The parts of entries that are the same for all events.

use fapilog_format::json::put_string;

use crate::{encode::open_object, settings::DatadogSettings};

/// The parts of entries that are the same for all events.
#[derive(Debug)]
pub(crate) struct EntryConstants {
    /// The front of an entry: `ddsource`, `hostname`, and `service` if it is set.
    pub(super) origin: Vec<u8>,
    pub(super) has_service: bool,
    /// The tags of the settings, with commas between.
    pub(super) tags: String,
    /// The member `ddtags` of an event without tags. Empty: it has none.
    pub(super) tags_json: Vec<u8>,
}

impl EntryConstants {
    pub(crate) fn new(settings: &DatadogSettings) -> Self {
        let origin = open_object(|object| {
            object.string("ddsource", &settings.source);
            object.string("hostname", &settings.host());
            if let Some(service) = &settings.service {
                object.string("service", service);
            }
        });
        let tags = settings.tags.join(",");
        let mut tags_json = Vec::new();
        if !tags.is_empty() {
            tags_json.extend_from_slice(b",\"ddtags\":");
            put_string(&mut tags_json, &tags);
        }
        Self { origin, has_service: settings.service.is_some(), tags, tags_json }
    }
}

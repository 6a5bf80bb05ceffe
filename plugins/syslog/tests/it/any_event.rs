//! Any event is a valid message.

use fapilog_plugin::{field_group::FieldGroup, level::Level, testing::test_event, value::ValueRef};
use fapilog_syslog::{MessageIdSource, StructuredData, SyslogFormat};
use proptest::{collection::vec, prelude::*};

use crate::{golden::lines, message::parse};

/// Texts with all that is special to syslog in them.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![any::<String>(), "[\"\\\\\\]=\\[ \n\u{0}\u{1b}ü😀-]{0,60}", "[a-z ]{0,800}"]
}

/// A format, and the length that its messages have at most.
fn any_format() -> impl Strategy<Value = (SyslogFormat, usize)> {
    (any::<[bool; 4]>(), 0..MessageIdSource::ALL.len(), 0..StructuredData::ALL.len(), 480_usize..3000).prop_map(
        |([has_quality, has_origin, has_number, has_mark], id, data, bytes)| {
            let format = SyslogFormat::rfc5424()
                .hostname("host")
                .app_name("shop")
                .message_id_text("ID")
                .message_id(MessageIdSource::ALL[id])
                .structured_data(StructuredData::ALL[data])
                .time_quality(has_quality)
                .origin(has_origin)
                .sequence_id(has_number)
                .byte_order_mark(has_mark)
                .max_message_bytes(bytes);
            (format, bytes)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn every_event_is_a_valid_message_of_its_length(
        (format, bytes_max) in any_format(),
        message in text(),
        target in text(),
        level in 0_usize..8,
        fields in vec((text(), text(), 0_usize..3), 0..8),
    ) {
        let groups = [FieldGroup::Context, FieldGroup::Tags, FieldGroup::Metrics];
        let event = fields.iter().fold(
            test_event(&message).target(&target).level(Level::ALL[level]),
            |event, (name, value, group)| event.field(groups[*group], name, ValueRef::Text(value)),
        );
        let line = lines(&format, &[event]);
        let line = line.strip_suffix('\n').unwrap();
        prop_assert!(line.len() <= bytes_max, "{} above {bytes_max}", line.len());
        prop_assert!(!line.contains('\n'));
        let read = parse(line.as_bytes());
        prop_assert!(!line.chars().any(|c| c.is_control()));
        let is_plain = message.chars().all(|c| (' '..='~').contains(&c));
        if is_plain && line.len() + 400 < bytes_max {
            prop_assert_eq!(read.text.unwrap_or_default(), message);
        }
    }

    #[test]
    fn a_value_of_printable_text_is_read_back(value in "[ -~]{0,100}", name in "[a-z]{1,20}") {
        let event = test_event("a").field(FieldGroup::Tags, &name, ValueRef::Text(&value));
        let line = lines(&SyslogFormat::rfc5424().hostname("h").app_name("a"), &[event]);
        let read = parse(line.trim_end_matches('\n').as_bytes());
        prop_assert_eq!(read.param("fapilog@32473", &format!("tags.{name}")), Some(value.as_str()));
    }

    #[test]
    fn every_event_is_a_line_by_rfc_3164(message in text(), bytes_max in 480_usize..2000) {
        let format = SyslogFormat::rfc3164().hostname("h").app_name("a").max_message_bytes(bytes_max);
        let line = lines(&format, &[test_event(&message)]);
        let line = line.strip_suffix('\n').unwrap();
        prop_assert!(line.len() <= bytes_max && !line.chars().any(|c| c.is_control()));
    }
}

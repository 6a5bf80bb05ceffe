//! JSON objects.

use fapilog_plugin::event::Event;
use fapilog_record::{field_group::FieldGroup, value::ValueRef};

use crate::json::{
    marked::MarkedFields,
    text::{put_key, put_string},
    value::put_value,
};

/// Writes an object, member by member. The caller sees to it that no key comes twice.
///
/// ```
/// use fapilog_format::json::{MarkedFields, ObjectWriter};
/// use fapilog_plugin::{event::Event, field_group::FieldGroup, value::ValueRef};
///
/// /// `{"text":"filled","host":"a","order":42,"venue":"XNAS","not_utf8":["context.raw"]}`
/// fn put(event: &Event<'_>, host: &str, marked: &mut MarkedFields, out: &mut Vec<u8>) {
///     marked.clear();
///     let mut object = ObjectWriter::new(out);
///     if !object.value("text", event.message()) {
///         marked.add(FieldGroup::Message, "");
///     }
///     object.string("host", host);
///     object.fields(event, FieldGroup::Context, marked);
///     object.fields(event, FieldGroup::Tags, marked);
///     if !marked.is_empty() {
///         marked.put(object.member("not_utf8"));
///     }
///     object.finish();
/// }
/// # let _ = put;
/// ```
#[derive(Debug)]
#[must_use = "an object is not closed before `finish`"]
pub struct ObjectWriter<'out> {
    out: &'out mut Vec<u8>,
    is_empty: bool,
}

impl<'out> ObjectWriter<'out> {
    /// Opens an object.
    pub fn new(out: &'out mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, is_empty: true }
    }

    /// Appends a member up to its colon. The caller appends its value, one JSON text, to the buffer that is returned.
    ///
    /// ```
    /// use fapilog_format::json::ObjectWriter;
    ///
    /// let mut out = Vec::new();
    /// let mut object = ObjectWriter::new(&mut out);
    /// object.string("event", "start");
    /// let mut inner = ObjectWriter::new(object.member("fields"));
    /// inner.string("region", "eu");
    /// inner.finish();
    /// object.finish();
    /// assert_eq!(out, br#"{"event":"start","fields":{"region":"eu"}}"#);
    /// ```
    #[inline]
    pub fn member(&mut self, name: &str) -> &mut Vec<u8> {
        if !self.is_empty {
            self.out.push(b',');
        }
        self.is_empty = false;
        put_key(self.out, name);
        self.out
    }

    /// Appends a member whose value is a text.
    pub fn string(&mut self, name: &str, text: &str) {
        put_string(self.member(name), text);
    }

    /// Appends a member. Returns `false` for a value that was written [marked](put_value).
    #[inline]
    pub fn value(&mut self, name: &str, value: ValueRef<'_>) -> bool {
        put_value(self.member(name), value)
    }

    /// Appends the fields of a group as members: each key once, with the value that counts. Adds fields that are written marked to
    /// `marked`.
    pub fn fields(&mut self, event: &Event<'_>, group: FieldGroup, marked: &mut MarkedFields) {
        for field in event.counted_fields(group) {
            if !self.value(field.name, field.value) {
                marked.add(group, field.name);
            }
        }
    }

    /// Closes the object.
    pub fn finish(self) {
        self.out.push(b'}');
    }
}

/// Appends the fields of a group as an object: each key once, with the value that counts; `{}` if there are none. Adds fields that are
/// written [marked](put_value) to `marked`.
///
/// ```
/// use fapilog_format::json::{MarkedFields, put_fields};
/// use fapilog_plugin::{event::Event, field_group::FieldGroup};
///
/// /// `{"order":42}`
/// fn put_context(event: &Event<'_>, out: &mut Vec<u8>) -> bool {
///     let mut marked = MarkedFields::new();
///     put_fields(out, event, FieldGroup::Context, &mut marked);
///     marked.is_empty()
/// }
/// # let _ = put_context;
/// ```
pub fn put_fields(out: &mut Vec<u8>, event: &Event<'_>, group: FieldGroup, marked: &mut MarkedFields) {
    let mut object = ObjectWriter::new(out);
    object.fields(event, group, marked);
    object.finish();
}

#[cfg(test)]
mod tests {
    use fapilog_plugin::testing::{TestBatches, TestEvent, test_event};

    use super::*;

    fn text(put: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        put(&mut out);
        String::from_utf8(out).unwrap()
    }

    fn with_event<R>(event: TestEvent<'_>, test: impl FnOnce(&Event<'_>) -> R) -> R {
        TestBatches::new().events(&[event], |batch| test(&batch.events()[0]))
    }

    #[test]
    fn members_have_commas_between_them_and_keys_are_escaped() {
        let object = text(|out| {
            let mut object = ObjectWriter::new(out);
            object.string("a\"", "<");
            assert!(object.value("b", ValueRef::None));
            ObjectWriter::new(object.member("c")).finish();
            object.finish();
        });
        assert_eq!(object, r#"{"a\"":"\u003c","b":null,"c":{}}"#);
    }

    #[test]
    fn fields_of_a_group_are_an_object_with_each_key_once() {
        let event = test_event("")
            .field(FieldGroup::Context, "order", 42_u64)
            .field(FieldGroup::Tags, "region", "eu")
            .field(FieldGroup::Context, "order", 43_u64)
            .field(FieldGroup::Context, "side", "buy");
        let mut marked = MarkedFields::new();
        with_event(event, |event| {
            let object = |group, marked: &mut _| text(|out| put_fields(out, event, group, marked));
            assert_eq!(object(FieldGroup::Context, &mut marked), r#"{"order":42,"side":"buy"}"#);
            assert_eq!(object(FieldGroup::Tags, &mut marked), r#"{"region":"eu"}"#);
            assert_eq!(object(FieldGroup::Metrics, &mut marked), "{}");
        });
        assert!(marked.is_empty());
    }

    #[test]
    fn fields_that_are_not_utf_8_are_named_until_the_list_is_cleared() {
        let bad = ValueRef::Bytes(b"\xff");
        let event = test_event("").field(FieldGroup::Context, "a", bad).field(FieldGroup::Tags, "b\"", bad);
        let mut marked = MarkedFields::new();
        let object = with_event(event, |event| {
            text(|out| {
                let mut object = ObjectWriter::new(out);
                object.fields(event, FieldGroup::Context, &mut marked);
                object.fields(event, FieldGroup::Tags, &mut marked);
                marked.put(object.member("not_utf8"));
                object.finish();
            })
        });
        assert_eq!(object, r#"{"a":"\\xff","b\"":"\\xff","not_utf8":["context.a","tags.b\""]}"#);
        marked.clear();
        assert_eq!((marked.is_empty(), text(|out| marked.put(out))), (true, "[]".to_owned()));
    }
}

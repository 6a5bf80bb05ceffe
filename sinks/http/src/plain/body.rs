//! The body of a request.

use fapilog_format::json::put_string;
use fapilog_plugin::named_enum;

use crate::plain::WrapperSettings;

named_enum! {
    /// The form of a body.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
    #[non_exhaustive]
    pub enum BodyForm {
        /// The records as the formatter has written them, one behind the other: NDJSON, where the formatter writes JSON.
        #[default]
        Ndjson = "ndjson",
        /// A JSON array of the records: the formatter must write JSON.
        JsonArray = "json_array",
        /// A JSON object with an array of the records: the formatter must write JSON.
        Wrapped = "wrapped",
    }
}

impl BodyForm {
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Ndjson => "application/x-ndjson",
            Self::JsonArray | Self::Wrapped => "application/json",
        }
    }
}

/// The text around the records of a body, and between them.
#[derive(Debug)]
pub(super) struct BodyFrame {
    form: BodyForm,
    open: Vec<u8>,
    close: &'static [u8],
}

impl BodyFrame {
    pub(super) fn new(form: BodyForm, wrapper: &WrapperSettings) -> Self {
        let (open, close): (_, &[u8]) = match form {
            BodyForm::Ndjson => (Vec::new(), b""),
            BodyForm::JsonArray => (b"[".to_vec(), b"]"),
            BodyForm::Wrapped => (opened(wrapper), b"]}"),
        };
        Self { form, open, close }
    }

    /// Appends the records with the text around them.
    pub(super) fn put<'a>(&self, records: impl Iterator<Item = &'a [u8]>, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.open);
        let separator: &[u8] = if self.form == BodyForm::Ndjson { b"" } else { b"," };
        for (index, record) in records.enumerate() {
            if index > 0 {
                out.extend_from_slice(separator);
            }
            out.extend_from_slice(if self.form == BodyForm::Ndjson { record } else { record.trim_ascii_end() });
        }
        out.extend_from_slice(self.close);
    }
}

fn opened(wrapper: &WrapperSettings) -> Vec<u8> {
    let mut open = b"{".to_vec();
    for (key, value) in &wrapper.fields {
        put_string(&mut open, key);
        open.push(b':');
        put_string(&mut open, value);
        open.push(b',');
    }
    put_string(&mut open, &wrapper.key);
    open.extend_from_slice(b":[");
    open
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(form: BodyForm) -> String {
        let fields = [("sour\"ce", "shop"), ("env", "prod")].map(|(key, value)| (key.to_owned(), value.to_owned()));
        let wrapper = WrapperSettings { key: "logs".to_owned(), fields: fields.into() };
        let mut out = Vec::new();
        BodyFrame::new(form, &wrapper).put([&b"{\"a\":1}\n"[..], b"{\"b\":2}\n"].into_iter(), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn each_form_has_its_frame() {
        assert_eq!(body(BodyForm::Ndjson), "{\"a\":1}\n{\"b\":2}\n");
        assert_eq!(body(BodyForm::JsonArray), r#"[{"a":1},{"b":2}]"#);
        let wrapped = r#"{"env":"prod","sour\"ce":"shop","logs":[{"a":1},{"b":2}]}"#;
        assert_eq!(body(BodyForm::Wrapped), wrapped);
    }
}

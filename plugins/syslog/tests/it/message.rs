//! A reader of messages by RFC 5424, written from the grammar in section 6 of the RFC. It shares nothing with the writer.

/// A message.
#[derive(Debug, PartialEq)]
pub(crate) struct Message {
    pub(crate) priority: u8,
    pub(crate) timestamp: String,
    pub(crate) hostname: Option<String>,
    pub(crate) app_name: Option<String>,
    pub(crate) process_id: Option<String>,
    pub(crate) message_id: Option<String>,
    pub(crate) elements: Vec<Element>,
    pub(crate) has_byte_order_mark: bool,
    pub(crate) text: Option<String>,
}

/// An SD-ELEMENT.
#[derive(Debug, PartialEq)]
pub(crate) struct Element {
    pub(crate) id: String,
    pub(crate) params: Vec<(String, String)>,
}

impl Message {
    pub(crate) fn facility(&self) -> u8 {
        self.priority / 8
    }

    pub(crate) fn severity(&self) -> u8 {
        self.priority % 8
    }

    pub(crate) fn element(&self, id: &str) -> Option<&Element> {
        self.elements.iter().find(|element| element.id == id)
    }

    pub(crate) fn param(&self, id: &str, name: &str) -> Option<&str> {
        let params = &self.element(id)?.params;
        params.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// Reads a message, and panics where it breaks the grammar.
pub(crate) fn parse(bytes: &[u8]) -> Message {
    let text =
        std::str::from_utf8(bytes).unwrap_or_else(|error| panic!("{error}: {:?}", bytes.escape_ascii().to_string()));
    let mut reader = Reader { tail: text, whole: text };
    reader.expect("<");
    let priority = reader.up_to('>');
    assert!(priority == "0" || !priority.starts_with('0'), "{text:?}");
    let priority: u8 = priority.parse().unwrap();
    assert!(priority <= 191, "{text:?}");
    reader.expect("1 ");
    let timestamp = timestamp(reader.up_to(' '));
    let hostname = reader.header_field(255);
    let app_name = reader.header_field(48);
    let process_id = reader.header_field(128);
    let message_id = reader.header_field(32);
    let elements = reader.structured_data();
    let (has_byte_order_mark, text) = match reader.tail.strip_prefix(' ') {
        Some(text) => match text.strip_prefix('\u{feff}') {
            Some(text) => (true, Some(text.to_owned())),
            None => (false, Some(text.to_owned())),
        },
        None => {
            reader.expect_end();
            (false, None)
        }
    };
    Message { priority, timestamp, hostname, app_name, process_id, message_id, elements, has_byte_order_mark, text }
}

/// `YYYY-MM-DDThh:mm:ss.ffffffZ`.
fn timestamp(text: &str) -> String {
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    assert_eq!(shape, "0000-00-00T00:00:00.000000Z", "{text:?}");
    text.to_owned()
}

struct Reader<'a> {
    tail: &'a str,
    whole: &'a str,
}

impl<'a> Reader<'a> {
    fn expect(&mut self, text: &str) {
        self.tail = self.tail.strip_prefix(text).unwrap_or_else(|| panic!("no {text:?} in front of {:?}", self.tail));
    }

    fn expect_end(&self) {
        assert_eq!(self.tail, "", "{:?}", self.whole);
    }

    /// Up to the character, which is taken, too.
    fn up_to(&mut self, end: char) -> &'a str {
        let (text, tail) = self.tail.split_once(end).unwrap_or_else(|| panic!("no {end:?} in {:?}", self.tail));
        self.tail = tail;
        text
    }

    fn header_field(&mut self, bytes_max: usize) -> Option<String> {
        let text = self.up_to(' ');
        assert!((1..=bytes_max).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()), "{text:?}");
        (text != "-").then(|| text.to_owned())
    }

    fn structured_data(&mut self) -> Vec<Element> {
        if let Some(tail) = self.tail.strip_prefix('-') {
            self.tail = tail;
            return Vec::new();
        }
        let mut elements: Vec<Element> = Vec::new();
        while self.tail.starts_with('[') {
            let element = self.element();
            assert!(elements.iter().all(|known| known.id != element.id), "twice: {:?}", self.whole);
            elements.push(element);
        }
        assert!(!elements.is_empty(), "no structured data: {:?}", self.whole);
        elements
    }

    fn element(&mut self) -> Element {
        self.expect("[");
        let id = self.name();
        let mut params = Vec::new();
        while let Some(tail) = self.tail.strip_prefix(' ') {
            self.tail = tail;
            let name = self.name();
            self.expect("=\"");
            params.push((name, self.value()));
        }
        self.expect("]");
        Element { id, params }
    }

    /// An SD-NAME.
    fn name(&mut self) -> String {
        let is_of_name = |c: char| c.is_ascii_graphic() && !"=]\"".contains(c);
        let (name, tail) = self.tail.split_at(self.tail.find(|c| !is_of_name(c)).unwrap());
        assert!((1..=32).contains(&name.len()), "{name:?} in {:?}", self.whole);
        self.tail = tail;
        name.to_owned()
    }

    /// A PARAM-VALUE with the quote behind it.
    fn value(&mut self) -> String {
        let mut value = String::new();
        let mut chars = self.tail.char_indices();
        loop {
            let (at, c) = chars.next().unwrap_or_else(|| panic!("no end of a value: {:?}", self.whole));
            match c {
                '"' => {
                    self.tail = &self.tail[at + 1..];
                    return value;
                }
                ']' => panic!("a bracket without a backslash: {:?}", self.whole),
                '\\' => match chars.next().map(|(_, escaped)| escaped) {
                    Some(escaped @ ('"' | '\\' | ']')) => value.push(escaped),
                    other => panic!("a backslash in front of {other:?}: {:?}", self.whole),
                },
                c => value.push(c),
            }
        }
    }
}

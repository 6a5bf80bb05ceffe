//! Putting an expected line together.

/// From behind the timestamp to the event's id.
macro_rules! opening {
    ($level:literal, $severity:literal, $category:literal) => {
        concat!(
            "\",\"level\":\"",
            $level,
            "\",\"severity\":",
            $severity,
            ",\"category\":\"",
            $category,
            "\",\"target\":\"",
            module_path!(),
            "\",\"source\":\"bench\",\"event_id\":\""
        )
    };
}
pub(super) use opening;

/// The library's number of an event in a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EventIdText {
    pub(crate) producer: u64,
    pub(crate) sequence: u64,
}

/// A line as it must be, from behind the timestamp to its closing brace.
#[derive(Debug)]
pub(crate) struct ExpectedLine {
    bytes: Vec<u8>,
    /// The container's part of the ids of events.
    instance: String,
    id: EventIdText,
    producer: u32,
    /// The fields that an enricher adds to the context, with a comma in front.
    added: Vec<u8>,
}

impl ExpectedLine {
    pub(crate) fn new(instance: &str) -> Self {
        let id = EventIdText { producer: 0, sequence: 0 };
        Self { bytes: Vec::with_capacity(1024), instance: instance.to_owned(), id, producer: 0, added: Vec::new() }
    }

    /// Forgets the last line and begins one of this producer, with this id. `added` is what an enricher adds to the
    /// context, with a comma in front.
    pub(crate) fn begin(&mut self, producer: u32, id: EventIdText, added: &str) {
        self.bytes.clear();
        self.producer = producer;
        self.id = id;
        self.added.clear();
        self.added.extend_from_slice(added.as_bytes());
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn raw(&mut self, text: &str) {
        self.bytes.extend_from_slice(text.as_bytes());
    }

    pub(super) fn number(&mut self, n: impl itoa::Integer) {
        self.raw(itoa::Buffer::new().format(n));
    }

    /// A float that is so many eighths: what needs no rounding needs no algorithm.
    pub(super) fn eighths(&mut self, eighths: u64) {
        self.number(eighths / 8);
        self.raw(match eighths % 8 {
            0 => ".0",
            1 => ".125",
            2 => ".25",
            3 => ".375",
            4 => ".5",
            5 => ".625",
            6 => ".75",
            _ => ".875",
        });
    }

    /// The event up to its message, which is given as JSON.
    pub(super) fn start(&mut self, opening: &str, message: &str) {
        self.raw(opening);
        self.bytes.extend_from_slice(self.instance.as_bytes());
        self.raw("-");
        self.number(self.id.producer);
        self.raw("-");
        self.number(self.id.sequence);
        self.raw("\",\"message\":");
        self.raw(message);
    }

    /// Opens the context and puts producer and number into it.
    pub(super) fn context(&mut self, n: u64) {
        self.raw(",\"context\":{\"producer\":");
        self.number(self.producer);
        self.raw(",\"n\":");
        self.number(n);
    }

    pub(super) fn end_context(&mut self) {
        self.bytes.extend_from_slice(&self.added);
        self.raw("}");
    }

    pub(super) fn end(&mut self) {
        self.raw("}");
    }
}

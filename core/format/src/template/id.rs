//! Event ids.

use fapilog_plugin::event::Event;
use fapilog_record::text::{fixed::put_front, number::put_u64};

/// The text of event ids. Events of one producer come in runs: its number is kept.
#[derive(Debug, Default)]
pub(super) struct IdText {
    producer: u32,
    /// The producer's number and the dash, in front of padding. A `u32` has ten digits.
    text: [u8; 16],
    len: usize,
}

impl IdText {
    /// `producer-sequence`.
    #[inline(always)]
    pub(super) fn put(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        let id = event.id();
        if id.producer != self.producer || self.len == 0 {
            self.cache_producer(id.producer);
        }
        put_front(out, &self.text, self.len);
        put_u64(out, id.sequence);
    }

    #[cold]
    fn cache_producer(&mut self, producer: u32) {
        self.producer = producer;
        let mut buffer = itoa::Buffer::new();
        let number = buffer.format(producer);
        self.len = number.len() + 1;
        self.text.iter_mut().zip(number.bytes().chain([b'-'])).for_each(|(to, from)| *to = from);
    }
}

//! Event ids.

use fapilog_plugin::event::{Event, InstanceId};
use fapilog_record::text::{fixed::put_front, number::put_u64};

/// The longest text in front of a sequence number: an instance, a `u32` of ten digits, and two dashes.
const PRODUCER_TEXT_BYTES: usize = InstanceId::TEXT_BYTES + 10 + 2;

/// The text of event ids. Events of one producer come in runs: its text is kept.
#[derive(Debug, Default)]
pub(crate) struct IdText {
    instance: InstanceId,
    producer: u32,
    /// The container, the producer's number, and the dash behind it, in front of padding.
    text: [u8; PRODUCER_TEXT_BYTES],
    len: usize,
}

impl IdText {
    /// `instance-producer-sequence`.
    #[inline(always)]
    pub(crate) fn put(&mut self, event: &Event<'_>, out: &mut Vec<u8>) {
        let id = event.id();
        if id.producer != self.producer || id.instance != self.instance || self.len == 0 {
            self.cache_producer(id.instance, id.producer);
        }
        put_front(out, &self.text, self.len);
        put_u64(out, id.sequence);
    }

    #[cold]
    fn cache_producer(&mut self, instance: InstanceId, producer: u32) {
        (self.instance, self.producer) = (instance, producer);
        let mut buffer = itoa::Buffer::new();
        let number = buffer.format(producer);
        self.len = InstanceId::TEXT_BYTES + number.len() + 2;
        let text = instance.encode().into_iter().chain([b'-']).chain(number.bytes()).chain([b'-']);
        self.text.iter_mut().zip(text).for_each(|(to, from)| *to = from);
    }
}

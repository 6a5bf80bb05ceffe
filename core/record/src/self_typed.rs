//! Values that have their type in front: those of [dynamic](crate::dynamic) fields, and those whose parts are known at
//! run time only, as maps and tuples.
//!
//! | bytes | what |
//! |---|---|
//! | 1 | type of the value |
//! | | value: as in [`Kind`](crate::value::Kind), but text and bytes as length (4) and bytes, a sequence as count (4) and then each element with its type, a map as count (4) and then each entry: length of the key (2), key in UTF-8, and the value with its type |
//!
//! Sequences and maps are nested eight deep at most. A deeper one is the text `[...]` or `{...}`, and its value marked as cut.
//!
//! A value that is longer than its room ends behind the last element or entry that fits, in whatever depth that is: so
//! every text and number in it is whole. Text and bytes that are not in a sequence or a map are cut as those of
//! [records](crate) are.

use std::{
    error::Error,
    fmt,
    net::{IpAddr, SocketAddr},
};

use crate::{
    dynamic::DynamicFields,
    text::{
        bounded::{front, front_bytes},
        plain::put_plain,
    },
    value::{self, Value, ValueRef, scratch::PieceWriter},
};

/// How deep sequences and maps may be nested.
pub(crate) const NESTING_MAX: usize = 8;

/// The longest key of a field or an entry.
pub const KEY_MAX_BYTES: usize = u16::MAX as usize;

/// The type and the length in front of text, bytes, sequences and maps.
const COUNTED_HEAD_BYTES: usize = 5;

pub(crate) mod types {
    pub(crate) const NONE: u8 = 0;
    pub(crate) const FALSE: u8 = 1;
    pub(crate) const TRUE: u8 = 2;
    pub(crate) const CHAR: u8 = 3;
    pub(crate) const I64: u8 = 4;
    pub(crate) const U64: u8 = 5;
    pub(crate) const I128: u8 = 6;
    pub(crate) const U128: u8 = 7;
    pub(crate) const F32: u8 = 8;
    pub(crate) const F64: u8 = 9;
    pub(crate) const DURATION: u8 = 10;
    pub(crate) const TIME: u8 = 11;
    pub(crate) const IPV4: u8 = 12;
    pub(crate) const IPV6: u8 = 13;
    pub(crate) const UUID: u8 = 14;
    pub(crate) const TEXT: u8 = 15;
    pub(crate) const BYTES: u8 = 16;
    pub(crate) const SEQUENCE: u8 = 17;
    /// No type: it stands in front of one.
    pub(crate) const CUT: u8 = 18;
    pub(crate) const SOCKET_V4: u8 = 19;
    pub(crate) const SOCKET_V6: u8 = 20;
    pub(crate) const MAP: u8 = 21;
}

/// The memory that a value is written to.
enum ValueRoom<'a> {
    /// None: the bytes are counted.
    Counted,
    Slice(&'a mut [u8]),
    /// It grows behind its first bytes, which are another's.
    Vec {
        out: &'a mut Vec<u8>,
        start: usize,
    },
    Piece(&'a mut PieceWriter),
}

/// Writes one value with its type in front: one call of one of its methods.
pub struct SelfTypedWriter<'a> {
    room: ValueRoom<'a>,
    used_bytes: usize,
    nesting: usize,
    /// A part had no room: it goes, with the entry that it belongs to.
    has_overrun: bool,
    /// An entry had no room: there are no more.
    is_full: bool,
    is_cut: bool,
}

impl fmt::Debug for SelfTypedWriter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SelfTypedWriter").field("used_bytes", &self.used_bytes).finish_non_exhaustive()
    }
}

/// The length of a value, and whether something was cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WrittenValue {
    pub(crate) used_bytes: usize,
    pub(crate) is_cut: bool,
}

/// A sequence or a map that is being written.
#[doc(hidden)]
#[derive(Debug)]
pub struct OpenComposite {
    /// Where its count stands. `None`: it is nested too deep, and a text stands for it.
    count_at: Option<usize>,
    count: u32,
}

impl OpenComposite {
    /// It stands nowhere, and takes no entries.
    pub(crate) fn without_place() -> Self {
        Self { count_at: None, count: 0 }
    }
}

impl<'a> SelfTypedWriter<'a> {
    fn new(room: ValueRoom<'a>) -> Self {
        Self { room, used_bytes: 0, nesting: 0, has_overrun: false, is_full: false, is_cut: false }
    }

    /// Counts the bytes.
    #[inline]
    pub(crate) fn counted() -> Self {
        Self::new(ValueRoom::Counted)
    }

    /// Writes to the front of `out`. Nothing allocates.
    #[inline]
    pub(crate) fn slice(out: &'a mut [u8]) -> Self {
        Self::new(ValueRoom::Slice(out))
    }

    /// Appends to `out`.
    pub(crate) fn appending(out: &'a mut Vec<u8>) -> Self {
        let start = out.len();
        Self::new(ValueRoom::Vec { out, start })
    }

    pub(crate) fn piece(writer: &'a mut PieceWriter) -> Self {
        Self::new(ValueRoom::Piece(writer))
    }

    /// Ends the value. A value without room is `None`.
    /// Whether nothing was written.
    pub(crate) fn is_unwritten(&self) -> bool {
        self.used_bytes == 0
    }

    pub(crate) fn finish(mut self) -> WrittenValue {
        if self.has_overrun {
            self.truncate(0);
            self.has_overrun = false;
            self.is_cut = true;
            self.none();
        }
        WrittenValue { used_bytes: self.used_bytes, is_cut: self.is_cut }
    }

    /// The text of a composite that is nested too deep may come from a writer of its own.
    pub(crate) fn mark_cut(&mut self) {
        self.is_cut = true;
    }

    fn left_bytes(&self) -> usize {
        match &self.room {
            ValueRoom::Counted | ValueRoom::Vec { .. } => usize::MAX,
            ValueRoom::Slice(out) => out.len().saturating_sub(self.used_bytes),
            ValueRoom::Piece(piece) => piece.room_bytes(),
        }
    }

    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        let is_put = match &mut self.room {
            ValueRoom::Counted => true,
            ValueRoom::Slice(out) => {
                let place = out.get_mut(self.used_bytes..).and_then(|out| out.get_mut(..bytes.len()));
                place.map(|place| place.copy_from_slice(bytes)).is_some()
            }
            ValueRoom::Vec { out, .. } => {
                out.extend_from_slice(bytes);
                true
            }
            ValueRoom::Piece(piece) => piece.put(bytes),
        };
        if is_put {
            self.used_bytes = self.used_bytes.saturating_add(bytes.len());
        } else {
            self.has_overrun = true;
        }
    }

    fn truncate(&mut self, used_bytes: usize) {
        self.used_bytes = used_bytes;
        match &mut self.room {
            ValueRoom::Counted | ValueRoom::Slice(_) => {}
            ValueRoom::Vec { out, start } => out.truncate(*start + used_bytes),
            ValueRoom::Piece(piece) => piece.truncate(used_bytes),
        }
    }

    fn replace(&mut self, at: usize, bytes: [u8; 4]) {
        let place = match &mut self.room {
            ValueRoom::Counted => None,
            ValueRoom::Slice(out) => out.get_mut(at..),
            ValueRoom::Vec { out, start } => out.get_mut(*start + at..),
            ValueRoom::Piece(piece) => return piece.replace(at, bytes),
        };
        if let Some(place) = place.and_then(|place| place.first_chunk_mut()) {
            *place = bytes;
        }
    }

    /// Writes `None`.
    #[inline]
    pub fn none(&mut self) {
        self.put(&[types::NONE]);
    }

    #[inline]
    pub(crate) fn bool(&mut self, is: bool) {
        self.put(&[if is { types::TRUE } else { types::FALSE }]);
    }

    /// Writes a value of a fixed length.
    #[inline]
    pub(crate) fn fixed(&mut self, value_type: u8, bytes: &[u8]) {
        self.put(&[value_type]);
        self.put(bytes);
    }

    /// Writes text.
    #[inline]
    pub fn text(&mut self, text: &str) {
        self.text_bytes(text.as_bytes());
    }

    /// Writes bytes that are text as a rule.
    #[inline]
    pub(crate) fn text_bytes(&mut self, text: &[u8]) {
        self.counted_bytes(types::TEXT, text);
    }

    #[inline]
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.counted_bytes(types::BYTES, bytes);
    }

    #[inline]
    fn counted_bytes(&mut self, value_type: u8, mut bytes: &[u8]) {
        let room_bytes = self.left_bytes().saturating_sub(COUNTED_HEAD_BYTES).min(u32::MAX as usize);
        if self.nesting == 0 && bytes.len() > room_bytes {
            bytes = front_bytes(bytes, room_bytes);
            self.is_cut = true;
        }
        self.fixed(value_type, &count(bytes.len()));
        self.put(bytes);
    }

    /// Writes a value that has its type in front already.
    pub(crate) fn value_bytes(&mut self, value: &[u8]) {
        self.value_ref(DynamicFields::new(value).value_alone().unwrap_or(ValueRef::None));
    }

    /// Writes any value.
    pub fn value(&mut self, value: ValueRef<'_>) {
        self.value_ref(value);
    }

    /// Writes the text of `Display`. A panic is caught, and a text stands for it.
    pub fn display<T: fmt::Display + ?Sized>(&mut self, value: &T) {
        value::display(value).put_self_typed(self);
    }

    /// Writes the text of an error and its sources, `outer: inner: innermost`.
    pub fn error(&mut self, error: &(dyn Error + 'static)) {
        value::error_chain(error).put_self_typed(self);
    }

    /// Writes any value.
    pub(crate) fn value_ref(&mut self, value: ValueRef<'_>) {
        match value {
            ValueRef::None => self.none(),
            ValueRef::Bool(is) => self.bool(is),
            ValueRef::Char(c) => self.fixed(types::CHAR, &u32::from(c).to_le_bytes()),
            ValueRef::I64(n) => self.fixed(types::I64, &n.to_le_bytes()),
            ValueRef::U64(n) => self.fixed(types::U64, &n.to_le_bytes()),
            ValueRef::I128(n) => self.fixed(types::I128, &n.to_le_bytes()),
            ValueRef::U128(n) => self.fixed(types::U128, &n.to_le_bytes()),
            ValueRef::F32(x) => self.fixed(types::F32, &x.to_le_bytes()),
            ValueRef::F64(x) => self.fixed(types::F64, &x.to_le_bytes()),
            ValueRef::Duration(span) => {
                self.fixed(types::DURATION, &span.as_secs().to_le_bytes());
                self.put(&span.subsec_nanos().to_le_bytes());
            }
            ValueRef::Time { seconds, nanos } => {
                self.fixed(types::TIME, &seconds.to_le_bytes());
                self.put(&nanos.to_le_bytes());
            }
            ValueRef::Ip(IpAddr::V4(ip)) => self.fixed(types::IPV4, &ip.octets()),
            ValueRef::Ip(IpAddr::V6(ip)) => self.fixed(types::IPV6, &ip.octets()),
            ValueRef::Socket(SocketAddr::V4(socket)) => {
                self.fixed(types::SOCKET_V4, &socket.ip().octets());
                self.put(&socket.port().to_le_bytes());
            }
            ValueRef::Socket(SocketAddr::V6(socket)) => {
                self.fixed(types::SOCKET_V6, &socket.ip().octets());
                self.put(&socket.port().to_le_bytes());
                self.put(&socket.scope_id().to_le_bytes());
            }
            ValueRef::Uuid(uuid) => self.fixed(types::UUID, &uuid),
            ValueRef::Text(text) => self.text(text),
            ValueRef::Bytes(bytes) => self.bytes(bytes),
            ValueRef::Sequence(_) | ValueRef::Map(_) if self.is_plain_text_due() => {
                let mut text = Vec::new();
                put_plain(&mut text, value);
                self.text_bytes(&text);
            }
            ValueRef::Sequence(sequence) => {
                let mut open = self.begin_sequence();
                sequence.iter().for_each(|element| self.entry(&mut open, |out| out.value_ref(element)));
                self.end(open);
            }
            ValueRef::Map(map) => {
                let mut open = self.begin_map();
                for (key, value) in map.iter() {
                    self.entry(&mut open, |out| {
                        out.key(key);
                        out.value_ref(value);
                    });
                }
                self.end(open);
            }
        }
    }

    /// Whether a composite is nested too deep, and has room for its whole text.
    fn is_plain_text_due(&self) -> bool {
        self.nesting >= NESTING_MAX && matches!(self.room, ValueRoom::Vec { .. })
    }

    /// Begins a sequence: [entries](Self::entry) follow, and its [end](Self::end).
    #[inline]
    pub(crate) fn begin_sequence(&mut self) -> OpenComposite {
        self.begin(types::SEQUENCE, "[...]")
    }

    /// Begins a map, as a sequence. Each of its entries is a [key](Self::key) and a value.
    #[inline]
    pub(crate) fn begin_map(&mut self) -> OpenComposite {
        self.begin(types::MAP, "{...}")
    }

    #[inline]
    fn begin(&mut self, value_type: u8, too_deep: &str) -> OpenComposite {
        if self.nesting >= NESTING_MAX {
            self.text(too_deep);
            self.is_cut = true;
            return OpenComposite::without_place();
        }
        self.nesting += 1;
        self.put(&[value_type]);
        let count_at = self.used_bytes;
        self.put(&count(0));
        OpenComposite { count_at: Some(count_at), count: 0 }
    }

    /// Writes an element or an entry, as a whole or not at all.
    #[inline]
    pub(crate) fn entry(&mut self, composite: &mut OpenComposite, write: impl FnOnce(&mut Self)) {
        let start = self.begin_entry(composite);
        if start.is_some() {
            write(self);
            self.end_entry(composite, start);
        }
    }

    /// Begins an element or an entry, and returns where. `None`: it has no room.
    #[inline]
    pub(crate) fn begin_entry(&mut self, composite: &OpenComposite) -> Option<usize> {
        composite.count_at?;
        if self.is_full || self.has_overrun || composite.count == u32::MAX {
            self.is_cut = true;
            return None;
        }
        Some(self.used_bytes)
    }

    /// Ends the element or the entry that began at `start`.
    #[inline]
    pub(crate) fn end_entry(&mut self, composite: &mut OpenComposite, start: Option<usize>) {
        let Some(start) = start else { return };
        if self.has_overrun {
            self.truncate(start);
            (self.has_overrun, self.is_full, self.is_cut) = (false, true, true);
        } else {
            composite.count += 1;
        }
    }

    /// Ends a sequence or a map.
    #[inline]
    pub(crate) fn end(&mut self, composite: OpenComposite) {
        let Some(count_at) = composite.count_at else { return };
        self.nesting = self.nesting.saturating_sub(1);
        if !self.has_overrun {
            self.replace(count_at, composite.count.to_le_bytes());
        }
    }

    /// Writes the key of an entry. A key that is too long is cut.
    #[inline]
    pub(crate) fn key(&mut self, key: &str) {
        let whole_bytes = key.len();
        let key = front(key, KEY_MAX_BYTES);
        self.is_cut |= key.len() < whole_bytes;
        // Held to `u16` above.
        self.put(&(key.len() as u16).to_le_bytes());
        self.put(key.as_bytes());
    }

    /// Writes a sequence of the elements that `fill` puts.
    #[inline]
    pub fn sequence(&mut self, fill: impl FnOnce(&mut SequenceElements<'_, 'a>)) {
        let open = self.begin_sequence();
        let mut elements = SequenceElements { out: self, open };
        fill(&mut elements);
        let SequenceElements { open, .. } = elements;
        self.end(open);
    }

    /// Writes a map of the entries that `fill` puts.
    #[inline]
    pub fn map(&mut self, fill: impl FnOnce(&mut MapEntries<'_, 'a>)) {
        let open = self.begin_map();
        let mut entries = MapEntries { out: self, open };
        fill(&mut entries);
        let MapEntries { open, .. } = entries;
        self.end(open);
    }
}

/// The elements of a sequence that is being written.
#[derive(Debug)]
pub struct SequenceElements<'w, 'a> {
    out: &'w mut SelfTypedWriter<'a>,
    open: OpenComposite,
}

impl<'a> SequenceElements<'_, 'a> {
    /// Adds an element.
    #[inline]
    pub fn element<T: Value + ?Sized>(&mut self, value: &T) {
        self.element_with(|out| value.put_self_typed(out));
    }

    /// Adds an element that `put` writes.
    #[inline]
    pub fn element_with(&mut self, put: impl FnOnce(&mut SelfTypedWriter<'a>)) {
        self.out.entry(&mut self.open, put);
    }
}

/// The entries of a map that is being written.
#[derive(Debug)]
pub struct MapEntries<'w, 'a> {
    out: &'w mut SelfTypedWriter<'a>,
    open: OpenComposite,
}

impl<'a> MapEntries<'_, 'a> {
    /// Adds an entry whose value `put` writes.
    #[inline]
    pub fn entry_with(&mut self, key: &str, put: impl FnOnce(&mut SelfTypedWriter<'a>)) {
        self.out.entry(&mut self.open, |out| {
            out.key(key);
            put(out);
        });
    }
}

/// The length of a value with its type in front, and whether it is cut whatever room it has.
#[inline]
pub(crate) fn measured<T: Value + ?Sized>(value: &T) -> WrittenValue {
    let mut out = SelfTypedWriter::counted();
    value.put_self_typed(&mut out);
    out.finish()
}

fn count(n: usize) -> [u8; 4] {
    u32::try_from(n).unwrap_or(u32::MAX).to_le_bytes()
}

//! Bytes on their way to a destination.

/// Bytes on their way to a sink's destination: whole records, in order.
#[derive(Debug)]
pub struct Payload {
    bytes: Vec<u8>,
    start: usize,
    full_at: usize,
}

impl Payload {
    /// An empty payload that counts as full at `full_bytes`.
    #[must_use]
    pub fn new(full_bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(full_bytes), start: 0, full_at: full_bytes }
    }

    /// A payload in memory of the sink's own. Bytes that `bytes` holds already stay in front of the records, and do not
    /// count; it is full when `bytes` is `full_at` long.
    #[must_use]
    pub fn in_buffer(bytes: Vec<u8>, full_at: usize) -> Self {
        Self { start: bytes.len(), bytes, full_at }
    }

    /// Where records are appended.
    #[inline]
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// The records.
    #[must_use]
    pub fn records(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or_default()
    }

    /// Length of the records.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes.len().saturating_sub(self.start)
    }

    /// Whether there is no record yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// It is to be delivered now, however short it is.
    pub fn set_full(&mut self) {
        self.full_at = 0;
    }

    /// Whether it is time to deliver it.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.bytes.len() >= self.full_at
    }

    /// The memory back.
    #[must_use]
    pub fn into_buffer(self) -> Vec<u8> {
        self.bytes
    }
}

//! The eight bytes in front of every record.

/// What the first eight bytes of a record say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) source: u32,
    pub(crate) is_cut: bool,
    pub(crate) scope_bytes: u16,
}

const CUT: u16 = 1;

impl Head {
    pub(crate) const BYTES: usize = 8;

    #[inline(always)]
    pub(crate) fn to_bytes(self) -> [u8; Self::BYTES] {
        let flags = if self.is_cut { u64::from(CUT) } else { 0 };
        (u64::from(self.source) | flags << 32 | u64::from(self.scope_bytes) << 48).to_le_bytes()
    }

    /// `None` where there are not even eight bytes.
    #[inline(always)]
    pub(crate) fn read(record: &[u8]) -> Option<Self> {
        let word = u64::from_le_bytes(*record.first_chunk()?);
        Some(Self { source: word as u32, is_cut: (word >> 32) as u16 & CUT != 0, scope_bytes: (word >> 48) as u16 })
    }
}

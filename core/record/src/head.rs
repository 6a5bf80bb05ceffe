//! The eight bytes in front of every record.

/// The first eight bytes of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The number of the logger's name in its container.
    pub source: u32,
    /// Whether something was cut to fit.
    pub is_cut: bool,
    /// The length of the scope at the record's end, in bytes.
    pub scope_bytes: u16,
}

const CUT: u16 = 1;

impl Head {
    /// The length of a head.
    pub const BYTES: usize = 8;

    /// The head as the bytes that stand in front of a record.
    #[inline(always)]
    pub fn to_bytes(self) -> [u8; Self::BYTES] {
        let flags = if self.is_cut { u64::from(CUT) } else { 0 };
        (u64::from(self.source) | flags << 32 | u64::from(self.scope_bytes) << 48).to_le_bytes()
    }

    /// `None` where there are not even eight bytes.
    #[inline(always)]
    pub fn read(record: &[u8]) -> Option<Self> {
        let word = u64::from_le_bytes(*record.first_chunk()?);
        Some(Self { source: word as u32, is_cut: (word >> 32) as u16 & CUT != 0, scope_bytes: (word >> 48) as u16 })
    }
}

//! Wire forms: plain bytes of a fixed length.

use rkyv::{Portable, traits::NoUndef};

/// The bytes that stand for a value in a record's root: fixed length, alignment 1, no padding.
pub trait Wire: Copy + Portable + NoUndef {
    /// The wire form of nothing.
    const ZERO: Self;

    /// Copies the bytes to the front of `out`, which is at least as long.
    fn put(&self, out: &mut [u8]);
}

impl<const N: usize> Wire for [u8; N] {
    const ZERO: Self = [0; N];

    #[inline(always)]
    fn put(&self, out: &mut [u8]) {
        if let Some(head) = out.first_chunk_mut::<N>() {
            *head = *self;
        }
    }
}

/// The wire form of an `Option`: a byte for whether there is a value, and the value's form, zeros if not.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct OptionWire<W> {
    present: u8,
    value: W,
}

impl<W: Wire> OptionWire<W> {
    #[inline(always)]
    pub(super) fn new(value: Option<W>) -> Self {
        Self { present: u8::from(value.is_some()), value: value.unwrap_or(W::ZERO) }
    }
}

// SAFETY: `repr(C)`, and both fields are portable with alignment 1 (asserted below for every wire form by
// `Arguments::ROOT_BYTES`), so the layout is the same everywhere; no interior mutability.
unsafe impl<W: Wire> Portable for OptionWire<W> {}
// SAFETY: a byte and a `W`, which has no undefined bytes; alignment 1, so no padding between or behind them.
unsafe impl<W: Wire> NoUndef for OptionWire<W> {}

impl<W: Wire> Wire for OptionWire<W> {
    const ZERO: Self = {
        // Padding would break both impls above.
        assert!(align_of::<Self>() == 1);
        Self { present: 0, value: W::ZERO }
    };

    #[inline(always)]
    fn put(&self, out: &mut [u8]) {
        if let Some((present, value)) = out.split_first_mut() {
            *present = self.present;
            self.value.put(value);
        }
    }
}

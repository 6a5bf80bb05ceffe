//! Digests of values: different numbers for different values.

use std::hash::{BuildHasher, Hasher, RandomState};

use fapilog_record::value::ValueRef;
use siphasher::sip128::{Hasher128, SipHasher13};

/// Makes 128-bit digests by SipHash-1-3 under a key. Two different inputs have one digest with a chance of 2^-128; and
/// who does not know the key cannot look for such a pair.
#[derive(Debug, Clone, Copy)]
pub(super) struct DigestKey(u64, u64);

impl DigestKey {
    /// A secret key.
    pub(super) fn random() -> Self {
        let number = || RandomState::new().build_hasher().finish();
        Self(number(), number())
    }

    /// The key that every process has: for decisions on which several of them must agree.
    pub(super) const fn fixed() -> Self {
        Self(0, 0)
    }

    pub(super) fn digest(self) -> Digest {
        Digest(SipHasher13::new_with_keys(self.0, self.1))
    }
}

/// A digest in the making. Lengths and types part its values: `ab`, `c` is not `a`, `bc`.
#[derive(Debug)]
pub(super) struct Digest(SipHasher13);

impl Digest {
    pub(super) fn number(&mut self, n: u64) {
        self.0.write(&n.to_le_bytes());
    }

    pub(super) fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.write(bytes);
    }

    /// Integers of every width are one type, so that 1 is 1; floats are another, and the same if their bits are.
    pub(super) fn value(&mut self, value: ValueRef<'_>) {
        match value {
            ValueRef::None => self.number(0),
            ValueRef::Bool(is) => self.typed(1, &[u8::from(is)]),
            ValueRef::Char(c) => self.value(ValueRef::Text(c.encode_utf8(&mut [0; 4]))),
            ValueRef::I64(n) => self.typed(2, &i128::from(n).to_le_bytes()),
            ValueRef::U64(n) => self.typed(2, &i128::from(n).to_le_bytes()),
            ValueRef::I128(n) => self.typed(2, &n.to_le_bytes()),
            ValueRef::U128(n) => match i128::try_from(n) {
                Ok(n) => self.value(ValueRef::I128(n)),
                Err(_) => self.typed(3, &n.to_le_bytes()),
            },
            ValueRef::F32(x) => self.typed(4, &f64::from(x).to_bits().to_le_bytes()),
            ValueRef::F64(x) => self.typed(4, &x.to_bits().to_le_bytes()),
            ValueRef::Duration(span) => self.typed(5, &span.as_nanos().to_le_bytes()),
            ValueRef::Time { seconds, nanos } => {
                self.typed(6, &seconds.to_le_bytes());
                self.number(nanos.into());
            }
            ValueRef::Ip(std::net::IpAddr::V4(ip)) => self.typed(7, &ip.octets()),
            ValueRef::Ip(std::net::IpAddr::V6(ip)) => self.typed(8, &ip.octets()),
            ValueRef::Socket(socket) => {
                self.typed(14, &socket.port().to_le_bytes());
                self.value(ValueRef::Ip(socket.ip()));
                self.number(if let std::net::SocketAddr::V6(v6) = socket { v6.scope_id().into() } else { 0 });
            }
            ValueRef::Uuid(uuid) => self.typed(9, &uuid),
            ValueRef::Text(text) => self.long(10, text.as_bytes()),
            // Text in an unknown encoding that is valid UTF-8 is that text.
            ValueRef::Bytes(bytes) if std::str::from_utf8(bytes).is_ok() => self.long(10, bytes),
            ValueRef::Bytes(bytes) => self.long(11, bytes),
            ValueRef::Sequence(sequence) => {
                self.typed(12, &(sequence.len() as u64).to_le_bytes());
                sequence.iter().for_each(|element| self.value(element));
            }
            // The entries of a `HashMap` come in any order: their digests are added.
            ValueRef::Map(map) => {
                let entries = map.iter().map(|(key, value)| {
                    let mut entry = Self(self.0);
                    entry.text(key);
                    entry.value(value);
                    entry.finish()
                });
                let sum = entries.fold(0_u128, u128::wrapping_add);
                self.typed(15, &(map.len() as u64).to_le_bytes());
                self.0.write(&sum.to_le_bytes());
            }
            // A type that is newer than this: its text stands for it.
            other => self.long(13, other.to_string().as_bytes()),
        }
    }

    fn typed(&mut self, value_type: u64, bytes: &[u8]) {
        self.number(value_type);
        self.0.write(bytes);
    }

    fn long(&mut self, value_type: u64, bytes: &[u8]) {
        self.number(value_type);
        self.bytes(bytes);
    }

    pub(super) fn finish(&self) -> u128 {
        self.0.finish128().as_u128()
    }

    /// Half of it, where half is enough.
    pub(super) fn finish_short(&self) -> u64 {
        self.0.finish128().as_u64().0
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashMap};

    use fapilog_record::value::OwnedValue;

    use super::*;

    fn of(values: &[ValueRef<'_>]) -> u128 {
        let mut digest = DigestKey::fixed().digest();
        values.iter().for_each(|value| digest.value(*value));
        digest.finish()
    }

    #[test]
    fn texts_are_parted() {
        let [ab, c, a, bc] = ["ab", "c", "a", "bc"].map(ValueRef::Text);
        assert_ne!(of(&[ab, c]), of(&[a, bc]));
    }

    #[test]
    fn a_number_is_the_same_in_every_width() {
        assert_eq!(of(&[ValueRef::U64(7)]), of(&[ValueRef::I128(7)]));
        assert_eq!(of(&[ValueRef::U128(7)]), of(&[ValueRef::I64(7)]));
        assert_ne!(of(&[ValueRef::U64(7)]), of(&[ValueRef::F64(7.0)]));
        assert_ne!(of(&[ValueRef::U64(7)]), of(&[ValueRef::Text("7")]));
    }

    #[test]
    fn a_map_is_the_same_in_every_order_of_its_entries() {
        let of_map =
            |entries: &[(&str, i32)]| of(&[OwnedValue::of(&BTreeMap::from_iter(entries.iter().copied())).view()]);
        // Its entries come in an order of their own, and another for each map.
        let hashed = || HashMap::<u32, u32>::from_iter((0..100).map(|n| (n, n + 1)));
        let [a, b] = [OwnedValue::of(&hashed()), OwnedValue::of(&hashed())];
        assert_ne!(a, b);
        assert_eq!(of(&[a.view()]), of(&[b.view()]));
        assert_ne!(of_map(&[("a", 1), ("b", 2)]), of_map(&[("a", 2), ("b", 1)]));
        assert_ne!(of_map(&[("a", 1)]), of_map(&[("a", 1), ("b", 1)]));
    }

    #[test]
    fn an_address_with_a_port_is_another_with_another_port() {
        let [a, b] = ["[::1%1]:80", "[::1%2]:80"].map(|text| ValueRef::Socket(text.parse().unwrap()));
        assert_ne!(of(&[a]), of(&[b]));
        let [c, d] = ["1.2.3.4:80", "1.2.3.4:81"].map(|text| ValueRef::Socket(text.parse().unwrap()));
        assert_ne!(of(&[c]), of(&[d]));
    }

    #[test]
    fn a_random_key_is_secret() {
        let of = |key: DigestKey| {
            let mut digest = key.digest();
            digest.text("fapilog");
            digest.finish()
        };
        assert_eq!(of(DigestKey::fixed()), of(DigestKey::fixed()));
        assert_ne!(of(DigestKey::random()), of(DigestKey::random()));
    }
}

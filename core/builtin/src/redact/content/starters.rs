//! First letters of words that may begin something sensitive.

use super::{
    rule::{
        ContentRule::{
            self, AuthorizationValue, AwsKey, CardSecurityCode, HighEntropySecret, Jwt, KeywordSecret, Phone,
            PrivateKey, SocialSecurityNumber,
        },
        RuleSet,
    },
    text::ScannedText,
    tokens::TOKEN_FORMS,
};

/// Rules, and the first three letters of the words that they begin with, in lower case.
const STARTERS: &[(ContentRule, &[&[u8; 3]])] = &[
    (AwsKey, &[b"aki", b"asi"]),
    (Jwt, &[b"eyj"]),
    (PrivateKey, &[b"beg"]),
    (AuthorizationValue, &[b"bea", b"bas"]),
    (KeywordSecret, &[b"pas", b"pwd", b"sec", b"tok", b"cre", b"key", b"api"]),
    (HighEntropySecret, &[b"pas", b"pwd", b"sec", b"tok", b"cre", b"key", b"api"]),
    (CardSecurityCode, &[b"cvv", b"cvc", b"csc", b"cav", b"sec", b"pin"]),
    (SocialSecurityNumber, &[b"ssn", b"soc"]),
    (Phone, &[b"tel", b"pho", b"mob", b"cel", b"fax"]),
];

/// The set has this many words of 64 bits, as a power of two.
pub(super) const WORD_BITS: u32 = 5;

/// A set of three letters, as two bits for the hash of each (a Bloom filter). A word that is not in it costs a load and a test.
#[derive(Debug, Clone)]
pub(super) struct Starters {
    bits: [u64; 1 << WORD_BITS],
}

/// Three letters in lower case. `_` becomes DEL.
pub(super) type StarterKey = [u8; 3];

impl Starters {
    pub(super) fn of(rules: RuleSet) -> Self {
        let mut starters = Self { bits: [0; _] };
        for (rule, keys) in STARTERS {
            if rules.has(*rule) {
                keys.iter().for_each(|key| starters.add(**key));
            }
        }
        for form in TOKEN_FORMS.iter().filter(|form| rules.has(form.rule)) {
            if let Some(key) = form.prefix.first_chunk() {
                starters.add(*key);
            }
        }
        starters
    }

    fn add(&mut self, key: StarterKey) {
        let [a, b, c] = key;
        let (word, bit) = place(u32::from_le_bytes([a, b, c, 0]));
        if let Some(word) = self.bits.get_mut(word) {
            *word |= bit;
        }
    }

    /// Whether a word at this place may be of interest. A word within the last three bytes is not: nothing could follow it.
    #[inline]
    pub(super) fn may_start(&self, text: ScannedText<'_>, at: usize) -> bool {
        let Some(letters) = text.0.get(at..).and_then(<[u8]>::first_chunk) else { return false };
        let (word, bit) = place(u32::from_le_bytes(*letters));
        self.bits.get(word).is_some_and(|bits| bits & bit == bit)
    }
}

/// The place of the hash of the first three letters: the index of a word, and two of its bits.
#[inline]
pub(super) const fn place(letters: u32) -> (usize, u64) {
    let folded = (letters | 0x20_2020) & 0xff_ffff;
    let hash = folded.wrapping_mul(0x9e37_79b1);
    ((hash >> (32 - WORD_BITS)) as usize, 1 << (hash >> 21 & 63) | 1 << (hash >> 15 & 63))
}

/// The first three letters at a place, in lower case.
pub(super) fn key_at(text: ScannedText<'_>, at: usize) -> StarterKey {
    [text.at(at) | 0x20, text.at(at + 1) | 0x20, text.at(at + 2) | 0x20]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn starts(starters: &Starters, text: &str) -> bool {
        starters.may_start(ScannedText(text.as_bytes()), 0)
    }

    #[test]
    fn each_starter_of_a_rule_in_use_is_in_the_set() {
        let starters = Starters::of(RuleSet::of(ContentRule::ALL.iter().copied()));
        for (_, keys) in STARTERS {
            for key in *keys {
                assert!(starts(&starters, &format!("{}...", std::str::from_utf8(*key).unwrap())));
            }
        }
        for form in TOKEN_FORMS {
            assert!(starts(&starters, &format!("{}...", std::str::from_utf8(form.prefix).unwrap())));
        }
    }

    #[test]
    fn common_words_are_not_in_the_set() {
        let starters = Starters::of(RuleSet::of(ContentRule::ALL.iter().copied()));
        let words =
            ["the quick", "request", "connection", "user", "error", "server", "started", "failed", "status", "http"];
        let passed = words.iter().filter(|word| starts(&starters, word)).count();
        assert!(passed <= 1, "{passed} of {}", words.len());
    }

    #[test]
    fn no_rule_has_no_starters() {
        assert!(!starts(&Starters::of(RuleSet::default()), "password"));
    }
}

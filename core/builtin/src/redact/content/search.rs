//! The pass over a text: masks of 64 bytes at a time, candidates from the masks, and a check of each candidate.

use std::ops::Range;

use super::{
    finding::{ContentFinding, FindingRule},
    masks::{ByteMasks, CHUNK_BYTES},
    rule::{ContentRule, RuleSet},
    starters::Starters,
    text::ScannedText,
};

/// A scan in progress.
///
/// Checks that walk an unbounded part of the text are linear by the ends that they leave behind: within a found value, no other value is looked for.
pub(super) struct Search<'a> {
    pub(super) text: ScannedText<'a>,
    pub(super) rules: RuleSet,
    pub(super) starters: &'a Starters,
    pub(super) findings: &'a mut Vec<ContentFinding>,
    /// The value beside a keyword that ends last.
    pub(super) value: Range<usize>,
    /// The end of the last token that has a prefix.
    pub(super) token_end: usize,
    /// The end of the last sequence of digits that was checked for cards.
    pub(super) digits_end: usize,
    /// The end of the last text that was checked for IPv6.
    pub(super) address_end: usize,
}

/// The masks of a chunk and of the one before it.
struct ChunkWindow {
    now: ByteMasks,
    /// Zero for the chunk before the first.
    before: ByteMasks,
    /// Bits after the chunk: unknown, and therefore ones; zeros at the end of the text.
    after: u64,
}

impl ChunkWindow {
    /// Bit `i` is that of byte `i + distance`.
    #[inline]
    const fn ahead(&self, mask: u64, distance: u32) -> u64 {
        (mask >> distance) | (self.after << (64 - distance))
    }

    /// Bit `i` is that of byte `i - distance`.
    #[inline]
    fn behind(&self, mask: impl Fn(&ByteMasks) -> u64, distance: u32) -> u64 {
        (mask(&self.now) << distance) | (mask(&self.before) >> (64 - distance))
    }
}

/// The places of a mask's bits.
#[inline]
fn places(base: usize, mut mask: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let bit = mask.trailing_zeros();
        (mask != 0).then(|| {
            mask &= mask - 1;
            base + bit as usize
        })
    })
}

impl Search<'_> {
    /// Scans all of the text. `ALL` is false if only rules for credentials are in use.
    pub(super) fn run<const ALL: bool>(&mut self) {
        let ScannedText(text) = self.text;
        let mut before = ByteMasks::default();
        let mut words_before = 0;
        for (index, chunk) in text.chunks(CHUNK_BYTES).enumerate() {
            let base = index * CHUNK_BYTES;
            let now = ByteMasks::of::<ALL>(chunk);
            let after = if base + CHUNK_BYTES < text.len() { u64::MAX } else { 0 };
            let window = ChunkWindow { now, before, after };
            let words = now.word & !self.escaped(base, now.escape, before.escape);
            let starts = words & !(words << 1 | words_before >> 63);
            words_before = words;
            self.words(base, starts);
            let colons = self.separators(base, now.pair);
            self.escaped_separators(base, now.escape);
            if ALL {
                self.addresses_and_numbers(base, &window, starts);
                self.addresses_with_colons(base, &window, colons);
            }
            before = now;
        }
    }

    #[inline]
    fn words(&mut self, base: usize, starts: u64) {
        for at in places(base, starts) {
            if self.starters.may_start(self.text, at) {
                self.word(at);
            }
        }
    }

    /// Letters and digits that are a part of an escape: one after `\\`, two after `%`.
    #[inline]
    fn escaped(&self, base: usize, escapes: u64, escapes_before: u64) -> u64 {
        if escapes | escapes_before >> 62 == 0 {
            return 0;
        }
        let mut escaped = escapes << 1 | escapes_before >> 63;
        for at in places(base, escapes).filter(|at| self.text.at(*at) == b'%') {
            escaped |= (4 << (at - base)) & !escapes;
        }
        for (distance, bits) in [(2, 0b01), (1, 0b10)] {
            let is_before = escapes_before >> (64 - distance) & 1 != 0;
            if is_before && self.text.nth_before(base, distance) == b'%' {
                escaped |= bits;
            }
        }
        escaped
    }

    /// Values beside a keyword, and URLs. Returns the colons.
    #[inline]
    fn separators(&mut self, base: usize, pairs: u64) -> u64 {
        let mut colons = 0;
        for at in places(base, pairs) {
            if self.text.at(at) == b':' {
                colons |= 1 << (at - base);
            }
            if !self.value.contains(&at) {
                self.separator(at);
            }
        }
        colons
    }

    /// Values beside a keyword in a URL that is a parameter of another.
    #[inline]
    fn escaped_separators(&mut self, base: usize, escapes: u64) {
        for at in places(base, escapes) {
            if self.text.at(at) == b'%' && !self.value.contains(&at) {
                self.escaped_separator(at);
            }
        }
    }

    #[inline]
    fn addresses_and_numbers(&mut self, base: usize, window: &ChunkWindow, word_starts: u64) {
        for at in places(base, window.now.sign) {
            match self.text.at(at) {
                b'@' => self.email(at),
                _ => self.international_phone(at),
            }
        }
        for at in places(base, window.now.escape) {
            if self.text.has(at, b"%40") {
                self.email(at);
            }
        }
        // In a chunk that another one follows, a number may have its first digit alone.
        if window.after != 0 || window.now.digit.count_ones() > 3 {
            self.numbers(base, window, word_starts);
        }
    }

    fn numbers(&mut self, base: usize, window: &ChunkWindow, word_starts: u64) {
        let ByteMasks { word, digit, gap, dot, .. } = window.now;
        let behind = |distance| window.behind(|masks| masks.digit, distance);
        let two = digit & window.ahead(digit, 1);
        let three = two & window.ahead(digit, 2);
        let four = two & window.ahead(two, 2);
        let run_starts = digit & !behind(1);

        // A card: 13 digits, or at least 4 digits, a separator and 3 digits.
        let eight = four & window.ahead(four, 4);
        let thirteen = eight & window.ahead(four, 8) & window.ahead(digit, 12);
        let after_four = behind(1) & behind(2) & behind(3) & behind(4);
        let grouped = (gap | dot) & after_four & window.ahead(three, 1);
        for at in places(base, run_starts & thirteen | grouped) {
            self.card(at);
        }

        // A social security number: 3, 2 and 4 digits.
        let dashes = run_starts
            & three
            & window.ahead(gap, 3)
            & window.ahead(two, 4)
            & window.ahead(gap, 6)
            & window.ahead(four, 7);
        for at in places(base, dashes) {
            self.social_security_number(at);
        }

        // IPv4: three dots between digits.
        let dots = dot & behind(1) & window.ahead(digit, 1);
        let near = |mask| window.ahead(mask, 2) | window.ahead(mask, 3) | window.ahead(mask, 4);
        let last_two = dots & near(dots);
        for at in places(base, dots & near(last_two)) {
            self.ipv4(at);
        }

        // An IBAN: two letters and two digits.
        let country = word_starts & !digit & window.ahead(word & !digit, 1) & window.ahead(two, 2);
        for at in places(base, country) {
            self.iban(at);
        }
    }

    /// IPv6: two colons side by side, or four close to each other.
    #[inline]
    fn addresses_with_colons(&mut self, base: usize, window: &ChunkWindow, colon: u64) {
        if colon == 0 {
            return;
        }
        let near = |mask| window.ahead(mask, 2) | window.ahead(mask, 3) | window.ahead(mask, 4) | window.ahead(mask, 5);
        let four = colon & near(colon & near(colon & near(colon)));
        for at in places(base, colon & window.ahead(colon, 1) | four) {
            self.ipv6(at);
        }
    }

    /// A value beside a keyword. Within it, no other is looked for.
    pub(super) fn value_found(&mut self, rule: ContentRule, start: usize, end: usize) {
        if self.found(rule, start, end) {
            self.pass_over(start, end);
        }
    }

    /// Looks for no value beside a keyword between these places.
    pub(super) fn pass_over(&mut self, start: usize, end: usize) {
        let is_apart = start > self.value.end || self.value.start > end;
        if !is_apart {
            self.value = self.value.start.min(start)..self.value.end.max(end);
        } else if end > self.value.end {
            self.value = start..end;
        }
    }

    /// Adds a finding if its rule is in use.
    pub(super) fn found(&mut self, rule: ContentRule, start: usize, end: usize) -> bool {
        let is_found = self.rules.has(rule) && start < end;
        if is_found {
            self.findings.push(ContentFinding { rule: FindingRule::BuiltIn(rule), range: start..end });
        }
        is_found
    }
}

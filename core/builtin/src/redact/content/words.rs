//! Words that begin something sensitive: tokens, keys in PEM, and keywords.

use super::{
    keywords::{Keyword, KeywordFamily},
    rule::ContentRule::{
        AuthorizationValue, CardSecurityCode, HighEntropySecret, KeywordSecret, Phone, SocialSecurityNumber,
    },
    search::Search,
    starters::{StarterKey, key_at},
    text::is_high_entropy,
    values::is_substituted,
};

/// The longest distance between a keyword and a secret of high entropy.
const NEAR_BYTES: usize = 48;
/// The longest tag whose end is looked for.
const LONGEST_TAG_BYTES: usize = 256;
/// The longest secret of high entropy that is looked at whole.
const LONGEST_NEAR_BYTES: usize = 512;

impl Search<'_> {
    /// A word whose first letters are those of something sensitive.
    pub(super) fn word(&mut self, at: usize) {
        if at < self.token_end {
            return;
        }
        let key = key_at(self.text, at);
        match &key {
            b"eyj" => self.json_web_token(at),
            b"beg" => self.private_key(at),
            b"bea" | b"bas" if self.rules.has(AuthorizationValue) => self.bare_authorization(at),
            b"pas" | b"pwd" | b"tok" | b"cre" | b"key" | b"api" => self.keyword_in_prose(at, key),
            b"sec" => {
                self.keyword_in_prose(at, key);
                self.security_code_after_keyword(at);
            }
            b"cvv" | b"cvc" | b"csc" | b"cav" | b"pin" if self.rules.has(CardSecurityCode) => {
                self.security_code_after_keyword(at)
            }
            b"ssn" | b"soc" if self.rules.has(SocialSecurityNumber) => self.social_security_number_after_keyword(at),
            b"tel" | b"pho" | b"mob" | b"cel" | b"fax" if self.rules.has(Phone) => self.phone_after_keyword(at),
            _ => self.prefixed_token(at, key),
        }
    }

    /// A keyword that no `=` and no `:` follows: `--password x`, `<password>x</password>`, `password is x`, `secret 9f86d0...`.
    fn keyword_in_prose(&mut self, at: usize, key: StarterKey) {
        if !self.rules.has_any(&[KeywordSecret, HighEntropySecret]) {
            return;
        }
        let Some((keyword, end)) = Keyword::at(self.text, at, key) else { return };
        match self.text.at(end) {
            b'>' => self.element(at, end),
            b' ' if self.is_option(at) => self.option_value(end + 1),
            b' ' if self.is_element(at) => self.element(at, end),
            b' ' => self.value_in_prose(keyword, end),
            b'"' | b'\'' => self.quoted_name(at, end),
            _ => {}
        }
    }

    /// Whether the word at this place ends the name of an element of XML.
    fn is_element(&self, at: usize) -> bool {
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b':' | b'.');
        self.text.before(self.text.run_back(at, 64, is_name)) == b'<'
    }

    /// `<password>x</password>`, `<password xsi:type="string">x</password>`
    fn element(&mut self, at: usize, name_end: usize) {
        let text = self.text;
        let tag_end = text.run(name_end, LONGEST_TAG_BYTES, |byte| !matches!(byte, b'>' | b'<'));
        let has_content = text.at(tag_end) == b'>' && text.before(tag_end) != b'/';
        if has_content && self.is_element(at) && !self.value.contains(&at) {
            let close = text.run(tag_end + 1, usize::MAX, |byte| byte != b'<');
            self.value_found(KeywordSecret, tag_end + 1, close);
        }
    }

    /// `key="password" value="x"`, `{"name":"password","value":"x"}`, `("password", "x")`, behind the quote of the name.
    fn quoted_name(&mut self, at: usize, end: usize) {
        let text = self.text;
        let is_blank = |byte: u8| byte.is_ascii_whitespace();
        let behind = text.run(end + 1, 16, is_blank);
        if behind > end + 1 && text.has_in_any_case(behind, b"value=") {
            return self.option_value(behind + 6);
        }
        if text.at(behind) != b',' {
            return;
        }
        let next = text.run(behind + 1, 16, is_blank);
        let key_end = next + b"\"value\"".len();
        if text.has_in_any_case(next, b"\"value\"") || text.has_in_any_case(next, b"'value'") {
            let colon = text.run(key_end, 16, is_blank);
            if text.at(colon) == b':' {
                self.option_value(colon + 1);
            }
        } else if matches!(text.at(next), b'"' | b'\'') && self.is_first_of_pair(at) {
            self.option_value(next);
        }
    }

    /// Whether the name that ends with the word at this place is the first of a pair, as `Debug` writes it: `("x-api-key", ...)`.
    fn is_first_of_pair(&self, at: usize) -> bool {
        let text = self.text;
        let name =
            text.run_back(at, 64, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b' '));
        matches!(text.before(name), b'"' | b'\'') && text.nth_before(name, 2) == b'('
    }

    /// Whether the word at this place is in the name of an option, such as `--api-token`.
    fn is_option(&self, at: usize) -> bool {
        let name = self.text.run_back(at, 32, |byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'));
        self.text.has(name, b"--") && !self.text.has(name, b"---")
    }

    fn option_value(&mut self, start: usize) {
        let start = self.text.run(start, 8, |byte| byte == b' ');
        let Some(value) = self.value_at(start) else { return };
        if !matches!(self.text.at(start), b'-' | b'<' | b'[' | b'|') && !value.is_placeholder(self.text) {
            self.value_found(KeywordSecret, value.start, value.end);
        }
    }

    fn value_in_prose(&mut self, keyword: &Keyword, end: usize) {
        let text = self.text;
        let start = text.run(end, 3, |byte| byte == b' ');
        let after_verb = [&b"is: "[..], b"is ", b"was ", b"changed to ", b"set to ", b"reset to ", b"to "]
            .into_iter()
            .find(|verb| text.has_in_any_case(start, verb));
        if let Some(verb) = after_verb {
            self.stated_value(keyword, start + verb.len());
        } else if matches!(text.at(start), b'"' | b'\'') {
            self.stated_value(keyword, start);
        }
        self.near_secret(end);
    }

    /// `password is x`, `password "x"`
    fn stated_value(&mut self, keyword: &Keyword, start: usize) {
        let Some(value) = self.value_at(start) else { return };
        if !self.value.contains(&start) && value.is_secret_in_prose(self.text, keyword.family) {
            self.value_found(KeywordSecret, value.start, value.end);
        }
    }

    /// A text of high entropy soon after a keyword.
    fn near_secret(&mut self, from: usize) {
        let text = self.text;
        let mut at = from;
        while at < (from + NEAR_BYTES).min(text.len()) {
            let end =
                text.run(at, LONGEST_NEAR_BYTES, |byte| super::text::is_base64(byte) || matches!(byte, b'_' | b'-'));
            let secret = text.part(at, end);
            if text.at(end) == b':' {
                let whole = text.run(at, LONGEST_NEAR_BYTES, |byte| {
                    super::text::is_base64(byte) || matches!(byte, b'_' | b'-' | b':' | b'.')
                });
                if is_substituted(text.part(at, whole)) {
                    at = whole + 1;
                    continue;
                }
            }
            if secret.len() >= 20 && !is_path(secret) && is_high_entropy(secret) {
                self.found(HighEntropySecret, at, end);
                return;
            }
            at = end + 1;
        }
    }
}

/// Whether this is the path of a file or a name of words: many short parts.
fn is_path(text: &[u8]) -> bool {
    let longest = text.split(|byte| matches!(byte, b'/' | b'-' | b'_' | b'=')).map(<[u8]>::len).max();
    longest < Some(10) && !text.contains(&b'+')
}

impl KeywordFamily {
    /// Whether any word may be a value: a password may be a word, a token is none.
    pub(super) const fn allows_words(self) -> bool {
        matches!(self, Self::Password)
    }
}

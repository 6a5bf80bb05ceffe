//! Tokens that begin with a prefix of their service.

use super::{
    rule::ContentRule::{self, AwsKey, GithubToken, GitlabToken, GoogleKey, ServiceToken, SlackToken, StripeKey},
    search::Search,
    starters::{StarterKey, key_at},
    text::{ScannedText, is_base64, is_base64url, is_diverse},
};

/// The longest body that is checked. A body that is longer is a token, if its form has no upper limit.
const LONGEST_BODY_BYTES: usize = 640;

/// The form of a token.
#[derive(Debug)]
pub(super) struct TokenForm {
    pub(super) prefix: &'static [u8],
    pub(super) rule: ContentRule,
    alphabet: Alphabet,
    /// The lengths of the body that are possible.
    least: usize,
    most: usize,
}

#[derive(Debug, Clone, Copy)]
enum Alphabet {
    Alphanumeric,
    Hexadecimal,
    /// Also `_`.
    Word,
    Base64,
    Base64Url,
    /// Base64 for URLs, and dots.
    Dotted,
    /// Also `%`, as a token within a cookie has it.
    Escaped,
    /// `A` to `Z` and `2` to `7`.
    Base32,
}

impl Alphabet {
    fn has(self, byte: u8) -> bool {
        match self {
            Self::Alphanumeric => byte.is_ascii_alphanumeric(),
            Self::Hexadecimal => byte.is_ascii_hexdigit(),
            Self::Word => byte.is_ascii_alphanumeric() || byte == b'_',
            Self::Base64 => is_base64(byte),
            Self::Base64Url => is_base64url(byte),
            Self::Dotted => is_base64url(byte) || byte == b'.',
            Self::Escaped => is_base64url(byte) || matches!(byte, b'.' | b'%' | b'/' | b'+'),
            Self::Base32 => byte.is_ascii_uppercase() || matches!(byte, b'2'..=b'7'),
        }
    }
}

impl TokenForm {
    /// The first three letters of the prefix.
    fn key(&self) -> StarterKey {
        key_at(ScannedText(self.prefix), 0)
    }
}

const fn form(prefix: &'static str, rule: ContentRule, alphabet: Alphabet, least: usize, most: usize) -> TokenForm {
    TokenForm { prefix: prefix.as_bytes(), rule, alphabet, least, most }
}

const fn exact(prefix: &'static str, rule: ContentRule, alphabet: Alphabet, length: usize) -> TokenForm {
    form(prefix, rule, alphabet, length, length)
}

const fn open(prefix: &'static str, rule: ContentRule, alphabet: Alphabet, least: usize) -> TokenForm {
    form(prefix, rule, alphabet, least, LONGEST_BODY_BYTES)
}

/// Sorted by the first three letters in lower case; a longer prefix stands before a shorter one that it begins with.
pub(super) const TOKEN_FORMS: &[TokenForm] = &[
    open("1//0", GoogleKey, Alphabet::Base64Url, 40),
    open("AGE-SECRET-KEY-1", ServiceToken, Alphabet::Alphanumeric, 58),
    exact("AIza", GoogleKey, Alphabet::Base64Url, 35),
    exact("AKIA", AwsKey, Alphabet::Base32, 16),
    exact("ASIA", AwsKey, Alphabet::Base32, 16),
    open("ATATT3", ServiceToken, Alphabet::Escaped, 60),
    form("dapi", ServiceToken, Alphabet::Hexadecimal, 32, 34),
    open("dckr_pat_", ServiceToken, Alphabet::Base64Url, 20),
    open("dckr_oat_", ServiceToken, Alphabet::Base64Url, 20),
    exact("doo_v1_", ServiceToken, Alphabet::Hexadecimal, 64),
    exact("dop_v1_", ServiceToken, Alphabet::Hexadecimal, 64),
    exact("dor_v1_", ServiceToken, Alphabet::Hexadecimal, 64),
    open("fapilog-identity-1", ServiceToken, Alphabet::Alphanumeric, 40),
    open("fapilog-key-1", ServiceToken, Alphabet::Alphanumeric, 40),
    form("gho_", GithubToken, Alphabet::Alphanumeric, 36, 255),
    form("ghp_", GithubToken, Alphabet::Alphanumeric, 36, 255),
    form("ghr_", GithubToken, Alphabet::Alphanumeric, 36, 255),
    open("ghs_", GithubToken, Alphabet::Dotted, 36),
    form("ghu_", GithubToken, Alphabet::Alphanumeric, 36, 255),
    form("github_pat_", GithubToken, Alphabet::Word, 50, 255),
    open("glagent-", GitlabToken, Alphabet::Dotted, 20),
    open("glcbt-", GitlabToken, Alphabet::Dotted, 20),
    open("glc_", ServiceToken, Alphabet::Base64, 32),
    open("gldt-", GitlabToken, Alphabet::Dotted, 20),
    open("glffct-", GitlabToken, Alphabet::Dotted, 20),
    open("glft-", GitlabToken, Alphabet::Dotted, 20),
    open("glimt-", GitlabToken, Alphabet::Dotted, 20),
    open("gloas-", GitlabToken, Alphabet::Dotted, 20),
    open("glpat-", GitlabToken, Alphabet::Dotted, 20),
    open("glptt-", GitlabToken, Alphabet::Dotted, 20),
    open("glrtr-", GitlabToken, Alphabet::Dotted, 20),
    open("glrt-", GitlabToken, Alphabet::Dotted, 20),
    open("glsoat-", GitlabToken, Alphabet::Dotted, 20),
    open("glsa_", ServiceToken, Alphabet::Word, 32),
    exact("GOCSPX-", GoogleKey, Alphabet::Base64Url, 28),
    open("gsk_", ServiceToken, Alphabet::Alphanumeric, 40),
    form("hf_", ServiceToken, Alphabet::Alphanumeric, 30, 40),
    open("hvb.", ServiceToken, Alphabet::Base64Url, 24),
    open("hvr.", ServiceToken, Alphabet::Base64Url, 24),
    open("hvs.", ServiceToken, Alphabet::Base64Url, 24),
    open("lin_api_", ServiceToken, Alphabet::Alphanumeric, 32),
    exact("npm_", ServiceToken, Alphabet::Alphanumeric, 36),
    open("PRIVATE+KEY+", ServiceToken, Alphabet::Escaped, 40),
    open("pul-", ServiceToken, Alphabet::Hexadecimal, 40),
    open("pypi-AgE", ServiceToken, Alphabet::Base64Url, 50),
    open("rk_live_", StripeKey, Alphabet::Alphanumeric, 16),
    open("rk_test_", StripeKey, Alphabet::Alphanumeric, 16),
    open("rubygems_", ServiceToken, Alphabet::Hexadecimal, 48),
    open("SG.", ServiceToken, Alphabet::Dotted, 60),
    exact("shpat_", ServiceToken, Alphabet::Hexadecimal, 32),
    exact("shpca_", ServiceToken, Alphabet::Hexadecimal, 32),
    exact("shppa_", ServiceToken, Alphabet::Hexadecimal, 32),
    exact("shpss_", ServiceToken, Alphabet::Hexadecimal, 32),
    open("sk-svcacct-", ServiceToken, Alphabet::Base64Url, 24),
    open("sk-proj-", ServiceToken, Alphabet::Base64Url, 24),
    open("sk-ant-", ServiceToken, Alphabet::Base64Url, 24),
    open("sk-", ServiceToken, Alphabet::Alphanumeric, 32),
    open("sk_live_", StripeKey, Alphabet::Alphanumeric, 16),
    open("sk_test_", StripeKey, Alphabet::Alphanumeric, 16),
    open("sk_org_", StripeKey, Alphabet::Word, 16),
    open("sntrys_", ServiceToken, Alphabet::Base64, 40),
    open("tskey-", ServiceToken, Alphabet::Base64Url, 20),
    open("whsec_", StripeKey, Alphabet::Base64, 24),
    open("xapp-", SlackToken, Alphabet::Base64Url, 16),
    open("xoxe.xoxb-", SlackToken, Alphabet::Base64Url, 16),
    open("xoxe.xoxp-", SlackToken, Alphabet::Base64Url, 16),
    open("xoxb-", SlackToken, Alphabet::Base64Url, 16),
    open("xoxp-", SlackToken, Alphabet::Base64Url, 16),
    open("xoxa-", SlackToken, Alphabet::Base64Url, 16),
    open("xoxr-", SlackToken, Alphabet::Base64Url, 16),
    open("xoxs-", SlackToken, Alphabet::Base64Url, 16),
    open("xoxo-", SlackToken, Alphabet::Base64Url, 16),
    open("xoxe-", SlackToken, Alphabet::Base64Url, 16),
    open("xoxc-", SlackToken, Alphabet::Base64Url, 16),
    open("xoxd-", SlackToken, Alphabet::Escaped, 16),
    open("ya29.", GoogleKey, Alphabet::Dotted, 20),
];

impl Search<'_> {
    /// Looks for a token at the start of a word.
    pub(super) fn prefixed_token(&mut self, at: usize, key: StarterKey) {
        let text = self.text;
        let first = TOKEN_FORMS.partition_point(|form| form.key() < key);
        let mut forms = TOKEN_FORMS.iter().skip(first).take_while(|form| form.key() == key);
        let Some(form) = forms.find(|form| self.rules.has(form.rule) && text.has(at, form.prefix)) else { return };
        let start = at + form.prefix.len();
        let Some(end) = self.body_end(form, start) else { return };
        self.token_end = end;
        if self.found(form.rule, at, end) && form.rule == AwsKey {
            self.aws_secret_after(end);
        }
    }

    fn body_end(&self, form: &TokenForm, start: usize) -> Option<usize> {
        let text = self.text;
        if let Some(end) = self.end_by_checksum(form, start) {
            return Some(end);
        }
        let run = text.run(start, form.most + 1, |byte| form.alphabet.has(byte));
        // A full stop ends a sentence, and not a token.
        let end = text.run_back(run, run - start, |byte| byte == b'.');
        let fits = (form.least..=form.most).contains(&(end - start)) && text.ends_word(end);
        if fits {
            return is_diverse(text.part(start, end)).then_some(end);
        }
        let is_open = form.most == LONGEST_BODY_BYTES && run - start >= form.most && is_diverse(text.part(start, run));
        is_open.then(|| text.run(run, usize::MAX, |byte| form.alphabet.has(byte)))
    }

    /// The end of a token with a valid checksum, even if other text follows it without a break.
    fn end_by_checksum(&self, form: &TokenForm, start: usize) -> Option<usize> {
        let has_checksum = matches!(form.prefix, b"ghp_" | b"gho_" | b"ghu_" | b"ghs_" | b"ghr_" | b"npm_");
        (has_checksum && has_valid_checksum(self.text.part(start, start + 36))).then_some(start + 36)
    }

    /// The secret key that stands after its ID, at most 100 bytes from it: 40 characters of base64.
    fn aws_secret_after(&mut self, id_end: usize) {
        const SECRET_BYTES: usize = 40;
        let text = self.text;
        let mut at = id_end;
        while at < (id_end + 100).min(text.len()) {
            let end = text.run(at, SECRET_BYTES + 1, is_base64);
            let secret = text.part(at, end);
            // `secret=...` has the `=` in the run.
            let name = secret.iter().position(|byte| *byte == b'=').map_or(0, |equals| equals + 1);
            let start = at + if name < secret.len() { name } else { 0 };
            let end = text.run(start, SECRET_BYTES + 1, is_base64);
            if end - start == SECRET_BYTES && super::text::is_high_entropy(text.part(start, end)) {
                self.found(AwsKey, start, end);
                return;
            }
            at = end.max(at + 1);
        }
    }
}

/// Whether the last six characters are the checksum of the 30 before them: CRC-32 in base 62. GitHub and npm have it.
fn has_valid_checksum(body: &[u8]) -> bool {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let Some((random, checksum)) = body.split_at_checked(30) else { return false };
    if checksum.len() != 6 || !body.iter().all(u8::is_ascii_alphanumeric) {
        return false;
    }
    let mut value = crc32fast::hash(random);
    checksum.iter().rev().all(|found| {
        let digit = DIGITS.get((value % 62) as usize);
        value /= 62;
        digit == Some(found)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    // A published token, revoked long ago.
    const BODY: &[u8] = b"zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ0mLq17";

    #[test]
    fn the_checksum_of_a_published_token_is_valid() {
        assert!(has_valid_checksum(BODY));
    }

    #[test]
    fn another_letter_makes_the_checksum_invalid() {
        let mut body = BODY.to_vec();
        body[3] = b'C';
        assert!(!has_valid_checksum(&body));
        assert!(!has_valid_checksum(&BODY[1..]));
    }

    #[test]
    fn forms_are_sorted_by_their_first_letters() {
        assert!(TOKEN_FORMS.is_sorted_by_key(TokenForm::key));
    }

    #[test]
    fn each_form_has_a_prefix_of_at_least_three_bytes_and_room_for_a_body() {
        for form in TOKEN_FORMS {
            assert!(form.prefix.len() >= 3 && form.least >= 16 && form.least <= form.most, "{form:?}");
        }
    }
}

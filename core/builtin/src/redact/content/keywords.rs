//! Names whose values are secret: `password`, `api_key`, `authorization`.

use super::{
    starters::{StarterKey, WORD_BITS, place},
    text::ScannedText,
};

/// The meaning of a keyword.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KeywordFamily {
    /// Any value is a secret.
    Password,
    /// A value in a sentence is a secret if it looks like one.
    Token,
    Authorization,
    Cookie,
    SetCookie,
    SecurityCode,
    SocialSecurityNumber,
    Phone,
}

/// A keyword.
#[derive(Debug)]
pub(super) struct Keyword {
    /// In lower case, without separators.
    name: &'static str,
    pub(super) family: KeywordFamily,
    /// Whether the name may be the tail of a longer word: `dbpassword`, but not `bypass`.
    is_suffix: bool,
}

const fn suffix(name: &'static str, family: KeywordFamily) -> Keyword {
    Keyword { name, family, is_suffix: true }
}

const fn whole(name: &'static str, family: KeywordFamily) -> Keyword {
    Keyword { name, family, is_suffix: false }
}

const KEYWORDS: &[Keyword] = &[
    suffix("password", KeywordFamily::Password),
    suffix("passwd", KeywordFamily::Password),
    suffix("passphrase", KeywordFamily::Password),
    suffix("passcode", KeywordFamily::Password),
    suffix("pwd", KeywordFamily::Password),
    whole("pass", KeywordFamily::Password),
    // In German, Spanish, French, Dutch, Portuguese, Polish, and Czech.
    suffix("passwort", KeywordFamily::Password),
    suffix("kennwort", KeywordFamily::Password),
    suffix("contrasena", KeywordFamily::Password),
    suffix("motdepasse", KeywordFamily::Password),
    suffix("wachtwoord", KeywordFamily::Password),
    whole("senha", KeywordFamily::Password),
    whole("haslo", KeywordFamily::Password),
    whole("heslo", KeywordFamily::Password),
    suffix("secret", KeywordFamily::Token),
    suffix("token", KeywordFamily::Token),
    suffix("apikey", KeywordFamily::Token),
    suffix("accesskey", KeywordFamily::Token),
    suffix("accesskeyid", KeywordFamily::Token),
    suffix("secretkey", KeywordFamily::Token),
    suffix("secretaccesskey", KeywordFamily::Token),
    suffix("privatekey", KeywordFamily::Token),
    suffix("encryptionkey", KeywordFamily::Token),
    suffix("signingkey", KeywordFamily::Token),
    suffix("masterkey", KeywordFamily::Token),
    suffix("secretkeybase", KeywordFamily::Token),
    suffix("passwordhash", KeywordFamily::Token),
    suffix("accountkey", KeywordFamily::Token),
    suffix("authkey", KeywordFamily::Token),
    suffix("licensekey", KeywordFamily::Token),
    suffix("sharedaccesssignature", KeywordFamily::Token),
    suffix("credential", KeywordFamily::Token),
    suffix("credentials", KeywordFamily::Token),
    suffix("sessionid", KeywordFamily::Token),
    suffix("sessid", KeywordFamily::Token),
    suffix("connectsid", KeywordFamily::Token),
    whole("otp", KeywordFamily::Token),
    whole("jwt", KeywordFamily::Token),
    suffix("authorization", KeywordFamily::Authorization),
    whole("setcookie", KeywordFamily::SetCookie),
    whole("cookie", KeywordFamily::Cookie),
    suffix("cvv", KeywordFamily::SecurityCode),
    suffix("cvv2", KeywordFamily::SecurityCode),
    suffix("cvc", KeywordFamily::SecurityCode),
    suffix("cvc2", KeywordFamily::SecurityCode),
    suffix("securitycode", KeywordFamily::SecurityCode),
    suffix("ssn", KeywordFamily::SocialSecurityNumber),
    suffix("socialsecuritynumber", KeywordFamily::SocialSecurityNumber),
    suffix("phone", KeywordFamily::Phone),
    suffix("phonenumber", KeywordFamily::Phone),
    suffix("telephone", KeywordFamily::Phone),
    suffix("mobile", KeywordFamily::Phone),
    suffix("mobilenumber", KeywordFamily::Phone),
    suffix("msisdn", KeywordFamily::Phone),
    whole("tel", KeywordFamily::Phone),
    whole("fax", KeywordFamily::Phone),
];

/// Keywords that a sentence may have, with the words that may stand before `key`.
const IN_PROSE: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "pwd",
    "secret",
    "token",
    "credentials",
    "credential",
    "apikey",
    "key",
];
const BEFORE_KEY: &[&[u8]] =
    &[b"api", b"access", b"secret", b"private", b"encryption", b"signing", b"auth", b"account"];

/// The longest keyword.
const LONGEST_NAME_BYTES: usize = 24;

/// The last letters of a name, in lower case and without separators, read from its end.
#[derive(Debug)]
pub(super) struct NameTail {
    /// From the last letter on.
    reversed: [u8; LONGEST_NAME_BYTES],
    length: usize,
    /// Bit `i` is set if a word begins at letter `i`.
    starts: u32,
}

impl NameTail {
    /// The name that ends at this place. A single space may stand within it, as in `api key`.
    pub(super) fn before(text: ScannedText<'_>, end: usize) -> Self {
        let mut tail = Self { reversed: [0; _], length: 0, starts: 0 };
        let mut at = end;
        while tail.length < LONGEST_NAME_BYTES {
            let byte = text.before(at);
            let Some(place) = tail.reversed.get_mut(tail.length) else { break };
            if byte.is_ascii_alphanumeric() && !is_escape(text, at) {
                *place = byte.to_ascii_lowercase();
                at -= 1;
                let is_camel = byte.is_ascii_uppercase() && text.before(at).is_ascii_lowercase();
                tail.starts |= u32::from(is_camel || text.starts_word(at)) << tail.length;
                tail.length += 1;
            } else if at < end
                && matches!(byte, b'_' | b'-' | b'.' | b' ')
                && text.nth_before(at, 2).is_ascii_alphanumeric()
            {
                at -= 1;
            } else {
                break;
            }
        }
        tail
    }

    fn ends_with(&self, name: &str, is_suffix: bool) -> bool {
        let letters = name.bytes().rev();
        let found = self.reversed.get(..self.length).unwrap_or_default();
        name.len() <= found.len()
            && letters.zip(found).all(|(expected, found)| expected == *found)
            && (is_suffix || self.starts & 1 << (name.len() - 1) != 0)
    }

    pub(super) fn keyword(&self) -> Option<&'static Keyword> {
        KEYWORDS.iter().find(|keyword| self.ends_with(keyword.name, keyword.is_suffix))
    }

    /// Whether the name ends with this word.
    pub(super) fn ends_with_word(&self, name: &str) -> bool {
        self.ends_with(name, false)
    }
}

/// Whether the letter before this place is that of `\n`.
fn is_escape(text: ScannedText<'_>, at: usize) -> bool {
    at > 1 && text.nth_before(at, 2) == b'\\' && matches!(text.before(at), b'n' | b't' | b'r')
}

impl Keyword {
    /// The keyword that begins at this place with these letters, and its end.
    pub(super) fn at(text: ScannedText<'_>, at: usize, key: StarterKey) -> Option<(&'static Self, usize)> {
        let mut names = IN_PROSE.iter().filter(|name| name.as_bytes().starts_with(&key));
        let name = names.find(|name| text.has_in_any_case(at, name.as_bytes()))?;
        let end = at + name.len();
        let is_whole = !text.at(end).is_ascii_alphanumeric();
        let is_found = is_whole && (*name != "key" || Self::has_word_before_key(text, at));
        let keyword = is_found.then(|| NameTail::before(text, end).keyword())??;
        Some((keyword, end))
    }

    fn has_word_before_key(text: ScannedText<'_>, at: usize) -> bool {
        let end = text.run_back(at, 1, |byte| matches!(byte, b' ' | b'-' | b'_'));
        let start = text.run_back(end, 12, |byte| byte.is_ascii_alphabetic());
        let word = text.part(start, end);
        BEFORE_KEY.iter().any(|before| word.eq_ignore_ascii_case(before))
    }
}

/// The last three letters of the keywords and of the secret parameters of URLs, and of `session_id`.
const LAST_LETTERS: &[&[u8; 3]] = &[
    b"ord", b"swd", b"ase", b"ode", b"pwd", b"ass", b"ret", b"ken", b"key", b"yid", b"ure", b"ial", b"als", b"nid",
    b"sid", b"_id", b"-id", b"otp", b"jwt", b"ion", b"kie", b"cvv", b"vv2", b"cvc", b"vc2", b"ssn", b"one", b"ber",
    b"ile", b"sdn", b"tel", b"fax", b"sig", b"uth", b"ket", b"nse", b"mac", b"ash", b"ort", b"ena", b"sse", b"nha",
    b"slo",
];

/// Two bits for the hash of each of the last three letters.
#[expect(clippy::indexing_slicing, reason = "the compiler evaluates it")]
const LAST_LETTERS_SET: [u64; 1 << WORD_BITS] = {
    let mut set = [0; 1 << WORD_BITS];
    let mut tails = LAST_LETTERS;
    while let [tail, others @ ..] = tails {
        let [a, b, c] = **tail;
        let (word, bits) = place(u32::from_le_bytes([a, b, c, 0]));
        set[word] |= bits;
        tails = others;
    }
    set
};

/// Whether a name that ends at this place may be a keyword, or a secret parameter of a URL: most names do not get past this.
#[inline]
pub(super) fn may_end_keyword(text: ScannedText<'_>, end: usize) -> bool {
    let Some(letters) = text.0.get(..end).and_then(<[u8]>::last_chunk) else { return may_end_short(text, end) };
    let (word, bits) = place(u32::from_le_bytes(*letters) >> 8);
    LAST_LETTERS_SET.get(word).is_some_and(|set| set & bits == bits) && has_long_tail(text, end)
}

/// A name of three letters at the start of a text.
#[cold]
fn may_end_short(text: ScannedText<'_>, end: usize) -> bool {
    end == 3 && LAST_LETTERS.iter().any(|tail| text.has_in_any_case(0, *tail))
}

/// Whether tails that many names have are those of a keyword: `session_id`, but not `request_id`.
fn has_long_tail(text: ScannedText<'_>, end: usize) -> bool {
    let ends_with = |tail: &[u8]| end.checked_sub(tail.len()).is_some_and(|start| text.has_in_any_case(start, tail));
    let is_any = |tails: &[&[u8]]| tails.iter().any(|tail| ends_with(tail));
    match (text.nth_before(end, 2) | 0x20, text.before(end) | 0x20) {
        (b'i', b'd') => is_any(&[
            b"sessionid",
            b"session_id",
            b"session-id",
            b"sessid",
            b"sess_id",
            b".sid",
            b"sid",
            b"keyid",
            b"key_id",
        ]),
        (b'o', b'n') => is_any(&[b"authorization", b"session", b"assertion"]),
        (b'o', b'r') | (b'e', b'r') => is_any(&[b"number"]),
        (b'n', b'e') => is_any(&[b"phone"]),
        (b'l', b'e') => is_any(&[b"mobile"]),
        (b'd', b'e') => is_any(&[b"code"]),
        (b's', b'e') => is_any(&[b"passphrase", b"response", b"keybase", b"key_base", b"passe"]),
        (b's', b'h') => is_any(&[b"passwordhash", b"password_hash"]),
        (b'r', b't') => is_any(&[b"passwort", b"kennwort"]),
        (b'r', b'e') => is_any(&[b"signature"]),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keyword_of(name: &str) -> Option<&'static str> {
        let tail = NameTail::before(ScannedText(name.as_bytes()), name.len());
        tail.keyword().map(|keyword| keyword.name)
    }

    #[test]
    fn a_keyword_is_found_whatever_its_case_and_separators() {
        for name in ["password", "db_password", "DB-PASSWORD", "dbPassword", "mysqlpassword", "a.password"] {
            assert_eq!(keyword_of(name), Some("password"), "{name}");
        }
        for name in ["apiKey", "API_KEY", "x-api-key", "the api key", "api.key"] {
            assert_eq!(keyword_of(name), Some("apikey"), "{name}");
        }
    }

    #[test]
    fn a_short_keyword_is_a_word_of_its_own() {
        for (name, expected) in [
            ("pass", Some("pass")),
            ("db_pass", Some("pass")),
            ("userPass", Some("pass")),
            ("bypass", None),
            ("compass", None),
        ] {
            assert_eq!(keyword_of(name), expected, "{name}");
        }
    }

    #[test]
    fn other_names_are_no_keywords() {
        for name in ["tokens", "max_tokens", "key", "monkey", "user", "passed", "secretary", "tokenizer"] {
            assert_eq!(keyword_of(name), None, "{name}");
        }
    }

    #[test]
    fn common_names_do_not_pass_the_test_of_the_last_letters() {
        let names = [
            "level",
            "region",
            "shard",
            "rows",
            "took",
            "state",
            "page",
            "sort",
            "port",
            "host",
            "user_id",
            "status",
            "duration_ms",
            "version",
            "at",
            "id",
        ];
        let passed: Vec<_> = names
            .iter()
            .filter(|name| may_end_keyword(ScannedText(format!("x {name}").as_bytes()), name.len() + 2))
            .collect();
        assert!(passed.len() <= 1, "{passed:?}");
    }

    #[test]
    fn each_keyword_passes_the_test_of_its_last_letters() {
        for keyword in KEYWORDS {
            for name in [keyword.name.to_owned(), format!("my_{}", keyword.name), keyword.name.to_uppercase()] {
                let text = ScannedText(name.as_bytes());
                assert!(may_end_keyword(text, text.len()), "{name}");
            }
            assert!(keyword.name.len() <= LONGEST_NAME_BYTES);
        }
    }
}

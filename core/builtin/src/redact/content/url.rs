//! User and password of a URL.

use super::{
    rule::ContentRule::{self, ServiceToken, SlackToken, UrlCredentials},
    search::Search,
    text::{ScannedText, is_base64url, is_high_entropy},
};

/// The longest user and password that are looked for behind a `/` that is not escaped.
const LONGEST_USERINFO_BYTES: usize = 256;

/// URLs whose path lets anyone post.
const WEBHOOKS: &[(&[u8], ContentRule)] = &[
    (b"hooks.slack.com/services/", SlackToken),
    (b"discord.com/api/webhooks/", ServiceToken),
    (b"discordapp.com/api/webhooks/", ServiceToken),
];

impl Search<'_> {
    /// The `:` of `://`.
    pub(super) fn url(&mut self, colon: usize) {
        let text = self.text;
        let start = colon + 3;
        self.webhook(start);
        if !text.before(colon).is_ascii_alphanumeric() || !self.rules.has(UrlCredentials) {
            return;
        }
        let authority_end =
            text.run(start, LONGEST_USERINFO_BYTES, |byte| !ends_url(byte) && !matches!(byte, b'/' | b'?' | b'#'));
        let at_sign = last_at_sign(text, start, authority_end).or_else(|| self.at_sign_behind(start, authority_end));
        let Some(at_sign) = at_sign else { return };
        let userinfo = text.part(start, at_sign);
        // A user alone is no secret, but a token in its place is.
        let is_secret = userinfo.contains(&b':') && userinfo.len() > 1 || is_high_entropy(userinfo);
        if is_secret {
            self.value_found(UrlCredentials, start, at_sign);
        }
    }

    /// The secret path of a webhook.
    fn webhook(&mut self, host: usize) {
        let Some((prefix, rule)) = WEBHOOKS.iter().find(|(prefix, _)| self.text.has_in_any_case(host, prefix)) else {
            return;
        };
        let start = host + prefix.len();
        let end = self.text.run(start, usize::MAX, |byte| is_base64url(byte) || byte == b'/');
        if end - start >= 20 {
            self.value_found(*rule, start, end);
        }
    }

    /// The `@` behind a password that has a `/`, `?` or `#` in it: after the first `:` comes no port.
    fn at_sign_behind(&self, start: usize, authority_end: usize) -> Option<usize> {
        let text = self.text;
        let user_end = text.run(start, authority_end - start, |byte| byte != b':');
        let has_password = user_end > start
            && user_end < authority_end
            && !text.part(user_end + 1, authority_end).iter().all(u8::is_ascii_digit);
        let end = text.run(start, LONGEST_USERINFO_BYTES, |byte| !ends_url(byte));
        has_password.then(|| last_at_sign(text, start, end)).flatten()
    }
}

fn ends_url(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'' | b'<' | b'>' | b'`' | b',' | b'|')
}

fn last_at_sign(text: ScannedText<'_>, start: usize, end: usize) -> Option<usize> {
    text.part(start, end).iter().rposition(|byte| *byte == b'@').map(|at| start + at)
}

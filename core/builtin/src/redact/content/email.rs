//! E-mail addresses.

use super::{rule::ContentRule::Email, search::Search};

/// The longest local part (RFC 5321), and the longest domain.
const LONGEST_LOCAL_BYTES: usize = 64;
const LONGEST_DOMAIN_BYTES: usize = 253;

/// Last parts that are no top-level domains: units of systemd, and files such as `icon@2x.png`.
#[rustfmt::skip]
const NO_DOMAINS: &[&[u8]] = &[
    b"service", b"socket", b"timer", b"mount", b"target", b"slice", b"scope", b"device", b"path", b"swap", b"automount",
    b"png", b"jpg", b"jpeg", b"gif", b"svg", b"webp", b"css", b"js", b"mjs", b"jsx", b"tsx", b"json", b"html", b"xml", b"yaml", b"yml", b"txt", b"log",
    b"tgz", b"gz", b"jar", b"class", b"local", b"lock", b"conf", b"cfg", b"dll", b"exe", b"internal_",
];

impl Search<'_> {
    /// An `@`, or `%40` in its place.
    pub(super) fn email(&mut self, at_sign: usize) {
        let text = self.text;
        let sign_bytes = if text.at(at_sign) == b'@' { 1 } else { 3 };
        let start = text.run_back(at_sign, LONGEST_LOCAL_BYTES + 1, is_local);
        let domain = at_sign + sign_bytes;
        let domain_end = text.run(domain, LONGEST_DOMAIN_BYTES + 1, is_domain);
        let end = text.run_back(domain_end, domain_end - domain, |byte| matches!(byte, b'.' | b'-'));
        let start = self.local_start(start, at_sign);
        let is_address = start < at_sign
            && at_sign - start <= LONGEST_LOCAL_BYTES
            && end - domain <= LONGEST_DOMAIN_BYTES
            && is_domain_name(text.part(domain, end));
        // In `user:password@host` the password is found as that of a URL.
        let is_userinfo = self.findings.iter().rev().take(4).any(|finding| finding.range.end == at_sign);
        let is_repository = text.part(start, at_sign) == b"git";
        if is_address && !is_userinfo && !is_repository && text.at(end) != b'@' {
            self.found(Email, start, end);
        }
    }

    /// The local part, without dots before it and without the letter of an escape.
    fn local_start(&self, start: usize, at_sign: usize) -> usize {
        let text = self.text;
        let is_escape =
            text.before(start) == b'\\' && matches!(text.at(start), b'n' | b't' | b'r') && start + 1 < at_sign;
        let start = start + usize::from(is_escape);
        let start = text.run(start, at_sign - start, |byte| matches!(byte, b'.' | b'-' | b'+' | b'%'));
        // `%3Cjoe@...`
        let is_hex = text.before(start) == b'%' && text.part(start, start + 2).iter().all(u8::is_ascii_hexdigit);
        if is_hex && start + 2 < at_sign { start + 2 } else { start }
    }
}

/// Characters of a local part that are in use, and letters that are not ASCII.
fn is_local(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'+' | b'%') || !byte.is_ascii()
}

fn is_domain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-') || !byte.is_ascii()
}

/// Whether this has two labels at least, none of them empty, and the last is one of letters that may be a top-level domain.
fn is_domain_name(domain: &[u8]) -> bool {
    let is_label = |label: &[u8]| (1..=63).contains(&label.len()) && !label.starts_with(b"-") && !label.ends_with(b"-");
    let Some(last) = domain.rsplit(|byte| *byte == b'.').next().filter(|last| last.len() < domain.len()) else {
        return false;
    };
    let is_top_level = last.len() >= 2 && last.iter().all(|byte| byte.is_ascii_alphabetic() || !byte.is_ascii())
        || last.starts_with(b"xn--");
    is_top_level
        && !NO_DOMAINS.iter().any(|known| last.eq_ignore_ascii_case(known))
        && domain.split(|byte| *byte == b'.').all(is_label)
}

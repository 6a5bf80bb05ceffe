//! Texts of which some characters are replaced.

/// Appends text. `clean_bytes` returns how many bytes at the front of a text have to be copied as they are; it ends in front of a
/// character. `put` appends what stands for the character behind them, or returns `false` for one that is copied, too.
pub(crate) fn put_replacing(
    out: &mut Vec<u8>,
    text: &str,
    clean_bytes: impl Fn(&[u8]) -> usize,
    mut put: impl FnMut(&mut Vec<u8>, char) -> bool,
) {
    let mut tail = text;
    loop {
        let (clean, behind) = tail.split_at_checked(clean_bytes(tail.as_bytes())).unwrap_or((tail, ""));
        out.extend_from_slice(clean.as_bytes());
        let mut chars = behind.chars();
        let Some(c) = chars.next() else { return };
        if !put(out, c) {
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        }
        tail = chars.as_str();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_replaced_or_copied_and_the_text_between_them_is_copied() {
        let clean_bytes = |text: &[u8]| text.iter().position(|byte| !byte.is_ascii_lowercase()).unwrap_or(text.len());
        let put = |out: &mut Vec<u8>, c| {
            let is_replaced = c == '<';
            out.extend_from_slice(if is_replaced { b"&lt;" } else { b"" });
            is_replaced
        };
        for (text, expected) in [("", ""), ("a", "a"), ("<", "&lt;"), ("aé<b<", "aé&lt;b&lt;"), ("😀x", "😀x")] {
            let mut out = Vec::new();
            put_replacing(&mut out, text, clean_bytes, put);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }
}

//! Characters that can do harm where a text is printed.

/// Whether a character can do harm where it is printed: it moves a cursor, ends a line, reverses text, or is not seen.
///
/// These are C0, DEL and C1 (ECMA-48: the starts of a terminal's sequences are among them), the line and paragraph
/// separators, the controls of bidirectional text (Unicode Standard Annex 9, section 2), the marks of interlinear
/// annotation, and the characters of the property `Default_Ignorable_Code_Point`, so that two texts that look alike are
/// alike. Characters of that property stay as they are where a script needs them: see `is_needed_by_a_script`.
#[must_use]
pub const fn is_control(c: char) -> bool {
    matches!(c,
        '\0'..='\x1f'
        | '\x7f'..='\u{9f}'
        | '\u{ad}'
        | '\u{34f}'
        | '\u{61c}'
        | '\u{17b4}' | '\u{17b5}'
        | '\u{180e}'
        | '\u{200b}' | '\u{200e}' | '\u{200f}'
        | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{3164}'
        | '\u{feff}'
        | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e00ff}'
        | '\u{e01f0}'..='\u{e0fff}')
}

/// Whether a character that is not seen stays as it is: Persian, Hindi and other scripts, and emoji, are joined and kept
/// apart by U+200C and U+200D, and have forms that a variation selector names; Mongolian and old Korean have characters
/// of the same kind.
#[cfg(test)]
const fn is_needed_by_a_script(c: char) -> bool {
    matches!(c,
        '\u{115f}' | '\u{1160}'
        | '\u{180b}'..='\u{180d}' | '\u{180f}'
        | '\u{200c}' | '\u{200d}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{e0100}'..='\u{e01ef}')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `Default_Ignorable_Code_Point` of Unicode 17, from `DerivedCoreProperties.txt`.
    const DEFAULT_IGNORABLE: [(u32, u32); 17] = [
        (0xad, 0xad),
        (0x34f, 0x34f),
        (0x61c, 0x61c),
        (0x115f, 0x1160),
        (0x17b4, 0x17b5),
        (0x180b, 0x180f),
        (0x200b, 0x200f),
        (0x202a, 0x202e),
        (0x2060, 0x206f),
        (0x3164, 0x3164),
        (0xfe00, 0xfe0f),
        (0xfeff, 0xfeff),
        (0xffa0, 0xffa0),
        (0xfff0, 0xfff8),
        (0x1bca0, 0x1bca3),
        (0x1d173, 0x1d17a),
        (0xe0000, 0xe0fff),
    ];

    #[test]
    fn characters_that_are_not_seen_do_harm_unless_a_script_needs_them() {
        for c in DEFAULT_IGNORABLE.into_iter().flat_map(|(first, last)| first..=last).filter_map(char::from_u32) {
            assert_ne!(is_control(c), is_needed_by_a_script(c), "{c:?}");
        }
    }
}

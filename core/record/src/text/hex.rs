//! Bytes in hexadecimal.

const fn digits(byte: u8, ten: u8) -> [u8; 2] {
    const fn digit(half: u8, ten: u8) -> u8 {
        if half < 10 { b'0' + half } else { ten + half - 10 }
    }
    [digit(byte >> 4, ten), digit(byte & 15, ten)]
}

/// The two digits of a byte, in lower case.
pub const fn hex(byte: u8) -> [u8; 2] {
    digits(byte, b'a')
}

/// The two digits of a byte, in upper case.
pub const fn hex_upper(byte: u8) -> [u8; 2] {
    digits(byte, b'A')
}

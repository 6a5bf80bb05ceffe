//! Times, addresses and UUIDs, as every format has them.

use std::{
    io::Write,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use crate::{text::time::UtcClock, timestamp::Timestamp};

fn put_display(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    // Writing to a vector does not fail.
    let _ = out.write_fmt(text);
}

/// A number of seconds.
pub fn put_duration(out: &mut Vec<u8>, span: Duration) {
    put_seconds(out, format_args!("{}", span.as_secs()), span.subsec_nanos());
}

/// Seconds with as many decimals as there are.
fn put_seconds(out: &mut Vec<u8>, seconds: std::fmt::Arguments<'_>, nanos: u32) {
    put_display(out, seconds);
    if nanos == 0 {
        return;
    }
    put_display(out, format_args!(".{nanos:09}"));
    while out.last() == Some(&b'0') {
        out.pop();
    }
}

/// RFC 3339 in UTC; before 1970 and after 2554 the number of seconds since 1970.
pub fn put_time(out: &mut Vec<u8>, seconds: i64, nanos: u32) {
    let since_1970 = u64::try_from(seconds).ok().and_then(|seconds| seconds.checked_mul(1_000_000_000));
    match since_1970.and_then(|whole| whole.checked_add(nanos.into())) {
        Some(unix_nanos) => {
            UtcClock::default().put(Timestamp::from_unix_nanos(unix_nanos), out);
        }
        None => {
            // Counted from the second below: -1.5 is second -2 and half a second.
            let total = i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
            let (sign, total) = if total < 0 { ("-", -total) } else { ("", total) };
            let nanos = (total % 1_000_000_000) as u32; // below 10^9
            put_seconds(out, format_args!("{sign}{}", total / 1_000_000_000), nanos);
        }
    }
}

/// Appends an address, as its `Display` writes it.
pub fn put_ip(out: &mut Vec<u8>, ip: IpAddr) {
    put_display(out, format_args!("{ip}"));
}

/// Appends an address with its port, as its `Display` writes it: `10.0.0.1:80`, `[fe80::1%2]:80`.
pub fn put_socket(out: &mut Vec<u8>, socket: SocketAddr) {
    put_display(out, format_args!("{socket}"));
}

/// 8-4-4-4-12 digits (RFC 9562).
pub fn put_uuid(out: &mut Vec<u8>, uuid: [u8; 16]) {
    for (index, byte) in uuid.into_iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            out.push(b'-');
        }
        put_display(out, format_args!("{byte:02x}"));
    }
}

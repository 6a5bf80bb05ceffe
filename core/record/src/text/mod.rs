//! Numbers, times and identifiers as text: the digits that every text format shares.

pub mod bounded;
pub mod control;
pub mod cut;
pub mod digits;
pub mod duration;
pub mod fixed;
pub mod hex;
pub mod number;
pub mod plain;
pub mod quoted;
pub mod scalar;
pub mod time;

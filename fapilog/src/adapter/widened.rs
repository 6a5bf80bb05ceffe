//! Numbers of libraries that have fewer types of them.

/// The `f64` with the shortest text of the `f32`, for a library without the type `f32`: by `f64::from`, 0.1 would be 0.10000000149011612.
///
/// ```
/// assert_eq!(fapilog::adapter::widened_f32(0.1), 0.1_f64);
/// ```
#[must_use]
pub fn widened_f32(value: f32) -> f64 {
    value.to_string().parse().unwrap_or(f64::from(value))
}

//! A crate that logs through `log`, and knows nothing of fapilog or of requests.

/// Looks for a coupon.
#[must_use]
pub fn discount_percent(coupon: &str) -> u32 {
    log::debug!("looking for coupon {coupon}");
    let percent = if coupon == "SPRING" { 10 } else { 0 };
    log::info!(coupon, percent; "coupon checked");
    percent
}

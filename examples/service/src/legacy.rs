//! A crate that logs through `log`, and knows nothing of fapilog or of requests.

/// Looks for a coupon.
#[must_use]
pub fn discount_percent(coupon: &str) -> u32 {
    log::debug!("looking for coupon {coupon}");
    let percent = if coupon == "SPRING" { 10 } else { 0 };
    log::info!(coupon, percent; "coupon checked");
    percent
}

/// Notes a login, as carelessly as such crates do: the redactor of the log takes the secrets out.
pub(crate) fn note_login(email: &str, password: &str) {
    log::info!(email, password; "login of {email} with password={password}");
}

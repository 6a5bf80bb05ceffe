//! A part that logs through `tracing`.

use tracing::{info, instrument, warn};

/// The price of an order, in cents.
#[instrument(fields(currency = "EUR"))]
pub async fn price_cents(order_id: u64, discount_percent: u32) -> u64 {
    let full_cents = 1_000 + order_id % 100;
    // A task may go on on another thread behind each await: the span goes with it.
    tokio::task::yield_now().await;
    if discount_percent > 0 {
        warn!(discount_percent, "price is reduced");
    }
    let cents = full_cents * u64::from(100_u32.saturating_sub(discount_percent)) / 100;
    info!(cents, "price is known");
    cents
}

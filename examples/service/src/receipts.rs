//! Receipts, which a background task sends after the request has been answered.

use fapilog::{Logger, info, scope::InScope};

/// Sends a receipt, in a task of its own. The task has the scope of its request.
pub fn send_later(log: Logger, order_id: u64) {
    let send = async move {
        tokio::task::yield_now().await;
        info!(log, "receipt sent", order_id);
    };
    tokio::spawn(send.in_current_scope());
}

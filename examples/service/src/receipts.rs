//! Receipts, which a background task sends after the request has been answered.

use fapilog::{Logger, info, scope::InScope};
use tokio_util::task::TaskTracker;

/// The tasks that send receipts.
#[derive(Debug, Clone, Default)]
pub struct Receipts {
    tasks: TaskTracker,
}

impl Receipts {
    /// Sends a receipt, in a task of its own. The task has the scope of its request.
    pub fn send_later(&self, log: Logger, order_id: u64) {
        let send = async move {
            tokio::task::yield_now().await;
            info!(log, "receipt sent", order_id);
        };
        self.tasks.spawn(send.in_current_scope());
    }

    /// Waits until all are sent.
    pub async fn all_sent(self) {
        self.tasks.close();
        self.tasks.wait().await;
    }
}

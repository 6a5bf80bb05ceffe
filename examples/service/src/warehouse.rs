//! The warehouse: a thread that works through a queue of orders.

use std::{
    io,
    sync::mpsc::{Sender, channel},
    thread,
};

use fapilog::{Logger, Scope, info};
use tokio::sync::oneshot;

type Job = Box<dyn FnOnce(&Logger) + Send>;

/// The queue of the warehouse.
#[derive(Debug, Clone)]
pub struct Warehouse {
    jobs: Sender<Job>,
}

/// Starts the thread. It ends when the last clone of the queue is gone, and all orders are packed: the future is ready then.
///
/// # Errors
/// When the system has no thread to give.
pub fn start(log: Logger) -> io::Result<(Warehouse, impl Future<Output = ()> + Send)> {
    let (jobs, queue) = channel::<Job>();
    let (ended, has_ended) = oneshot::channel::<()>();
    let work = move || {
        queue.iter().for_each(|job| job(&log));
        drop(ended);
    };
    thread::Builder::new().name("warehouse".to_owned()).spawn(work)?;
    let all_packed = async {
        // The sender is dropped and sends nothing.
        let _ = has_ended.await;
    };
    Ok((Warehouse { jobs }, all_packed))
}

impl Warehouse {
    /// Has an order packed. The job has the scope of the request that asks for it.
    pub fn pack(&self, order_id: u64) {
        let scope = Scope::current();
        let job: Job = Box::new(move |log| {
            let _entered = scope.enter();
            info!(log, "order packed", order_id);
        });
        // A warehouse whose thread has ended takes no orders: the shop is closing.
        let _ = self.jobs.send(job);
    }
}

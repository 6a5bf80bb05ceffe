//! Two threads must not write through one producer.

fn shared_between_threads<T: Sync>() {}

fn main() {
    shared_between_threads::<fapilog_ring::Producer>();
}

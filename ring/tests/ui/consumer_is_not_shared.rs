//! Two threads must not walk one ring.

fn shared_between_threads<T: Sync>() {}

fn main() {
    shared_between_threads::<fapilog_ring::Consumer>();
}

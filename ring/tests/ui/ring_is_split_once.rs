//! A second split would make a second producer.

fn two_producers(idle: fapilog_ring::IdleRing) {
    let _one = idle.split();
    let _two = idle.split();
}

fn main() {}

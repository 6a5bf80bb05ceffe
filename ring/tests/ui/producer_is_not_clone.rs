//! A ring has one producer: two would write over each other.

fn clone(producer: &fapilog_ring::Producer) -> fapilog_ring::Producer {
    producer.clone()
}

fn main() {}

//! Two open grants would be room for the same frame.

fn two_grants(producer: &mut fapilog_ring::Producer) {
    let one = producer.reserve(8).unwrap();
    let two = producer.reserve(8).unwrap();
    one.commit(8, 0, 0);
    two.commit(8, 0, 0);
}

fn main() {}

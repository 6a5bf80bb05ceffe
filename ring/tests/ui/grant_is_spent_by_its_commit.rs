//! Published bytes belong to the consumer: nobody may write them any more.

fn write_after_commit(producer: &mut fapilog_ring::Producer) {
    let mut grant = producer.reserve(8).unwrap();
    let payload = grant.payload_mut();
    grant.commit(8, 0, 0);
    payload[0] = 1;
}

fn main() {}

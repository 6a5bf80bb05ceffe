//! Nor may what was taken out of a frame.

fn read_after_release(consumer: &mut fapilog_ring::Consumer) -> u8 {
    let payload = consumer.next_frame().unwrap().payload();
    consumer.release();
    payload[0]
}

fn main() {}

//! Released bytes belong to the producer again: no frame may look at them.

fn read_after_release(consumer: &mut fapilog_ring::Consumer) -> u8 {
    let frame = consumer.next_frame().unwrap();
    consumer.release();
    frame.payload()[0]
}

fn main() {}

//! A ring that is taken back has no readers.

fn read_after_recycling(consumer: fapilog_ring::Consumer) -> u8 {
    let frame = consumer.next_frame().unwrap();
    let _idle = consumer.into_idle();
    frame.payload()[0]
}

fn main() {}

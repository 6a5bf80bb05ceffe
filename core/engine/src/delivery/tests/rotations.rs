//! New files, and the payloads before and behind them.

use std::sync::Arc;

use super::*;
use crate::port::rotate::RotateRequest;

impl DeliveryBench {
    /// Requests a new file, and polls the rotation.
    fn rotate(&mut self) -> bool {
        let request = Arc::new(RotateRequest::new(None, self.now + 3600 * SECOND));
        self.worker.rotate(request.ticket("scripted"));
        self.poll_rotation()
    }

    fn poll_rotation(&mut self) -> bool {
        self.worker.poll_rotation(self.now, &mut Context::from_waker(Waker::noop()))
    }
}

#[test]
fn a_new_file_begins_behind_the_payloads_before_it_and_in_front_of_later_ones() {
    let mut bench = DeliveryBench::new(at_once()).answers([Answer::Busy(Some(5 * SECOND))]);
    bench.submit(1);
    bench.encode(1);
    bench.poll();
    assert!(!bench.rotate());
    bench.submit(1);
    bench.after(4 * SECOND);
    assert_eq!((bench.poll_rotation(), bench.script.rotations()), (false, 0));
    bench.after(SECOND);
    assert_eq!(bench.attempted(), [vec![1], vec![1], vec![2]]);
    assert_eq!((bench.poll_rotation(), bench.script.rotations()), (true, 1));
    bench.poll();
    assert_eq!(bench.attempted().last(), Some(&vec![3]));
}

#[test]
fn a_sink_without_a_queue_begins_a_new_file_at_once() {
    let mut bench = DeliveryBench::new(DeliveryPolicy::direct());
    bench.script.answer_always(Answer::Hangs);
    bench.submit(1);
    assert_eq!((bench.rotate(), bench.script.rotations(), bench.script.open()), (true, 1, 1));
}

//! Shares of the room in a record that is too short for all that is to be written.

/// Divides room among parts of different lengths, one after the other.
///
/// A part has at least the *fair share* (the room divided by the number of parts), or its whole length if that is less,
/// whatever stands before it. Room that later parts do not need goes to the first part that does.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shares {
    fair_bytes: usize,
    /// Kept for the parts that come later.
    reserved_bytes: usize,
}

impl Shares {
    /// Shares of `room_bytes` for the parts whose lengths `visit_parts` visits.
    pub(crate) fn new(room_bytes: usize, visit_parts: impl Fn(&mut dyn FnMut(usize))) -> Self {
        let mut count = 0_usize;
        visit_parts(&mut |bytes| count += usize::from(bytes > 0));
        let fair_bytes = room_bytes / count.max(1);
        let mut reserved_bytes = 0;
        // At most `count` times the fair share: no more than the room.
        visit_parts(&mut |bytes| reserved_bytes += bytes.min(fair_bytes));
        Self { fair_bytes, reserved_bytes }
    }

    /// How many bytes the next part may have, of the room that is left. The part has the length `bytes`.
    pub(crate) fn next(&mut self, bytes: usize, room_bytes: usize) -> usize {
        self.reserved_bytes = self.reserved_bytes.saturating_sub(bytes.min(self.fair_bytes));
        room_bytes.saturating_sub(self.reserved_bytes).min(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The share of each part, if each takes all it may.
    fn shared(mut room_bytes: usize, parts: &[usize]) -> Vec<usize> {
        let mut shares = Shares::new(room_bytes, |visit| parts.iter().for_each(|bytes| visit(*bytes)));
        let taken = parts.iter().map(|bytes| {
            let share = shares.next(*bytes, room_bytes);
            room_bytes -= share;
            share
        });
        taken.collect()
    }

    #[test]
    fn a_long_part_leaves_the_others_their_fair_share() {
        assert_eq!(shared(90, &[500, 10, 500]), [50, 10, 30]);
        assert_eq!(shared(90, &[10, 500, 500]), [10, 50, 30]);
        assert_eq!(shared(90, &[usize::MAX, usize::MAX, usize::MAX]), [30, 30, 30]);
    }

    #[test]
    fn parts_that_fit_are_whole() {
        assert_eq!(shared(90, &[30, 0, 60]), [30, 0, 60]);
        assert_eq!(shared(0, &[]), [0_usize; 0]);
    }

    #[test]
    fn room_that_is_left_over_by_the_division_is_given_away_too() {
        assert_eq!(shared(10, &[9, 9, 9]), [4, 3, 3]);
        assert_eq!(shared(2, &[9, 9, 9]), [2, 0, 0]);
    }
}

//! The idle strategy of a shard: spin, sleep, park.
//!
//! A sleep in steps costs the drain a wake-up a step, and the threads that log nothing. A parked shard costs nothing, and the
//! next log call pays for waking it. So the shard sleeps in steps for as long as that is likely to be worth it: when batches come
//! further apart than the sleep in steps is long, they are *rare*, and the shard parks [`RARE_SLEEP`] after a batch, which it sleeps
//! through in one step.

use std::time::{Duration, Instant};

/// The step until the next turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IdleStep {
    /// Nothing: there is work.
    Continue,
    /// Look again at once; there may be work any moment.
    Spin,
    /// Sleep so long; an urgent event wakes.
    Sleep(Duration),
    /// Sleep until woken, or until then.
    Park(Option<Instant>),
}

/// How a shard goes to sleep.
#[derive(Debug, Clone, Copy)]
pub(crate) struct IdleSettings {
    /// How long it looks again and again, before it sleeps.
    pub(crate) spin: Duration,
    /// How long it sleeps in steps, before it parks.
    pub(crate) sleep: Duration,
}

/// The longest step. An event that comes meanwhile is on its way within this time.
const STEP_MAX: Duration = Duration::from_millis(1);
const STEP_MIN: Duration = Duration::from_micros(50);
/// The only step behind a batch, while batches are rare: long enough for most deliveries, too.
const RARE_SLEEP: Duration = Duration::from_micros(200);
/// Batches that come closer together belong to one burst, whose gaps have no meaning for the next batch.
const BURST_GAP: Duration = Duration::from_millis(1);
/// The longest step while a delivery is in flight, whose end frees a payload.
const STEP_MAX_DELIVERING: Duration = Duration::from_micros(100);

/// Spins briefly, then sleeps in growing steps, then parks.
#[derive(Debug)]
pub(crate) struct Idle {
    settings: IdleSettings,
    since: Option<Instant>,
    step: Duration,
    last_batch: Option<Instant>,
    /// Whether batches come further apart than the sleep in steps is long.
    is_rare: bool,
}

impl Idle {
    pub(crate) fn new(settings: IdleSettings) -> Self {
        Self { settings, since: None, step: STEP_MIN, last_batch: None, is_rare: false }
    }

    /// A batch was taken.
    pub(crate) fn batch(&mut self, now: Instant) {
        let gap = self.last_batch.replace(now).map(|last| now.saturating_duration_since(last));
        match gap {
            Some(gap) if gap >= self.settings.sleep => self.is_rare = true,
            Some(gap) if gap >= BURST_GAP => self.is_rare = false,
            _ => {}
        }
    }

    /// How long the shard sleeps in steps, and since when.
    fn sleep_in_steps(&self, since: Instant) -> (Duration, Instant) {
        match self.last_batch {
            // Deliveries that end need no sleep in steps: no batch follows them.
            Some(last) if self.is_rare => (RARE_SLEEP.min(self.settings.sleep), last),
            _ => (self.settings.sleep, since),
        }
    }

    /// The length of the next step. `delivering`: a delivery is in flight.
    fn next_step(&mut self, delivering: bool) -> Duration {
        if self.is_rare {
            return RARE_SLEEP;
        }
        let step = self.step.min(if delivering { STEP_MAX_DELIVERING } else { STEP_MAX });
        self.step = (self.step * 2).min(STEP_MAX);
        step
    }

    /// There was work.
    pub(crate) fn busy(&mut self) -> IdleStep {
        self.since = None;
        self.step = STEP_MIN;
        IdleStep::Continue
    }

    /// There was none. `delivering`: a delivery is in flight, and its end may wake no task. `due`: when work is to be done in
    /// any case.
    pub(crate) fn idle(&mut self, now: Instant, delivering: bool, due: Option<Instant>) -> IdleStep {
        let since = *self.since.get_or_insert(now);
        let (sleep, since) = self.sleep_in_steps(since);
        let idle_for = now.saturating_duration_since(since);
        if idle_for < self.settings.spin {
            return IdleStep::Spin;
        }
        // Work that is overdue could not be done in this turn, for example because a sink has no room. It is attempted again
        // after a step, not without sleep.
        let due = due.map(|due| if due <= now { now + STEP_MAX } else { due });
        let until_due = due.map(|due| due.saturating_duration_since(now));
        if delivering || idle_for < self.settings.spin + sleep {
            let step = self.next_step(delivering);
            return IdleStep::Sleep(until_due.map_or(step, |left| step.min(left)));
        }
        IdleStep::Park(due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: IdleSettings = IdleSettings { spin: Duration::from_micros(20), sleep: Duration::from_millis(100) };

    #[test]
    fn an_idle_shard_spins_then_sleeps_in_growing_steps_then_parks() {
        let mut idle = Idle::new(SETTINGS);
        let start = Instant::now();
        let after = |micros| start + Duration::from_micros(micros);
        assert_eq!(idle.idle(start, false, None), IdleStep::Spin);
        assert_eq!(idle.idle(after(19), false, None), IdleStep::Spin);
        assert_eq!(idle.idle(after(20), false, None), IdleStep::Sleep(Duration::from_micros(50)));
        assert_eq!(idle.idle(after(70), false, None), IdleStep::Sleep(Duration::from_micros(100)));
        assert_eq!(idle.idle(after(50_000), false, None), IdleStep::Sleep(Duration::from_micros(200)));
        assert_eq!(idle.idle(after(100_020), false, None), IdleStep::Park(None));
    }

    #[test]
    fn a_shard_whose_batches_are_rare_parks_soon() {
        let mut idle = Idle::new(SETTINGS);
        let start = Instant::now();
        idle.batch(start);
        idle.batch(start + SETTINGS.sleep);
        let after = |micros| start + SETTINGS.sleep + Duration::from_micros(micros);
        assert_eq!(idle.idle(after(19), false, None), IdleStep::Spin);
        assert_eq!(idle.idle(after(20), false, None), IdleStep::Sleep(RARE_SLEEP));
        assert_eq!(idle.idle(after(220), false, None), IdleStep::Park(None));
        // A delivery ends.
        idle.busy();
        assert_eq!(idle.idle(after(5000), false, None), IdleStep::Park(None));
    }

    #[test]
    fn the_batches_of_a_burst_do_not_make_batches_frequent() {
        let mut idle = Idle::new(SETTINGS);
        let start = Instant::now();
        idle.batch(start);
        idle.batch(start + SETTINGS.sleep);
        idle.batch(start + SETTINGS.sleep + Duration::from_micros(999));
        assert!(idle.is_rare);
        idle.batch(start + SETTINGS.sleep + Duration::from_millis(5));
        assert!(!idle.is_rare);
    }

    #[test]
    fn work_starts_it_all_over() {
        let mut idle = Idle::new(SETTINGS);
        let start = Instant::now();
        idle.idle(start, false, None);
        assert_eq!(idle.idle(start + Duration::from_secs(1), false, None), IdleStep::Park(None));
        assert_eq!(idle.busy(), IdleStep::Continue);
        assert_eq!(idle.idle(start + Duration::from_secs(2), false, None), IdleStep::Spin);
    }

    #[test]
    fn no_shard_parks_while_a_delivery_is_in_flight() {
        let mut idle = Idle::new(SETTINGS);
        let start = Instant::now();
        idle.idle(start, true, None);
        assert!(matches!(idle.idle(start + Duration::from_secs(9), true, None), IdleStep::Sleep(_)));
    }

    #[test]
    fn a_shard_without_sleep_in_steps_sleeps_while_a_delivery_is_in_flight() {
        let mut idle = Idle::new(IdleSettings { sleep: Duration::ZERO, ..SETTINGS });
        let start = Instant::now();
        idle.batch(start);
        idle.batch(start + SETTINGS.sleep);
        assert!(idle.is_rare);
        let step = idle.idle(start + SETTINGS.sleep * 2, true, None);
        assert!(matches!(step, IdleStep::Sleep(step) if step > Duration::ZERO), "{step:?}");
    }

    #[test]
    fn overdue_work_that_cannot_be_done_keeps_no_shard_awake() {
        let mut idle = Idle::new(SETTINGS);
        let start = Instant::now();
        idle.idle(start, false, None);
        let now = start + Duration::from_secs(1);
        assert_eq!(idle.idle(now, false, Some(start)), IdleStep::Park(Some(now + STEP_MAX)));
        assert!(matches!(idle.idle(now, true, Some(start)), IdleStep::Sleep(step) if step > Duration::ZERO));
    }

    #[test]
    fn no_sleep_goes_beyond_what_is_due() {
        let mut idle = Idle::new(SETTINGS);
        let start = Instant::now();
        let due = start + Duration::from_micros(30);
        idle.idle(start, false, Some(due));
        let step = idle.idle(start + Duration::from_micros(20), false, Some(due));
        assert_eq!(step, IdleStep::Sleep(Duration::from_micros(10)));
    }
}

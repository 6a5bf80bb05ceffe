//! The findings of a room: its mutants' fates beside the list of survivors.

use std::io::{self, Write};

use super::{
    mutant::Mutant,
    outcomes::{MutantFate, MutantFates},
    survivors::Survivor,
};

/// The percentage of mutants that the tests of a room must find, listed survivors included.
const GATE_PERCENT: usize = 90;

/// The demands on a run, beside a list of survivors that is up to date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MutantGate {
    /// All mutants of a room: each survivor is listed, and the tests find [`GATE_PERCENT`].
    Whole,
    /// Some mutants of a room: each survivor is listed.
    Part,
    /// A sample: [`SampleTotals`] has the demand, for all rooms together.
    Sample,
}

/// The mutants of a sample, over all rooms.
///
/// A sample is of mutants that the change under test has nothing to do with. So a survivor that is new to the list is shown, and
/// fails the run only if there are many.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SampleTotals {
    caught: usize,
    /// Missed, and not listed.
    unlisted: usize,
}

impl SampleTotals {
    pub(super) fn add(&mut self, room: &MutantFindings<'_>) {
        self.caught += room.caught;
        self.unlisted += room.unlisted.len();
    }

    /// The failure, if there is one.
    pub(super) fn failure(self) -> Option<String> {
        let Self { caught, unlisted } = self;
        let is_below = caught * 100 < (caught + unlisted) * GATE_PERCENT;
        is_below.then(|| {
            format!("{unlisted} of {} mutants survive unlisted; {GATE_PERCENT} % must be caught", caught + unlisted)
        })
    }
}

/// The results of a room.
#[derive(Debug, Default)]
pub(super) struct MutantFindings<'a> {
    /// The mutants of the room, run or not.
    all: usize,
    /// The entries of the room in the list of survivors.
    listed: usize,
    caught: usize,
    /// Caught because the tests did not end.
    timed_out: usize,
    missed: usize,
    unviable: usize,
    /// Missed, and more often than the list has it.
    unlisted: Vec<&'a Mutant>,
    /// Listed, and caught.
    caught_survivors: Vec<&'a Survivor>,
    /// Listed, and no longer a mutant.
    gone_survivors: Vec<&'a Survivor>,
}

impl<'a> MutantFindings<'a> {
    /// `all` are the room's mutants, run or not. The survivors are those of the room.
    pub(super) fn new(all: &'a [Mutant], fates: &MutantFates, survivors: &[&'a Survivor]) -> Self {
        let mut findings = Self { all: all.len(), listed: survivors.len(), ..Self::default() };
        all.iter().filter_map(|mutant| fates.get(&mutant.name)).for_each(|fate| findings.count(*fate));
        // An entry stands for a mutant of its change: one that is missed first, one that was not run next.
        let mut left = survivors.to_vec();
        let mut take = |mutant: &&Mutant| position_of(&left, mutant).map(|at| left.remove(at));
        let (missed, others): (Vec<&Mutant>, Vec<&Mutant>) =
            all.iter().partition(|mutant| fates.get(&mutant.name) == Some(&MutantFate::Missed));
        let (run, not_run): (Vec<&Mutant>, Vec<&Mutant>) =
            others.into_iter().partition(|mutant| fates.contains_key(&mutant.name));
        findings.unlisted = missed.into_iter().filter(|mutant| take(mutant).is_none()).collect();
        for mutant in &not_run {
            take(mutant);
        }
        findings.caught_survivors = run.iter().filter_map(take).collect();
        findings.gone_survivors = left;
        findings
    }

    fn count(&mut self, fate: MutantFate) {
        match fate {
            MutantFate::Caught => self.caught += 1,
            MutantFate::TimedOut => (self.caught, self.timed_out) = (self.caught + 1, self.timed_out + 1),
            MutantFate::Missed => self.missed += 1,
            MutantFate::Unviable => self.unviable += 1,
        }
    }

    /// In tenths of a percent, rounded down: a room below the gate never shows the gate's figure.
    fn tenths(&self) -> usize {
        (self.caught * 1000).checked_div(self.caught + self.missed).unwrap_or(1000)
    }

    /// Shards run beside each other, and none of them knows the rate of the room; the list bounds it for all of them.
    fn is_list_too_long(&self) -> bool {
        self.listed * 100 > self.all * (100 - GATE_PERCENT)
    }

    pub(super) fn show(&self, screen: &mut dyn Write) -> io::Result<()> {
        for mutant in &self.unlisted {
            writeln!(screen, "no test finds: {}", mutant.name)?;
        }
        for survivor in &self.caught_survivors {
            writeln!(screen, "listed as a survivor, and caught: {survivor}")?;
        }
        for survivor in &self.gone_survivors {
            writeln!(screen, "listed as a survivor, and no mutant any more: {survivor}")?;
        }
        let Self { caught, timed_out, missed, unviable, unlisted, .. } = self;
        let (listed, whole, tenth) = (missed - unlisted.len(), self.tenths() / 10, self.tenths() % 10);
        writeln!(
            screen,
            "{whole}.{tenth} %: {caught} caught ({timed_out} by their time), {missed} missed ({listed} of them listed); \
             {unviable} do not compile",
        )
    }

    /// The failure, if there is one.
    pub(super) fn failure(&self, gate: MutantGate) -> Option<String> {
        let is_below = gate == MutantGate::Whole && self.tenths() < GATE_PERCENT * 10;
        let has_unlisted = gate != MutantGate::Sample && !self.unlisted.is_empty();
        let failures = [
            has_unlisted.then(|| format!("{} mutants survive unlisted", self.unlisted.len())),
            (!self.gone_survivors.is_empty()).then(|| format!("{} entries are out of date", self.gone_survivors.len())),
            self.is_list_too_long().then(|| {
                format!("{} of {} mutants are listed; {GATE_PERCENT} % must be caught", self.listed, self.all)
            }),
            is_below.then(|| format!("the tests find less than {GATE_PERCENT} % of the mutants")),
        ];
        let failures: Vec<String> = failures.into_iter().flatten().collect();
        (!failures.is_empty()).then(|| failures.join("; "))
    }
}

fn position_of(survivors: &[&Survivor], mutant: &Mutant) -> Option<usize> {
    survivors.iter().position(|survivor| survivor.file == mutant.file && survivor.change == mutant.change())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "ring/src/a.rs";
    const LESS: &str = "replace < with <= in a";
    const VALUE: &str = "replace a -> bool with true";
    const OTHER: &str = "delete ! in b";

    fn survivor(change: &'static str) -> Survivor {
        Survivor { file: FILE, change, reason: "equal" }
    }

    /// Each mutant on a line of its own, with its fate if it was run.
    fn mutants(list: &[(&str, Option<MutantFate>)]) -> (Vec<Mutant>, MutantFates) {
        let name = |(line, (change, fate)): (usize, &(&str, Option<MutantFate>))| {
            (Mutant::named(&format!("{FILE}:{line}:9: {change}")), *fate)
        };
        let all: Vec<(Mutant, Option<MutantFate>)> = list.iter().enumerate().map(name).collect();
        let fates = all.iter().filter_map(|(mutant, fate)| Some((mutant.name.clone(), (*fate)?))).collect();
        (all.into_iter().map(|(mutant, _)| mutant).collect(), fates)
    }

    /// The output on the screen, and the failure. 90 mutants that are caught come behind those of the list.
    fn findings(list: &[(&str, Option<MutantFate>)], survivors: &[&Survivor]) -> (String, Option<String>) {
        let (all, fates) = mutants(&[list, &[(OTHER, CAUGHT); 90]].concat());
        let findings = MutantFindings::new(&all, &fates, survivors);
        let mut screen = Vec::new();
        findings.show(&mut screen).unwrap();
        (String::from_utf8(screen).unwrap(), findings.failure(MutantGate::Whole))
    }

    const CAUGHT: Option<MutantFate> = Some(MutantFate::Caught);
    const MISSED: Option<MutantFate> = Some(MutantFate::Missed);

    #[test]
    fn a_missed_mutant_that_is_not_listed_fails_and_is_named() {
        let (screen, failure) = findings(&[(LESS, MISSED), (VALUE, MISSED)], &[&survivor(LESS)]);
        assert!(screen.starts_with("no test finds: ring/src/a.rs:1:9: replace a -> bool with true\n"), "{screen}");
        assert_eq!(failure.unwrap(), "1 mutants survive unlisted");
    }

    #[test]
    fn an_entry_stands_for_one_mutant() {
        let list = [(LESS, MISSED), (LESS, MISSED)];
        assert!(findings(&list, &[&survivor(LESS)]).0.starts_with("no test finds: ring/src/a.rs:1:9: "));
        assert!(!findings(&list, &[&survivor(LESS), &survivor(LESS)]).0.contains("no test finds"));
    }

    #[test]
    fn a_survivor_that_is_caught_is_shown_and_fails_nothing() {
        let (screen, failure) = findings(&[(LESS, CAUGHT)], &[&survivor(LESS)]);
        assert!(
            screen.starts_with("listed as a survivor, and caught: ring/src/a.rs: replace < with <= in a (equal)\n")
        );
        assert_eq!(failure, None);
    }

    #[test]
    fn a_survivor_that_is_no_mutant_any_more_fails() {
        let (screen, failure) = findings(&[(VALUE, CAUGHT)], &[&survivor(LESS)]);
        assert!(screen.starts_with("listed as a survivor, and no mutant any more: ring/src/a.rs: "));
        assert_eq!(failure.unwrap(), "1 entries are out of date");
    }

    #[test]
    fn a_survivor_whose_mutant_was_not_run_may_still_survive() {
        let (screen, failure) = findings(&[(LESS, CAUGHT), (LESS, None)], &[&survivor(LESS)]);
        assert!(!screen.contains("listed as"), "{screen}");
        assert_eq!(failure, None);
    }

    #[test]
    fn mutants_that_take_too_long_count_as_caught_and_those_that_do_not_compile_do_not_count() {
        let list = [(LESS, Some(MutantFate::TimedOut)), (LESS, MISSED), (VALUE, Some(MutantFate::Unviable))];
        let (screen, _) = findings(&list, &[&survivor(LESS)]);
        let rate = "98.9 %: 91 caught (1 by their time), 1 missed (1 of them listed); 1 do not compile\n";
        assert!(screen.ends_with(rate), "{screen}");
    }

    /// The failure of a room with 90 mutants that are caught, `missed` ones that are listed, and some that do not compile.
    fn failure(missed: usize, unviable: usize, gate: MutantGate) -> Option<String> {
        let list = [vec![(OTHER, CAUGHT); 90], vec![(LESS, MISSED); missed]].concat();
        let (all, fates) = mutants(&[list, vec![(VALUE, Some(MutantFate::Unviable)); unviable]].concat());
        let survivor = survivor(LESS);
        MutantFindings::new(&all, &fates, &vec![&survivor; missed]).failure(gate)
    }

    #[test]
    fn the_gate_counts_listed_survivors_and_holds_for_all_mutants_alone() {
        assert_eq!(failure(10, 0, MutantGate::Whole), None);
        assert_eq!(failure(11, 10, MutantGate::Whole).unwrap(), "the tests find less than 90 % of the mutants");
        assert_eq!(failure(11, 10, MutantGate::Part), None);
    }

    #[test]
    fn a_list_with_more_than_a_tenth_of_the_mutants_fails_any_run() {
        assert_eq!(failure(11, 0, MutantGate::Part).unwrap(), "11 of 101 mutants are listed; 90 % must be caught");
    }

    /// The failure of a sample from two rooms, each with so many mutants that are caught and that survive unlisted.
    fn failure_of_sample(rooms: [(usize, usize); 2]) -> Option<String> {
        let mut totals = SampleTotals::default();
        for (caught, missed) in rooms {
            let (all, fates) = mutants(&[vec![(OTHER, CAUGHT); caught], vec![(LESS, MISSED); missed]].concat());
            let room = MutantFindings::new(&all, &fates, &[]);
            assert_eq!(room.failure(MutantGate::Sample), None);
            totals.add(&room);
        }
        totals.failure()
    }

    #[test]
    fn a_sample_fails_by_the_mutants_of_all_rooms_together() {
        assert_eq!(failure_of_sample([(4, 2), (50, 4)]), None);
        let failure = failure_of_sample([(4, 2), (49, 4)]).unwrap();
        assert_eq!(failure, "6 of 59 mutants survive unlisted; 90 % must be caught");
    }

    #[test]
    fn a_room_just_below_the_gate_does_not_show_the_gate_s_figure() {
        let findings = MutantFindings { caught: 8999, missed: 1001, ..MutantFindings::default() };
        assert_eq!(findings.tenths(), 899);
    }
}

//! `cargo xtask mutants`: whether the tests find small bugs that cargo-mutants puts into the core.
//!
//! The mutants of a crate meet the crate's own tests first. Those that survive meet the tests of its users as well, which
//! take longer. A mutant that survives both fails the run, unless `survivors` lists it with a reason.
//!
//! cargo-mutants changes values, operators and conditions. It neither weakens an ordering nor swaps steps of a protocol:
//! the bugs planted in `loom-tests` stand for these.

mod arguments;
mod day;
mod error;
mod findings;
mod mutant;
mod outcomes;
mod rooms;
mod selection;
mod survivors;
mod tool;

use std::{
    io::{self, Write},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

pub(crate) use self::arguments::{MutantsRequest, USAGE};
use self::{
    error::MutantsError,
    findings::{MutantFindings, MutantGate, SampleTotals},
    mutant::Mutant,
    outcomes::{MutantFate, MutantFates},
    rooms::{MutatedRoom, ROOMS},
    selection::Selection,
    survivors::{SURVIVORS, Survivor},
};
use crate::{step::ChoreStep, workspace::Workspace};

/// A step for each room that has a mutant to run; behind them, one for a sample as a whole.
pub(crate) fn steps(workspace: &Workspace, request: MutantsRequest) -> Vec<ChoreStep> {
    let is_sample = matches!(request.selection, Selection::Sample { .. });
    let runs = match plan(workspace, request) {
        Ok(runs) => runs,
        Err(error) => return vec![ChoreStep::refuse("mutants", error)],
    };
    let totals = Arc::<Mutex<SampleTotals>>::default();
    let mut steps: Vec<ChoreStep> =
        runs.into_iter().map(|run| step(workspace.clone(), run, Arc::clone(&totals))).collect();
    if is_sample {
        steps.push(ChoreStep::check("sample, all rooms", move |_| Ok(lock(&totals).failure())));
    }
    steps
}

/// The mutants of a room, and those of them that are to be run.
struct MutantRun {
    room: &'static MutatedRoom,
    all: Vec<Mutant>,
    chosen: Vec<Mutant>,
    gate: MutantGate,
}

fn plan(workspace: &Workspace, request: MutantsRequest) -> Result<Vec<MutantRun>, MutantsError> {
    let all = tool::list(workspace)?;
    let asked_for = all.iter().filter(|mutant| request.below.has(mutant)).cloned().collect();
    let chosen = request.selection.choose(asked_for);
    if chosen.is_empty() {
        return Err(MutantsError::NoMutants { below: request.below.0 });
    }
    let of = |room: &MutatedRoom, mutants: &[Mutant]| -> Vec<Mutant> {
        mutants.iter().filter(|mutant| mutant.package == room.package).cloned().collect()
    };
    let gate = match request.selection {
        Selection::All if request.below.0.is_empty() => MutantGate::Whole,
        Selection::All | Selection::Shard { .. } => MutantGate::Part,
        Selection::Sample { .. } => MutantGate::Sample,
    };
    let runs = ROOMS.iter().map(|room| MutantRun { room, all: of(room, &all), chosen: of(room, &chosen), gate });
    Ok(runs.filter(|run| !run.chosen.is_empty()).collect())
}

fn lock(totals: &Mutex<SampleTotals>) -> MutexGuard<'_, SampleTotals> {
    totals.lock().unwrap_or_else(PoisonError::into_inner)
}

fn step(workspace: Workspace, run: MutantRun, totals: Arc<Mutex<SampleTotals>>) -> ChoreStep {
    let name = format!("{}, {} of {} mutants", run.room.folder, run.chosen.len(), run.all.len());
    ChoreStep::check(name, move |screen| match fates(&workspace, &run, screen)? {
        Ok(fates) => report(&run, &fates, &mut lock(&totals), screen),
        Err(error) => Ok(Some(error.to_string())),
    })
}

/// The fates of the chosen mutants: first by the tests of their crate, then of those that survive by the tests of its users.
fn fates(
    workspace: &Workspace,
    run: &MutantRun,
    screen: &mut dyn Write,
) -> io::Result<Result<MutantFates, MutantsError>> {
    writeln!(screen, "{} mutants meet the tests of {}", run.chosen.len(), run.room.package)?;
    let chosen: Vec<&Mutant> = run.chosen.iter().collect();
    let mut fates = match tool::run(workspace, run.room, &[], &chosen) {
        Ok(fates) => fates,
        Err(error) => return Ok(Err(error)),
    };
    let missed = |mutant: &Mutant| fates.get(&mutant.name) == Some(&MutantFate::Missed);
    let missed: Vec<&Mutant> = chosen.into_iter().filter(|mutant| missed(mutant)).collect();
    if missed.is_empty() {
        return Ok(Ok(fates));
    }
    writeln!(screen, "{} of them meet more tests: {}", missed.len(), run.room.users.join(" "))?;
    Ok(tool::run(workspace, run.room, run.room.users, &missed).map(|others| {
        fates.extend(others);
        fates
    }))
}

fn report(
    run: &MutantRun,
    fates: &MutantFates,
    totals: &mut SampleTotals,
    screen: &mut dyn Write,
) -> io::Result<Option<String>> {
    let is_in_room = |survivor: &&Survivor| survivor.file.starts_with(run.room.folder);
    let survivors: Vec<&Survivor> = SURVIVORS.iter().filter(is_in_room).collect();
    let findings = MutantFindings::new(&run.all, fates, &survivors);
    findings.show(screen)?;
    totals.add(&findings);
    Ok(findings.failure(run.gate))
}

//! A step of a chore, and its result.

use std::{
    ffi::OsStr,
    fmt::Display,
    io::{self, Read, Write},
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use crate::{
    disk,
    test_counts::{TestCounter, TestCounts},
};

/// A thing to do, with the name it has in the report.
pub(crate) struct ChoreStep {
    name: String,
    action: StepAction,
    limit: Option<Duration>,
    lane: Option<StepLane>,
    spent: Option<PathBuf>,
}

/// Steps of different lanes run side by side, where they follow each other in a chore.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StepLane {
    Models,
    Miri,
}

enum StepAction {
    /// Succeeds when the command does.
    Run(Command),
    /// The same, but its output is the test runner's: the results are counted.
    Test(Command),
    /// Succeeds when the function finds nothing to report.
    Check(StepCheck),
    /// Something that the step needs is missing; the text names it and the way to get it.
    Refuse(String),
    /// There is nothing to do, for this reason.
    Skip(String),
    /// Succeeds with a line for the report.
    Measure(Box<dyn FnOnce() -> String + Send>),
}

/// A check that this program does itself: shows its findings on the screen, and returns the failure, if there is one.
pub(crate) type StepCheck = Box<dyn FnOnce(&mut dyn Write) -> io::Result<Option<String>> + Send>;

/// Where the output of a step's command goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StepOutput {
    /// Onto the screen, as it comes.
    Shown,
    /// Into a single text, with its errors: other steps run meanwhile, and have output of their own.
    Collected,
}

/// How a step went.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) name: String,
    pub(crate) took: Duration,
    pub(crate) counts: Option<TestCounts>,
    /// The names of the tests that failed.
    pub(crate) failed_tests: Vec<String>,
    /// Why the step failed, if it did.
    pub(crate) failure: Option<String>,
    /// Why the step was skipped, if it was.
    pub(crate) skipped: Option<String>,
    /// The measurement, if that was the purpose of the step.
    pub(crate) measured: Option<String>,
}

impl ChoreStep {
    pub(crate) fn run_command(name: impl Into<String>, command: Command) -> Self {
        Self::new(name, StepAction::Run(command))
    }

    pub(crate) fn test(name: impl Into<String>, command: Command) -> Self {
        Self::new(name, StepAction::Test(command))
    }

    pub(crate) fn check(
        name: impl Into<String>,
        check: impl FnOnce(&mut dyn Write) -> io::Result<Option<String>> + Send + 'static,
    ) -> Self {
        Self::new(name, StepAction::Check(Box::new(check)))
    }

    pub(crate) fn refuse(name: impl Into<String>, reason: impl Display) -> Self {
        Self::new(name, StepAction::Refuse(reason.to_string()))
    }

    pub(crate) fn skip(name: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::new(name, StepAction::Skip(reason.into()))
    }

    pub(crate) fn measure(name: impl Into<String>, measure: impl FnOnce() -> String + Send + 'static) -> Self {
        Self::new(name, StepAction::Measure(Box::new(measure)))
    }

    fn new(name: impl Into<String>, action: StepAction) -> Self {
        Self { name: name.into(), action, limit: None, lane: None, spent: None }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The lane of the step. `None`: it runs alone.
    pub(crate) fn lane(&self) -> Option<StepLane> {
        self.lane
    }

    /// Runs beside steps of other lanes. Not for a step that measures times: a neighbour takes a core from it.
    pub(crate) fn in_lane(self, lane: StepLane) -> Self {
        Self { lane: Some(lane), ..self }
    }

    /// Removes the folder when it is done, where one is given: no later step needs it.
    pub(crate) fn then_remove(self, spent: Option<PathBuf>) -> Self {
        Self { spent, ..self }
    }

    /// Fails when it takes longer. It is not cut short: its results are worth having all the same.
    pub(crate) fn within(self, limit: Duration) -> Self {
        Self { limit: Some(limit), ..self }
    }

    /// Does it, and shows the command and the tests' output on `screen`.
    pub(crate) fn run(self, screen: &mut dyn Write, output: StepOutput) -> io::Result<Finished> {
        writeln!(screen, "\n=== {} ===", self.name)?;
        let start = Instant::now();
        let mut finished = Finished::named(self.name);
        match self.action {
            StepAction::Run(command) => finished.failure = run(command, screen, output)?,
            StepAction::Test(command) => run_tests(command, screen, output, &mut finished)?,
            StepAction::Check(check) => finished.failure = check(screen)?,
            StepAction::Refuse(reason) => finished.failure = Some(reason),
            StepAction::Skip(reason) => finished.skipped = Some(reason),
            StepAction::Measure(measure) => finished.measured = Some(measure()),
        }
        finished.took = start.elapsed();
        finished.keep_within(self.limit);
        finished.show_result(screen)?;
        self.spent.map_or(Ok(()), |folder| disk::remove(&folder, screen))?;
        Ok(finished)
    }
}

impl Finished {
    fn named(name: String) -> Self {
        Self {
            name,
            took: Duration::ZERO,
            counts: None,
            failed_tests: Vec::new(),
            failure: None,
            skipped: None,
            measured: None,
        }
    }

    fn keep_within(&mut self, limit: Option<Duration>) {
        if let Some(limit) = limit.filter(|limit| self.took > *limit && self.failure.is_none()) {
            self.failure = Some(format!("it took longer than {} s", limit.as_secs_f64()));
            self.counts = self.counts.map(at_least_one_failed);
        }
    }

    fn show_result(&self, screen: &mut dyn Write) -> io::Result<()> {
        self.failure.iter().try_for_each(|reason| writeln!(screen, "error: {}: {reason}", self.name))?;
        self.skipped.iter().try_for_each(|reason| writeln!(screen, "skipped: {reason}"))?;
        self.measured.iter().try_for_each(|measured| writeln!(screen, "{measured}"))
    }
}

fn run(mut command: Command, screen: &mut dyn Write, output: StepOutput) -> io::Result<Option<String>> {
    announce(&command, screen)?;
    let program = command.get_program().to_owned();
    let ended = match output {
        StepOutput::Shown => command.status(),
        StepOutput::Collected => start_collected(command).and_then(|(mut child, mut printed)| {
            io::copy(&mut printed, screen)?;
            child.wait()
        }),
    };
    Ok(match ended {
        Ok(status) => failure_of(status),
        Err(error) => Some(not_started(&program, error)),
    })
}

fn run_tests(command: Command, screen: &mut dyn Write, output: StepOutput, finished: &mut Finished) -> io::Result<()> {
    announce(&command, screen)?;
    let program = command.get_program().to_owned();
    let started = match output {
        StepOutput::Shown => start_shown(command),
        StepOutput::Collected => start_collected(command),
    };
    match started {
        Ok((child, mut printed)) => {
            let (counts, status) = watch(child, &mut printed, screen, &mut finished.failed_tests)?;
            (finished.counts, finished.failure) = judge(counts, failure_of(status));
        }
        Err(error) => finished.failure = Some(not_started(&program, error)),
    }
    Ok(())
}

/// A program that runs, and its output.
type Started = (Child, Box<dyn Read>);

/// Its output is read by the caller. Its errors are on the screen at once.
fn start_shown(mut command: Command) -> io::Result<Started> {
    let mut child = command.stdout(Stdio::piped()).spawn()?;
    let printed = child.stdout.take().map_or_else(|| Box::new(io::empty()) as Box<dyn Read>, |output| Box::new(output));
    Ok((child, printed))
}

/// Its output and its errors are read by the caller, as they were printed.
fn start_collected(mut command: Command) -> io::Result<Started> {
    let (printed, writer) = io::pipe()?;
    let child = command.stdout(writer.try_clone()?).stderr(writer).spawn()?;
    // The end of the output is there when no writer is left, and `command` has two, until it is dropped.
    Ok((child, Box::new(printed)))
}

/// Shows the child's output as it comes, and counts the results in it.
fn watch(
    mut child: Child,
    printed: &mut dyn Read,
    screen: &mut dyn Write,
    failed_tests: &mut Vec<String>,
) -> io::Result<(TestCounts, ExitStatus)> {
    let mut shown = ShownAndCounted { screen, counter: TestCounter::default() };
    io::copy(printed, &mut shown)?;
    let (counts, failed) = shown.counter.finish();
    failed_tests.extend(failed);
    Ok((counts, child.wait()?))
}

struct ShownAndCounted<'a> {
    screen: &'a mut dyn Write,
    counter: TestCounter,
}

impl Write for ShownAndCounted<'_> {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        self.screen.write_all(piece)?;
        // At once: a test that hangs is named on a line without an end.
        self.screen.flush()?;
        self.counter.read(piece);
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.screen.flush()
    }
}

/// The counts and the exit status must agree; where they do not, the worse of the two is reported.
fn judge(mut counts: TestCounts, mut failure: Option<String>) -> (Option<TestCounts>, Option<String>) {
    if failure.is_some() {
        // For example a test program that did not build, or died on the way.
        counts = at_least_one_failed(counts);
    }
    if failure.is_none() && counts.failed > 0 {
        failure = Some(format!("the command succeeded, yet {} tests failed", counts.failed));
    }
    if failure.is_none() && counts.is_empty() {
        failure = Some("no test ran, where some were expected".to_owned());
        counts = at_least_one_failed(counts);
    }
    (Some(counts), failure)
}

/// A step that failed counts as at least one failed test: a reader of the last line alone must not be misled.
fn at_least_one_failed(counts: TestCounts) -> TestCounts {
    TestCounts { failed: counts.failed.max(1), ..counts }
}

fn failure_of(status: ExitStatus) -> Option<String> {
    (!status.success()).then(|| status.to_string())
}

fn not_started(program: &OsStr, error: impl Display) -> String {
    format!("`{}` cannot be started: {error}", program.display())
}

/// Prints the command so that it can be copied and run again.
fn announce(command: &Command, screen: &mut dyn Write) -> io::Result<()> {
    let settings = command.get_envs().filter_map(|(name, value)| {
        value.map(|value| format!("{}={}", name.display(), quoted(&value.to_string_lossy())))
    });
    let program = command.get_program().to_string_lossy();
    let arguments = command.get_args().map(|argument| quoted(&argument.to_string_lossy()));
    let words: Vec<String> = settings.chain([program.into_owned()]).chain(arguments).collect();
    writeln!(screen, "$ {}", words.join(" "))
}

fn quoted(word: &str) -> String {
    if word.contains(' ') { format!("'{word}'") } else { word.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    /// The tests' own output must show no results that are not theirs.
    fn run_unseen(step: ChoreStep) -> Finished {
        step.run(&mut io::sink(), StepOutput::Shown).unwrap()
    }

    #[test]
    fn a_step_whose_tests_pass_succeeds_and_counts_them() {
        let script = "echo 'test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out'";
        let finished = run_unseen(ChoreStep::test("two tests", shell(script)));
        assert_eq!(finished.counts, Some(TestCounts { passed: 2, failed: 0, skipped: 1 }));
        assert_eq!(finished.failure, None);
    }

    #[test]
    fn a_step_that_fails_without_naming_a_failed_test_counts_one() {
        let script = "echo 'test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out'; exit 101";
        let finished = run_unseen(ChoreStep::test("two tests and a crash", shell(script)));
        assert_eq!(finished.counts, Some(TestCounts { passed: 2, failed: 1, skipped: 0 }));
        assert_eq!(finished.failure.unwrap(), "exit status: 101");
    }

    #[test]
    fn a_failed_test_fails_the_step_whatever_the_exit_status() {
        let script = "echo 'test result: FAILED. 0 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out'";
        let finished = run_unseen(ChoreStep::test("three failures", shell(script)));
        assert_eq!(finished.failure.unwrap(), "the command succeeded, yet 3 tests failed");
    }

    #[test]
    fn a_test_step_that_runs_no_test_fails() {
        assert!(run_unseen(ChoreStep::test("nothing", shell("true"))).failure.is_some());
    }

    #[test]
    fn a_step_that_takes_longer_than_it_may_fails_with_its_results() {
        let script = "echo 'test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out'";
        let finished = run_unseen(ChoreStep::test("two slow tests", shell(script)).within(Duration::ZERO));
        assert_eq!(finished.counts, Some(TestCounts { passed: 2, failed: 1, skipped: 0 }));
        assert_eq!(finished.failure.unwrap(), "it took longer than 0 s");
    }

    #[test]
    fn a_step_that_keeps_its_time_succeeds() {
        let finished = run_unseen(ChoreStep::run_command("quick", shell("true")).within(Duration::from_secs(3600)));
        assert_eq!(finished.failure, None);
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let finished = run_unseen(ChoreStep::run_command("absent", Command::new("fapilog-no-such-program")));
        assert!(finished.failure.unwrap().starts_with("`fapilog-no-such-program` cannot be started: "));
    }

    #[test]
    fn a_check_fails_by_its_findings() {
        let finished = run_unseen(ChoreStep::check("clean", |_| Ok(None)));
        assert_eq!(finished.failure, None);
        let finished = run_unseen(ChoreStep::check("broken", |_| Ok(Some("3 breaches".to_owned()))));
        assert_eq!(finished.failure.unwrap(), "3 breaches");
    }

    #[test]
    fn the_output_is_shown_unchanged_below_the_command() {
        let mut screen = Vec::new();
        ChoreStep::test("greeting", shell("printf 'hello\\nworld'")).run(&mut screen, StepOutput::Shown).unwrap();
        let screen = String::from_utf8(screen).unwrap();
        assert!(screen.contains("\n=== greeting ===\n$ sh -c "), "{screen}");
        assert!(screen.contains("\nhello\nworld"), "{screen}");
    }

    #[test]
    fn collected_output_has_the_errors_as_well_and_its_results_count() {
        let script = "echo first; echo second >&2; \
                      echo 'test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out'";
        let mut screen = Vec::new();
        let finished = ChoreStep::test("both", shell(script)).run(&mut screen, StepOutput::Collected).unwrap();
        assert_eq!(finished.counts.map(|counts| counts.passed), Some(2));
        assert!(String::from_utf8(screen).unwrap().contains("\nfirst\nsecond\ntest result: ok"));
        let mut screen = Vec::new();
        let step = ChoreStep::run_command("fails", shell("echo why >&2; exit 3"));
        let finished = step.run(&mut screen, StepOutput::Collected).unwrap();
        assert_eq!(finished.failure.as_deref(), Some("exit status: 3"));
        assert!(String::from_utf8(screen).unwrap().contains("\nwhy\n"));
    }

    #[test]
    fn a_program_that_is_not_there_is_named_where_output_is_collected_too() {
        for step in [ChoreStep::run_command, ChoreStep::test] {
            let step = step("absent", Command::new("fapilog-no-such-program"));
            let finished = step.run(&mut io::sink(), StepOutput::Collected).unwrap();
            assert!(finished.failure.unwrap().starts_with("`fapilog-no-such-program` cannot be started: "));
        }
    }

    #[test]
    fn a_skipped_step_succeeds_with_its_reason_and_a_measurement_with_its_result() {
        let finished = run_unseen(ChoreStep::skip("needless", "it was done before"));
        assert_eq!((finished.failure, finished.skipped.as_deref()), (None, Some("it was done before")));
        let finished = run_unseen(ChoreStep::measure("length", || "3 m".to_owned()));
        assert_eq!((finished.failure, finished.measured.as_deref()), (None, Some("3 m")));
    }

    #[test]
    fn a_folder_that_no_later_step_needs_is_removed_whatever_the_result() {
        for script in ["true", "false"] {
            let folder = tempfile::tempdir().unwrap().keep();
            let step = ChoreStep::run_command("build", shell(script)).then_remove(Some(folder.clone()));
            run_unseen(step);
            assert!(!folder.exists(), "{script}");
        }
    }
}

//! A step of a chore, and its result.

use std::{
    fmt::Display,
    io::{self, Write},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use crate::test_counts::{TestCounter, TestCounts};

/// A thing to do, with the name it has in the report.
pub(crate) struct ChoreStep {
    name: String,
    action: StepAction,
    limit: Option<Duration>,
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
}

/// A check that this program does itself: shows its findings on the screen, and returns the failure, if there is one.
pub(crate) type StepCheck = Box<dyn FnOnce(&mut dyn Write) -> io::Result<Option<String>>>;

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
        check: impl FnOnce(&mut dyn Write) -> io::Result<Option<String>> + 'static,
    ) -> Self {
        Self::new(name, StepAction::Check(Box::new(check)))
    }

    pub(crate) fn refuse(name: impl Into<String>, reason: impl Display) -> Self {
        Self::new(name, StepAction::Refuse(reason.to_string()))
    }

    fn new(name: impl Into<String>, action: StepAction) -> Self {
        Self { name: name.into(), action, limit: None }
    }

    /// Fails when it takes longer. It is not cut short: its results are worth having all the same.
    pub(crate) fn within(self, limit: Duration) -> Self {
        Self { limit: Some(limit), ..self }
    }

    /// Does it, and shows the command and the tests' output on `screen`.
    pub(crate) fn run(self, screen: &mut dyn Write) -> io::Result<Finished> {
        writeln!(screen, "\n=== {} ===", self.name)?;
        let start = Instant::now();
        let mut failed_tests = Vec::new();
        let (mut counts, mut failure) = match self.action {
            StepAction::Run(command) => (None, run(command, screen)?),
            StepAction::Test(command) => run_tests(command, screen, &mut failed_tests)?,
            StepAction::Check(check) => (None, check(screen)?),
            StepAction::Refuse(reason) => (None, Some(reason)),
        };
        let took = start.elapsed();
        if let Some(limit) = self.limit.filter(|limit| took > *limit && failure.is_none()) {
            failure = Some(format!("it took longer than {} s", limit.as_secs_f64()));
            counts = counts.map(at_least_one_failed);
        }
        if let Some(reason) = &failure {
            writeln!(screen, "error: {}: {reason}", self.name)?;
        }
        Ok(Finished { name: self.name, took, counts, failed_tests, failure })
    }
}

fn run(mut command: Command, screen: &mut dyn Write) -> io::Result<Option<String>> {
    announce(&command, screen)?;
    Ok(match command.status() {
        Ok(status) => failure_of(status),
        Err(error) => Some(not_started(&command, error)),
    })
}

fn run_tests(
    mut command: Command,
    screen: &mut dyn Write,
    failed_tests: &mut Vec<String>,
) -> io::Result<(Option<TestCounts>, Option<String>)> {
    announce(&command, screen)?;
    match command.stdout(Stdio::piped()).spawn() {
        Ok(child) => watch(child, screen, failed_tests).map(|(counts, status)| judge(counts, failure_of(status))),
        Err(error) => Ok((None, Some(not_started(&command, error)))),
    }
}

/// Shows the child's output as it comes, and counts the results in it.
fn watch(
    mut child: Child,
    screen: &mut dyn Write,
    failed_tests: &mut Vec<String>,
) -> io::Result<(TestCounts, ExitStatus)> {
    let mut shown = ShownAndCounted { screen, counter: TestCounter::default() };
    if let Some(mut output) = child.stdout.take() {
        io::copy(&mut output, &mut shown)?;
    }
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

fn not_started(command: &Command, error: impl Display) -> String {
    format!("`{}` cannot be started: {error}", command.get_program().display())
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
        step.run(&mut io::sink()).unwrap()
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
        ChoreStep::test("greeting", shell("printf 'hello\\nworld'")).run(&mut screen).unwrap();
        let screen = String::from_utf8(screen).unwrap();
        assert!(screen.contains("\n=== greeting ===\n$ sh -c "), "{screen}");
        assert!(screen.contains("\nhello\nworld"), "{screen}");
    }
}

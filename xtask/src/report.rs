//! The closing report: every step, its time and its result.

use std::fmt;

use crate::{step::Finished, test_counts::TestCounts};

/// The closing report of a chore. Its last line is the sum of all test results, where tests were to run.
#[derive(Debug, Default)]
pub(crate) struct Report {
    steps: Vec<Finished>,
}

impl Report {
    pub(crate) fn add(&mut self, step: Finished) {
        self.steps.push(step);
    }

    pub(crate) fn is_success(&self) -> bool {
        self.steps.iter().all(|step| step.failure.is_none())
    }

    /// A step that runs no tests and fails counts as one that failed: a reader of the last line alone must see it.
    fn counts(&self) -> Option<TestCounts> {
        let mut sum = self.steps.iter().filter_map(|step| step.counts).reduce(|mut sum, counts| {
            sum += counts;
            sum
        })?;
        let uncounted = self.steps.iter().filter(|step| step.counts.is_none() && step.failure.is_some());
        sum.failed += uncounted.count() as u64;
        Some(sum)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n=== summary ===")?;
        let width = self.steps.iter().map(|step| step.name.len()).max().unwrap_or_default();
        for step in &self.steps {
            write!(f, "{} {:<width$} {:>7.1} s", verdict(step), step.name, step.took.as_secs_f64())?;
            step.counts.iter().try_for_each(|counts| write!(f, "  {counts}"))?;
            let remarks = [&step.failure, &step.skipped, &step.measured];
            remarks.into_iter().flatten().try_for_each(|remark| write!(f, "  ({remark})"))?;
            writeln!(f)?;
        }
        for step in &self.steps {
            step.failed_tests.iter().try_for_each(|test| writeln!(f, "FAILED {}: {test}", step.name))?;
        }
        self.counts().iter().try_for_each(|counts| writeln!(f, "\n{counts}"))
    }
}

fn verdict(step: &Finished) -> &'static str {
    match (&step.failure, &step.skipped) {
        (Some(_), _) => "FAILED",
        (None, Some(_)) => "skip  ",
        (None, None) => "ok    ",
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn finished(name: &str, counts: Option<TestCounts>, failure: Option<&str>) -> Finished {
        let (name, failure) = (name.to_owned(), failure.map(str::to_owned));
        let took = Duration::from_millis(1_500);
        Finished { name, took, counts, failed_tests: Vec::new(), failure, skipped: None, measured: None }
    }

    fn report(steps: Vec<Finished>) -> Report {
        Report { steps }
    }

    const THREE: TestCounts = TestCounts { passed: 3, failed: 0, skipped: 1 };

    #[test]
    fn the_last_line_is_the_sum_of_all_results_and_nothing_else() {
        let report = report(vec![finished("unit", Some(THREE), None), finished("doc", Some(THREE), None)]);
        assert_eq!(report.to_string().lines().last(), Some("6 passed, 0 failed, 2 skipped"));
    }

    #[test]
    fn failed_tests_are_named_with_their_step() {
        let failed_tests = vec!["ring::wraps".to_owned(), "docs/page.md - A page (line 7)".to_owned()];
        let unit = Finished { failed_tests, ..finished("unit", Some(THREE), Some("exit status: 101")) };
        let text = report(vec![unit, finished("doc", Some(THREE), None)]).to_string();
        assert!(text.contains("\nFAILED unit: ring::wraps\nFAILED unit: docs/page.md - A page (line 7)\n"), "{text}");
    }

    #[test]
    fn a_report_on_lints_alone_has_no_sum() {
        let report = report(vec![finished("format", None, None)]);
        assert_eq!(report.to_string().lines().last(), Some("ok     format     1.5 s"));
    }

    #[test]
    fn one_failed_step_fails_the_whole() {
        let report =
            report(vec![finished("unit", Some(THREE), None), finished("format", None, Some("exit status: 1"))]);
        assert!(!report.is_success());
        assert!(report.to_string().contains("FAILED format     1.5 s  (exit status: 1)"));
    }

    #[test]
    fn a_step_without_tests_that_fails_shows_in_the_sum() {
        let report =
            report(vec![finished("format", None, Some("exit status: 1")), finished("unit", Some(THREE), None)]);
        assert_eq!(report.to_string().lines().last(), Some("3 passed, 1 failed, 1 skipped"));
    }

    #[test]
    fn a_skipped_step_has_its_reason_and_a_measurement_its_result() {
        let skipped = Finished { skipped: Some("done before".to_owned()), ..finished("check", None, None) };
        let measured = Finished { measured: Some("3 m".to_owned()), ..finished("length", None, None) };
        let report = report(vec![skipped, measured]);
        assert!(report.is_success());
        let expected = "skip   check      1.5 s  (done before)\nok     length     1.5 s  (3 m)\n";
        assert!(report.to_string().ends_with(expected), "{report}");
    }
}

//! The run of a chore's steps: one after the other, and side by side where steps of several lanes follow each other.
//!
//! A step that works on a single core, or waits, leaves room for another. Steps without a lane run alone.

use std::{
    io::{self, Write},
    sync::mpsc::{self, Sender},
    thread,
};

use crate::{
    report::Report,
    step::{ChoreStep, Finished, StepLane, StepOutput},
};

/// Runs all steps, also after one has failed. The report has them in their order.
pub(crate) fn run_all(steps: Vec<ChoreStep>, screen: &mut dyn Write) -> io::Result<Report> {
    let mut report = Report::default();
    for stage in stages(steps) {
        let lanes = lanes(stage);
        let finished = if lanes.len() == 1 { run_in_turn(lanes, screen)? } else { run_side_by_side(lanes, screen)? };
        finished.into_iter().for_each(|step| report.add(step));
    }
    Ok(report)
}

/// A step, and its place among the steps that run side by side.
type PlacedStep = (usize, ChoreStep);

/// The steps that may run at the same time: a single one, or consecutive ones that have lanes.
fn stages(steps: Vec<ChoreStep>) -> Vec<Vec<ChoreStep>> {
    let mut stages: Vec<Vec<ChoreStep>> = Vec::new();
    for step in steps {
        match stages.last_mut() {
            Some(stage) if step.lane().is_some() && stage.iter().all(|step| step.lane().is_some()) => stage.push(step),
            _ => stages.push(vec![step]),
        }
    }
    stages
}

/// The steps of a stage by their lanes, each in its order.
fn lanes(stage: Vec<ChoreStep>) -> Vec<Vec<PlacedStep>> {
    let mut lanes: Vec<(Option<StepLane>, Vec<PlacedStep>)> = Vec::new();
    for (place, step) in stage.into_iter().enumerate() {
        match lanes.iter_mut().find(|(lane, _)| *lane == step.lane()) {
            Some((_, steps)) => steps.push((place, step)),
            None => lanes.push((step.lane(), vec![(place, step)])),
        }
    }
    lanes.into_iter().map(|(_, steps)| steps).collect()
}

fn run_in_turn(lanes: Vec<Vec<PlacedStep>>, screen: &mut dyn Write) -> io::Result<Vec<Finished>> {
    lanes.into_iter().flatten().map(|(_, step)| step.run(screen, StepOutput::Shown)).collect()
}

/// A report of a lane.
enum LaneNews {
    Started(String),
    /// The place, the output and the result of a step.
    Ended(usize, Vec<u8>, io::Result<Finished>),
}

/// The output of a step is shown when it ends, in one go. A step that hangs has the last line on a start, and no output.
fn run_side_by_side(lanes: Vec<Vec<PlacedStep>>, screen: &mut dyn Write) -> io::Result<Vec<Finished>> {
    let mut ended = thread::scope(|scope| {
        let (sender, news) = mpsc::channel();
        for steps in lanes {
            let sender = sender.clone();
            scope.spawn(move || run_lane(steps, &sender));
        }
        drop(sender);
        show(news, screen)
    })?;
    ended.sort_by_key(|(place, _)| *place);
    Ok(ended.into_iter().map(|(_, finished)| finished).collect())
}

fn run_lane(steps: Vec<PlacedStep>, sender: &Sender<LaneNews>) {
    for (place, step) in steps {
        let mut output = Vec::new();
        // Without a receiver, the screen is gone, and the chore ends with that error.
        let _ = sender.send(LaneNews::Started(step.name().to_owned()));
        let result = step.run(&mut output, StepOutput::Collected);
        if sender.send(LaneNews::Ended(place, output, result)).is_err() {
            break;
        }
    }
}

fn show(news: impl IntoIterator<Item = LaneNews>, screen: &mut dyn Write) -> io::Result<Vec<(usize, Finished)>> {
    let mut ended = Vec::new();
    for one in news {
        match one {
            LaneNews::Started(name) => {
                writeln!(screen, "\n... {name}: started beside other steps; its output follows when it ends")?;
            }
            LaneNews::Ended(place, output, result) => {
                screen.write_all(&output)?;
                ended.push((place, result?));
            }
        }
        screen.flush()?;
    }
    Ok(ended)
}

#[cfg(test)]
mod tests {
    use std::{path::Path, process::Command};

    use super::*;

    fn shell(name: &str, script: &str) -> ChoreStep {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        ChoreStep::run_command(name, command)
    }

    /// Succeeds if the file `other` is there within 20 s of its own file's creation.
    fn meets(folder: &Path, own: &str, other: &str) -> ChoreStep {
        let (own_path, other) = (folder.join(own), folder.join(other));
        let wait = "for i in $(seq 200); do [ -e \"$1\" ] && exit 0; sleep 0.1; done; exit 1";
        shell(own, &format!("touch {}; set -- '' ; set -- {}; {wait}", own_path.display(), other.display()))
    }

    fn text_and_report(steps: Vec<ChoreStep>) -> (String, Report) {
        let mut screen = Vec::new();
        let report = run_all(steps, &mut screen).unwrap();
        (String::from_utf8(screen).unwrap(), report)
    }

    #[test]
    fn steps_of_two_lanes_run_at_the_same_time() {
        let folder = tempfile::tempdir().unwrap();
        let one = meets(folder.path(), "one", "other").in_lane(StepLane::Miri);
        let other = meets(folder.path(), "other", "one").in_lane(StepLane::Models);
        let (text, report) = text_and_report(vec![one, other]);
        assert!(report.is_success(), "{text}");
    }

    #[test]
    fn steps_of_a_lane_run_in_their_order() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        let steps = vec![
            shell("first", &format!("sleep 0.2; touch {}", file.display())).in_lane(StepLane::Miri),
            shell("second", &format!("[ -e {} ]", file.display())).in_lane(StepLane::Miri),
            shell("beside", "true").in_lane(StepLane::Models),
        ];
        let (text, report) = text_and_report(steps);
        assert!(report.is_success(), "{text}");
    }

    #[test]
    fn a_step_without_a_lane_runs_when_those_before_it_have_ended() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        let steps = vec![
            shell("slow", &format!("sleep 0.3; touch {}", file.display())).in_lane(StepLane::Miri),
            shell("quick", "true").in_lane(StepLane::Models),
            shell("alone", &format!("[ -e {} ]", file.display())),
            shell("later", "true").in_lane(StepLane::Models),
        ];
        let (text, report) = text_and_report(steps);
        assert!(report.is_success(), "{text}");
    }

    #[test]
    fn after_a_failure_all_other_steps_run_and_the_report_has_them_in_their_order() {
        let steps = vec![
            shell("a", "exit 3").in_lane(StepLane::Models),
            shell("b", "sleep 0.2").in_lane(StepLane::Models),
            shell("c", "exit 4").in_lane(StepLane::Miri),
            shell("d", "true").in_lane(StepLane::Miri),
            shell("e", "true"),
        ];
        let (text, report) = text_and_report(steps);
        assert!(!report.is_success());
        assert!(text.contains("error: a: exit status: 3\n") && text.contains("error: c: exit status: 4\n"), "{text}");
        let summary = report.to_string();
        let lines: Vec<String> = summary.lines().skip(2).map(|line| line.chars().take(8).collect()).collect();
        assert_eq!(lines, ["FAILED a", "ok     b", "FAILED c", "ok     d", "ok     e"], "{summary}");
    }

    #[test]
    fn the_output_of_a_step_is_in_one_piece() {
        let script = "for i in 1 2 3 4 5; do echo \"$0$i\"; sleep 0.05; done";
        let steps = vec![
            shell("one", &script.replace("$0", "one")).in_lane(StepLane::Models),
            shell("other", &script.replace("$0", "other")).in_lane(StepLane::Miri),
        ];
        let (text, _) = text_and_report(steps);
        for name in ["one", "other"] {
            let whole: String = (1..=5).map(|number| format!("\n{name}{number}")).collect();
            assert!(text.contains(&whole), "{text}");
            assert!(text.contains(&format!("... {name}: started beside other steps")), "{text}");
        }
    }

    #[test]
    fn steps_of_a_single_lane_are_shown_as_they_run() {
        let (text, _) = text_and_report(vec![shell("only", "true").in_lane(StepLane::Miri)]);
        assert!(!text.contains("started beside"), "{text}");
    }
}

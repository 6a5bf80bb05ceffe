//! The arguments of `cargo xtask mutants`.

use super::{
    day::Day,
    selection::{MutantsBelow, Selection},
};
use crate::arguments::ArgumentError;

/// The arguments and their meanings.
pub(crate) const USAGE: &[(&str, &str)] = &[
    ("--shard K/N", "every Nth mutant, from the Kth on; K counts from 0"),
    ("--sample COUNT", "COUNT mutants, others each day"),
    ("--day YYYY-MM-DD", "the sample of that day (UTC) in place of today's"),
    ("--file PATH", "only mutants of this file, or below this folder"),
];

const NAMES: &str = "`--shard K/N`, `--sample COUNT`, `--day YYYY-MM-DD` and `--file PATH`";
const SHARD: &str = "`K/N` with K below N";
const COUNT: &str = "a number from 1 on";
const DAY: &str = "a day as `YYYY-MM-DD`, from 1970-01-01 on";
const FILE: &str = "a path below the workspace's root";

/// The mutants to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MutantsRequest {
    pub(super) selection: Selection,
    pub(super) below: MutantsBelow,
}

impl MutantsRequest {
    pub(crate) fn read(arguments: &[&str]) -> Result<Self, ArgumentError> {
        let mut given = GivenArguments::default();
        let mut arguments = arguments.iter().copied();
        while let Some(name) = arguments.next() {
            given.read(name, arguments.next())?;
        }
        given.request()
    }
}

#[derive(Debug, Default)]
struct GivenArguments {
    shard: Option<(usize, usize)>,
    sample: Option<usize>,
    day: Option<Day>,
    file: Option<String>,
}

impl GivenArguments {
    fn read(&mut self, name: &str, value: Option<&str>) -> Result<(), ArgumentError> {
        match name {
            "--shard" => set(&mut self.shard, "--shard", value, SHARD, shard),
            "--sample" => set(&mut self.sample, "--sample", value, COUNT, count),
            "--day" => set(&mut self.day, "--day", value, DAY, Day::read),
            "--file" => set(&mut self.file, "--file", value, FILE, path),
            _ => Err(ArgumentError::Unknown { given: name.to_owned(), allowed: NAMES }),
        }
    }

    fn request(self) -> Result<MutantsRequest, ArgumentError> {
        let selection = match (self.shard, self.sample, self.day) {
            (Some(_), Some(_), _) => return Err(ArgumentError::Conflict { name: "--shard", other: "--sample" }),
            (_, None, Some(_)) => return Err(ArgumentError::Alone { name: "--day", needed: "--sample" }),
            (None, None, None) => Selection::All,
            (Some((index, shards)), None, None) => Selection::Shard { index, shards },
            (None, Some(count), day) => Selection::Sample { count, day: day.unwrap_or_else(Day::today) },
        };
        Ok(MutantsRequest { selection, below: MutantsBelow(self.file.unwrap_or_default()) })
    }
}

fn set<T>(
    place: &mut Option<T>,
    name: &'static str,
    value: Option<&str>,
    allowed: &'static str,
    read: impl Fn(&str) -> Option<T>,
) -> Result<(), ArgumentError> {
    let value = value.ok_or(ArgumentError::MissingValue { name, allowed })?;
    let invalid = || ArgumentError::InvalidValue { name, value: value.to_owned(), allowed };
    match place.replace(read(value).ok_or_else(invalid)?) {
        Some(_) => Err(ArgumentError::Repeated { name }),
        None => Ok(()),
    }
}

fn shard(text: &str) -> Option<(usize, usize)> {
    let (index, shards) = text.split_once('/')?;
    let (index, shards) = (index.parse().ok()?, shards.parse().ok()?);
    (index < shards).then_some((index, shards))
}

fn count(text: &str) -> Option<usize> {
    text.parse().ok().filter(|count| *count > 0)
}

fn path(text: &str) -> Option<String> {
    let path = text.trim_start_matches("./").trim_end_matches('/');
    (!path.is_empty() && !path.starts_with('/')).then(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<MutantsRequest, String> {
        let arguments: Vec<&str> = line.split_whitespace().collect();
        MutantsRequest::read(&arguments).map_err(|error| error.to_string())
    }

    #[test]
    fn no_argument_is_every_mutant() {
        let all = MutantsRequest { selection: Selection::All, below: MutantsBelow(String::new()) };
        assert_eq!(read(""), Ok(all));
    }

    #[test]
    fn a_shard_and_a_file_go_together() {
        let request = read("--file ./ring/src/ --shard 2/8").unwrap();
        assert_eq!(request.selection, Selection::Shard { index: 2, shards: 8 });
        assert_eq!(request.below, MutantsBelow("ring/src".to_owned()));
    }

    #[test]
    fn a_sample_is_of_today_or_of_the_day_given() {
        let sample = |day| Selection::Sample { count: 60, day };
        assert_eq!(read("--sample 60").unwrap().selection, sample(Day::today()));
        let day = Day::read("2026-05-02").unwrap();
        assert_eq!(read("--day 2026-05-02 --sample 60").unwrap().selection, sample(day));
    }

    #[test]
    fn an_error_names_the_argument_the_value_and_what_is_allowed() {
        for (line, error) in [
            ("--shard 8/8", "`--shard 8/8` is not allowed; allowed is `K/N` with K below N"),
            ("--shard 1", "`--shard 1` is not allowed; allowed is `K/N` with K below N"),
            ("--sample 0", "`--sample 0` is not allowed; allowed is a number from 1 on"),
            ("--sample", "`--sample` has no value; allowed is a number from 1 on"),
            (
                "--sample 9 --day 2026-02-30",
                "`--day 2026-02-30` is not allowed; allowed is a day as `YYYY-MM-DD`, from 1970-01-01 on",
            ),
            ("--file /etc", "`--file /etc` is not allowed; allowed is a path below the workspace's root"),
            ("--day 2026-02-03", "`--day` is not allowed without `--sample`"),
            ("--shard 0/2 --sample 9", "`--shard` and `--sample` are not allowed together"),
            ("--sample 9 --sample 9", "`--sample` is given twice; allowed is once"),
            (
                "ring",
                "`ring` is not allowed; allowed are `--shard K/N`, `--sample COUNT`, `--day YYYY-MM-DD` and `--file PATH`",
            ),
        ] {
            assert_eq!(read(line), Err(error.to_owned()), "{line}");
        }
    }
}

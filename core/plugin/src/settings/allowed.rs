//! Rules for the values of settings: each has a text for pages and errors, and a check.

use std::{fmt::Display, ops::RangeInclusive, time::Duration};

use crate::{
    problem::Problem,
    settings::{write_duration, write_size},
};

/// A rule for values of type `T`.
///
/// ```
/// use fapilog_plugin::settings::{Allowed, Numbers};
///
/// let rule = Numbers(1..=64);
/// assert_eq!(rule.text(), "1 to 64");
/// assert!(rule.problems(&8).is_empty());
/// let problem = rule.problems(&100).remove(0).below("shards");
/// assert_eq!(problem.to_string(), "shards is 100; allowed are 1 to 64");
/// ```
pub trait Allowed<T: ?Sized> {
    /// The allowed values, to stand behind "allowed are": `1 to 64`.
    fn text(&self) -> String;

    /// The problems of the value, with paths relative to the setting.
    fn problems(&self, value: &T) -> Vec<Problem>;
}

/// Every value of the type; the text describes them.
#[derive(Debug, Clone, Copy)]
pub struct Anything(pub &'static str);

impl<T: ?Sized> Allowed<T> for Anything {
    fn text(&self) -> String {
        self.0.to_owned()
    }

    fn problems(&self, _: &T) -> Vec<Problem> {
        Vec::new()
    }
}

/// Every value of an enum of [`named_enum`](crate::named_enum), by these names.
#[derive(Debug, Clone, Copy)]
pub struct OneOf(pub &'static [&'static str]);

impl<T: ?Sized> Allowed<T> for OneOf {
    fn text(&self) -> String {
        self.0.join(", ")
    }

    fn problems(&self, _: &T) -> Vec<Problem> {
        Vec::new()
    }
}

fn range_text<T>(range: &RangeInclusive<T>, show: impl Fn(&T) -> String) -> String {
    format!("{} to {}", show(range.start()), show(range.end()))
}

fn outside<T: PartialOrd>(range: &RangeInclusive<T>, value: &T, show: impl Fn(&T) -> String) -> Vec<Problem> {
    if range.contains(value) {
        return Vec::new();
    }
    vec![Problem::new("", show(value), format!("allowed are {}", range_text(range, show)))]
}

/// A number within a range.
#[derive(Debug, Clone)]
pub struct Numbers<T>(pub RangeInclusive<T>);

impl<T: PartialOrd + Display> Allowed<T> for Numbers<T> {
    fn text(&self) -> String {
        range_text(&self.0, T::to_string)
    }

    fn problems(&self, value: &T) -> Vec<Problem> {
        outside(&self.0, value, T::to_string)
    }
}

/// A size within a range, in bytes.
#[derive(Debug, Clone)]
pub struct Sizes(pub RangeInclusive<usize>);

impl Allowed<usize> for Sizes {
    fn text(&self) -> String {
        range_text(&self.0, |bytes| write_size(*bytes))
    }

    fn problems(&self, value: &usize) -> Vec<Problem> {
        outside(&self.0, value, |bytes| write_size(*bytes))
    }
}

/// A size within a range that is a power of two.
#[derive(Debug, Clone)]
pub struct PowersOfTwo(pub RangeInclusive<usize>);

impl Allowed<usize> for PowersOfTwo {
    fn text(&self) -> String {
        format!("{}, a power of two", range_text(&self.0, |bytes| write_size(*bytes)))
    }

    fn problems(&self, value: &usize) -> Vec<Problem> {
        if value.is_power_of_two() && self.0.contains(value) {
            return Vec::new();
        }
        vec![Problem::new("", write_size(*value), format!("allowed are {}", self.text()))]
    }
}

/// A duration within a range.
#[derive(Debug, Clone)]
pub struct Durations(pub RangeInclusive<Duration>);

impl Allowed<Duration> for Durations {
    fn text(&self) -> String {
        range_text(&self.0, |duration| write_duration(*duration))
    }

    fn problems(&self, value: &Duration) -> Vec<Problem> {
        outside(&self.0, value, |duration| write_duration(*duration))
    }
}

/// An absent value, or a value that another rule allows.
#[derive(Debug, Clone)]
pub struct Maybe<R>(pub R);

impl<T, R: Allowed<T>> Allowed<Option<T>> for Maybe<R> {
    fn text(&self) -> String {
        self.0.text()
    }

    fn problems(&self, value: &Option<T>) -> Vec<Problem> {
        value.as_ref().map(|value| self.0.problems(value)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts<T>(rule: &impl Allowed<T>, value: T) -> Vec<String> {
        rule.problems(&value).into_iter().map(|problem| problem.below("x").to_string()).collect()
    }

    #[test]
    fn both_ends_of_a_range_are_allowed() {
        let rule = Numbers(1..=64);
        assert_eq!(rule.text(), "1 to 64");
        assert_eq!([texts(&rule, 1), texts(&rule, 64)], [[""; 0]; 2]);
        assert_eq!(texts(&rule, 0), ["x is 0; allowed are 1 to 64"]);
        assert_eq!(texts(&rule, 65), ["x is 65; allowed are 1 to 64"]);
    }

    #[test]
    fn sizes_and_durations_are_written_with_units() {
        assert_eq!(texts(&Sizes(1 << 10..=16 << 20), 1), ["x is 1; allowed are 1 KiB to 16 MiB"]);
        let rule = PowersOfTwo(1 << 10..=1 << 20);
        assert_eq!(texts(&rule, 3 << 10), ["x is 3 KiB; allowed are 1 KiB to 1 MiB, a power of two"]);
        assert_eq!(texts(&rule, 2 << 20), ["x is 2 MiB; allowed are 1 KiB to 1 MiB, a power of two"]);
        assert_eq!(texts(&rule, 2 << 10), [""; 0]);
        let rule = Durations(Duration::ZERO..=Duration::from_secs(60));
        assert_eq!(texts(&rule, Duration::from_secs(61)), ["x is 1m 1s; allowed are 0s to 1m"]);
    }

    #[test]
    fn an_absent_value_is_allowed() {
        let rule = Maybe(Numbers(1..=2));
        assert_eq!([texts(&rule, None), texts(&rule, Some(2))], [[""; 0]; 2]);
        assert_eq!(texts(&rule, Some(3)), ["x is 3; allowed are 1 to 2"]);
    }
}

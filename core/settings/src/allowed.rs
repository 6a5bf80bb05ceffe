//! What a setting may be.

use std::{fmt::Display, ops::RangeInclusive, time::Duration};

use fapilog_plugin::{
    name::{NAME_RULE, is_name},
    problem::Problem,
    settings::{write_duration, write_size},
};

/// A rule for values of type `T`.
pub(super) trait Allowed<T: ?Sized> {
    /// What is allowed, to stand behind "allowed are": `1 to 64`.
    fn text(&self) -> String;

    /// What is wrong with the value, with paths relative to the setting.
    fn problems(&self, value: &T) -> Vec<Problem>;
}

/// Anything that could be read at all is allowed; the text says what that is.
pub(super) struct Anything(pub(super) &'static str);

impl<T: ?Sized> Allowed<T> for Anything {
    fn text(&self) -> String {
        self.0.to_owned()
    }

    fn problems(&self, _: &T) -> Vec<Problem> {
        Vec::new()
    }
}

/// One of these names; serde sees to it that it is.
pub(super) struct OneOf(pub(super) &'static [&'static str]);

impl<T: ?Sized> Allowed<T> for OneOf {
    fn text(&self) -> String {
        self.0.join(", ")
    }

    fn problems(&self, _: &T) -> Vec<Problem> {
        Vec::new()
    }
}

fn outside<T: PartialOrd>(range: &RangeInclusive<T>, value: &T, show: impl Fn(&T) -> String) -> Vec<Problem> {
    if range.contains(value) {
        return Vec::new();
    }
    let allowed = format!("allowed are {} to {}", show(range.start()), show(range.end()));
    vec![Problem::new("", show(value), allowed)]
}

/// A number within a range.
pub(super) struct Numbers<T>(pub(super) RangeInclusive<T>);

impl<T: PartialOrd + Display> Allowed<T> for Numbers<T> {
    fn text(&self) -> String {
        format!("{} to {}", self.0.start(), self.0.end())
    }

    fn problems(&self, value: &T) -> Vec<Problem> {
        outside(&self.0, value, T::to_string)
    }
}

/// A size within a range, in bytes.
pub(super) struct Sizes(pub(super) RangeInclusive<usize>);

impl Allowed<usize> for Sizes {
    fn text(&self) -> String {
        format!("{} to {}", write_size(*self.0.start()), write_size(*self.0.end()))
    }

    fn problems(&self, value: &usize) -> Vec<Problem> {
        outside(&self.0, value, |bytes| write_size(*bytes))
    }
}

/// A size within a range that is a power of two.
pub(super) struct PowersOfTwo(pub(super) RangeInclusive<usize>);

impl Allowed<usize> for PowersOfTwo {
    fn text(&self) -> String {
        format!("{}, a power of two", Sizes(self.0.clone()).text())
    }

    fn problems(&self, value: &usize) -> Vec<Problem> {
        if value.is_power_of_two() {
            return Sizes(self.0.clone()).problems(value);
        }
        vec![Problem::new("", write_size(*value), format!("allowed are {}", self.text()))]
    }
}

/// A duration within a range.
pub(super) struct Durations(pub(super) RangeInclusive<Duration>);

impl Allowed<Duration> for Durations {
    fn text(&self) -> String {
        format!("{} to {}", write_duration(*self.0.start()), write_duration(*self.0.end()))
    }

    fn problems(&self, value: &Duration) -> Vec<Problem> {
        outside(&self.0, value, |duration| write_duration(*duration))
    }
}

/// Nothing, which lets the container choose, or what another rule allows.
pub(super) struct Maybe<R>(pub(super) R);

impl<T, R: Allowed<T>> Allowed<Option<T>> for Maybe<R> {
    fn text(&self) -> String {
        self.0.text()
    }

    fn problems(&self, value: &Option<T>) -> Vec<Problem> {
        value.as_ref().map(|value| self.0.problems(value)).unwrap_or_default()
    }
}

/// Names of plugins: letters, digits, `_` and `-`, each once.
pub(super) struct Names(pub(super) &'static str);

impl<N: Named> Allowed<Vec<N>> for Names {
    fn text(&self) -> String {
        self.0.to_owned()
    }

    fn problems(&self, value: &Vec<N>) -> Vec<Problem> {
        let mut problems = Vec::new();
        for (index, item) in value.iter().enumerate() {
            let name = item.name();
            let path = format!("[{index}]{}", item.name_path());
            if !is_name(name) {
                problems.push(Problem::new(path, format!("{name:?}"), NAME_RULE));
            } else if value.iter().take(index).any(|earlier| earlier.name() == name) {
                problems.push(Problem::new(path, format!("{name:?}"), "each name can be given once"));
            }
        }
        problems
    }
}

/// What has a name in a list of names.
pub(super) trait Named {
    fn name(&self) -> &str;

    /// Where the name is in the item.
    fn name_path(&self) -> &'static str {
        ""
    }
}

impl Named for String {
    fn name(&self) -> &str {
        self
    }
}

impl Named for super::SinkEntry {
    fn name(&self) -> &str {
        &self.name
    }

    fn name_path(&self) -> &'static str {
        if *self == Self::new(self.name.as_str()) { "" } else { ".name" }
    }
}

/// A single name.
pub(super) struct Name(pub(super) &'static str);

impl Allowed<String> for Name {
    fn text(&self) -> String {
        self.0.to_owned()
    }

    fn problems(&self, value: &String) -> Vec<Problem> {
        if is_name(value) { Vec::new() } else { vec![Problem::new("", format!("{value:?}"), NAME_RULE)] }
    }
}

/// Nothing yet: there is no standard that fapilog could vouch for.
pub(super) struct NoStandardYet;

impl Allowed<Vec<String>> for NoStandardYet {
    fn text(&self) -> String {
        "an empty list: there is no standard yet that fapilog can vouch for".to_owned()
    }

    fn problems(&self, value: &Vec<String>) -> Vec<Problem> {
        let refuse = |(index, name): (usize, &String)| {
            let allowed = "there is no such standard yet, and a log must not claim to keep one; leave the list empty";
            Problem::new(format!("[{index}]"), format!("{name:?}"), allowed)
        };
        value.iter().enumerate().map(refuse).collect()
    }
}

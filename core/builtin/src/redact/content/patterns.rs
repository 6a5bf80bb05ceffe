//! Patterns of the user.

use regex_automata::{
    Input,
    meta::{Cache, Regex},
    util::captures::Captures,
};
use thiserror::Error;

use super::finding::{ContentFinding, FindingRule};

/// A named pattern of the user: a regular expression in the syntax of the crate `regex`.
///
/// The finding is the whole match, or the group `secret` if the expression has one: `order=(?<secret>[0-9]+)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentPattern {
    /// The name, for reports.
    pub name: Box<str>,
    /// The regular expression.
    pub expression: Box<str>,
}

/// The group that is the finding.
const GROUP: &str = "secret";

/// Bytes that the compiled form of a pattern may have.
const COMPILED_BYTES: usize = 1 << 20;

/// A pattern that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PatternError {
    /// The expression is not one, or is too large.
    #[error("pattern {name:?}: {expression:?} is no regular expression of at most 1 MiB in compiled form: {reason}")]
    Invalid {
        /// The name of the pattern.
        name: Box<str>,
        /// Its expression.
        expression: Box<str>,
        /// The place and the reason.
        reason: Box<str>,
    },
    /// The expression matches a text without a character: it would match everywhere.
    #[error(
        "pattern {name:?}: {expression:?} matches the empty text; allowed are expressions that need at least a character"
    )]
    MatchesEmptyText {
        /// The name of the pattern.
        name: Box<str>,
        /// Its expression.
        expression: Box<str>,
    },
}

/// A compiled pattern, and its memory for searches.
#[derive(Debug)]
struct CompiledPattern {
    regex: Regex,
    cache: Cache,
    captures: Captures,
    group: Option<usize>,
}

impl Clone for CompiledPattern {
    fn clone(&self) -> Self {
        let regex = self.regex.clone();
        Self { cache: regex.create_cache(), captures: regex.create_captures(), regex, group: self.group }
    }
}

impl CompiledPattern {
    fn new(pattern: &ContentPattern) -> Result<Self, PatternError> {
        let config = Regex::config().nfa_size_limit(Some(COMPILED_BYTES)).hybrid_cache_capacity(2 * COMPILED_BYTES);
        let regex =
            Regex::builder().configure(config).build(&pattern.expression).map_err(|error| PatternError::Invalid {
                name: pattern.name.clone(),
                expression: pattern.expression.clone(),
                reason: reason(&error).into(),
            })?;
        if regex.is_match("") {
            return Err(PatternError::MatchesEmptyText {
                name: pattern.name.clone(),
                expression: pattern.expression.clone(),
            });
        }
        let group = regex.group_info().to_index(regex_automata::PatternID::ZERO, GROUP);
        Ok(Self { cache: regex.create_cache(), captures: regex.create_captures(), regex, group })
    }

    fn scan(&mut self, index: usize, text: &[u8], findings: &mut Vec<ContentFinding>) {
        let mut input = Input::new(text);
        while let Some(found) = self.regex.search_with(&mut self.cache, &input) {
            let range = self.group.and_then(|group| {
                let within = Input::new(text).span(found.range());
                self.regex.search_captures_with(&mut self.cache, &within, &mut self.captures);
                self.captures.get_group(group).map(|span| span.range())
            });
            let range = range.unwrap_or_else(|| found.range());
            if !range.is_empty() {
                findings.push(ContentFinding { rule: FindingRule::Pattern(index), range });
            }
            input.set_start(found.end().max(input.start() + 1).min(text.len()));
            if found.end() >= text.len() {
                break;
            }
        }
    }
}

/// The reason of an error, with the reasons below it.
fn reason(error: &regex_automata::meta::BuildError) -> String {
    match error.syntax_error() {
        Some(error) => error.to_string(),
        None => error.to_string(),
    }
}

/// All patterns: one automaton that decides whether any of them matches, and each of them.
#[derive(Debug, Default)]
pub(super) struct CompiledPatterns {
    any: Option<(Regex, Cache)>,
    patterns: Vec<CompiledPattern>,
}

impl Clone for CompiledPatterns {
    fn clone(&self) -> Self {
        let any = self.any.as_ref().map(|(regex, _)| (regex.clone(), regex.create_cache()));
        Self { any, patterns: self.patterns.clone() }
    }
}

impl CompiledPatterns {
    pub(super) fn new(patterns: &[ContentPattern]) -> Result<Self, PatternError> {
        let compiled = patterns.iter().map(CompiledPattern::new).collect::<Result<_, _>>()?;
        let expressions: Vec<&str> = patterns.iter().map(|pattern| &*pattern.expression).collect();
        // Without the automaton of all, each pattern is searched for.
        let config = Regex::config().nfa_size_limit(Some(8 * COMPILED_BYTES)).hybrid_cache_capacity(8 * COMPILED_BYTES);
        let any = Regex::builder().configure(config).build_many(&expressions).ok().filter(|_| patterns.len() > 1);
        Ok(Self { any: any.map(|regex| (regex.clone(), regex.create_cache())), patterns: compiled })
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    pub(super) fn scan(&mut self, text: &[u8], findings: &mut Vec<ContentFinding>) {
        if let Some((regex, cache)) = &mut self.any
            && regex.search_half_with(cache, &Input::new(text).earliest(true)).is_none()
        {
            return;
        }
        for (index, pattern) in self.patterns.iter_mut().enumerate() {
            pattern.scan(index, text, findings);
        }
    }
}

//! `cargo xtask tidy`: rules that no compiler checks.
//!
//! A rule is a function from the tree to its breaches, in a file of its own. Its tests plant a breach that it must find.

mod arrows;
mod book_pages;
mod breach;
mod doc_aliases;
mod error;
mod items;
mod lexer;
mod orderings;
mod packages;
mod prose;
mod safety;
mod sentences;
mod statics;
mod tree;
mod type_names;
mod words;

use std::io::{self, Write};

use self::{breach::Breach, tree::SourceTree};
use crate::workspace::Workspace;

/// A rule.
struct TidyRule {
    name: &'static str,
    summary: &'static str,
    check: fn(&SourceTree) -> Vec<Breach>,
}

const RULES: &[TidyRule] = &[
    TidyRule { name: arrows::NAME, summary: "dependencies between crates", check: arrows::check },
    TidyRule { name: words::NAME, summary: "words that the glossary replaces", check: words::check },
    TidyRule { name: sentences::NAME, summary: "openings of sentences", check: sentences::check },
    TidyRule { name: safety::NAME, summary: "reasons of unsafe code", check: safety::check },
    TidyRule {
        name: orderings::NAME,
        summary: "comments on atomics, and the partners they name",
        check: orderings::check,
    },
    TidyRule { name: type_names::NAME, summary: "types of one name", check: type_names::check },
    TidyRule { name: statics::NAME, summary: "state of the whole process", check: statics::check },
    TidyRule { name: doc_aliases::NAME, summary: "names of the architecture, as aliases", check: doc_aliases::check },
    TidyRule { name: book_pages::NAME, summary: "pages whose code no test compiles", check: book_pages::check },
];

/// Checks every rule, and prints all breaches by file and a count for each rule. Returns the failure, if there is one.
pub(crate) fn check(workspace: &Workspace, screen: &mut dyn Write) -> io::Result<Option<String>> {
    match SourceTree::read(workspace) {
        Ok(tree) => report(breaches(&tree), screen),
        Err(error) => Ok(Some(error.to_string())),
    }
}

/// The breaches of all rules, by file and line.
fn breaches(tree: &SourceTree) -> Vec<Breach> {
    let mut breaches: Vec<Breach> = RULES.iter().flat_map(|rule| (rule.check)(tree)).collect();
    breaches.sort();
    // A word that stands twice on a line is one breach.
    breaches.dedup();
    breaches
}

fn report(breaches: Vec<Breach>, screen: &mut dyn Write) -> io::Result<Option<String>> {
    for breach in &breaches {
        writeln!(screen, "{breach}")?;
    }
    writeln!(screen)?;
    for rule in RULES {
        let count = breaches.iter().filter(|breach| breach.rule == rule.name).count();
        writeln!(screen, "{count:>7} {:<12} {}", rule.name, rule.summary)?;
    }
    Ok((!breaches.is_empty()).then(|| format!("{} breaches", breaches.len())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(files: &[(&str, &str)]) -> (Option<String>, String) {
        let mut screen = Vec::new();
        let failure = report(breaches(&SourceTree::of(files)), &mut screen).unwrap();
        (failure, String::from_utf8(screen).unwrap())
    }

    #[test]
    fn all_breaches_are_listed_by_file_and_line_before_the_counts() {
        let (failure, screen) = shown(&[("b.md", "ok\n\nOne sink."), ("a.rs", "static A: u8 = unsafe { 0 };\n")]);
        let lines: Vec<&str> = screen.lines().take(3).collect();
        assert_eq!(
            lines,
            [
                "a.rs:1: safety: no `// SAFETY:` comment directly above",
                "b.md:3: sentences: a sentence begins with `One`: begin with a noun",
                "",
            ]
        );
        assert!(screen.contains("      1 safety "), "{screen}");
        assert_eq!(failure.as_deref(), Some("2 breaches"));
    }

    #[test]
    fn a_clean_tree_shows_counts_of_zero_and_succeeds() {
        let (failure, screen) = shown(&[("a.rs", "fn a() {}")]);
        assert_eq!(failure, None);
        assert_eq!(screen.lines().filter(|line| line.starts_with("      0 ")).count(), RULES.len());
    }
}

//! Sentence openings: no sentence begins with What, Who, Whoever, One or Of.

use super::{
    breach::Breach,
    prose::{self, Paragraph},
    tree::SourceTree,
};

pub(super) const NAME: &str = "sentences";

const OPENINGS: &[&str] = &["What", "Who", "Whoever", "One", "Of"];

pub(super) fn check(tree: &SourceTree) -> Vec<Breach> {
    let comments = tree.sources.iter().flat_map(|source| {
        let comments = prose::comments(&source.tokens);
        comments.into_iter().flat_map(|comment| check_lines(&source.path, &comment.lines)).collect::<Vec<_>>()
    });
    let pages = tree.pages.iter().flat_map(|page| check_lines(&page.path, &prose::lines(&page.text)));
    comments.chain(pages).collect()
}

fn check_lines(file: &str, lines: &[prose::NumberedLine]) -> Vec<Breach> {
    let openings = prose::paragraphs(lines).into_iter().flat_map(|paragraph| openings(&paragraph));
    let breach = |(line, word)| Breach {
        file: file.to_owned(),
        line,
        rule: NAME,
        message: format!("a sentence begins with `{word}`: begin with a noun"),
    };
    openings.map(breach).collect()
}

/// The banned words that begin a sentence of the paragraph, each with its line.
fn openings(paragraph: &Paragraph) -> Vec<(usize, &'static str)> {
    let mut found = Vec::new();
    let mut is_start = true;
    for line in &paragraph.lines {
        for word in line.text.split_whitespace() {
            let opening = OPENINGS.iter().find(|opening| is_opening(word, opening));
            found.extend(opening.filter(|_| is_start).map(|opening| (line.number, *opening)));
            is_start = ends_sentence(word);
        }
    }
    found
}

/// Whether a word, such as `**Of`, is the opening. Code in back-quotes is no word.
fn is_opening(word: &str, opening: &str) -> bool {
    let letters = word.trim_start_matches(['*', '_', '"', '(', '[']);
    letters
        .strip_prefix(opening)
        .is_some_and(|tail| !tail.starts_with(|next: char| next.is_alphanumeric() || next == '-'))
}

fn ends_sentence(word: &str) -> bool {
    word.trim_end_matches(['*', '_', '"', ')', ']', '`']).ends_with(['.', '!', '?'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &str, text: &str) -> Vec<usize> {
        check(&SourceTree::of(&[(path, text)])).iter().map(|breach| breach.line).collect()
    }

    #[test]
    fn a_comment_that_begins_with_a_banned_opening_is_a_breach() {
        assert_eq!(lines("a.rs", "/// What it does.\nfn a() {} // One of many.\n//! **Who** calls."), [1, 2, 3]);
    }

    #[test]
    fn a_later_sentence_counts_on_its_own_line() {
        assert_eq!(lines("a.rs", "// The ring is full.\n// It blocks. Whoever\n// calls waits."), [2]);
        assert_eq!(lines("a.md", "The ring is full (see `Ring`). Of\nall"), [1]);
    }

    #[test]
    fn headings_and_list_items_begin_sentences() {
        assert_eq!(lines("a.md", "# What it does\n\n* One thing\n* The other"), [1, 3]);
    }

    #[test]
    fn other_sentences_are_no_breach() {
        let clean = "The one of many. Often so. Whole. `What` is a name. A list of:\nOne\n\nOne-way ends exist.";
        assert!(lines("a.md", clean).is_empty());
    }

    #[test]
    fn code_is_no_prose() {
        assert!(lines("a.rs", "let a = \"What now. One more\"; One::new();").is_empty());
        assert!(lines("a.md", "```text\nWhat\n```\n| What |").is_empty());
    }
}

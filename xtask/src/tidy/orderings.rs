//! Orderings: every atomic access of the library has a reason for its ordering, and every partner it names exists.

use std::collections::HashSet;

use super::{
    breach::Breach,
    items::{self, Function},
    lexer::TokenKind,
    prose::{self, Comment, NumberedLine},
    tree::{SourceFile, SourceTree},
};

pub(super) const NAME: &str = "orderings";

const ORDERINGS: &[&str] = &["Relaxed", "Acquire", "Release", "AcqRel", "SeqCst"];

/// How far above the access its comment may end.
const LINES_ABOVE_MAX: usize = 4;

pub(super) fn check(tree: &SourceTree) -> Vec<Breach> {
    let known = Known::of(tree);
    tree.library().flat_map(|source| [uncommented(source), partners(source, &known)].concat()).collect()
}

/// The accesses without a comment.
fn uncommented(source: &SourceFile) -> Vec<Breach> {
    let comments = prose::comments(&source.tokens);
    let lines = accesses(source).into_iter().filter(|line| !comments.iter().any(|comment| explains(comment, *line)));
    lines.map(|line| breach(source, line, "an atomic access without an ordering comment above".to_owned())).collect()
}

/// The lines that name an ordering. Imports are no accesses.
fn accesses(source: &SourceFile) -> Vec<usize> {
    let code = source.code();
    let mut is_import = false;
    let mut lines = Vec::new();
    for (at, token) in code.iter().enumerate() {
        is_import = token.is("use") || (is_import && !token.is(";"));
        let path = code.get(at..at + 4).unwrap_or_default();
        if let [ordering, colon, _, name] = path
            && ordering.is("Ordering")
            && colon.is(":")
            && ORDERINGS.iter().any(|ordering| name.is(ordering))
            && !is_import
        {
            lines.push(token.line);
        }
    }
    lines.dedup();
    lines
}

fn explains(comment: &Comment, line: usize) -> bool {
    let is_near = comment.lines.last().is_some_and(|last| last.number <= line && line - last.number <= LINES_ABOVE_MAX);
    let text = comment.text();
    is_near && (ORDERINGS.iter().any(|ordering| text.contains(ordering)) || text.contains("pairs"))
}

/// The partners in `pairs` comments that do not exist.
fn partners(source: &SourceFile, known: &Known) -> Vec<Breach> {
    let comments = prose::comments(&source.tokens);
    // The page of a module explains the habit; it names no pair.
    let of_code = comments.iter().filter(|comment| comment.kind != TokenKind::InnerDoc);
    of_code.flat_map(|comment| check_partners(source, comment, known)).collect()
}

fn check_partners(source: &SourceFile, comment: &Comment, known: &Known) -> Vec<Breach> {
    let text = comment.text();
    let mut breaches = Vec::new();
    for (at, marker) in text.match_indices("pairs with").chain(text.match_indices("pairs:")) {
        let line = line_of(&comment.lines, marker);
        match partner(&text, at, marker) {
            None => breaches.push(breach(source, line, "`pairs` names no partner in back-quotes".to_owned())),
            Some(name) if known.has(name) => {}
            Some(name) => breaches.push(breach(source, line, format!("`pairs` names `{name}`, which does not exist"))),
        }
    }
    breaches
}

/// The partner stands behind the marker: `pairs: A::b`, or in back-quotes. `b` pairs with this: in front of it.
fn partner<'a>(text: &'a str, at: usize, marker: &str) -> Option<&'a str> {
    let behind = text.get(at + marker.len()..)?;
    let sentence = behind.split(". ").flat_map(|part| part.split("; ")).next().unwrap_or(behind);
    let plain = || {
        sentence
            .split_whitespace()
            .next()
            .filter(|_| marker.ends_with(':'))
            .map(|word| word.trim_end_matches(['.', ',', ';']))
    };
    quoted(sentence).next().or_else(plain).or_else(|| quoted(text.get(..at)?.rsplit(". ").next()?).last())
}

/// The texts in back-quotes.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// The line of a comment that has the marker; its first one if the marker spans two.
fn line_of(lines: &[NumberedLine], marker: &str) -> usize {
    let line = lines.iter().find(|line| line.text.contains(marker)).or(lines.first());
    line.map_or(1, |line| line.number)
}

fn breach(source: &SourceFile, line: usize, message: String) -> Breach {
    Breach { file: source.path.clone(), line, rule: NAME, message }
}

/// The functions, types and modules of the workspace.
struct Known {
    functions: Vec<Function>,
    others: HashSet<String>,
}

impl Known {
    fn of(tree: &SourceTree) -> Self {
        let mut known = Self { functions: Vec::new(), others: HashSet::new() };
        for source in &tree.sources {
            let code = source.all_code();
            known.functions.extend(items::functions(&code));
            known
                .others
                .extend(items::types(&code).into_iter().chain(items::statics(&code)).map(|item| item.name.into()));
            let parts = source.path.split('/').map(|part| part.trim_end_matches(".rs").to_owned());
            known.others.extend(parts);
        }
        known
    }

    /// Whether `function`, `Type`, `Type::function` or `module::function` exists. Calls may have their `()`.
    fn has(&self, name: &str) -> bool {
        let is_name = |name: &str| name.chars().all(|letter| letter.is_alphanumeric() || letter == '_');
        let mut parts = name.trim_end_matches("()").rsplit("::");
        let (last, of) = (parts.next().unwrap_or_default(), parts.next());
        is_name(last) && of.map_or_else(|| self.has_item(last), |of| self.has_member(of, last))
    }

    fn has_item(&self, name: &str) -> bool {
        self.others.contains(name) || self.functions.iter().any(|function| *function.name == *name)
    }

    fn has_member(&self, of: &str, name: &str) -> bool {
        let is_module = self.others.contains(of);
        let mut named = self.functions.iter().filter(|function| *function.name == *name);
        named.any(|function| function.of.as_deref().map_or(is_module, |type_name| type_name == of))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(text: &str) -> Vec<(usize, String)> {
        let tree = SourceTree::of(&[("ring/src/a.rs", text), ("core/src/lane.rs", KNOWN)]);
        check(&tree).into_iter().map(|breach| (breach.line, breach.message)).collect()
    }

    const KNOWN: &str = "struct Producer; impl Drop for Producer { fn drop(&mut self) {} } fn wake() {}";

    #[test]
    fn an_access_without_a_comment_is_a_breach() {
        let text = "use std::sync::atomic::Ordering;\nfn a() { b.load(Ordering::Acquire); }";
        assert_eq!(messages(text), [(2, "an atomic access without an ordering comment above".to_owned())]);
    }

    #[test]
    fn a_comment_too_far_above_does_not_count() {
        assert_eq!(messages("// Relaxed: a hint.\n\n\n\n\nb.load(Ordering::Relaxed);").len(), 1);
    }

    #[test]
    fn a_comment_near_the_access_is_clean() {
        for text in [
            "// Relaxed: a hint.\n\n\n\nb.load(Ordering::Relaxed);",
            "b.load(Ordering::Relaxed); // Relaxed: a hint.",
            "// Acquire: pairs with the store in `Producer::drop`.\nb.load(Ordering::Acquire);",
        ] {
            assert!(messages(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn comparisons_imports_and_tests_are_no_accesses() {
        let text = "use std::sync::atomic::Ordering::Acquire;\nif a == Ordering::Less {}\n#[cfg(test)]\n\
                    mod tests { fn a() { b.load(Ordering::SeqCst) } }";
        assert!(messages(text).is_empty());
    }

    #[test]
    fn a_partner_that_does_not_exist_is_a_breach() {
        let gone = |name| vec![(1, format!("`pairs` names `{name}`, which does not exist"))];
        assert_eq!(messages("// pairs: Producer::commit"), gone("Producer::commit"));
        assert_eq!(messages("// Release: pairs with the load in `sleep`."), gone("sleep"));
        assert_eq!(messages("// Release: pairs with `Consumer::drop`."), gone("Consumer::drop"));
    }

    #[test]
    fn a_pair_without_a_name_is_a_breach() {
        let expected = "`pairs` names no partner in back-quotes".to_owned();
        assert_eq!(messages("// Release: pairs with the other one."), [(1, expected)]);
    }

    #[test]
    fn a_partner_is_a_function_a_method_or_a_type() {
        for text in [
            "// pairs: Producer::drop",
            "// `wake` pairs with this.",
            "// pairs with\n// `lane::wake`, too.",
            "// pairs with `Producer`",
        ] {
            assert!(messages(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn the_word_pairs_alone_asks_for_nothing() {
        assert!(messages("// `key=value` pairs between commas.").is_empty());
    }
}

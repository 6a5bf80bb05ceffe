//! Words: names, comments, strings and pages use the field's words, and not those that the glossary replaces.

mod exceptions;
mod glossary;
mod stream;

use std::collections::HashMap;

use exceptions::{EXCEPTIONS, ExceptionPlace, WordException};
use glossary::GLOSSARY;
use stream::SplitWord;

use super::{breach::Breach, tree::SourceTree};

pub(super) const NAME: &str = "words";

/// Files that must name the words: the glossary itself, and decisions that explain a change of words.
const EXEMPT: &[&str] = &["docs/decisions/", "xtask/src/tidy/words/"];

pub(super) fn check(tree: &SourceTree) -> Vec<Breach> {
    let index = Index::of_glossary();
    let sources = tree.sources.iter().map(|source| (&source.path, stream::words_of_source(source)));
    let pages = tree.pages.iter().map(|page| (&page.path, stream::words_of_page(page)));
    let files = sources.chain(pages).filter(|(path, _)| !EXEMPT.iter().any(|exempt| path.starts_with(exempt)));
    files.flat_map(|(path, words)| check_words(&index, path, &words)).collect()
}

fn check_words(index: &Index, path: &str, words: &[SplitWord]) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for at in 0..words.len() {
        let Some((form, say)) = index.find(words, at) else { continue };
        if !EXCEPTIONS.iter().any(|exception| exception.is_for(form, path, words, at)) {
            let line = words.get(at).map_or(1, |word| word.line);
            let identifier = words.get(at).map_or(form, |word| &*word.identifier);
            let place =
                if identifier.eq_ignore_ascii_case(form) { String::new() } else { format!(" in `{identifier}`") };
            let message = format!("`{form}`{place}; use: {say}");
            breaches.push(Breach { file: path.to_owned(), line, rule: NAME, message });
        }
    }
    breaches
}

/// The forms of the glossary by their first word, each with the words to use.
struct Index(HashMap<&'static str, Vec<(&'static str, &'static str)>>);

impl Index {
    fn of_glossary() -> Self {
        let mut index: HashMap<_, Vec<_>> = HashMap::new();
        for row in GLOSSARY {
            for form in row.forms {
                let first = form.split(' ').next().unwrap_or(form);
                index.entry(first).or_default().push((*form, row.say));
            }
        }
        Self(index)
    }

    /// The form that begins with the word at `at`.
    fn find(&self, words: &[SplitWord], at: usize) -> Option<(&'static str, &'static str)> {
        let forms = self.0.get(words.get(at)?.text.as_str())?;
        forms.iter().find(|(form, _)| has_phrase(words, at, form)).copied()
    }
}

/// Whether the words from `at` on are the phrase.
fn has_phrase(words: &[SplitWord], at: usize, phrase: &str) -> bool {
    phrase.split(' ').enumerate().all(|(offset, part)| {
        words.get(at + offset).is_some_and(|word| word.text == part && (offset == 0 || word.is_joined))
    })
}

impl WordException {
    fn is_for(&self, form: &str, path: &str, words: &[SplitWord], at: usize) -> bool {
        let Some(word) = words.get(at) else { return false };
        self.forms.contains(&form)
            && match self.when {
                ExceptionPlace::Identifier(name) => &*word.identifier == name,
                ExceptionPlace::Path(part) => path.contains(part),
                ExceptionPlace::Phrase(phrase) => is_in_phrase(words, at, phrase),
            }
    }
}

/// Whether the word at `at` is a part of the phrase, the last word of which may be a plural.
fn is_in_phrase(words: &[SplitWord], at: usize, phrase: &str) -> bool {
    let parts: Vec<String> = phrase.to_lowercase().split(' ').map(str::to_owned).collect();
    let plural = format!("{}s", parts.last().map_or("", String::as_str));
    let starts = (0..parts.len()).filter_map(|before| at.checked_sub(before));
    let matches = |start: usize| {
        parts.iter().enumerate().all(|(offset, part)| {
            let is_last = offset + 1 == parts.len();
            words.get(start + offset).is_some_and(|word| {
                (word.text == *part || is_last && word.text == plural) && (offset == 0 || word.is_joined)
            })
        })
    };
    starts.into_iter().any(matches)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<(usize, String)> {
        let breaches = check(&SourceTree::of(&[(path, text)]));
        breaches.into_iter().map(|breach| (breach.line, breach.message)).collect()
    }

    fn lines(path: &str, text: &str) -> Vec<usize> {
        found(path, text).into_iter().map(|(line, _)| line).collect()
    }

    #[test]
    fn a_banned_word_is_found_in_every_case_of_a_name() {
        let text =
            "struct Intake;\nfn intake_of(a: u8) {}\nstatic THE_INTAKE: u8 = 0;\nstruct LastRung;\nlet is_here = 1;";
        assert_eq!(lines("a.rs", text), [1, 2, 3, 4, 5]);
    }

    #[test]
    fn the_message_names_the_word_and_its_successor() {
        assert_eq!(found("a.rs", "struct SinkOutlet;"), [(1, "`outlet` in `SinkOutlet`; use: sink worker".to_owned())]);
    }

    #[test]
    fn comments_strings_and_pages_are_read() {
        assert_eq!(lines("a.rs", "// The outlet.\nlet a = \"the outlet\";\n/* the\noutlet */"), [1, 2, 4]);
        assert_eq!(lines("a.md", "# Title\n\nThe outlet."), [3]);
    }

    #[test]
    fn a_phrase_may_span_two_lines() {
        assert_eq!(lines("a.rs", "// Writes are under\n// way."), [1]);
        assert_eq!(lines("a.md", "changed by\nhand"), [1]);
    }

    #[test]
    fn words_that_only_contain_a_banned_one_are_clean() {
        assert!(lines("a.rs", "struct Doorbell; fn close() {} // Restart, offset, adhere, opens, scroll.").is_empty());
    }

    #[test]
    fn words_of_two_sentences_are_no_phrase() {
        assert!(lines("a.md", "It goes under. Way down, by: hand").is_empty());
    }

    #[test]
    fn names_of_the_standard_library_are_allowed() {
        assert!(lines("a.rs", "let held: MutexGuard<()> = a.lock();").is_empty());
        assert_eq!(lines("a.rs", "struct PluginGuard;\nmod guard;\nguard::call();"), [1, 2, 3]);
    }

    #[test]
    fn an_allowed_phrase_is_allowed_nowhere_else() {
        assert_eq!(lines("a.md", "A page fault, two page\nfaults\n\na fault"), [4]);
        assert_eq!(lines("a.rs", "let a = LevelFilter::Off;\nlet b = PluginState::Off;"), [2]);
    }

    #[test]
    fn an_allowed_path_is_allowed_for_its_word_only() {
        assert_eq!(lines("core/builtin/src/throttle/a.rs", "struct Bucket;\nstruct Outlet;"), [2]);
    }

    #[test]
    fn web_addresses_are_no_prose() {
        assert!(lines("a.md", "see https://example.org/rest/here").is_empty());
    }

    #[test]
    fn decisions_may_name_the_words_they_replace() {
        assert!(lines("docs/decisions/0010-words.md", "`Intake` is now `Producer`.").is_empty());
    }

    #[test]
    fn the_glossary_is_in_lower_case_and_names_each_form_once() {
        let mut forms: Vec<&str> = GLOSSARY.iter().flat_map(|row| row.forms).copied().collect();
        assert!(forms.iter().all(|form| *form == form.to_lowercase()));
        let count = forms.len();
        forms.sort_unstable();
        forms.dedup();
        assert_eq!(forms.len(), count);
    }
}

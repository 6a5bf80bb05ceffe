//! SAFETY comments: every unsafe block and impl has a reason of a few words.

use super::{
    breach::Breach,
    items::{self, ImplBlock},
    lexer::{Token, TokenKind},
    prose,
    tree::{SourceFile, SourceTree},
};

pub(super) const NAME: &str = "safety";

/// A reason of fewer words is none.
const WORDS_MIN: usize = 4;

pub(super) fn check(tree: &SourceTree) -> Vec<Breach> {
    tree.sources.iter().flat_map(check_source).collect()
}

fn check_source(source: &SourceFile) -> Vec<Breach> {
    let blocks = items::blocks(&source.all_code());
    let places = source.tokens.iter().enumerate().filter(|(_, token)| token.is("unsafe"));
    let broken = places.filter_map(|(at, token)| {
        let message = match UnsafeUse::of(&source.tokens, at)? {
            UnsafeUse::Block | UnsafeUse::Impl => check_comment(&source.tokens, at),
            UnsafeUse::Function => check_docs(&source.tokens, at, &blocks),
        }?;
        Some(Breach { file: source.path.clone(), line: token.line, rule: NAME, message: message.to_owned() })
    });
    broken.collect()
}

/// The code that a keyword `unsafe` begins.
enum UnsafeUse {
    Block,
    Impl,
    Function,
}

impl UnsafeUse {
    /// `None` for a type such as `unsafe fn()`, an attribute such as `unsafe(no_mangle)`, and `unsafe extern`.
    fn of(tokens: &[Token], at: usize) -> Option<Self> {
        let mut ahead =
            tokens.iter().skip(at + 1).filter(|token| !token.is_comment() && token.kind != TokenKind::Literal);
        let next = ahead.find(|token| !token.is("extern"))?;
        if next.is("{") && tokens.get(at + 1).is_some_and(|token| token.is("{")) {
            Some(Self::Block)
        } else if next.is("impl") {
            Some(Self::Impl)
        } else if next.is("fn") && ahead.next().is_some_and(|name| name.kind == TokenKind::Identifier) {
            Some(Self::Function)
        } else {
            None
        }
    }
}

/// The comment must stand within the statement, or directly above it.
fn check_comment(tokens: &[Token], at: usize) -> Option<&'static str> {
    let comments = comments_before(tokens, at);
    match comments.iter().rev().find_map(|text| text.split_once("SAFETY:")) {
        None => Some("no `// SAFETY:` comment directly above"),
        Some((_, reason)) => (words(reason) < WORDS_MIN).then_some("the SAFETY comment gives no reason"),
    }
}

/// The docs of an unsafe function name the duties of its caller. A trait's function has them in the trait.
fn check_docs(tokens: &[Token], at: usize, blocks: &[ImplBlock]) -> Option<&'static str> {
    let code_before = tokens.iter().take(at).filter(|token| !token.is_comment()).count();
    if items::innermost(blocks, code_before).is_some_and(|block| block.is_of_trait) {
        return None;
    }
    let docs = comments_before(tokens, at);
    match docs.iter().rev().find_map(|text| text.split_once("# Safety")) {
        None => Some("an unsafe function without a `# Safety` section"),
        Some((_, terms)) => (words(terms) < WORDS_MIN).then_some("the `# Safety` section names no terms"),
    }
}

/// The comments between the end of the statement before and the token. Neighbours are joined.
fn comments_before(tokens: &[Token], at: usize) -> Vec<String> {
    let before = tokens.get(..at).unwrap_or_default();
    let start = before.iter().rposition(|token| [";", "{", "}"].iter().any(|mark| token.is(mark)));
    let statement = before.get(start.map_or(0, |at| at + 1)..).unwrap_or_default();
    prose::comments(statement).iter().map(prose::Comment::text).collect()
}

fn words(text: &str) -> usize {
    text.split_whitespace().filter(|word| word.chars().any(char::is_alphanumeric)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(text: &str) -> Vec<String> {
        check(&SourceTree::of(&[("ring/src/a.rs", text)])).into_iter().map(|breach| breach.message).collect()
    }

    #[test]
    fn a_block_without_a_comment_is_a_breach() {
        assert_eq!(messages("fn a() { unsafe { b() } }"), ["no `// SAFETY:` comment directly above"]);
    }

    #[test]
    fn a_comment_of_an_earlier_statement_does_not_count() {
        let text = "fn a() {\n// SAFETY: the place is ours alone.\nlet b = 1;\nunsafe { c(b) } }";
        assert_eq!(messages(text).len(), 1);
    }

    #[test]
    fn a_comment_without_a_reason_is_a_breach() {
        assert_eq!(
            messages("// SAFETY: this is fine.\nunsafe impl Send for A {}"),
            ["the SAFETY comment gives no reason"]
        );
    }

    #[test]
    fn a_reason_above_the_statement_or_within_it_is_clean() {
        for text in [
            "fn a() {\n// SAFETY: the place is ours\n// alone, see above.\nlet b = unsafe { c() }; }",
            "fn a() { let b =\n// SAFETY: the place is ours alone.\nunsafe { c() }; }",
            "// SAFETY: holds no thread's state.\n#[cfg(a)]\nunsafe impl Send for A {}",
        ] {
            assert!(messages(text).is_empty(), "{text}");
        }
    }

    #[test]
    fn an_unsafe_function_needs_terms_for_its_caller() {
        assert_eq!(messages("/// Reads.\nunsafe fn a() {}"), ["an unsafe function without a `# Safety` section"]);
        assert_eq!(
            messages("/// # Safety\n/// Careful.\npub unsafe fn a() {}"),
            ["the `# Safety` section names no terms"]
        );
        assert!(messages("/// # Safety\n/// `a` points to a live byte.\npub unsafe fn a() {}").is_empty());
    }

    #[test]
    fn functions_of_a_trait_s_impl_and_function_types_need_no_docs() {
        let text = "// SAFETY: forwards to the system's allocator.\n\
                    unsafe impl GlobalAlloc for A { unsafe fn alloc(&self) {} }\ntype B = unsafe fn(u8);";
        assert!(messages(text).is_empty());
    }
}

//! The items of a source file: types, functions, statics, the blocks they stand in, and the parts that are test code.

use std::ops::Range;

use super::lexer::{Token, TokenKind};

/// A named item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) name: Box<str>,
    pub(crate) line: usize,
    /// Whether a `#[cfg(...)]` stands in front.
    pub(crate) is_conditional: bool,
}

/// A function and the type or trait whose block it stands in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Function {
    pub(crate) name: Box<str>,
    pub(crate) of: Option<Box<str>>,
}

/// An `impl` or `trait` block.
#[derive(Debug)]
pub(crate) struct ImplBlock {
    /// The implementing type, or the trait.
    pub(crate) name: Box<str>,
    /// Whether it is an `impl Trait for Type`.
    pub(crate) is_of_trait: bool,
    /// The places of its tokens, braces included.
    pub(crate) tokens: Range<usize>,
}

/// The types, traits and type aliases that the tokens declare. Associated types are none.
pub(crate) fn types(code: &[Token]) -> Vec<Item> {
    let blocks = blocks(code);
    let named = |at: usize| {
        let keyword = code.get(at)?;
        let is_type = ["struct", "enum", "trait", "union"].iter().any(|word| keyword.is(word));
        let is_alias = keyword.is("type") && innermost(&blocks, at).is_none();
        let name = code.get(at + 1).filter(|name| name.kind == TokenKind::Identifier)?;
        // `union` is a keyword only in front of a name, and so much more is an expression.
        let is_declared = code
            .get(at + 2)
            .is_some_and(|next| ["{", "(", "<", ";", ":", "=", "where"].iter().any(|mark| next.is(mark)));
        ((is_type || is_alias) && is_declared).then(|| item(code, at, name))
    };
    (0..code.len()).filter_map(named).collect()
}

/// The `static` items, also those in functions and `thread_local!`.
pub(crate) fn statics(code: &[Token]) -> Vec<Item> {
    let named = |at: usize| {
        code.get(at).filter(|keyword| keyword.is("static"))?;
        let after_mut = if code.get(at + 1).is_some_and(|token| token.is("mut")) { at + 2 } else { at + 1 };
        let name = code.get(after_mut).filter(|name| name.kind == TokenKind::Identifier)?;
        code.get(after_mut + 1).filter(|colon| colon.is(":"))?;
        Some(item(code, at, name))
    };
    (0..code.len()).filter_map(named).collect()
}

/// The functions, each with its type.
pub(crate) fn functions(code: &[Token]) -> Vec<Function> {
    let blocks = blocks(code);
    let named = |at: usize| {
        code.get(at).filter(|keyword| keyword.is("fn"))?;
        let name = code.get(at + 1).filter(|name| name.kind == TokenKind::Identifier)?;
        Some(Function { name: name.text.clone(), of: innermost(&blocks, at).map(|block| block.name.clone()) })
    };
    (0..code.len()).filter_map(named).collect()
}

fn item(code: &[Token], keyword: usize, name: &Token) -> Item {
    Item { name: name.text.clone(), line: name.line, is_conditional: has_cfg(code, keyword) }
}

/// Whether one of the attributes in front of an item is a `cfg`. Visibility and `unsafe` may stand in between.
fn has_cfg(code: &[Token], keyword: usize) -> bool {
    let before = code.get(..keyword).unwrap_or_default();
    let start = before.iter().rposition(|token| [";", "{", "}"].iter().any(|mark| token.is(mark)));
    let head = before.get(start.map_or(0, |at| at + 1)..).unwrap_or_default();
    head.windows(2).any(|pair| matches!(pair, [bracket, name] if bracket.is("[") && name.is("cfg")))
}

/// The innermost block around a token.
pub(crate) fn innermost(blocks: &[ImplBlock], at: usize) -> Option<&ImplBlock> {
    blocks.iter().filter(|block| block.tokens.contains(&at)).min_by_key(|block| block.tokens.len())
}

/// All `impl` and `trait` blocks.
pub(crate) fn blocks(code: &[Token]) -> Vec<ImplBlock> {
    (0..code.len()).filter_map(|at| block(code, at)).collect()
}

fn block(code: &[Token], at: usize) -> Option<ImplBlock> {
    let keyword = code.get(at)?;
    let marks = [";", "{", "}", "]", ")", "unsafe", "pub", "default"];
    let is_item = match code.get(..at)? {
        [] => true,
        // The start of a macro's repetition: `$(impl ...)*`.
        [.., dollar, bracket] if dollar.is("$") && bracket.is("(") => true,
        [.., before] => marks.iter().any(|mark| before.is(mark)),
    };
    if !is_item || !(keyword.is("impl") || keyword.is("trait")) {
        return None;
    }
    let open = at + code.get(at..)?.iter().position(|token| token.is("{") || token.is(";"))?;
    code.get(open).filter(|token| token.is("{"))?;
    let head = outside_of_generics(code.get(at + 1..open)?);
    let end = head.iter().position(|token| token.is("where")).unwrap_or(head.len());
    let head = head.get(..end)?;
    let of_trait = head.iter().position(|token| token.is("for"));
    let subject = head.get(of_trait.map_or(0, |at| at + 1)..)?;
    let mut names = subject.iter().filter(|token| token.kind == TokenKind::Identifier);
    // A trait's name comes before its bounds; a type's name comes behind its path.
    let name = if keyword.is("trait") { names.next() } else { names.next_back() }?;
    Some(ImplBlock { name: name.text.clone(), is_of_trait: of_trait.is_some(), tokens: at..closing(code, open) + 1 })
}

/// The tokens that stand in no `<...>`. A `for` of a `for<'a>` goes with its brackets.
fn outside_of_generics(head: &[Token]) -> Vec<&Token> {
    let mut depth = 0_usize;
    let mut outside: Vec<&Token> = Vec::new();
    for (at, token) in head.iter().enumerate() {
        let is_arrow = at.checked_sub(1).and_then(|before| head.get(before)).is_some_and(|before| before.is("-"));
        if token.is("<") {
            depth += 1;
            outside.pop_if(|last| last.is("for"));
        } else if token.is(">") && !is_arrow {
            depth = depth.saturating_sub(1);
        } else if depth == 0 {
            outside.push(token);
        }
    }
    outside
}

/// The place of the brace, bracket or parenthesis that closes the one at `open`.
pub(crate) fn closing(code: &[Token], open: usize) -> usize {
    let mut depth = 0_usize;
    for (at, token) in code.iter().enumerate().skip(open) {
        if ["{", "(", "["].iter().any(|mark| token.is(mark)) {
            depth += 1;
        } else if ["}", ")", "]"].iter().any(|mark| token.is(mark)) {
            depth = depth.saturating_sub(1);
            if depth == 0 {
                return at;
            }
        }
    }
    code.len().saturating_sub(1)
}

/// The test code of a file: its tokens, and the modules in files of their own.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct TestCode {
    /// The places of the tokens of every `#[cfg(test)]` item.
    pub(crate) tokens: Vec<Range<usize>>,
    /// The names of every `#[cfg(test)] mod name;`.
    pub(crate) modules: Vec<Box<str>>,
}

/// Finds every item under `#[cfg(test)]`, and every function under `#[test]`.
pub(crate) fn test_code(tokens: &[Token]) -> TestCode {
    let mut found = TestCode::default();
    for at in 0..tokens.len() {
        let Some(end) = test_attribute_end(tokens, at) else { continue };
        let item_end = item_end(tokens, end);
        found.tokens.push(at..item_end + 1);
        found.modules.extend(module_in_file(tokens.get(end + 1..=item_end).unwrap_or_default()));
    }
    found
}

/// The place of the `]` of a `#[cfg(test)]` or `#[test]` at `at`.
fn test_attribute_end(tokens: &[Token], at: usize) -> Option<usize> {
    tokens.get(at).filter(|token| token.is("#"))?;
    tokens.get(at + 1).filter(|token| token.is("["))?;
    let end = closing(tokens, at + 1);
    let attribute = tokens.get(at + 2..end)?;
    let is_test = match attribute {
        [only] => only.is("test"),
        [name, ..] if name.is("cfg") => requires_test(attribute),
        _ => false,
    };
    is_test.then_some(end)
}

/// `cfg(test)` and `cfg(all(test, ...))`, but not `cfg(not(test))` and `cfg(any(test, ...))`.
fn requires_test(attribute: &[Token]) -> bool {
    let is_test = attribute.iter().any(|token| token.is("test"));
    is_test && !attribute.iter().any(|token| token.is("not") || token.is("any"))
}

/// The last token of the item behind an attribute: its `;` or its `}`.
fn item_end(tokens: &[Token], attribute_end: usize) -> usize {
    let mut at = attribute_end + 1;
    while let Some(token) = tokens.get(at) {
        if token.is(";") {
            return at;
        }
        if token.is("{") {
            return closing(tokens, at);
        }
        at = if token.is("(") || token.is("[") { closing(tokens, at) + 1 } else { at + 1 };
    }
    tokens.len().saturating_sub(1)
}

fn module_in_file(item: &[Token]) -> Option<Box<str>> {
    let at = item.iter().position(|token| token.is("mod"))?;
    item.get(at + 2).filter(|token| token.is(";"))?;
    Some(item.get(at + 1)?.text.clone())
}

#[cfg(test)]
mod tests {
    use super::{super::lexer::lex, *};

    fn names(items: Vec<Item>) -> Vec<String> {
        items.into_iter().map(|item| item.name.into()).collect()
    }

    #[test]
    fn types_are_structs_enums_traits_unions_and_aliases() {
        let code = lex("struct A; pub(crate) enum B<T> {} trait C: D {} union E { a: u8 } type F = u8; struct G(u8);");
        assert_eq!(names(types(&code)), ["A", "B", "C", "E", "F", "G"]);
    }

    #[test]
    fn associated_types_declare_no_name() {
        let code =
            lex("trait A { type B; } impl A for u8 { type B = u8; } impl Iterator for C<'_> { type Item = u8; }");
        assert_eq!(names(types(&code)), ["A"]);
        let repeated = lex("macro_rules! m { ($($type:ty)*) => { $(impl A for $type { type B = u8; })* } }");
        assert!(names(types(&repeated)).is_empty());
    }

    #[test]
    fn a_macro_s_placeholder_is_no_type_name() {
        assert!(names(types(&lex("struct $name { union: u8 }"))).is_empty());
    }

    #[test]
    fn a_cfg_in_front_makes_an_item_conditional() {
        let code = lex("#[cfg(a)] #[derive(B)] pub struct C; struct D;");
        let conditional: Vec<_> = types(&code).iter().map(|item| item.is_conditional).collect();
        assert_eq!(conditional, [true, false]);
    }

    #[test]
    fn statics_are_found_in_functions_and_macros_and_lifetimes_are_none() {
        let code = lex(
            "static A: u8 = 0; fn f(a: &'static str) { static mut B: u8 = 1; } thread_local! { static C: u8 = 2; }",
        );
        assert_eq!(names(statics(&code)), ["A", "B", "C"]);
    }

    #[test]
    fn a_function_belongs_to_the_implementing_type() {
        let code =
            lex("impl<T: for<'a> Fn(&'a u8) -> u8> Drop for a::B<T> where T: C { fn drop(&mut self) {} } fn free() {}");
        let found = functions(&code);
        assert_eq!(
            found,
            [Function { name: "drop".into(), of: Some("B".into()) }, Function { name: "free".into(), of: None },]
        );
    }

    #[test]
    fn an_impl_in_a_signature_opens_no_block() {
        assert!(blocks(&lex("fn f(a: impl Fn()) -> impl Clone { g() }")).is_empty());
    }

    #[test]
    fn test_code_is_what_stands_under_cfg_test() {
        let tokens = lex("fn a() {} #[cfg(test)] mod tests { fn b() {} } fn c() {} #[cfg(test)] mod other;");
        let found = test_code(&tokens);
        let is_test = |name: &str| {
            let at = tokens.iter().position(|token| token.is(name)).unwrap();
            found.tokens.iter().any(|range| range.contains(&at))
        };
        assert_eq!(["a", "b", "c", "other"].map(is_test), [false, true, false, true]);
        assert_eq!(found.modules, ["other".into()]);
    }

    #[test]
    fn code_for_tests_and_others_is_no_test_code() {
        for attribute in ["#[cfg(not(test))]", "#[cfg(any(test, a))]", "#[cfg(a)]", "#[cfg_attr(test, test)]"] {
            assert_eq!(test_code(&lex(&format!("{attribute} fn a() {{}}"))), TestCode::default(), "{attribute}");
        }
    }
}

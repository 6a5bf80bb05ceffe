//! The parser: recursive descent, of bounded depth.

use std::ops::Range;

use fapilog::Level;
use regex::Regex;

use crate::expression::{
    EventPath, WhereCondition,
    compare::FieldComparison,
    error::ExpressionError,
    lex::{ExpressionToken, PlacedToken, tokens},
    literal::{ComparedValue, DURATION_UNITS, ExactNumber},
};

/// How deep parentheses and `not` may nest.
const MAX_DEPTH: usize = 64;

/// Reads an expression.
pub(crate) fn parse(text: &str) -> Result<WhereCondition, ExpressionError> {
    let mut parser = Parser { text, tokens: tokens(text)?, next: 0, depth: 0 };
    let condition = parser.expression()?;
    match parser.token() {
        ExpressionToken::End => Ok(condition),
        _ => Err(parser.unexpected("`and`, `or` or the end")),
    }
}

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<PlacedToken>,
    next: usize,
    depth: usize,
}

impl Parser<'_> {
    fn expression(&mut self) -> Result<WhereCondition, ExpressionError> {
        let mut parts = vec![self.term()?];
        while self.takes_word("or") || self.takes_symbol("||") {
            parts.push(self.term()?);
        }
        Ok(single_or(parts, WhereCondition::Any))
    }

    fn term(&mut self) -> Result<WhereCondition, ExpressionError> {
        let mut parts = vec![self.factor()?];
        while self.takes_word("and") || self.takes_symbol("&&") {
            parts.push(self.factor()?);
        }
        Ok(single_or(parts, WhereCondition::All))
    }

    fn factor(&mut self) -> Result<WhereCondition, ExpressionError> {
        if self.depth == MAX_DEPTH {
            return Err(self.error(self.place(), format!("more than {MAX_DEPTH} levels of parentheses and `not`")));
        }
        self.depth += 1;
        let factor = self.nested_factor();
        self.depth -= 1;
        factor
    }

    fn nested_factor(&mut self) -> Result<WhereCondition, ExpressionError> {
        if self.takes_word("not") || self.takes_symbol("!") {
            return Ok(WhereCondition::Not(Box::new(self.factor()?)));
        }
        if self.takes_symbol("(") {
            let inner = self.expression()?;
            self.expect(")")?;
            return Ok(inner);
        }
        self.condition()
    }

    fn condition(&mut self) -> Result<WhereCondition, ExpressionError> {
        let path = self.path()?;
        if self.takes_symbol("~") || self.takes_symbol("=~") {
            return Ok(WhereCondition::Match(path, self.regex()?));
        }
        if self.takes_symbol("!~") {
            return Ok(WhereCondition::MatchNot(path, self.regex()?));
        }
        if self.takes_word("in") {
            return Ok(WhereCondition::In(path, self.list()?));
        }
        if self.is_word("not") && self.is_word_behind("in") {
            self.next += 2;
            return Ok(WhereCondition::NotIn(path, self.list()?));
        }
        let Some(comparison) = self.comparison() else { return Ok(WhereCondition::Present(path)) };
        let place = self.place();
        let operand = self.operand()?;
        self.check_level(&path, comparison, &operand, place)?;
        Ok(WhereCondition::Compare(path, comparison, operand))
    }

    /// A text that names no level has no place in the order of levels. It may equal one: other writers have other levels.
    fn check_level(
        &self,
        path: &EventPath,
        comparison: FieldComparison,
        operand: &ComparedValue,
        place: Range<usize>,
    ) -> Result<(), ExpressionError> {
        let is_ordered = !matches!(comparison, FieldComparison::Equal | FieldComparison::NotEqual);
        let ComparedValue::Text(text) = operand else { return Ok(()) };
        match text.parse::<Level>() {
            Err(error) if is_ordered && path.is_level() => Err(self.error(place, error.to_string())),
            _ => Ok(()),
        }
    }

    fn comparison(&mut self) -> Option<FieldComparison> {
        let ExpressionToken::Symbol(symbol) = self.token() else { return None };
        let comparison = match *symbol {
            "=" | "==" => FieldComparison::Equal,
            "!=" => FieldComparison::NotEqual,
            "<" => FieldComparison::Less,
            "<=" => FieldComparison::LessOrEqual,
            ">" => FieldComparison::Greater,
            ">=" => FieldComparison::GreaterOrEqual,
            _ => return None,
        };
        self.next += 1;
        Some(comparison)
    }

    /// Names with dots between them; a quoted name may have any character in it.
    fn path(&mut self) -> Result<EventPath, ExpressionError> {
        let mut names = Vec::new();
        loop {
            match self.token().clone() {
                ExpressionToken::Word(word) if !is_keyword(&word) => names.extend(word.split('.').map(str::to_owned)),
                ExpressionToken::Quoted(inside) => names.push(unquoted(&inside)),
                _ => return Err(self.unexpected("a field")),
            }
            self.next += 1;
            if !self.takes_symbol(".") {
                return Ok(EventPath::new(names));
            }
        }
    }

    fn list(&mut self) -> Result<Vec<ComparedValue>, ExpressionError> {
        let end = if self.takes_symbol("[") {
            "]"
        } else {
            self.expect("(")?;
            ")"
        };
        let mut operands = vec![self.operand()?];
        while self.takes_symbol(",") {
            operands.push(self.operand()?);
        }
        self.expect(end)?;
        Ok(operands)
    }

    fn operand(&mut self) -> Result<ComparedValue, ExpressionError> {
        let operand = match self.token() {
            ExpressionToken::Quoted(inside) => ComparedValue::Text(unquoted(inside)),
            ExpressionToken::Number(number) => self.number(number)?,
            ExpressionToken::Word(word) => match word.as_str() {
                "true" => ComparedValue::Boolean(true),
                "false" => ComparedValue::Boolean(false),
                "null" => ComparedValue::Null,
                keyword if is_keyword(keyword) => return Err(self.unexpected("a value")),
                word => ComparedValue::Text(word.to_owned()),
            },
            _ => return Err(self.unexpected("a value")),
        };
        self.next += 1;
        Ok(operand)
    }

    /// A number, or a duration in seconds. A word that begins with a digit, such as an id, is a text.
    fn number(&self, text: &str) -> Result<ComparedValue, ExpressionError> {
        if let Some(number) = ExactNumber::parse(text) {
            return Ok(ComparedValue::Number(number));
        }
        let unit = text.find(|c: char| c.is_alphabetic()).unwrap_or(text.len());
        let (count, unit) = text.split_at(unit);
        let nanos = DURATION_UNITS.into_iter().find(|(name, _)| *name == unit).map(|(_, nanos)| nanos);
        match (count.parse::<f64>(), nanos) {
            (Ok(count), Some(nanos)) => Ok(ComparedValue::Number(ExactNumber::Float(count * nanos / 1e9))),
            _ if unit.contains(|c: char| c.is_ascii_digit()) || !text.contains(|c: char| c.is_alphabetic()) => {
                Ok(ComparedValue::Text(text.to_owned()))
            }
            _ => {
                let message = format!(
                    "{text:?} is no number and no duration; units are ns, us, ms, s, m, h and d; a text stands between quotes"
                );
                Err(self.error(self.place(), message))
            }
        }
    }

    fn regex(&mut self) -> Result<Regex, ExpressionError> {
        let pattern = match self.token() {
            ExpressionToken::Quoted(inside) => inside.replace("\\\"", "\"").replace("\\'", "'"),
            ExpressionToken::Word(word) | ExpressionToken::Number(word) => word.clone(),
            _ => return Err(self.unexpected("a regular expression between quotes")),
        };
        let place = self.place();
        self.next += 1;
        Regex::new(&pattern).map_err(|error| self.error(place, reason_of(&error)))
    }

    fn token(&self) -> &ExpressionToken {
        self.tokens.get(self.next).map_or(&ExpressionToken::End, |token| &token.token)
    }

    fn place(&self) -> Range<usize> {
        self.tokens.get(self.next).map_or(self.text.len()..self.text.len(), |token| token.place.clone())
    }

    fn is_word(&self, word: &str) -> bool {
        matches!(self.token(), ExpressionToken::Word(it) if it.eq_ignore_ascii_case(word))
    }

    fn is_word_behind(&self, word: &str) -> bool {
        let behind = self.tokens.get(self.next + 1).map(|token| &token.token);
        matches!(behind, Some(ExpressionToken::Word(it)) if it.eq_ignore_ascii_case(word))
    }

    fn takes_word(&mut self, word: &str) -> bool {
        let is_word = self.is_word(word);
        self.next += usize::from(is_word);
        is_word
    }

    fn takes_symbol(&mut self, symbol: &str) -> bool {
        let is_symbol = matches!(self.token(), ExpressionToken::Symbol(it) if *it == symbol);
        self.next += usize::from(is_symbol);
        is_symbol
    }

    fn expect(&mut self, symbol: &'static str) -> Result<(), ExpressionError> {
        if self.takes_symbol(symbol) { Ok(()) } else { Err(self.unexpected(&format!("`{symbol}`"))) }
    }

    fn unexpected(&self, expected: &str) -> ExpressionError {
        let place = self.place();
        let found = match self.text.get(place.clone()) {
            Some("") | None => "the end".to_owned(),
            Some(found) => format!("`{found}`"),
        };
        self.error(place, format!("expected {expected}, found {found}"))
    }

    fn error(&self, place: Range<usize>, message: String) -> ExpressionError {
        ExpressionError { expression: self.text.to_owned(), place, message }
    }
}

fn single_or(mut parts: Vec<WhereCondition>, join: fn(Vec<WhereCondition>) -> WhereCondition) -> WhereCondition {
    match parts.pop() {
        Some(single) if parts.is_empty() => single,
        last => {
            parts.extend(last);
            join(parts)
        }
    }
}

fn is_keyword(word: &str) -> bool {
    ["and", "or", "not", "in"].iter().any(|keyword| keyword.eq_ignore_ascii_case(word))
}

/// The text between quotes: a pair of a backslash and a quote, a backslash, `n` or `t` is one character; others stay.
fn unquoted(inside: &str) -> String {
    let mut text = String::with_capacity(inside.len());
    let mut chars = inside.chars();
    while let Some(c) = chars.next() {
        match (c, if c == '\\' { chars.next() } else { None }) {
            ('\\', Some(pair @ ('"' | '\'' | '\\'))) => text.push(pair),
            ('\\', Some('n')) => text.push('\n'),
            ('\\', Some('t')) => text.push('\t'),
            (c, pair) => {
                text.push(c);
                text.extend(pair);
            }
        }
    }
    text
}

/// The last line of the message: those before it show the pattern, which the expression shows already.
fn reason_of(error: &regex::Error) -> String {
    let text = error.to_string();
    let reason = text.lines().last().unwrap_or_default().trim();
    format!("the regular expression is invalid: {}", reason.strip_prefix("error: ").unwrap_or(reason))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn error(text: &str) -> String {
        parse(text).map_or_else(|error| error.to_string(), |condition| format!("{condition:?}"))
    }

    #[test]
    fn an_error_has_a_caret_under_its_place() {
        assert_eq!(error("status >= "), "expected a value, found the end\n  status >= \n            ^");
        assert_eq!(
            error("status >= 500 or path ~ \"[\""),
            "the regular expression is invalid: unclosed character class\n  status >= 500 or path ~ \"[\"\n                          ^^^"
        );
        assert_eq!(error("a = 1 b = 2"), "expected `and`, `or` or the end, found `b`\n  a = 1 b = 2\n        ^");
        assert_eq!(error("(a = 1"), "expected `)`, found the end\n  (a = 1\n        ^");
        assert_eq!(error("é = \"x"), "the text has no closing \"\n  é = \"x\n      ^");
        assert_eq!(error("a = ;"), "';' has no meaning; a text stands between quotes\n  a = ;\n      ^");
        assert_eq!(error("a in 5"), "expected `(`, found `5`\n  a in 5\n       ^");
        assert_eq!(error(""), "expected a field, found the end\n  \n  ^");
        assert!(error("took > 5parsecs").starts_with("\"5parsecs\" is no number and no duration; units are"));
    }

    #[test]
    fn a_text_that_names_no_level_has_no_place_in_their_order() {
        let loud = error("level >= loud");
        assert!(loud.starts_with("level is \"loud\"; allowed are TRACE, DEBUG, INFO"), "{loud}");
        assert!(loud.ends_with("\n  level >= loud\n           ^^^^"), "{loud}");
        assert!(parse("level = fatal").is_ok() && parse("level >= warn").is_ok() && parse("user >= loud").is_ok());
    }

    #[test]
    fn nesting_has_a_limit() {
        let nested = |depth: usize| format!("{}a{}", "(".repeat(depth), ")".repeat(depth));
        assert!(parse(&nested(63)).is_ok());
        assert!(error(&nested(64)).starts_with("more than 64 levels"));
        assert!(error(&"!".repeat(100_000)).starts_with("more than 64 levels"));
    }

    /// A name as it stands in an expression, in all forms that are needed.
    fn quoted(text: &str) -> String {
        let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n").replace('\t', "\\t");
        format!("\"{escaped}\"")
    }

    fn written_value(value: &ComparedValue) -> String {
        match value {
            ComparedValue::Number(ExactNumber::Unsigned(number)) => number.to_string(),
            ComparedValue::Number(ExactNumber::Signed(number)) => number.to_string(),
            ComparedValue::Number(ExactNumber::Float(number)) => format!("{number:?}"),
            ComparedValue::Text(text) => quoted(text),
            ComparedValue::Boolean(value) => value.to_string(),
            ComparedValue::Null => "null".to_owned(),
        }
    }

    /// The text of an expression, with parentheses around each part.
    fn written(condition: &WhereCondition) -> String {
        let joined = |parts: &[WhereCondition], word: &str| {
            parts.iter().map(|part| format!("({})", written(part))).collect::<Vec<_>>().join(word)
        };
        let listed = |values: &[ComparedValue]| values.iter().map(written_value).collect::<Vec<_>>().join(", ");
        let name = |path: &EventPath| path.names().iter().map(|name| quoted(name)).collect::<Vec<_>>().join(".");
        match condition {
            WhereCondition::All(parts) => joined(parts, " and "),
            WhereCondition::Any(parts) => joined(parts, "||"),
            WhereCondition::Not(part) => format!("not ({})", written(part)),
            WhereCondition::Present(path) => name(path),
            WhereCondition::Compare(path, comparison, value) => {
                let sign = match comparison {
                    FieldComparison::Equal => "=",
                    FieldComparison::NotEqual => "!=",
                    FieldComparison::Less => "<",
                    FieldComparison::LessOrEqual => "<=",
                    FieldComparison::Greater => ">",
                    FieldComparison::GreaterOrEqual => ">=",
                };
                format!("{}{sign}{}", name(path), written_value(value))
            }
            WhereCondition::Match(path, regex) => format!("{} ~ \"{regex}\"", name(path)),
            WhereCondition::MatchNot(path, regex) => format!("{} !~ \"{regex}\"", name(path)),
            WhereCondition::In(path, values) => format!("{} in ({})", name(path), listed(values)),
            WhereCondition::NotIn(path, values) => format!("{} not in [{}]", name(path), listed(values)),
        }
    }

    fn any_value() -> impl Strategy<Value = ComparedValue> {
        prop_oneof![
            any::<u128>().prop_map(|number| ComparedValue::Number(ExactNumber::Unsigned(number))),
            (i128::MIN..0).prop_map(|number| ComparedValue::Number(ExactNumber::Signed(number))),
            (-1e300..1e300_f64).prop_map(|number| ComparedValue::Number(ExactNumber::Float(number))),
            ".{0,8}".prop_map(ComparedValue::Text),
            any::<bool>().prop_map(ComparedValue::Boolean),
            Just(ComparedValue::Null),
        ]
    }

    fn any_condition() -> impl Strategy<Value = WhereCondition> {
        let path = || prop::collection::vec("[a-z.]{1,4}|.{0,6}", 1..3).prop_map(EventPath::new);
        let comparison = prop::sample::select(vec![
            FieldComparison::Equal,
            FieldComparison::NotEqual,
            FieldComparison::Less,
            FieldComparison::LessOrEqual,
            FieldComparison::Greater,
            FieldComparison::GreaterOrEqual,
        ]);
        let regex = || prop::sample::select(vec!["^/api", r"\d+", "(a|b)"]).prop_map(|text| Regex::new(text).unwrap());
        let list = || prop::collection::vec(any_value(), 1..4);
        let leaf = prop_oneof![
            path().prop_map(WhereCondition::Present),
            (path(), comparison, any_value())
                .prop_map(|(path, sign, value)| WhereCondition::Compare(path, sign, value)),
            (path(), regex()).prop_map(|(path, regex)| WhereCondition::Match(path, regex)),
            (path(), regex()).prop_map(|(path, regex)| WhereCondition::MatchNot(path, regex)),
            (path(), list()).prop_map(|(path, values)| WhereCondition::In(path, values)),
            (path(), list()).prop_map(|(path, values)| WhereCondition::NotIn(path, values)),
        ];
        leaf.prop_recursive(4, 16, 3, |inner| {
            let parts = || prop::collection::vec(inner.clone(), 2..4);
            prop_oneof![
                parts().prop_map(WhereCondition::All),
                parts().prop_map(WhereCondition::Any),
                inner.prop_map(|part| WhereCondition::Not(Box::new(part))),
            ]
        })
    }

    proptest! {
        #[test]
        fn an_expression_that_is_written_is_read_back(condition in any_condition()) {
            let text = written(&condition);
            let read = parse(&text).unwrap_or_else(|error| panic!("{error}"));
            prop_assert_eq!(format!("{read:?}"), format!("{condition:?}"), "{}", text);
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "[a-z0-9 .\"'()\\[\\]=<>~!&|,\\\\-é]{0,40}|.{0,20}") {
            if let Err(error) = parse(&text) {
                error.to_string();
            }
        }
    }
}

//! Every wrong call has an error of its own, and every form is read as it is meant.

use std::str::FromStr;

use proc_macro2::TokenStream;

use crate::{log_call::ParsedCall, scope, segment::split};

fn tokens(text: &str) -> TokenStream {
    TokenStream::from_str(text).unwrap()
}

/// The error of a call.
fn error(call: &str) -> String {
    match ParsedCall::parse(tokens(call)) {
        Ok(call) => panic!("no error: {call:?}"),
        Err(error) => error.message().to_owned(),
    }
}

/// Checks that the error of each call contains the text beside it.
#[track_caller]
fn assert_errors<const N: usize>(calls: [(&str, &str); N]) {
    for (call, part) in calls {
        let error = error(call);
        assert!(error.contains(part), "{call}: {error}");
    }
}

fn scope_error(fields: &str) -> String {
    scope::parse(tokens(fields)).err().map(|error| error.message().to_owned()).unwrap_or_default()
}

/// The fields of a call, as `group key sigil value`, without spaces in the value.
fn fields(call: &str) -> Vec<String> {
    let call = ParsedCall::parse(tokens(call)).unwrap_or_else(|error| panic!("{call}: {}", error.message()));
    let text = |field: &crate::field::Field| {
        let value = field.value.to_string().replace(' ', "");
        format!("{} {} {}{value}", field.group.name(), field.key, field.sigil.text())
    };
    call.fields().iter().map(text).collect()
}

#[test]
fn keys_and_sigils_are_read_in_all_their_forms() {
    let call = r##"log, "m", a = 1, b, %c, ?d, #e, #?f, "g.h" = %x, tags.i = "j", metrics.k, context.l = ?y, tags."m.n" = #?z, r#type"##;
    assert_eq!(
        fields(call),
        [
            "Context a 1",
            "Context b b",
            "Context c %c",
            "Context d ?d",
            "Context e #e",
            "Context f #?f",
            "Context g.h %x",
            r#"Tags i "j""#,
            "Metrics k k",
            "Context l ?y",
            "Tags m.n #?z",
            "Context type r#type",
        ]
    );
}

#[test]
fn a_tilde_redacts_a_field_in_each_place_of_a_value() {
    assert_eq!(
        fields(r#"log, "{a}", a = ~b.c, ~d, tags.e = ~"f", metrics.g = ~h(), "i j" = ~k"#),
        ["Context a ~b.c", "Context d ~d", r#"Tags e ~"f""#, "Metrics g ~h()", "Context i j ~k"]
    );
    assert_eq!(scope::parse(tokens("~a, tags.b = ~c")).unwrap().len(), 2);
}

#[test]
fn a_redacted_value_has_neither_a_form_nor_a_place_as_message_or_option() {
    assert_errors([
        ("log, ~text", "`~` redacts a field and no message: write `\"message\", ~text`"),
        ("~user.name", "`~` redacts a field and no message: write `\"message\", name = ~user.name`"),
        (r#""m", a = ~%b"#, "`~` redacts a value in any form: write `~b`, without `%`"),
        (r#""m", ~#?b"#, "`~` redacts a value in any form: write `~b`, without `#?`"),
        (r#""m", ~a = b"#, "the `~` stands in front of the value: write `a = ~b`"),
        (r#""m", ~a.b"#, "a value that is no variable needs a key: write `b = ~a.b`"),
        (r#""m", a = ~"#, "expected a value behind `a =`"),
        (r#""m", severity: ~a"#, "`severity:` takes a value as it is, without `~`"),
        (r#""m", target: ~a"#, "`target:` takes a value as it is, without `~`"),
    ]);
}

#[test]
fn options_stand_among_the_fields() {
    assert_eq!(
        fields(r#""m", category: Category::Audit, a = 1, severity: 6, target: "x", "#),
        ["Category  Category::Audit", "Context a 1", "Severity  6"]
    );
    assert_eq!(fields(r#""m", target: name"#), [""; 0]);
}

#[test]
fn a_message_may_be_any_value() {
    assert_eq!(fields("log, text"), ["Message  text"]);
    assert_eq!(fields("log, %text, a = 1"), ["Message  %text", "Context a 1"]);
    assert_eq!(fields("log, format!(\"{}\", 1)"), ["Message  format!(\"{}\",1)"]);
    assert_eq!(fields("%text"), ["Message  %text"]);
    assert_eq!(fields("log, a == b"), ["Message  a==b"]);
    assert_eq!(fields("log, Kind::Text"), ["Message  Kind::Text"]);
}

#[test]
fn placeholders_take_fields_and_variables() {
    assert_eq!(fields(r#""order {order_id} of {tags.region}", order_id = 7, tags.region = "eu""#).len(), 2);
    assert_eq!(fields(r#""order of {tags.region}, a field of the scope""#), [""; 0]);
    assert_eq!(
        fields(r#""{x} {y:?} {z:#?} {x} \u{e9}{{", a = 1"#),
        ["Context a 1", "Context x x", "Context y ?y", "Context z #?z"]
    );
}

#[test]
fn commas_of_generic_arguments_are_no_ends() {
    for (call, values) in [
        ("\"m\", a = f::<A, B>(1), b = 2", ["f::<A,B>(1)", "2"]),
        ("\"m\", a = <A as T<B, C>>::f(), b = 2", ["<AasT<B,C>>::f()", "2"]),
        ("\"m\", a = x as M<A, B>, b = 2", ["xasM<A,B>", "2"]),
        ("\"m\", a = M::<A, fn(B) -> C>::new(), b = 2", ["M::<A,fn(B)->C>::new()", "2"]),
        ("\"m\", a = x < y, b = z > 2", ["x<y", "z>2"]),
        ("\"m\", a = 1 << x, b = y? < 2", ["1<<x", "y?<2"]),
        ("\"m\", a = x as u32, b = y < z", ["xasu32", "y<z"]),
    ] {
        let found = fields(call);
        let found: Vec<&str> = found.iter().filter_map(|field| field.split(' ').next_back()).collect();
        assert_eq!(found, values, "{call}");
    }
}

#[test]
fn a_comma_at_the_end_is_allowed_and_two_are_not() {
    assert_eq!(split(tokens("a, b,")).unwrap().len(), 2);
    assert!(split(tokens("a, , b")).is_err());
    assert!(split(tokens(", b")).is_err());
}

#[test]
fn each_wrong_call_has_an_error_that_names_what_is_wrong() {
    assert_errors([
        ("", "expected a message: `\"ready\", key = value`"),
        ("log", "expected a message behind the logger: `log, \"ready\"`"),
        ("id = 7, \"m\"", "the message stands in front of the fields: `\"message\", id = 7`"),
        ("log, id = 7, \"m\"", "`log, \"message\", id = 7`"),
        ("log, tags.id = 7, \"m\"", "the message stands in front of the fields"),
        ("target: \"x\", \"m\"", "the message stands in front of the fields"),
        ("%user, \"m\"", "the message stands in front of the fields: `\"m\", %user`"),
        ("log, user, \"m\"", "the message stands in front of the fields: `log, \"m\", user`"),
        ("42", "a message is text, found `42`"),
        ("log, 'x'", "a message is text, found `'x'`"),
        ("log, #err", "an error is a field and no message: `log, \"message\", error = #err`"),
        ("log, %", "expected a value behind `%`"),
        ("\"m\", user.id = 3", "`user.id` is no key: write `\"user.id\" = 3`"),
        ("\"m\", user.id", "`user.id` is no key: write `id = user.id`"),
        ("\"m\", tags.a.b = 3", "a key with a dot is written as text: `tags.\"a.b\" = 3`"),
        ("\"m\", parent: span", "`parent:` is no option, which are `category:`, `severity:` and `target:`"),
        ("\"m\", severity: %x", "`severity:` takes a value as it is, without `%`"),
        ("\"m\", severity: 0", "a severity is a number from 1 to 10, found `0`"),
        ("\"m\", severity: 11", "a severity is a number from 1 to 10, found `11`"),
        ("\"m\", target: 7", "a target is text, found `7`"),
        ("\"m\", target: \"\"", "a target is not empty"),
        ("\"m\", correlation_id: id", "`correlation_id:` is an option of `scope!` and `child!`"),
        ("\"m\", key = 1, key = 2", "`key` is given twice"),
        ("\"m\", tags.a, tags.a = 2", "`tags.a` is given twice"),
        ("\"m\", r#type, \"type\" = 2", "`type` is given twice"),
        ("\"m\", severity: 3, severity: 4", "`severity` is given twice"),
        ("\"m\", key =", "expected a value behind `key =`"),
        ("\"m\", key = %", "expected a value behind `key =`"),
        ("\"m\", severity:", "expected a value behind `severity:`"),
        ("\"m\", \"a.b\"", "expected `= value` behind the key: `\"a.b\" = ...`"),
        ("\"m\", 7 = 8", "a key is a name or text, found `7`"),
        ("\"m\", %self.x", "a value that is no variable needs a key: write `x = %self.x`"),
        ("\"m\", %key = x", "the `%` stands in front of the value: write `key = %x`"),
        ("\"m\", &x", "expected a field, found `&x`: write `key = &x`"),
        ("\"m\", x + y", "expected a field, found `x + y`"),
        ("\"order {}\", x", "`{}` in a message names no field"),
        ("\"order {0}\", x", "`{0}` in a message is a number and no field"),
        ("\"took {x:>8}\"", "`{x:>8}` in a message has a format"),
        ("\"took {x\"", "a `{` in a message is not closed"),
        ("\"took x}\"", "a `}` in a message closes nothing"),
        ("\"took { x }\"", "is no name"),
        ("\"took {self.x}\"", "`{self.x}` in the message names neither a field of the call nor a variable"),
        ("\"took {x:?}\", x = 1", "`x` is a field of the call, whose form is chosen there"),
        ("\"m\", , x", "there is nothing in front of this comma"),
    ]);
}

#[test]
fn the_message_is_looked_at_before_the_fields() {
    for arguments in ["5", "\"text\"", "o.id", "f(x)", "&x", "%x.y", "a, 7"] {
        let error = error(&format!("log, \"order {{}}\", {arguments}"));
        assert!(error.starts_with("`{}` in a message names no field: write `{name}`"), "{arguments}: {error}");
    }
    assert_errors(
        ["log, \"{:?}\", 5", "\"{:#?}\", o.id"].map(|call| (call, "in a message names no field: write `{name}`")),
    );
}

#[test]
fn a_message_behind_fields_is_shown_in_front_of_them() {
    assert_errors([
        ("log, %addr, \"connected\"", "in front of the fields: `log, \"connected\", %addr`"),
        ("log, ?peer.addr, port, \"m\"", "in front of the fields: `log, \"m\", addr = ?peer.addr`"),
        ("self.log, x + y, \"m\"", "in front of the fields: `self.log, \"m\", value = x + y`"),
        ("log, #err, \"failed\"", "an error is a field and no message: `log, \"failed\", error = #err`"),
        ("#e.cause(), \"failed\"", "an error is a field and no message: `\"failed\", error = #e.cause()`"),
    ]);
}

#[test]
fn each_wrong_placeholder_has_advice_that_compiles() {
    assert_errors([
        ("\"{o.id}\"", "an expression is a field, `\"{id}\", id = o.id`"),
        ("\"{self.items.len():?}\"", "`\"{len}\", len = ?self.items.len()`"),
        ("\"{f(x)}\"", "an expression is a field, `\"{value}\", value = f(x)`"),
        ("\"{Self::LIMIT}\"", "an expression is a field, `\"{LIMIT}\", LIMIT = Self::LIMIT`"),
        ("\"{a + 1}\"", "`\"{value}\", value = a + 1`"),
        ("\"{type}\"", "add `type = value`"),
        ("\"{r#type}\"", "write `\"{type}\", r#type`"),
        ("\"{]}\"", "write `{{` and `}}` for braces"),
        (r##"r#"{"json": 1}"#"##, "write `{{` and `}}` for braces"),
        ("\"{ id: 1 }\"", "write `{{` and `}}` for braces"),
        ("\"{id: 1}\"", "write `{{` and `}}` for braces"),
        ("\"{x:}\"", "has an empty format"),
        ("\"{x} .. {x:?}\"", "`{x:?}` has another form than the `{x}` in front of it"),
        ("\"{x} .. {x:?}\"", "`{x_debug}` with `x_debug = ?x`"),
        ("\"{x:#?} .. {x}\"", "`{x}` has another form than the `{x:#?}` in front of it"),
        ("\"{x:#?} .. {x}\"", "`{x_debug}` with `x_debug = #?x`"),
        ("\"took {x:?}\", x = 1", "write `{x}` in the message, and `x = ?value` behind it"),
        (
            "\"{tags.x:?}\"",
            "`{tags.x:?}` in a message is a field of a scope, whose form is chosen there: write `{tags.x}`",
        ),
    ]);
    assert_eq!(fields("\"{x:?} .. {x:?}\""), ["Context x ?x"]);
}

#[test]
fn a_wrong_field_is_shown_as_a_right_one() {
    assert_errors([
        ("\"m\", self.id", "write `id = self.id`"),
        ("\"m\", self.id()", "write `id = self.id()`"),
        ("\"m\", pair.0", "write `value = pair.0`"),
        ("\"m\", metrics.a.b = 1", "a key with a dot is written as text: `metrics.\"a.b\" = 1`"),
        ("\"m\", metrics.a.b.c = x.y", "`metrics.\"a.b.c\" = x.y`"),
        ("\"m\", tags.a.b", "`tags.\"a.b\" = value`"),
        ("\"m\", 5", "a value needs a key: write `key = 5`"),
        ("\"m\", f(x)", "expected a field, found `f(x)`: write `key = f(x)`"),
        ("\"m\", %Level::Info", "write `Info = %Level::Info`"),
        ("target: \"t\", \"m\"", "`\"message\", target: \"t\"`"),
        ("\"m\", catgory: Category::Audit", "did you mean `category:`? A field is written `catgory = Category::Audit`"),
        ("\"m\", name: format!(\"{}\", 1)", "A field is written `name = format!(\"{}\", 1)`"),
    ]);
}

#[test]
fn a_missing_comma_is_shown() {
    assert_errors([
        ("log \"m\"", "a comma is missing in front of `\"m\"`: write `log, \"m\"`"),
        ("self.log() \"m\", a = 1", "write `self.log(), \"m\"`"),
        ("log, \"m\" user", "a comma is missing in front of `user`: write `\"m\", user`"),
        ("\"m\" \"n\"", "write `\"m\", \"n\"`"),
        ("\"m\", a = 1 b = 2", "a comma is missing in front of `b`: write `a = 1, b = 2`"),
    ]);
    for value in [
        "1 as u8",
        "if 1 < x { 2 } else { 3 }",
        "loop { break 'a 5 }",
        "'a: { break 'a 5 }",
        "match 1 { _ => 2 }",
        "|| return 1",
    ] {
        assert_eq!(fields(&format!("\"m\", a = {value}")).len(), 1, "{value}");
    }
}

#[test]
fn each_wrong_scope_has_an_error_that_names_what_is_wrong() {
    for (fields, part) in [
        ("", "expected fields"),
        ("severity: 3", "`severity:` is an option of a log call; those of a scope are `correlation_id:` and `task:`"),
        ("a, a", "`a` is given twice"),
        ("correlation_id: a, correlation_id: b", "`correlation_id` is given twice"),
        ("\"m\"", "expected `= value` behind the key"),
        ("corelation_id: \"x\"", "which are `correlation_id:` and `task:`: did you mean `correlation_id:`?"),
        ("tasks: \"x\"", "did you mean `task:`?"),
        (
            "parent: span",
            "`parent:` is no option, which are `correlation_id:` and `task:`. A field is written `parent = span`",
        ),
    ] {
        let error = scope_error(fields);
        assert!(error.contains(part), "{fields}: {error}");
    }
    assert_eq!(scope_error("correlation_id: id, task: \"x\", order_id, %address, tags.region = \"eu\""), "");
}

#[test]
fn doubled_braces_are_single_ones_in_a_message_without_placeholders() {
    let call = ParsedCall::parse(tokens(r#""use {{x}}""#)).unwrap();
    assert_eq!(call.message().to_string(), r#""use {x}""#);
}

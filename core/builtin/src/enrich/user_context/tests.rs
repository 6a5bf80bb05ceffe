use fapilog_plugin::{
    registry::{PluginSettings, Registry},
    settings::PluginConfig,
    testing::{TestBatches, TestEvent, test_event},
};
use fapilog_record::{field_group::FieldGroup, value::ValueRef};

use super::*;

const KEY: &[u8] = b"a key of 16 bytes or more";

fn hash() -> Arc<KeyedHash> {
    Arc::new(KeyedHash::new("k1", KEY).unwrap())
}

fn pseudonym(text: &str) -> String {
    let mut out = String::new();
    hash().put(text, &mut out);
    out
}

fn with_pseudonyms() -> UserContext {
    UserContext::new().pseudonyms(["user_id", "session_id"], hash())
}

/// The fields of the event behind the enricher: group, name, value.
fn fields(enricher: &mut UserContext, event: &TestEvent<'_>) -> Vec<String> {
    TestBatches::new().events(std::slice::from_ref(event), |batch| {
        enricher.enrich(batch).unwrap();
        let fields = batch.events()[0].fields();
        fields.map(|field| format!("{}.{}={}", field.group.name(), field.name, field.value)).collect()
    })
}

fn context<'a>(fields: &[(&'a str, &'a str)]) -> TestEvent<'a> {
    fields.iter().fold(test_event("m"), |event, (name, value)| event.field(FieldGroup::Context, name, *value))
}

#[test]
fn each_other_name_becomes_the_name_of_the_field() {
    let event = context(&[("userId", "ada"), ("session.id", "s1"), ("tenant.id", "t1"), ("user_roles", "admin")]);
    let expected = ["context.user_id=ada", "context.session_id=s1", "context.tenant_id=t1", "context.roles=admin"];
    assert_eq!(fields(&mut UserContext::new(), &event), expected);
}

#[test]
fn fields_of_a_user_that_have_their_names_stay_as_they_are() {
    let event = context(&[("user_id", "ada"), ("order", "7")]);
    assert_eq!(fields(&mut UserContext::new(), &event), ["context.user_id=ada", "context.order=7"]);
}

#[test]
fn the_name_of_the_field_counts_before_others_and_none_of_these_stays() {
    let event = context(&[("uid", "third"), ("user_id", "own"), ("userId", "first")]);
    assert_eq!(fields(&mut UserContext::new(), &event), ["context.user_id=own"]);
    let event = context(&[("uid", "third"), ("user.id", "second")]);
    assert_eq!(fields(&mut UserContext::new(), &event), ["context.user_id=second"]);
}

#[test]
fn groups_are_apart() {
    let event = context(&[("uid", "ada")]).field(FieldGroup::Tags, "user_id", "bob");
    assert_eq!(fields(&mut UserContext::new(), &event), ["context.user_id=ada", "tags.user_id=bob"]);
}

#[test]
fn a_pseudonym_is_the_keyed_hash_of_the_value_whatever_its_name_and_type() {
    let expected = format!("context.user_id={}", pseudonym("42"));
    for (name, value) in [("user_id", ValueRef::U64(42)), ("uid", ValueRef::I64(42)), ("userId", ValueRef::Text("42"))]
    {
        let event = test_event("m").field(FieldGroup::Context, name, value);
        assert_eq!(fields(&mut with_pseudonyms(), &event), [expected.as_str()]);
    }
}

#[test]
fn a_pseudonym_is_as_the_tool_of_openssl_makes_it() {
    // printf 42 | openssl mac -digest SHA256 -macopt "key:a key of 16 bytes or more" HMAC
    assert_eq!(pseudonym("42"), "hmac:k1:23d2d0df7e48e6c38bdc4173b47c6157");
}

#[test]
fn only_the_fields_of_the_list_get_pseudonyms() {
    let event = context(&[("uid", "ada"), ("sessionId", "s1"), ("tenant_id", "t1"), ("order", "ada")]);
    let expected = [
        format!("context.user_id={}", pseudonym("ada")),
        format!("context.session_id={}", pseudonym("s1")),
        "context.tenant_id=t1".to_owned(),
        "context.order=ada".to_owned(),
    ];
    assert_eq!(fields(&mut with_pseudonyms(), &event), expected);
}

#[test]
fn nothing_and_empty_texts_and_pseudonyms_stay() {
    let known = pseudonym("ada");
    for value in [ValueRef::None, ValueRef::Text(""), ValueRef::Text("[redacted]"), ValueRef::Text(&known)] {
        let event = test_event("m").field(FieldGroup::Context, "user_id", value);
        assert_eq!(fields(&mut with_pseudonyms(), &event), [format!("context.user_id={value}")]);
    }
}

#[test]
fn more_users_than_are_kept_have_their_own_pseudonyms() {
    let ids: Vec<String> = (0..50).chain(0..50).map(|id| format!("user-{id}")).collect();
    let events: Vec<_> = ids.iter().map(|id| test_event("m").field(FieldGroup::Context, "uid", id.as_str())).collect();
    TestBatches::new().events(&events, |batch| {
        with_pseudonyms().enrich(batch).unwrap();
        for (event, id) in batch.events().iter().zip(&ids) {
            assert_eq!(event.field(FieldGroup::Context, "user_id"), Some(ValueRef::Text(&pseudonym(id))));
        }
    });
}

#[test]
fn an_argument_of_a_call_site_changes_and_others_stay_plain() {
    TestBatches::new().argument("uid").batch(&[7, 8], |batch| {
        with_pseudonyms().enrich(batch).unwrap();
        assert_eq!(batch.events()[1].field(FieldGroup::Context, "user_id"), Some(ValueRef::Text(&pseudonym("8"))));
        assert_eq!(batch.events()[1].field(FieldGroup::Context, "uid"), None);
    });
    TestBatches::new().argument("order").batch(&[7], |batch| {
        with_pseudonyms().enrich(batch).unwrap();
        assert!(batch.events()[0].is_plain());
    });
}

#[test]
fn a_placeholder_by_the_former_name_is_filled_with_the_pseudonym() {
    TestBatches::new().argument("uid").message("login of {uid}").batch(&[7], |batch| {
        with_pseudonyms().enrich(batch).unwrap();
        let expected = format!("login of {}", pseudonym("7"));
        assert_eq!(batch.events()[0].message(), ValueRef::Text(&expected));
    });
    TestBatches::new().argument("user_id").message("login of {user_id}").batch(&[7], |batch| {
        with_pseudonyms().enrich(batch).unwrap();
        let expected = format!("login of {}", pseudonym("7"));
        assert_eq!(batch.events()[0].message(), ValueRef::Text(&expected));
    });
}

#[test]
fn a_field_that_all_events_share_changes_too() {
    use fapilog_plugin::common_fields::CommonFields;
    TestBatches::new().batch(&[1, 2], |batch| {
        CommonFields::new(["uid"]).add(batch, |_, fields| fields.push("uid", ValueRef::Text("ada")));
        with_pseudonyms().enrich(batch).unwrap();
        for event in batch.events() {
            assert_eq!(event.field(FieldGroup::Context, "user_id"), Some(ValueRef::Text(&pseudonym("ada"))));
            assert_eq!(event.field(FieldGroup::Context, "uid"), None);
        }
    });
}

#[test]
fn fields_of_the_programs_choice_replace_the_table() {
    let mut enricher = UserContext::new().fields([("enduser.id", ["login"])]);
    let event = context(&[("login", "ada"), ("uid", "7")]);
    assert_eq!(fields(&mut enricher, &event), ["context.enduser.id=ada", "context.uid=7"]);
}

#[test]
fn neither_the_key_nor_a_pseudonym_is_in_the_debug_text() {
    let mut enricher = with_pseudonyms();
    fields(&mut enricher, &context(&[("uid", "ada")]));
    let text = format!("{enricher:?}");
    assert!(!text.contains("a key of") && !text.contains("ada"), "{text}");
}

/// The fields of the event behind the enricher of these settings, or the problems.
fn by_settings(config: &PluginConfig, event: &TestEvent<'_>) -> Result<Vec<String>, Vec<String>> {
    let mut registry = Registry::empty();
    crate::register(&mut registry).unwrap();
    let Some((_, fapilog_plugin::registry::Entry::Enricher(make))) = registry.entry("user_context") else {
        panic!("it is registered")
    };
    let factory = make(&PluginSettings::new("user_context", config));
    let factory = factory.map_err(|problems| problems.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    let mut enricher = factory.make(fapilog_plugin::factory::ShardInfo::new(0, 1));
    Ok(TestBatches::new().events(std::slice::from_ref(event), |batch| {
        enricher.enrich(batch).unwrap();
        let fields = batch.events()[0].fields();
        fields.map(|field| format!("{}.{}={}", field.group.name(), field.name, field.value)).collect()
    }))
}

/// A file with the key.
fn key_file() -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), KEY).unwrap();
    file
}

fn file_reference(file: &tempfile::NamedTempFile) -> PluginConfig {
    PluginConfig::new().with("file", file.path().to_str().unwrap())
}

#[test]
fn settings_without_a_key_give_names_alone() {
    let event = context(&[("uid", "ada")]);
    assert_eq!(by_settings(&PluginConfig::new(), &event).unwrap(), ["context.user_id=ada"]);
}

#[test]
fn a_key_gives_user_and_session_pseudonyms_under_its_id() {
    let file = key_file();
    let config = PluginConfig::new().with("hash_key", file_reference(&file));
    let event = context(&[("uid", "ada"), ("tenant_id", "t1")]);
    let expected = format!("context.user_id={}", pseudonym("ada"));
    assert_eq!(by_settings(&config, &event).unwrap(), [expected.as_str(), "context.tenant_id=t1"]);
    let renamed = by_settings(&config.with("hash_key_id", "2026-11"), &event).unwrap();
    assert_eq!(renamed[0], expected.replace(":k1:", ":2026-11:"));
}

#[test]
fn settings_choose_the_fields_and_those_with_pseudonyms() {
    let file = key_file();
    let config = PluginConfig::new()
        .with("hash_key", file_reference(&file))
        .with("fields", PluginConfig::new().with("who", vec!["login"]).with("org", vec!["company"]))
        .with("pseudonyms", vec!["org"]);
    let event = context(&[("login", "ada"), ("company", "acme")]);
    let expected = format!("context.org={}", pseudonym("acme"));
    assert_eq!(by_settings(&config, &event).unwrap(), ["context.who=ada", expected.as_str()]);
}

#[test]
fn invalid_settings_are_refused_with_the_allowed_values() {
    let file = key_file();
    let keyed = || PluginConfig::new().with("hash_key", file_reference(&file));
    let event = context(&[]);
    let fields = || PluginConfig::new().with("who", vec!["login", ""]).with("org", vec!["login"]);
    let cases = [
        (PluginConfig::new().with("pseudonyms", vec!["user_id"]), "pseudonyms is [\"user_id\"]; it needs hash_key"),
        (PluginConfig::new().with("hash_key_id", "k2"), "hash_key_id is given; there is no hash_key"),
        (keyed().with("hash_key_id", "a b"), "hash_key_id is \"a b\""),
        (keyed().with("pseudonyms", vec!["userid"]), "did you mean user_id?"),
        (keyed().with("pseudonyms", Vec::<String>::new()), "pseudonyms is empty"),
        (keyed().with("fields", PluginConfig::new().with("who", vec!["login"])), "pseudonyms is missing"),
        (PluginConfig::new().with("fields", fields()), "the name of a field must not be empty"),
        (PluginConfig::new().with("fields", fields()), "a name must occur once in `fields`"),
        (PluginConfig::new().with("hash_key", "a literal key of 16 bytes"), "hash_key"),
        (PluginConfig::new().with("hashkey", "x"), "hashkey"),
    ];
    for (config, expected) in cases {
        let problems = by_settings(&config, &event).unwrap_err();
        assert!(problems.iter().any(|problem| problem.contains(expected)), "{expected}: {problems:?}");
        assert!(!problems.iter().any(|problem| problem.contains("literal key")), "{problems:?}");
    }
}

#[test]
fn a_short_key_is_refused_without_being_shown() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "hunter2").unwrap();
    let problems =
        by_settings(&PluginConfig::new().with("hash_key", file_reference(&file)), &context(&[])).unwrap_err();
    assert!(problems[0].contains("has 7 bytes; it must have 16") && !problems[0].contains("hunter2"), "{problems:?}");
}

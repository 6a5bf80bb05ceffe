//! Settings of `seal` and `tokenize` that are refused, and those of a check.

use super::*;

#[test]
fn every_invalid_setting_is_reported_at_once_and_no_store_is_made() {
    let place = Place::new();
    let with = |tables: &str| {
        let actions = "[plugin_config.redact]\nactions = { email = \"seal\", card_number = \"tokenize\" }\n";
        place.problems(&format!("{actions}{tables}"))
    };
    let problems = with(&format!(
        "[plugin_config.seal]\nrecipients = [\"fapilog1x\"]\n{}\nrotate_after = \"1ms\"\n\
         [plugin_config.tokenize]\nkey = \"${{FAPILOG_TEST_NO_SUCH_KEY}}\"\n{}\nold_keys = [\"hunter2\"]",
        place.store_setting(),
        place.store_setting()
    ));
    for expected in [
        "plugin_config.seal.recipients[0] is \"fapilog1x\"; the text is no key: a character of it is missing or wrong",
        "plugin_config.seal.key is missing; it must be given for `key_store`: it wraps the keys of subjects",
        "plugin_config.seal.rotate_after is 1ms; it must be 1s or more",
        "plugin_config.tokenize.key is ${FAPILOG_TEST_NO_SUCH_KEY}; names a variable that is not set",
        "plugin_config.tokenize.old_keys[0] is [redacted]; a secret is given by reference",
    ] {
        assert!(problems.contains(expected), "{expected}\n{problems}");
    }
    assert!(!problems.contains("hunter2"), "{problems}");
    let problems = with("[plugin_config.tokenize]\nold_keys = []");
    for expected in [
        "plugin_config.seal.recipients is empty; there must be a recipient, or a `key`",
        "plugin_config.tokenize.key is missing",
    ] {
        assert!(problems.contains(expected), "{expected}\n{problems}");
    }
    let key = place.key_setting();
    let problems = with(&format!(
        "[plugin_config.seal]\n{key}\nold_keys = [{{ file = \"{}\" }}]\n[plugin_config.tokenize]\n{key}",
        place.path("key").display()
    ));
    assert!(problems.contains("seal.old_keys is given; they are of use with `key_store`"), "{problems}");
    let problems = with(&format!(
        "[plugin_config.seal]\n{key}\n{}\nrotate_after = \"1h\"\n[plugin_config.tokenize]\n{key}",
        place.store_setting()
    ));
    assert!(problems.contains("seal.rotate_after is 3600s; it is of use with `recipients`"), "{problems}");
    assert!(!place.path("subjects").exists());
}

#[test]
fn a_store_of_other_keys_refuses_the_start_and_opens_with_the_old_key() {
    let place = Place::new();
    let sealed = put(&Seal::by_subject(place.subjects()), EMAIL, Some("c1"));
    let old = place.path("old");
    fs::copy(place.path("key"), &old).unwrap();
    fs::write(place.path("key"), &*KeyEncryptionKey::generate().unwrap().to_secret_text()).unwrap();
    let tables = format!(
        "[plugin_config.redact]\nsubject = \"customer\"\nactions = {{ default = \"seal\" }}\n[plugin_config.seal]\n{}\n{}",
        place.key_setting(),
        place.store_setting()
    );
    let problems = place.problems(&tables);
    assert!(
        problems.contains("seal.key_store is ") && problems.contains("none of the keys at hand opens"),
        "{problems}"
    );
    let log = place.log_of(&format!("{tables}\nold_keys = [{{ file = \"{}\" }}]", old.display()));
    let key = fs::read_to_string(place.path("key")).unwrap().parse().unwrap();
    let keys = DecryptionKeys::new().key(key).key(place.key.clone()).key_store(place.store());
    let (_, summary) = unseal(&[&log[..], sealed.as_bytes()].concat(), keys);
    assert_eq!((summary.unsealed, summary.exit()), (10, DecryptExit::Success));
}

#[test]
fn a_check_of_settings_reads_no_key_and_makes_no_store() {
    let place = Place::new();
    fs::remove_file(place.path("key")).unwrap();
    let settings = place.settings(&format!(
        "[plugin_config.redact]\nsubject = \"customer\"\nactions = {{ default = \"seal\" }}\n[plugin_config.seal]\n{}\n{}",
        place.key_setting(),
        place.store_setting()
    ));
    settings.unwrap().check().unwrap();
    assert!(!place.path("subjects").exists());
}

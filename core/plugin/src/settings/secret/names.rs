//! Names of settings whose values are secrets.
//!
//! A name is seen as words: `api_key`, `apiKey`, `X-API-Key` and `APIKEY` are alike. It is secret if one of its words is, unless its
//! last word makes something else of it: `token_file` is a path, and `password_field` the name of a field.

/// The ends of words that make a name secret: `authtoken` and `PGPASSWORD` are single words. A plural is as its singular.
const SECRET_ENDS: [&str; 15] = [
    "password",
    "passwd",
    "passphrase",
    "passcode",
    "secret",
    "token",
    "credential",
    "authorization",
    "bearer",
    "cookie",
    "apikey",
    "jwt",
    "jaas",
    "pepper",
    "connectionstring",
];

/// Words that make a name secret, and are ends of other words: `bypass`, `basalt`.
const SECRET_WORDS: [&str; 5] = ["pass", "pwd", "pw", "salt", "pin"];

/// The kinds of keys that are secret. A `key` alone, or that of a table, a partition or a cache, is the name of a field.
const KEY_KINDS: &str = "access account aes api app application auth client crypto data decrypt decryption encrypt encryption \
    hash hmac ingest ingestion integration license mac master private secret server service session shared \
    signing ssh ssl symmetric tls wrapping write";

/// Words behind `key` by which a value is the key itself.
const KEY_FORMS: [&str; 6] = ["base64", "bytes", "hex", "material", "pem", "value"];

/// Words at the end of names whose values are about a secret, and are none.
const ABOUT_SECRETS: &str = "age algorithm bits burst capacity count dir directory enabled encoding endpoint env expiry field \
    fields file files format host interval kind length limit max min mode name names path paths policy \
    rate required rotation size timeout ttl type uri url user variable";

/// Shorter words resemble too many others.
const MISSPELT_CHARS_MIN: usize = 6;

/// Names that are secret in the query of a URL, where they have few other meanings.
const SECRET_PARAMETERS: [&str; 5] = ["auth", "code", "key", "sig", "signature"];

/// Tables whose entries have names that users choose.
const TABLES_OF_NAMES: [&str; 2] = ["plugin_config", "routing"];

/// Whether the value of a setting of this name is a secret.
pub(super) fn is_secret_name(name: &str) -> bool {
    let words = words(name);
    let words: Vec<&str> = words.iter().map(|word| singular(word)).collect();
    let is_about = words.last().is_some_and(|last| is_among(ABOUT_SECRETS, last));
    !is_about && (words.iter().any(|word| is_secret_word(word)) || has_secret_key(&words))
}

/// Whether the value at a path is a secret, or a part of a secret: `plugin_config.agent.password`, `headers.authorization[0]`. The names of
/// plugins and sinks do not count for the settings below them: a redactor may be called `tokens`.
pub(super) fn is_secret_path(path: &str) -> bool {
    let steps: Vec<&str> = path.split(['.', '[', ']']).filter(|step| !step.is_empty()).collect();
    let below_names = match steps.as_slice() {
        [first, _, below @ ..] if TABLES_OF_NAMES.contains(first) && !below.is_empty() => below,
        steps => steps,
    };
    below_names.iter().any(|step| is_of_secret(step))
}

/// Tables by classes of data, whose entries are no secrets: `actions.credential = "hash"`.
const TABLES_OF_CLASSES: [&str; 1] = ["actions"];

/// Whether the entries of a table have classes of data as their names.
pub(super) fn is_table_of_classes(name: &str) -> bool {
    TABLES_OF_CLASSES.contains(&name)
}

/// Whether the value is that of a class of data, and such a value: a word. Anything else there may be a secret all the same.
pub(super) fn is_word_of_class(path: &str, value: &str) -> bool {
    let mut steps = path.rsplit('.').skip(1);
    is_word(value) && steps.next().is_some_and(is_table_of_classes)
}

/// Whether it is a name as those of actions are.
pub(super) fn is_word(value: &str) -> bool {
    value.chars().all(|c| c.is_ascii_lowercase() || c == '_')
}

/// Whether it is the name of a secret, or of a variable that leads to one: `FAPILOG_PLUGIN_CONFIG__AGENT__PASSWORD`.
fn is_of_secret(step: &str) -> bool {
    match step.rsplit_once("__") {
        Some((_, last)) => is_secret_name(last),
        None => is_secret_name(step),
    }
}

/// Whether the value of a parameter in the query of a URL is a secret.
pub(in crate::settings) fn is_secret_parameter(name: &str) -> bool {
    is_secret_name(name) || words(name).last().is_some_and(|last| SECRET_PARAMETERS.contains(&last.as_str()))
}

/// Whether the last word is `key`: its value may be the key itself, or the name of a field.
pub(super) fn is_key(name: &str) -> bool {
    words(name).last().is_some_and(|last| singular(last) == "key")
}

fn is_secret_word(word: &str) -> bool {
    SECRET_WORDS.contains(&word) || SECRET_ENDS.iter().any(|end| word.ends_with(end) || is_misspelt(word, end))
}

fn is_among(words: &str, word: &str) -> bool {
    words.split_ascii_whitespace().any(|known| known == word)
}

/// A misspelt name is an unknown setting, whose value is a secret all the same.
fn is_misspelt(word: &str, secret: &str) -> bool {
    let is_long = secret.len() >= MISSPELT_CHARS_MIN && word.len().abs_diff(secret.len()) <= 1;
    is_long && strsim::damerau_levenshtein(word, secret) <= 1
}

/// Whether there is `signing_key`, `signingkey` or `key_pem` among the words. The id of a key is none.
fn has_secret_key(words: &[&str]) -> bool {
    let is_secret_key = |word: &&str| word.strip_suffix("key").is_some_and(|kind| is_among(KEY_KINDS, kind));
    let is_secret_pair = |pair: &[&str]| match pair {
        [kind, "key"] => is_among(KEY_KINDS, kind),
        ["key", form] => KEY_FORMS.contains(form),
        _ => false,
    };
    let is_id = words.last() == Some(&"id");
    !is_id && (words.iter().any(is_secret_key) || words.windows(2).any(is_secret_pair))
}

/// The words in lower case, without the digits at their ends. Words are parted by capitals and by everything that is no letter and no digit.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut earlier = [' ', ' '];
    let mut letters = name.chars().peekable();
    while let Some(letter) = letters.next() {
        let [_, before] = earlier;
        let is_next_low = letters.peek().is_some_and(|next| next.is_lowercase());
        let begins = letter.is_uppercase() && (before.is_lowercase() || before.is_uppercase() && is_next_low);
        if begins || !letter.is_alphanumeric() {
            words.push(String::new());
        }
        if letter.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(letter.to_lowercase());
        }
        earlier = [before, letter];
    }
    let without_number = |word: String| {
        let number_less = word.trim_end_matches(|c: char| c.is_ascii_digit());
        if KEY_FORMS.contains(&word.as_str()) { word } else { number_less.to_owned() }
    };
    words.into_iter().map(without_number).filter(|word| !word.is_empty()).collect()
}

fn singular(word: &str) -> &str {
    match word.strip_suffix('s') {
        // `pass` and `jaas` are no plurals.
        Some(front) if !front.ends_with('s') && front != "jaa" => front,
        _ => word,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets_are_known_in_every_notation() {
        let secret = [
            "password",
            "PASSWORD",
            "db_password",
            "dbPassword",
            "PGPASSWORD",
            "sasl.password",
            "passwd",
            "user-pass",
            "pw",
            "passphrase",
            "token",
            "tokens",
            "auth_token",
            "authToken",
            "authtoken",
            "X-Auth-Token",
            "token1",
            "token_default",
            "secret",
            "client_secret",
            "clientSecret",
            "secret_id",
            "secrets",
            "credentials",
            "api_key",
            "apiKey",
            "APIKey",
            "X-API-Key",
            "apikey",
            "api_keys",
            "access_key",
            "secret_access_key",
            "private_key",
            "privatekey",
            "signing_key",
            "encryption_key",
            "hmac_key",
            "hash_key",
            "key_pem",
            "key_material",
            "keyBase64",
            "key_hex",
            "Authorization",
            "proxy-authorization",
            "authorization_header",
            "Cookie",
            "set-cookie",
            "bearer",
            "jwt",
            "sasl_jaas_config",
            "connection_string_secret",
            "connectionstring",
            "salt",
            "pepper",
            "pin",
            "password2",
            "password_hash",
            "session_key",
            "pasword",
            "passwrd",
            "secert",
            "authorisation",
        ];
        for name in secret {
            assert!(is_secret_name(name), "{name}");
        }
    }

    #[test]
    fn names_of_other_settings_are_not_secret() {
        let open = [
            "key",
            "keys",
            "partition_key",
            "routing_key",
            "public_key",
            "key_field",
            "group_key",
            "cache_key",
            "token_file",
            "token_path",
            "password_file",
            "secret_name",
            "token_url",
            "token_capacity",
            "token_ttl",
            "password_field",
            "tokenize",
            "tokenizer",
            "secretary",
            "bypass",
            "compass",
            "pass_through_rate",
            "author",
            "authority",
            "path",
            "passes",
            "basalt",
            "spin",
            "pinned",
            "topic",
            "user",
            "username",
            "host",
            "url",
            "level",
            "monkey",
            "keyboard",
            "cookies_file",
            "taken",
            "key_id",
            "hash_key_id",
            "access_key_id",
            "",
            "_",
        ];
        for name in open {
            assert!(!is_secret_name(name), "{name}");
        }
    }

    #[test]
    fn a_path_is_secret_by_each_of_its_names_and_not_by_that_of_a_plugin() {
        for path in ["password", "plugin_config.agent.password", "headers.authorization[0]", "a[1].token.value"] {
            assert!(is_secret_path(path), "{path}");
        }
        for path in ["FAPILOG_PLUGIN_CONFIG__AGENT__PASSWORD", "FAPILOG_TOKEN"] {
            assert!(is_secret_path(path), "{path}");
        }
        for path in ["plugin_config.token.rate", "routing.secrets.level_min", "sinks[0].name", ""] {
            assert!(!is_secret_path(path), "{path}");
        }
    }

    #[test]
    fn a_parameter_of_a_url_is_secret_by_more_names() {
        assert!(["token", "key", "sig", "X-Amz-Signature", "api_key"].into_iter().all(is_secret_parameter));
        assert!(!["topic", "db", "timeout"].into_iter().any(is_secret_parameter));
    }
}

//! How do I keep a password out of the log, and log a person without a name?
//!
//! `cargo run -p fapilog --example redact_at_the_call`

#![expect(clippy::print_stdout, reason = "an example shows what came out")]

use std::time::Duration;

use fapilog::{
    Container, audit,
    event::Value,
    format, info,
    privacy::{self, Pii, Secret},
    sink,
};

#[derive(Value)]
struct Login {
    /// Logged as a pseudonym, by which the events of one person are found.
    email: Pii<String>,
    /// Never logged, wherever it goes.
    password: Secret<String>,
}

#[cfg_attr(test, test)]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    // A program takes the key from where it has its other secrets: 32 random bytes, as of `openssl rand 32`.
    let key: [u8; 32] = std::array::from_fn(|index| index as u8);
    privacy::set_pseudonym_key("k1", &key)?;
    let (sink, events) = sink::Memory::new(format::Json::new);
    let logs = Container::builder().sink("memory", sink).start()?;
    let log = logs.logger("gateway");

    let login = Login { email: Pii::new("ada@example.org".to_owned()), password: Secret::new("swordfish".to_owned()) };
    let header = "Bearer eyJhbGciOi";
    info!(log, "login of {email}", email = login.email, login, authorization = ~header);
    audit!(log, "password changed", who = login.email, object = "account 7", origin = "192.0.2.1", outcome = "success");

    logs.shutdown(Duration::from_secs(5))?.check()?;
    let person = privacy::pseudonym("ada@example.org").ok_or("there is no key")?;
    for line in events.lines() {
        println!("{line}");
        assert!(line.contains(&person));
        assert!(["ada@", "swordfish", "eyJhbGciOi"].iter().all(|text| !line.contains(text)));
    }
    assert_eq!(login.password.expose(), "swordfish");
    Ok(())
}

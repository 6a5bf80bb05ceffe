//! The page `docs/command.md`: its output is that of the command.
//!
//! A line `$ COMMAND` in a block `console` is run by a shell in `tests/fixtures`, and the lines below it are its output, standard error
//! too. With `FAPILOG_UPDATE_PAGE=1`, the page is written anew.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod program;

use std::{env, fs, path::Path, process::Command};

use program::fixtures;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/command.md");

fn output_of(line: &str) -> String {
    let directory = Path::new(env!("CARGO_BIN_EXE_fapilog")).parent().unwrap();
    let path = format!("{}:{}", directory.display(), env::var("PATH").unwrap());
    let ran = Command::new("sh")
        .args(["-c", &format!("exec 2>&1; {line}")])
        .current_dir(fixtures())
        .env("PATH", path)
        .env("TZ", "UTC")
        .output()
        .unwrap();
    String::from_utf8(ran.stdout).unwrap()
}

/// The page with the output of its commands.
fn renewed(page: &str) -> String {
    let mut renewed = String::new();
    let mut is_console = false;
    let mut is_output = false;
    for line in page.lines() {
        if line.starts_with("```") {
            is_console = line == "```console";
            is_output = false;
        }
        if let Some(command) = line.strip_prefix("$ ").filter(|_| is_console) {
            is_output = true;
            renewed.push_str(&format!("{line}\n{}", output_of(command)));
        } else if !is_output {
            renewed.push_str(&format!("{line}\n"));
        }
    }
    renewed
}

#[test]
fn the_page_has_the_output_of_its_commands() {
    let page = fs::read_to_string(PAGE).unwrap();
    let renewed = renewed(&page);
    assert!(page.matches("\n$ fapilog").count() > 10, "the page has its commands");
    if env::var_os("FAPILOG_UPDATE_PAGE").is_some() {
        fs::write(PAGE, renewed).unwrap();
        return;
    }
    for (number, (line, expected)) in page.lines().zip(renewed.lines()).enumerate() {
        assert_eq!(line, expected, "docs/command.md:{}; FAPILOG_UPDATE_PAGE=1 writes the page anew", number + 1);
    }
    assert_eq!(page.len(), renewed.len());
}

//! The format for lnav, read by lnav itself.
//!
//! Without lnav, the test does nothing, unless `NO_SKIPPED_TESTS` is set.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod program;

use std::{env, fs, path::Path, process::Command};

use program::fixtures;

/// The rows of a query over the fixtures, as CSV; `None` without lnav.
fn rows(query: &str) -> Option<Vec<String>> {
    let home = tempfile::tempdir().unwrap();
    let formats = home.path().join(".lnav/formats/installed");
    fs::create_dir_all(&formats).unwrap();
    fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("lnav/fapilog.json"), formats.join("fapilog.json")).unwrap();
    let ran = Command::new("lnav")
        .args(["-n", "-c", &format!(";{query}"), "-c", ":write-csv-to -", "gateway.log", "orders.log"])
        .current_dir(fixtures())
        .env("HOME", home.path())
        .env("TZ", "UTC")
        .env_remove("XDG_CONFIG_HOME")
        .output();
    let ran = match ran {
        Ok(ran) => ran,
        Err(error) => {
            assert!(env::var_os("NO_SKIPPED_TESTS").is_none(), "lnav: {error}");
            return None;
        }
    };
    let (out, err) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success() && err.is_empty(), "{out}{err}");
    Some(out.lines().map(str::to_owned).collect())
}

#[test]
fn lnav_knows_levels_and_fields() {
    let query = "SELECT log_level, source, target, correlation_id, count(*) FROM fapilog_log WHERE log_level >= 'error' GROUP BY 1, 2, 3, 4";
    let Some(rows) = rows(query) else { return };
    assert_eq!(
        rows[1..],
        [
            "error,gateway,gateway::http,req-0004,1",
            "error,gateway,gateway::http,req-0010,1",
            "critical,orders,orders::store,req-0010,1",
        ]
    );
}

#[test]
fn lnav_reads_times_and_merges_files() {
    let query = "SELECT log_time, source FROM fapilog_log ORDER BY log_line LIMIT 3";
    let Some(rows) = rows(query) else { return };
    assert_eq!(rows[1], "2026-11-30 10:00:00.000,gateway");
    assert_eq!(rows[3], "2026-11-30 10:00:00.020,orders");
}

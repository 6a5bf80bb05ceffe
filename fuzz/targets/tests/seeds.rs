//! Every target on its seeds: those that were written for it, and those that have found an error.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test stops at the first thing that is not as it should be")]

use std::{
    collections::BTreeSet,
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

use fuzz_targets::TARGETS;

#[test]
fn every_seed_of_every_target_holds() {
    let mut broken = Vec::new();
    for target in TARGETS {
        let seeds = files_of(&folder("seeds").join(target.name));
        assert!(!seeds.is_empty(), "{} has no seeds", target.name);
        for seed in seeds {
            let input = fs::read(&seed).unwrap();
            if catch_unwind(AssertUnwindSafe(|| (target.run)(&input))).is_err() {
                broken.push(seed);
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn every_target_has_a_program_and_a_folder_of_seeds_and_there_are_no_others() {
    let targets: BTreeSet<String> = TARGETS.iter().map(|target| target.name.to_owned()).collect();
    for folder in [folder("seeds"), folder("fuzz_targets")] {
        let names = files_of(&folder).into_iter().map(|path| path.file_stem().unwrap().to_string_lossy().into_owned());
        assert_eq!(names.collect::<BTreeSet<_>>(), targets, "{}", folder.display());
    }
    let manifest = fs::read_to_string(folder("Cargo.toml")).unwrap();
    for name in targets {
        let program = fs::read_to_string(folder("fuzz_targets").join(&name).with_extension("rs")).unwrap();
        assert!(program.contains(&format!("run(\"{name}\", input)")), "{program}");
        assert!(manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")), "{name}");
    }
}

#[test]
#[should_panic(expected = "there is no fuzz target \"nonsense\"")]
fn a_target_that_does_not_exist_is_refused() {
    fuzz_targets::run("nonsense", b"");
}

/// A folder or a file beside this crate.
fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name(name)
}

fn files_of(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

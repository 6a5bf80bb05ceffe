//! The book is whole: its table of contents lists each page, its links lead somewhere, and its code is compiled.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "all of this program is test code")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Component, Path, PathBuf},
};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// The pages of a folder of the book, as paths from `docs`.
fn pages(folder: &str) -> BTreeSet<String> {
    let files = fs::read_dir(Path::new(ROOT).join("docs").join(folder)).unwrap().map(|entry| entry.unwrap().path());
    let pages = files.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    let names = pages.map(|path| format!("{folder}{}", path.file_name().unwrap().to_str().unwrap()));
    names.filter(|name| name != "SUMMARY.md").collect()
}

fn all_pages() -> BTreeSet<String> {
    &pages("") | &pages("decisions/")
}

fn read(page: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join("docs").join(page)).unwrap()
}

/// A page without its code blocks.
fn prose(text: &str) -> String {
    let parts = text.split("```").enumerate();
    parts.filter(|(index, _)| index % 2 == 0).map(|(_, part)| part).collect()
}

/// `(text, target)` of each link.
fn links(text: &str) -> Vec<(String, String)> {
    let text = prose(text);
    let mut links = Vec::new();
    for (end, _) in text.match_indices("](") {
        let start = text[..end].rfind('[').unwrap() + 1;
        let target = text[end + 2..].split(')').next().unwrap();
        links.push((text[start..end].to_owned(), target.to_owned()));
    }
    links
}

/// The anchors of a page's headings, as GitHub and mdBook make them.
fn anchors(text: &str) -> BTreeSet<String> {
    let text = prose(text);
    let headings = text.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    let kept =
        |heading: &str| heading.chars().filter(|c| c.is_alphanumeric() || "-_ ".contains(*c)).collect::<String>();
    headings.map(|heading| kept(heading).to_lowercase().replace(' ', "-")).collect()
}

fn title(page: &str) -> String {
    read(page).lines().next().unwrap().trim_start_matches("# ").to_owned()
}

#[test]
fn the_table_of_contents_lists_each_page_once_and_by_its_title() {
    let listed = links(&read("SUMMARY.md"));
    let targets: Vec<_> = listed.iter().map(|(_, target)| target.clone()).collect();
    let once: BTreeSet<_> = targets.iter().cloned().collect();
    assert_eq!((targets.len(), once), (all_pages().len(), all_pages()));
    for (text, target) in listed {
        assert_eq!(text, title(&target), "docs/SUMMARY.md: {target}");
    }
}

#[test]
fn the_index_lists_each_page() {
    let listed: BTreeSet<_> = links(&read("README.md")).into_iter().map(|(_, target)| target).collect();
    let missing: Vec<_> =
        all_pages().into_iter().filter(|page| page != "README.md" && !listed.contains(page)).collect();
    assert!(missing.is_empty(), "docs/README.md does not list {missing:?}");
}

#[test]
fn every_link_leads_to_a_file_and_to_a_heading_in_it() {
    let mut dead = Vec::new();
    let book = all_pages().into_iter().map(|page| format!("docs/{page}"));
    for page in book.chain(["docs/SUMMARY.md", "README.md", "CONTRIBUTING.md"].map(str::to_owned)) {
        let text = fs::read_to_string(Path::new(ROOT).join(&page)).unwrap();
        for (_, target) in links(&text).into_iter().filter(|(_, target)| !target.contains("://")) {
            let (file, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let path = if file.is_empty() { PathBuf::from(&page) } else { beside(&page, file) };
            let is_there = match fs::read_to_string(Path::new(ROOT).join(&path)) {
                Ok(text) => anchor.is_empty() || anchors(&text).contains(anchor),
                Err(_) => Path::new(ROOT).join(&path).is_dir(),
            };
            if !is_there {
                dead.push(format!("{page}: {target}"));
            }
        }
    }
    assert!(dead.is_empty(), "{dead:#?}");
}

/// `file` as a link from `page`, without `..`.
fn beside(page: &str, file: &str) -> PathBuf {
    let mut path = PathBuf::from(page);
    path.pop();
    for component in Path::new(file).components() {
        if component == Component::ParentDir { assert!(path.pop(), "{page}: {file}") } else { path.push(component) }
    }
    path
}

#[test]
fn every_page_with_rust_code_is_compiled() {
    let folders = [".", "integrations", "plugins", "sinks"].map(|folder| Path::new(ROOT).join(folder));
    let crates = folders.iter().filter_map(|folder| fs::read_dir(folder).ok()).flatten();
    let sources = crates.filter_map(|folder| fs::read_to_string(folder.unwrap().path().join("src/lib.rs")).ok());
    let sources: Vec<String> = sources.collect();
    let has_code = |page: &String| read(page).contains("```rust");
    let is_compiled = |page: &String| sources.iter().any(|source| source.contains(&format!("../docs/{page}\"")));
    let missing: Vec<_> = pages("").into_iter().filter(|page| has_code(page) && !is_compiled(page)).collect();
    assert!(missing.is_empty(), "neither `pages!` in fapilog/src/lib.rs nor another crate includes {missing:?}");
}

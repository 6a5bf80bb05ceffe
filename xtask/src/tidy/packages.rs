//! The workspace's crates and the arrows between them, as cargo describes them.

use std::path::Path;

use serde_json::Value;

/// A crate of the workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// The manifest's path below the root, with `/` between its parts.
    pub(crate) manifest: String,
    /// The crates that this one depends on in a normal build, whether they are of the workspace or not.
    pub(crate) uses: Vec<String>,
    /// The manifest, for the lines of breaches.
    pub(crate) text: String,
}

impl Package {
    /// The line of the manifest that names a dependency; the first line if there is none.
    pub(crate) fn line_of(&self, dependency: &str) -> usize {
        let names = |line: &str| {
            let line = line.strip_prefix('[').and_then(|table| table.rsplit('.').next()).unwrap_or(line);
            line.strip_prefix(dependency).is_some_and(|tail| tail.starts_with([' ', '=', '.', ']']))
        };
        self.text.lines().position(names).map_or(1, |at| at + 1)
    }
}

/// Reads the output of `cargo metadata --no-deps`.
pub(crate) fn packages(metadata: &str, root: &Path) -> Result<Vec<Package>, serde_json::Error> {
    let metadata: Value = serde_json::from_str(metadata)?;
    Ok(elements(&metadata, "packages").map(|package| read(package, root)).collect())
}

fn read(package: &Value, root: &Path) -> Package {
    let manifest = Path::new(text(package, "manifest_path"));
    let manifest = manifest.strip_prefix(root).unwrap_or(manifest);
    let normal = elements(package, "dependencies").filter(|dependency| text(dependency, "kind").is_empty());
    Package {
        name: text(package, "name").to_owned(),
        manifest: manifest.to_string_lossy().into_owned(),
        uses: normal.map(|dependency| text(dependency, "name").to_owned()).collect(),
        text: String::new(),
    }
}

fn elements<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}

/// The text under a key; empty where there is `null`, as for the kind of a normal dependency.
fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const METADATA: &str = r#"{"packages": [{
        "name": "fapilog-format", "manifest_path": "/code/core/format/Cargo.toml",
        "dependencies": [
            {"name": "fapilog-plugin", "kind": null},
            {"name": "proptest", "kind": "dev"},
            {"name": "cc", "kind": "build"}
        ]
    }]}"#;

    #[test]
    fn only_dependencies_of_a_normal_build_are_read() {
        let expected = Package {
            name: "fapilog-format".to_owned(),
            manifest: "core/format/Cargo.toml".to_owned(),
            uses: vec!["fapilog-plugin".to_owned()],
            text: String::new(),
        };
        assert_eq!(packages(METADATA, Path::new("/code")).unwrap(), [expected]);
    }

    #[test]
    fn a_dependency_has_a_line_in_every_form_of_a_manifest() {
        let text = "[package]\nname = \"a\"\n[dependencies]\nbc = \"1\"\nb.workspace = true\n[dependencies.d]\n";
        let package = Package { text: text.to_owned(), ..packages(METADATA, Path::new("/code")).unwrap().remove(0) };
        assert_eq!(["bc", "b", "d", "gone"].map(|name| package.line_of(name)), [4, 5, 6, 1]);
    }

    #[test]
    fn an_output_that_is_no_json_is_an_error() {
        assert!(packages("error", Path::new("/code")).is_err());
    }
}

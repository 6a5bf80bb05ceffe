//! Feature combinations: what users may switch on, by crate.

use serde_json::Value;

/// The arguments of `cargo check` for every combination: no feature, each feature alone, all features.
///
/// Reads the output of `cargo metadata --no-deps`. Crates that are not published have no users, and a crate without
/// features has one combination only, which `clippy` checks.
pub(crate) fn combinations(metadata: &str) -> Result<Vec<String>, serde_json::Error> {
    let metadata: Value = serde_json::from_str(metadata)?;
    let packages = metadata.get("packages").and_then(Value::as_array).into_iter().flatten();
    Ok(packages.filter(|package| is_published(package)).flat_map(of_package).collect())
}

/// `publish = false` is an empty list of registries.
fn is_published(package: &Value) -> bool {
    package.get("publish").and_then(Value::as_array).is_none_or(|registries| !registries.is_empty())
}

fn of_package(package: &Value) -> Vec<String> {
    let name = package.get("name").and_then(Value::as_str).unwrap_or_default();
    let features = package.get("features").and_then(Value::as_object).into_iter().flatten();
    let features: Vec<&String> = features.map(|(feature, _)| feature).filter(|feature| *feature != "default").collect();
    if features.is_empty() {
        return Vec::new();
    }
    let none = format!("--package {name} --no-default-features");
    let each = features.iter().map(|feature| format!("{none} --features {feature}"));
    let all = (features.len() > 1).then(|| format!("--package {name} --all-features"));
    [none.clone()].into_iter().chain(each).chain(all).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_published_crate_is_checked_without_with_each_and_with_all_features() {
        let metadata = r#"{"packages": [
            {"name": "fapilog", "publish": null, "features": {"default": ["glommio"], "glommio": [], "settings": []}},
            {"name": "fapilog-ring", "publish": null, "features": {}},
            {"name": "xtask", "publish": [], "features": {"a": []}}
        ]}"#;
        assert_eq!(
            combinations(metadata).unwrap(),
            [
                "--package fapilog --no-default-features",
                "--package fapilog --no-default-features --features glommio",
                "--package fapilog --no-default-features --features settings",
                "--package fapilog --all-features",
            ]
        );
    }

    #[test]
    fn an_output_that_is_no_json_is_an_error() {
        assert!(combinations("error").is_err());
    }
}

//! Settings of the formatter `cef`.

use std::collections::BTreeMap;

use fapilog_plugin::problem::Problem;
use serde::Deserialize;

use crate::Cef;

/// The settings, with the names of their setters.
#[derive(Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct CefSettings {
    vendor: Option<String>,
    product: Option<String>,
    version: Option<String>,
    fields: BTreeMap<String, String>,
    call_site: Option<bool>,
}

impl CefSettings {
    /// The formatter with these settings, or all invalid values.
    pub(crate) fn formatter(&self) -> Result<Cef, Vec<Problem>> {
        let (mut cef, mut problems) = (Cef::new(), Vec::new());
        for (name, key) in &self.fields {
            match cef.field(name, key) {
                Ok(with_field) => cef = with_field,
                Err(problem) => {
                    problems.push(problem);
                    // The fields behind it are checked, too.
                    cef = Cef::new();
                }
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        for (value, set) in [
            (&self.vendor, Cef::vendor as fn(Cef, &str) -> Cef),
            (&self.product, Cef::product),
            (&self.version, Cef::version),
        ] {
            if let Some(value) = value {
                cef = set(cef, value);
            }
        }
        Ok(match self.call_site {
            Some(is_wanted) => cef.call_site(is_wanted),
            None => cef,
        })
    }
}

//! Settings of dangerous content.

use fapilog_plugin::{
    factory::Factory,
    problem::Problem,
    registry::{RegisterError, Registry},
};
use fapilog_record::level::Level;
use serde::Deserialize;

use crate::{
    process::{Danger, DangerAction, DangerousContent},
    registration::about,
};

pub(crate) fn register(registry: &mut Registry) -> Result<(), RegisterError> {
    let about = about("dangerous_content", "Flags or takes out events with dangerous text");
    registry.register_processor(about, |settings| {
        let content = settings.read::<DangerousContentSettings>()?.content()?;
        let are_kept = content.keeps_audit_events();
        Ok(Factory::processor(move |_| content.clone()).keeping_audit_events(are_kept))
    })
}

/// Values that are not given are the defaults of [`DangerousContent`].
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct DangerousContentSettings {
    action: Option<DangerAction>,
    kinds: Option<Vec<Danger>>,
    levels: Option<Vec<Level>>,
    exclude: Vec<String>,
}

impl DangerousContentSettings {
    fn content(self) -> Result<DangerousContent, Vec<Problem>> {
        let action = self.action.unwrap_or_default();
        let mut problems = Vec::new();
        let mut content = match action {
            DangerAction::Flag => DangerousContent::flag(),
            DangerAction::Reject => DangerousContent::reject(),
        };
        content = content.exclude(self.exclude);
        if let Some(kinds) = self.kinds {
            if kinds.is_empty() {
                problems.push(Problem::new("kinds", "[]", "allowed is a list of at least one kind"));
            }
            content = content.kinds(kinds);
        }
        if let Some(levels) = self.levels {
            if action == DangerAction::Flag {
                let allowed = "it names the levels whose events are rejected, and needs action = \"reject\"";
                problems.push(Problem::new("levels", "given", allowed).beside("action"));
            }
            content = content.levels(levels);
        }
        if problems.is_empty() { Ok(content) } else { Err(problems) }
    }
}

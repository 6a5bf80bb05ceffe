//! Checks as text, for pages and reports.

use std::fmt;

use super::RuleCheck;

/// The facts that the check asks for: `redaction of credential; audit events kept`. Alternatives stand with `or` between them.
impl fmt::Display for RuleCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Redacts(classes) => {
                let names: Vec<&str> = classes.iter().map(|class| class.name()).collect();
                write!(f, "redaction of {}", names.join(", "))
            }
            Self::AuditKept => f.write_str("audit events kept"),
            Self::AuditNotDropped => f.write_str("audit events not dropped"),
            Self::AuditFieldsChecked => f.write_str("fields of audit events checked"),
            Self::OwnAuditEvents => f.write_str("audit events of the log itself"),
            Self::AuditDurable => f.write_str("durable"),
            Self::AuditTamperEvident => f.write_str("tamper-evident"),
            Self::AuditCopied => f.write_str("copied"),
            Self::EncryptedInTransit => f.write_str("encrypted in transit"),
            Self::EncryptedInFiles => f.write_str("encrypted in files"),
            Self::ModeAtMost(mode) => write!(f, "permissions of {mode:o} at most"),
            Self::KeptAtLeast { days } => write!(f, "kept for {days} days at least"),
            Self::AvailableAtLeast { days } => write!(f, "kept in files of this machine for {days} days at least"),
            Self::KeptAtMost => f.write_str("kept for retention_max at most"),
            Self::TimeSynchronised => f.write_str("time"),
            Self::FailuresReported => f.write_str("failures reported"),
            Self::Runs(names) => write!(f, "the pipeline has {}", names.join(" or ")),
            Self::People(task) => write!(f, "people: {task}"),
            Self::All(checks) => join(f, checks, "; "),
            Self::Any(checks) => join(f, checks, " or "),
            Self::Function(_) => f.write_str("a function"),
        }
    }
}

fn join(f: &mut fmt::Formatter<'_>, checks: &[RuleCheck], between: &str) -> fmt::Result {
    let texts: Vec<String> = checks.iter().map(ToString::to_string).collect();
    f.write_str(&texts.join(between))
}

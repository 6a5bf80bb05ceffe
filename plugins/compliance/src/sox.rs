//! The Sarbanes-Oxley Act: the rules that concern logs of systems for financial reporting.

use crate::{
    check::RuleCheck::{
        All, AuditDurable, AuditKept, AuditNotDropped, AuditTamperEvident, KeptAtLeast, ModeAtMost, People,
    },
    rule,
    table::StandardTable,
};

/// The rules of the Sarbanes-Oxley Act of 2002, and of Regulation S-X, that concern logs.
pub const SOX: StandardTable = StandardTable {
    name: "sox",
    title: "Sarbanes-Oxley Act",
    rules: &[
        rule(
            "sox/302",
            "SOX section 302(a)(4), 15 U.S.C. 7241(a)(4)",
            "the signing officers have internal controls, and have evaluated that they are effective",
            People(
                "name this log, and the reviews of its audit events, among the internal controls that are evaluated",
            ),
        ),
        rule(
            "sox/404",
            "SOX section 404(a), 15 U.S.C. 7262(a)",
            "management assesses the internal controls over financial reporting, for which it needs records of what was done",
            All(&[AuditKept, AuditNotDropped, People("assess the controls with the audit events as evidence")]),
        ),
        rule(
            "sox/802",
            "SOX section 802, 18 U.S.C. 1519",
            "nobody alters, destroys or falsifies records to impede an investigation",
            All(&[AuditTamperEvident, AuditDurable, ModeAtMost(0o644)]),
        ),
        rule(
            "sox/210.2-06",
            "17 CFR 210.2-06(a)",
            "records relevant to an audit or review of financial statements are kept for seven years",
            KeptAtLeast { days: 2557 },
        ),
    ],
};

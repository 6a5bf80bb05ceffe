//! HIPAA: the rules for electronic protected health information (ePHI) that concern logs.

use fapilog_plugin::data_class::DataClass;

use crate::{
    check::RuleCheck::{
        All, AuditDurable, AuditKept, AuditNotDropped, AuditTamperEvident, EncryptedInFiles, EncryptedInTransit,
        KeptAtLeast, ModeAtMost, People, Redacts,
    },
    rule,
    table::StandardTable,
};

/// Identifiers of 45 CFR 164.514(b)(2)(i) that redactors can find, and medical facts.
const HEALTH_INFORMATION: &[DataClass] = &[
    DataClass::Health,
    DataClass::NationalId,
    DataClass::BirthDate,
    DataClass::Email,
    DataClass::Phone,
    DataClass::PostalAddress,
    DataClass::NetworkAddress,
];

/// The rules of 45 CFR part 164 (HIPAA) that concern logs.
pub const HIPAA: StandardTable = StandardTable {
    name: "hipaa",
    title: "HIPAA, 45 CFR part 164",
    rules: &[
        rule(
            "hipaa/164.308(a)(1)(ii)(D)",
            "45 CFR 164.308(a)(1)(ii)(D)",
            "records of system activity, such as audit logs, are reviewed regularly",
            People("review the audit events regularly"),
        ),
        rule(
            "hipaa/164.308(a)(5)(ii)(C)",
            "45 CFR 164.308(a)(5)(ii)(C), addressable",
            "attempts to log in are monitored, and discrepancies reported",
            People("check that the program logs each login, and each refused one as a SECURITY event"),
        ),
        rule(
            "hipaa/164.312(a)(1)",
            "45 CFR 164.312(a)(1)",
            "only persons and programs with access rights have access to ePHI",
            ModeAtMost(0o640),
        ),
        rule(
            "hipaa/164.312(a)(2)(iv)",
            "45 CFR 164.312(a)(2)(iv), addressable",
            "a mechanism encrypts and decrypts stored ePHI",
            EncryptedInFiles,
        ),
        rule(
            "hipaa/164.312(b)",
            "45 CFR 164.312(b)",
            "mechanisms record and examine the activity in systems with ePHI",
            All(&[AuditKept, AuditNotDropped, AuditDurable]),
        ),
        rule(
            "hipaa/164.312(c)(1)",
            "45 CFR 164.312(c)(1)",
            "ePHI is protected from improper alteration or destruction",
            AuditTamperEvident,
        ),
        rule(
            "hipaa/164.312(c)(2)",
            "45 CFR 164.312(c)(2), addressable",
            "a mechanism corroborates that ePHI was not altered or destroyed without authority",
            AuditTamperEvident,
        ),
        rule(
            "hipaa/164.312(e)(1)",
            "45 CFR 164.312(e)(1)",
            "ePHI on a network is protected from unauthorized access",
            EncryptedInTransit,
        ),
        rule(
            "hipaa/164.316(b)(2)(i)",
            "45 CFR 164.316(b)(2)(i)",
            "required documentation, such as that of actions and activities, is kept for six years",
            KeptAtLeast { days: 2192 },
        ),
        rule(
            "hipaa/164.502(b)",
            "45 CFR 164.502(b)",
            "protected health information is used and disclosed only as far as a purpose needs it",
            Redacts(HEALTH_INFORMATION),
        ),
    ],
};

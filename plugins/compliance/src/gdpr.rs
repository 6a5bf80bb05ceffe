//! The General Data Protection Regulation: the articles that concern logs.

use fapilog_plugin::data_class::DataClass;

use crate::{
    check::RuleCheck::{
        All, Any, AuditKept, AuditNotDropped, EncryptedInFiles, EncryptedInTransit, FailuresReported, KeptAtMost,
        ModeAtMost, People, Redacts,
    },
    rule,
    table::StandardTable,
};

/// Personal data that redactors can find. Names of persons are none of them: no pattern finds all of these.
pub(crate) const PERSONAL: &[DataClass] = &[
    DataClass::Email,
    DataClass::Phone,
    DataClass::PostalAddress,
    DataClass::BirthDate,
    DataClass::NationalId,
    DataClass::BankAccount,
    DataClass::NetworkAddress,
];

/// Data that a new program does not log unless it is asked to.
const BY_DEFAULT: &[DataClass] =
    &[DataClass::Credential, DataClass::Email, DataClass::NationalId, DataClass::BankAccount];

/// The articles of Regulation (EU) 2016/679 that concern logs.
pub const GDPR: StandardTable = StandardTable {
    name: "gdpr",
    title: "GDPR, Regulation (EU) 2016/679",
    rules: &[
        rule(
            "gdpr/5.1.c",
            "GDPR article 5(1)(c)",
            "personal data are limited to what the purposes need",
            Redacts(PERSONAL),
        ),
        rule(
            "gdpr/5.1.e",
            "GDPR article 5(1)(e)",
            "personal data are kept no longer than the purposes need; the controller sets time limits (recital 39)",
            KeptAtMost,
        ),
        rule(
            "gdpr/5.1.f",
            "GDPR article 5(1)(f)",
            "personal data are protected from unauthorised access, and from loss, destruction and damage",
            ModeAtMost(0o640),
        ),
        rule(
            "gdpr/17",
            "GDPR article 17",
            "personal data of a person are erased when the person asks for it, with the exceptions of paragraph 3",
            Any(&[Redacts(PERSONAL), People("have a procedure that erases a person's data from log files")]),
        ),
        rule(
            "gdpr/25",
            "GDPR article 25",
            "only personal data that a purpose needs are processed by default",
            Redacts(BY_DEFAULT),
        ),
        rule(
            "gdpr/30",
            "GDPR article 30",
            "the controller has a record of its processing, with categories of data, recipients and time limits",
            People("name this log, its destinations and its time limits in the record of processing activities"),
        ),
        rule(
            "gdpr/32.1.a",
            "GDPR article 32(1)(a)",
            "personal data are pseudonymised and encrypted, as far as the risk asks for it",
            All(&[EncryptedInTransit, Any(&[Redacts(PERSONAL), EncryptedInFiles])]),
        ),
        rule(
            "gdpr/32.1.b",
            "GDPR article 32(1)(b)",
            "systems stay confidential, integral, available and resilient",
            All(&[AuditNotDropped, FailuresReported]),
        ),
        rule(
            "gdpr/32.1.d",
            "GDPR article 32(1)(d)",
            "the measures are tested and evaluated regularly",
            People("test the redaction and the retention of the log regularly"),
        ),
        rule(
            "gdpr/33",
            "GDPR article 33",
            "the supervisory authority is notified of a breach within 72 hours after the controller has become aware of it",
            All(&[AuditKept, People("have a procedure for breaches, with the audit events as its source")]),
        ),
    ],
};

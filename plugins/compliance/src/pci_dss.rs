//! PCI DSS: the requirements that concern logs.

use fapilog_plugin::data_class::DataClass;

use crate::{
    check::RuleCheck::{
        All, Any, AuditCopied, AuditDurable, AuditFieldsChecked, AuditKept, AuditNotDropped, AuditTamperEvident,
        AvailableAtLeast, EncryptedInTransit, FailuresReported, KeptAtLeast, ModeAtMost, OwnAuditEvents, People,
        Redacts, Runs, TimeSynchronised,
    },
    rule,
    table::StandardTable,
};

/// The enrichers that name the origin of an event.
const ORIGIN: &[&str] = &["hostname", "runtime_info", "kubernetes"];

/// PCI DSS 4.0.1, of June 2024: requirements 3.3 to 3.5, 4.2, 8.3 and 10. Requirement 10.7.1 is left out: 10.7.2 has replaced it.
pub const PCI_DSS: StandardTable = StandardTable {
    name: "pci-dss",
    title: "PCI DSS 4.0.1",
    rules: &[
        rule(
            "pci-dss/3.3.1",
            "PCI DSS 4.0.1, requirement 3.3.1",
            "card verification codes, PINs and other sensitive authentication data are not stored after authorization",
            All(&[
                Redacts(&[DataClass::CardSecurityCode]),
                People("check that no event has the contents of a track of a card, or a PIN block"),
            ]),
        ),
        rule(
            "pci-dss/3.4.1",
            "PCI DSS 4.0.1, requirement 3.4.1",
            "card numbers are masked where they are displayed: the BIN and the last four digits are visible at most",
            Redacts(&[DataClass::CardNumber]),
        ),
        rule(
            "pci-dss/3.5.1",
            "PCI DSS 4.0.1, requirement 3.5.1",
            "card numbers are unreadable wherever they are stored, logs included",
            Redacts(&[DataClass::CardNumber]),
        ),
        rule(
            "pci-dss/4.2.1",
            "PCI DSS 4.0.1, requirement 4.2.1",
            "strong cryptography protects card numbers on open, public networks",
            EncryptedInTransit,
        ),
        rule(
            "pci-dss/8.3.2",
            "PCI DSS 4.0.1, requirement 8.3.2",
            "passwords and other authentication factors are unreadable where they are transmitted and stored",
            Redacts(&[DataClass::Credential]),
        ),
        rule(
            "pci-dss/10.2.1",
            "PCI DSS 4.0.1, requirement 10.2.1",
            "audit logs are enabled and active",
            All(&[AuditKept, AuditNotDropped]),
        ),
        rule(
            "pci-dss/10.2.1.1",
            "PCI DSS 4.0.1, requirement 10.2.1.1",
            "audit logs have each access of a user to cardholder data",
            People("check that the program logs each access to cardholder data as an AUDIT event"),
        ),
        rule(
            "pci-dss/10.2.1.2",
            "PCI DSS 4.0.1, requirement 10.2.1.2",
            "audit logs have each action of anyone with administrative access, interactive use of system accounts included",
            People("check that the program logs each administrative action as an AUDIT event"),
        ),
        rule(
            "pci-dss/10.2.1.3",
            "PCI DSS 4.0.1, requirement 10.2.1.3",
            "audit logs have each access to audit logs",
            People("check that the system logs who reads the log files, by auditd for example"),
        ),
        rule(
            "pci-dss/10.2.1.4",
            "PCI DSS 4.0.1, requirement 10.2.1.4",
            "audit logs have each invalid attempt of access",
            People("check that the program logs each refused access as a SECURITY event"),
        ),
        rule(
            "pci-dss/10.2.1.5",
            "PCI DSS 4.0.1, requirement 10.2.1.5",
            "audit logs have each change of credentials: new accounts, elevated privileges, changed administrators",
            People("check that the program logs each change of credentials as an AUDIT event"),
        ),
        rule(
            "pci-dss/10.2.1.6",
            "PCI DSS 4.0.1, requirement 10.2.1.6",
            "audit logs have their own initialization, start, stop and interruption",
            All(&[OwnAuditEvents, AuditKept]),
        ),
        rule(
            "pci-dss/10.2.1.7",
            "PCI DSS 4.0.1, requirement 10.2.1.7",
            "audit logs have each creation and deletion of system-level objects",
            People("check that the program or the system logs created and deleted system-level objects"),
        ),
        rule(
            "pci-dss/10.2.2",
            "PCI DSS 4.0.1, requirement 10.2.2",
            "each audit event has user, type, date and time, outcome, origin, and the affected resource",
            All(&[
                Runs(ORIGIN),
                Any(&[
                    AuditFieldsChecked,
                    People("check that AUDIT events have user, type, outcome and resource as fields"),
                ]),
            ]),
        ),
        rule(
            "pci-dss/10.3",
            "PCI DSS 4.0.1, requirement 10.3",
            "audit logs are protected from destruction",
            AuditDurable,
        ),
        rule(
            "pci-dss/10.3.1",
            "PCI DSS 4.0.1, requirement 10.3.1",
            "only those that need it for their job can read audit log files",
            ModeAtMost(0o640),
        ),
        rule(
            "pci-dss/10.3.2",
            "PCI DSS 4.0.1, requirement 10.3.2",
            "audit log files are protected from changes by individuals",
            ModeAtMost(0o644),
        ),
        rule(
            "pci-dss/10.3.3",
            "PCI DSS 4.0.1, requirement 10.3.3",
            "audit log files are promptly backed up to a central log server, or to media that are difficult to change",
            AuditCopied,
        ),
        rule(
            "pci-dss/10.3.4",
            "PCI DSS 4.0.1, requirement 10.3.4",
            "existing audit logs cannot be changed without an alert: by file integrity monitoring or change detection",
            All(&[AuditTamperEvident, People("verify the stored audit events regularly, and alert if that fails")]),
        ),
        rule(
            "pci-dss/10.4.1",
            "PCI DSS 4.0.1, requirement 10.4.1",
            "audit logs are reviewed once a day at least",
            People("review the audit events each day"),
        ),
        rule(
            "pci-dss/10.4.1.1",
            "PCI DSS 4.0.1, requirement 10.4.1.1",
            "automated mechanisms review audit logs",
            People("check that a program reviews the audit events, such as a SIEM"),
        ),
        rule(
            "pci-dss/10.4.3",
            "PCI DSS 4.0.1, requirement 10.4.3",
            "exceptions and anomalies that a review finds are addressed",
            People("follow up the findings of reviews"),
        ),
        rule(
            "pci-dss/10.5.1",
            "PCI DSS 4.0.1, requirement 10.5.1",
            "audit logs are kept for 12 months, and the last three months are immediately available",
            All(&[KeptAtLeast { days: 366 }, AvailableAtLeast { days: 92 }]),
        ),
        rule("pci-dss/10.6.1", "PCI DSS 4.0.1, requirement 10.6.1", "system clocks are synchronized", TimeSynchronised),
        rule(
            "pci-dss/10.6.2",
            "PCI DSS 4.0.1, requirement 10.6.2",
            "systems get their time from designated time servers, and these from industry-accepted sources",
            People("check the configuration of the time daemon and of the time servers"),
        ),
        rule(
            "pci-dss/10.6.3",
            "PCI DSS 4.0.1, requirement 10.6.3",
            "time settings are protected, and changes of them are logged and reviewed",
            People("check who can change time settings, and that changes are logged"),
        ),
        rule(
            "pci-dss/10.7.2",
            "PCI DSS 4.0.1, requirement 10.7.2",
            "failures of critical security controls, audit logs among them, are detected, alerted and addressed promptly",
            All(&[FailuresReported, People("watch these reports, and alert on them")]),
        ),
        rule(
            "pci-dss/10.7.3",
            "PCI DSS 4.0.1, requirement 10.7.3",
            "failures of critical security controls are responded to promptly, and the response is documented",
            People("have a procedure for failures of the audit log, and document its use"),
        ),
    ],
};

//! The California Consumer Privacy Act: the sections that concern logs.

use fapilog_plugin::data_class::DataClass;

use crate::{
    check::RuleCheck::{All, Any, EncryptedInFiles, EncryptedInTransit, KeptAtMost, ModeAtMost, People, Redacts},
    gdpr::PERSONAL,
    rule,
    table::StandardTable,
};

/// Personal information of 1798.81.5(d)(1)(A), to which 1798.150 refers, as far as redactors can find it.
const LIABLE: &[DataClass] = &[
    DataClass::Credential,
    DataClass::CardNumber,
    DataClass::CardSecurityCode,
    DataClass::NationalId,
    DataClass::BankAccount,
    DataClass::Health,
];

/// The sections of the California Consumer Privacy Act of 2018, as amended in 2020, that concern logs.
pub const CCPA: StandardTable = StandardTable {
    name: "ccpa",
    title: "CCPA, California Civil Code 1798.100 and following",
    rules: &[
        rule(
            "ccpa/1798.100(a)(3)",
            "Cal. Civ. Code 1798.100(a)(3)",
            "consumers are informed how long personal information is retained, and it is retained no longer than necessary",
            All(&[KeptAtMost, People("state the retention of the log where consumers are informed")]),
        ),
        rule(
            "ccpa/1798.100(c)",
            "Cal. Civ. Code 1798.100(c)",
            "collection, use and retention of personal information are necessary and proportionate for their purpose",
            Redacts(PERSONAL),
        ),
        rule(
            "ccpa/1798.100(e)",
            "Cal. Civ. Code 1798.100(e)",
            "reasonable security protects personal information from unauthorized access, change and destruction",
            All(&[ModeAtMost(0o640), EncryptedInTransit]),
        ),
        rule(
            "ccpa/1798.105",
            "Cal. Civ. Code 1798.105",
            "personal information of a consumer is deleted on a verifiable request, with the exceptions of subdivision (d)",
            Any(&[Redacts(PERSONAL), People("have a procedure that deletes a consumer's information from log files")]),
        ),
        rule(
            "ccpa/1798.150",
            "Cal. Civ. Code 1798.150(a)(1)",
            "a business is liable for a breach of personal information that is neither encrypted nor redacted",
            Any(&[Redacts(LIABLE), EncryptedInFiles]),
        ),
        rule(
            "ccpa/7101",
            "11 CCR 7101(a)",
            "records of consumer requests, and of the answers, are maintained for 24 months",
            People("maintain the records of consumer requests elsewhere than in a log with a shorter retention"),
        ),
    ],
};

//! Standards of compliance for fapilog: PCI DSS, HIPAA, SOX, GDPR and CCPA, as rules that settings are checked against.
//!
//! A program that links the crate can name the standards in its settings:
//!
//! ```
//! use fapilog::Settings;
//! use fapilog_compliance as _;
//!
//! let error = Settings::builder().compliance_standards(["pci-dss"]).into_builder().unwrap_err();
//! assert!(error.to_string().contains("pci-dss/3.5.1"), "{error}");
//! ```
//!
//! | name | standard |
//! |---|---|
//! | `pci-dss` | [`PCI_DSS`]: PCI DSS 4.0.1, requirements 3, 4, 8 and 10 |
//! | `hipaa` | [`HIPAA`]: 45 CFR part 164, the Security Rule |
//! | `sox` | [`SOX`]: Sarbanes-Oxley Act, sections 302, 404 and 802, and 17 CFR 210.2-06 |
//! | `gdpr` | [`GDPR`]: Regulation (EU) 2016/679 |
//! | `ccpa` | [`CCPA`]: California Civil Code 1798.100 and following |
//!
//! No library makes an organisation compliant. These standards check what the settings of a log can meet or miss; each rule that a machine
//! cannot check is listed with what people have to do. The book's page on compliance has a complete settings file for each standard.
//!
//! A standard is a [table](StandardTable) of rules and [checks](RuleCheck): a program can have tables of its own, and registers
//! them by [`register_table`].

#![deny(unsafe_code)]

mod ccpa;
mod check;
mod gdpr;
mod hipaa;
mod machine;
mod pci_dss;
mod registration;
mod sox;
mod table;

pub use crate::{
    ccpa::CCPA,
    check::{CheckContext, CheckOutcome, RuleCheck},
    gdpr::GDPR,
    hipaa::HIPAA,
    machine::{ClockState, MachineProbe, ThisMachine},
    pci_dss::PCI_DSS,
    registration::{register, register_table},
    sox::SOX,
    table::{StandardSettings, StandardTable, TableRule, TableStandard},
};

/// The standards of the crate.
pub const TABLES: &[StandardTable] = &[PCI_DSS, HIPAA, SOX, GDPR, CCPA];

/// A rule of a table.
const fn rule(id: &'static str, reference: &'static str, asks: &'static str, check: RuleCheck) -> TableRule {
    TableRule { info: fapilog_plugin::compliance::RuleInfo::new(id, reference, asks), check }
}

/// Compiles and runs the code on the page of the book.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/compliance-guide.md")]
mod page {}

//! Queries over an audit trail, by user, action, object, outcome and time.
//!
//! [`AuditIndex`](index::AuditIndex) is a SQLite file with a row for each record of a trail. It is derived from the trail: it is made anew at any time, and
//! nothing is believed that stands in it alone. A query finds rows, reads each record from the data file through a
//! [`TrailReader`](fapilog_audit_trail::verify::TrailReader), which verifies its block, and compares the record with its row. A changed
//! index can hide a record, and cannot show a false one.
//!
//! | module | contents |
//! |---|---|
//! | [`index`] | the index: how it is opened, updated and searched |
//! | [`query`] | the terms of a query, and its patterns |
//! | [`record`] | the parts of a record that are indexed, and the records that a search finds |
//! | [`error`] | errors |
#![forbid(unsafe_code)]

pub mod error;
pub mod index;
mod place;
pub mod query;
pub mod record;

#[cfg(doctest)]
#[doc = include_str!("../../../docs/audit-query.md")]
mod page {}

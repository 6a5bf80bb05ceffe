//! Object stores for fapilog: the sink `object_store` for S3 and compatible stores, Azure Blob Storage and Google Cloud Storage.
//!
//! | module | what |
//! |---|---|
//! | `settings` | settings |
//! | `target` | checks of the settings, and what they lead to |
//! | `template` | names of objects |
//! | `segment` | the form of a segment's file: a head and frames with checksums |
//! | `files` | how files of the spool are opened and locked |
//! | `spool` | the directory of segments: one is open, and the closed ones wait for their upload |
//! | `upload` | the thread that uploads closed segments, in order |
//! | `compress` | a segment's bytes, compressed |
//! | `store` | the store's client: an upload in one request, or in parts |
//! | `build` | the clients of the three kinds of stores, by the crate `object_store` |
//! | `service` | requests of that crate go through the client of `fapilog-sink-http` |
//! | `sink` | the sink |
//!
//! A payload is appended to the open segment, and is delivered when it is durable. A segment that is closed becomes one object. Its name is
//! chosen when the segment is opened, and stands in the segment's head: an upload that is repeated, also by a later process, has the same name.
//!
//! Settings name the sink `object_store` where the program links the crate (`use fapilog_object_store as _;`). docs/object-store-sink.md
//! describes the use and the guarantees.
#![forbid(unsafe_code)]

mod build;
mod compress;
mod error;
mod files;
mod registration;
mod segment;
mod service;
mod settings;
mod sink;
mod spool;
mod store;
mod target;
mod template;
mod upload;

pub use crate::{
    error::ObjectStoreError,
    registration::register,
    settings::{
        ObjectCompression, ObjectEncryption, ObjectEncryptionSettings, ObjectLockMode, ObjectLockSettings,
        ObjectStoreSettings, SegmentSettings, SpoolSettings, StoreCredentials, StoreKind,
    },
    sink::ObjectStoreSink,
};

/// Compiles and runs the code on the crate's page of the book.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/object-store-sink.md")]
mod page {}

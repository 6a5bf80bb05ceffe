//! Object stores for fapilog: each closed segment of a log is an object in S3, Azure or Google Cloud Storage.

//! Errors of the destination.

use std::error::Error;

use thiserror::Error;

/// Why documents are not stored. No text of it repeats what a user logged.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ElasticsearchError {
    /// The destination refuses the whole request, or cannot take it now.
    #[error("the destination refuses the request: {kind}")]
    Request {
        /// The type of the error, such as `security_exception`.
        kind: String,
        /// The status.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The destination refuses documents, or cannot take them now.
    #[error("the destination does not take documents: {reasons}")]
    Documents {
        /// The numbers of documents, and for each the status and the type of the error, such as `3 with 400 document_parsing_exception`.
        reasons: String,
    },
    /// The answer is not that of the bulk API: another program answers, such as a proxy.
    #[error("the answer is not that of the bulk API: it has the results of {items} documents, and {records} were sent")]
    InvalidAnswer {
        /// The results in the answer.
        items: usize,
        /// The records of the request.
        records: usize,
    },
}

//! Error codes of brokers and of librdkafka, and which of them lead to another attempt.

use rdkafka::error::RDKafkaErrorCode as Code;

/// The fate of a record by its error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RecordFate {
    /// Another attempt may succeed.
    Retryable,
    /// The record itself is refused, and would be refused again.
    Rejected,
}

/// The fate by a code. Codes about the content of a record are permanent; all others are about the state of the brokers, a topic or the user,
/// which an operator corrects (docs/decisions/0066). Sources: the table of error codes of Kafka's protocol, and `rdkafka.h`.
pub(crate) fn fate_of(code: Code) -> RecordFate {
    match code {
        Code::MessageSizeTooLarge
        | Code::InvalidMessageSize
        | Code::BadMessage
        | Code::InvalidTopic
        | Code::InvalidTimestamp
        | Code::InvalidRecord
        | Code::PolicyViolation
        | Code::InvalidArgument => RecordFate::Rejected,
        _ => RecordFate::Retryable,
    }
}

/// Whether the record may be in the topic for all that: the broker may have stored it without an acknowledgement.
pub(crate) fn is_unconfirmed(code: Code) -> bool {
    matches!(
        code,
        Code::MessageTimedOut
            | Code::PurgeInflight
            | Code::RequestTimedOut
            | Code::OperationTimedOut
            | Code::BrokerTransportFailure
            | Code::NotEnoughReplicasAfterAppend
            | Code::OutOfOrderSequenceNumber
    )
}

/// Whether the record was given up.
pub(crate) fn is_purge(code: Code) -> bool {
    matches!(code, Code::PurgeQueue | Code::PurgeInflight)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_a_record_are_permanent_and_those_of_brokers_and_users_are_not() {
        for code in [Code::MessageSizeTooLarge, Code::InvalidRecord, Code::InvalidTopic] {
            assert_eq!(fate_of(code), RecordFate::Rejected, "{code}");
        }
        for code in [
            Code::MessageTimedOut,
            Code::PurgeInflight,
            Code::PurgeQueue,
            Code::Fatal,
            Code::NotLeaderForPartition,
            Code::UnknownTopicOrPartition,
            Code::UnknownTopic,
            Code::TopicAuthorizationFailed,
            Code::SaslAuthenticationFailed,
            Code::NotEnoughReplicas,
            Code::ThrottlingQuotaExceeded,
        ] {
            assert_eq!(fate_of(code), RecordFate::Retryable, "{code}");
        }
    }
}

//! Customers: what they and the staff do with personal data, each with an audit event. It is of level SECURITY where it was refused.
//!
//! An audit event has an id in `who` and in `object`, and no e-mail address or number: it is kept for years.

use axum::{
    extract::Path,
    http::{HeaderMap, StatusCode},
};
use fapilog::{Logger, audit, info, security};
use fapilog_tower::axum::{Failure, RequestLogger};

use crate::legacy;

/// Where these actions come from.
const ORIGIN: &str = "web shop";
/// The header in which a proxy states the member of the staff.
const STAFF: &str = "x-staff-id";
/// The card of all orders of the demonstration: a number for tests.
const CARD: &str = "4111 1111 1111 1111";

/// The only customer of the demonstration.
#[derive(Debug, Clone, Copy)]
pub struct Customer {
    id: &'static str,
    email: &'static str,
    password: &'static str,
}

/// The customer of the demonstration.
pub const ADA: Customer = Customer { id: "customer-7", email: "ada@example.com", password: "correct-horse-battery" };

/// `POST /sessions`, with an e-mail address and a password, each on a line.
pub(crate) async fn log_in(RequestLogger(log): RequestLogger, body: String) -> Result<String, Failure> {
    let (email, password) = body.split_once('\n').unwrap_or((&body, ""));
    legacy::note_login(email, password);
    if (email, password) == (ADA.email, ADA.password) {
        audit!(log, "login", who = ADA.id, outcome = "success", origin = ORIGIN, object = "session");
        return Ok("welcome\n".to_owned());
    }
    security!(log, "login", who = "unknown customer", outcome = "denied", origin = ORIGIN, object = "session");
    Err(Failure::new(StatusCode::UNAUTHORIZED, "the address or the password is wrong"))
}

/// `GET /orders/{id}/payment`: cardholder data, for the staff.
pub(crate) async fn payment(
    RequestLogger(log): RequestLogger,
    Path(order_id): Path<u64>,
    headers: HeaderMap,
) -> Result<String, Failure> {
    staff(&log, &headers, "payment read", &format!("payment of order {order_id}"))?;
    // Nobody should log this. The redactor takes it out.
    info!(log, "payment found", order_id, card = CARD);
    Ok("visa, ends in 1111\n".to_owned())
}

/// `DELETE /customers/{id}`: the erasure that a customer has asked for.
pub(crate) async fn erase(
    RequestLogger(log): RequestLogger,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode, Failure> {
    staff(&log, &headers, "customer erased", &id)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Lets members of the staff pass, and logs the action with its outcome.
fn staff(log: &Logger, headers: &HeaderMap, action: &str, object: &str) -> Result<(), Failure> {
    match headers.get(STAFF).and_then(|id| id.to_str().ok()) {
        Some(who) => {
            audit!(log, "{action}", action, who, outcome = "success", origin = ORIGIN, object);
            Ok(())
        }
        None => {
            security!(log, "{action}", action, who = "anonymous", outcome = "denied", origin = ORIGIN, object);
            Err(Failure::new(StatusCode::FORBIDDEN, "this is for the staff"))
        }
    }
}

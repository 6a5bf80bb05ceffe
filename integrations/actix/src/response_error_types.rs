//! Errors of handlers whose sources are logged.

use std::{error::Error, io, sync::Arc};

use actix_web::{
    ResponseError,
    error::{JsonPayloadError, PayloadError, QueryPayloadError, UrlencodedError},
};
use fapilog_http::Exchange;

/// The error in an error of actix-web's, if it has the known type.
type ResponseErrorOf = fn(&actix_web::Error) -> Option<&(dyn Error + 'static)>;

/// The types of errors whose sources are logged: a [`ResponseError`] alone has none.
#[derive(Debug, Clone, Default)]
pub(crate) struct ResponseErrorTypes {
    /// Those of the program; `None` for the common case.
    added: Option<Arc<[ResponseErrorOf]>>,
}

impl ResponseErrorTypes {
    /// These types and `E`.
    pub(crate) fn with<E: ResponseError + Error + 'static>(self) -> Self {
        let before = self.added.as_deref().unwrap_or_default();
        Self { added: Some(before.iter().copied().chain([typed::<E> as ResponseErrorOf]).collect()) }
    }

    /// Sets the error of an exchange: with its sources if its type is known, else by its text.
    pub(crate) fn set_error(&self, exchange: &mut Exchange, error: &actix_web::Error) {
        const KNOWN: [ResponseErrorOf; 6] = [
            boxed,
            typed::<io::Error>,
            typed::<JsonPayloadError>,
            typed::<PayloadError>,
            typed::<QueryPayloadError>,
            typed::<UrlencodedError>,
        ];
        let added = self.added.as_deref().unwrap_or_default();
        match KNOWN.iter().chain(added).find_map(|error_of| error_of(error)) {
            Some(error) => exchange.set_error(error),
            None => exchange.set_error_text(error),
        }
    }
}

fn typed<E: ResponseError + Error + 'static>(error: &actix_web::Error) -> Option<&(dyn Error + 'static)> {
    error.as_error::<E>().map(|error| error as _)
}

fn boxed(error: &actix_web::Error) -> Option<&(dyn Error + 'static)> {
    error.as_error::<Box<dyn Error>>().map(|error| &**error)
}

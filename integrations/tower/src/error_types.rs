//! Errors of services whose sources are logged.

use std::{any::Any, error::Error, fmt::Display, io, sync::Arc};

use fapilog_http::{BoxError, Exchange};

/// The error in a value of a known type.
type ErrorOf = fn(&dyn Any) -> Option<&(dyn Error + 'static)>;

/// The types of errors whose sources are logged. A service's error is bound by `Display` alone, because a boxed error is no
/// [`Error`], and a layer cannot convert an error that it returns as it came.
#[derive(Debug, Clone, Default)]
pub(crate) struct ErrorTypes {
    /// Those of the program; `None` for the common case.
    added: Option<Arc<[ErrorOf]>>,
}

impl ErrorTypes {
    /// These types and `E`.
    pub(crate) fn with<E: Error + 'static>(self) -> Self {
        let before = self.added.as_deref().unwrap_or_default();
        Self { added: Some(before.iter().copied().chain([typed::<E> as ErrorOf]).collect()) }
    }

    /// Sets the error of an exchange: with its sources if its type is known, else by its text.
    pub(crate) fn set_error<E: Display + 'static>(&self, exchange: &mut Exchange, error: &E) {
        const KNOWN: [ErrorOf; 4] = [boxed, boxed_send, boxed_local, typed::<io::Error>];
        let added = self.added.as_deref().unwrap_or_default();
        match KNOWN.iter().chain(added).find_map(|error_of| error_of(error)) {
            Some(error) => exchange.set_error(error),
            None => exchange.set_error_text(error),
        }
    }
}

fn typed<E: Error + 'static>(value: &dyn Any) -> Option<&(dyn Error + 'static)> {
    value.downcast_ref::<E>().map(|error| error as _)
}

fn boxed(value: &dyn Any) -> Option<&(dyn Error + 'static)> {
    value.downcast_ref::<BoxError>().map(|error| &**error as _)
}

fn boxed_send(value: &dyn Any) -> Option<&(dyn Error + 'static)> {
    value.downcast_ref::<Box<dyn Error + Send>>().map(|error| &**error as _)
}

fn boxed_local(value: &dyn Any) -> Option<&(dyn Error + 'static)> {
    value.downcast_ref::<Box<dyn Error>>().map(|error| &**error)
}

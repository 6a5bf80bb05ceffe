//! The types that `#error` takes: errors, and what holds an error without being one.

use std::{error::Error, rc::Rc, sync::Arc};

use crate::{
    self_typed::SelfTypedWriter,
    value::{ErrorText, Value, error_chain::render_chain, prepared::put_chain},
};

/// A type that `#error` takes. `Form` is the reason why, and inferred: so a type has several implementations, as long as
/// only one of them applies to it.
///
/// | type | form |
/// |---|---|
/// | an [`Error`], `dyn Error`, references to them, `Arc<dyn Error>` | `IsError` |
/// | `Box<dyn Error>`, `Rc<dyn Error>`, with or without `Send` and `Sync`, references to them | `HoldsError` |
/// | `anyhow::Error`, `eyre::Report`, and whatever converts to `&dyn Error` as they do | `ShowsError` |
/// | `Arc`, `Rc` and `Box` of such, `&mut` of an `Error` | `InPointer` |
/// | `Option` of all these | `InOption` |
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be logged by `#`: it is no error",
    label = "not an error",
    note = "`#` takes an `Error`, a `Box<dyn Error>`, an `anyhow::Error`, an `eyre::Report`, references to these, and an `Option` of these",
    note = "write `%value` to log it by its Display, or `?value` by its Debug"
)]
pub trait ErrorForm<Form> {
    /// The rendered error.
    type Text: Value;

    /// Renders it, with its sources.
    fn error_text(&self) -> Self::Text;

    /// Writes it as a part of another value, with its sources.
    fn put_error(&self, out: &mut SelfTypedWriter<'_>);
}

/// Writes an error as a part of another value. `Form` is inferred.
pub fn put_error<T: ErrorForm<Form> + ?Sized, Form>(out: &mut SelfTypedWriter<'_>, error: &T) {
    error.put_error(out);
}

/// The form of an error.
#[derive(Debug)]
pub enum IsError {}
/// The form of a pointer to an error that is none itself.
#[derive(Debug)]
pub enum HoldsError {}
/// The form of a type that hands out an error.
#[derive(Debug)]
pub enum ShowsError {}
/// The form of a pointer to a type that hands out an error.
#[derive(Debug)]
pub enum InPointer {}
/// The form of an error that may be missing.
#[derive(Debug)]
pub struct InOption<Form>(Form);

impl<E: Error + ?Sized> ErrorForm<IsError> for E {
    type Text = ErrorText;

    fn error_text(&self) -> ErrorText {
        render_chain(|| self)
    }

    fn put_error(&self, out: &mut SelfTypedWriter<'_>) {
        put_chain(out, || self);
    }
}

/// Types that are logged as the type behind them that `#` takes.
macro_rules! as_pointee {
    ($([$($generics:tt)*] $type:ty, $form:ty, $text:ty: |$this:ident| $pointee:expr;)*) => {$(
        impl<$($generics)*> ErrorForm<$form> for $type {
            type Text = $text;

            fn error_text(&self) -> $text {
                let $this = self;
                $pointee.error_text()
            }

            fn put_error(&self, out: &mut SelfTypedWriter<'_>) {
                let $this = self;
                $pointee.put_error(out);
            }
        }
    )*};
}

macro_rules! holds_error {
    ($type:ty) => {
        impl ErrorForm<HoldsError> for $type {
            type Text = ErrorText;

            fn error_text(&self) -> ErrorText {
                render_chain(|| &**self)
            }

            fn put_error(&self, out: &mut SelfTypedWriter<'_>) {
                put_chain(out, || &**self);
            }
        }

        as_pointee! {
            [] &$type, HoldsError, ErrorText: |this| (**this);
            [] &mut $type, HoldsError, ErrorText: |this| (**this);
        }
    };
}

holds_error!(Box<dyn Error + '_>);
holds_error!(Box<dyn Error + Send + '_>);
holds_error!(Box<dyn Error + Send + Sync + '_>);
holds_error!(Rc<dyn Error + '_>);

// Two conversions, because an `Arc<dyn Error>` and a `Box<dyn Error>` have the one or the other.
impl<T> ErrorForm<ShowsError> for T
where
    T: AsRef<dyn Error + Send + Sync + 'static> + AsRef<dyn Error + 'static> + ?Sized,
{
    type Text = ErrorText;

    fn error_text(&self) -> ErrorText {
        render_chain(|| AsRef::<dyn Error + 'static>::as_ref(self))
    }

    fn put_error(&self, out: &mut SelfTypedWriter<'_>) {
        put_chain(out, || AsRef::<dyn Error + 'static>::as_ref(self));
    }
}

macro_rules! in_pointer {
    ($($type:ident)*) => {
        as_pointee! {$(
            [T: ErrorForm<ShowsError, Text = ErrorText>] $type<T>, InPointer, ErrorText: |this| (**this);
            [T: ErrorForm<ShowsError, Text = ErrorText>] &$type<T>, InPointer, ErrorText: |this| (***this);
        )*}
    };
}

in_pointer!(Arc Rc Box);

impl<E: Error + ?Sized> ErrorForm<InPointer> for &mut E {
    type Text = ErrorText;

    fn error_text(&self) -> ErrorText {
        render_chain(|| &**self)
    }

    fn put_error(&self, out: &mut SelfTypedWriter<'_>) {
        put_chain(out, || &**self);
    }
}

impl<T: ErrorForm<Form>, Form> ErrorForm<InOption<Form>> for Option<T> {
    type Text = Option<T::Text>;

    fn error_text(&self) -> Self::Text {
        self.as_ref().map(T::error_text)
    }

    fn put_error(&self, out: &mut SelfTypedWriter<'_>) {
        match self {
            Some(error) => error.put_error(out),
            None => out.none(),
        }
    }
}

as_pointee! {
    [T: ErrorForm<Form>, Form] &Option<T>, InOption<Form>, Option<T::Text>: |this| (**this);
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::{as_logged, value::error_chain};

    #[derive(Debug, thiserror::Error)]
    #[error("cannot open")]
    struct Outer(#[source] io::Error);

    fn outer() -> Outer {
        Outer(io::Error::other("is locked"))
    }

    fn shown<T: ErrorForm<Form> + ?Sized, Form>(error: &T) -> String {
        as_logged(&error_chain(error), |value| value.to_string())
    }

    #[test]
    fn an_error_of_every_form_is_its_text_with_its_sources() {
        let expected = "cannot open: is locked";
        let error = outer();
        let dynamic: &dyn Error = &error;
        assert_eq!([shown(&error), shown(&&error), shown(dynamic), shown(&dynamic)], [expected; 4]);
        let sent: &(dyn Error + Send + Sync) = &error;
        assert_eq!([shown(sent), shown(&sent), shown(&&mut outer())], [expected; 3]);
        let boxed: Box<dyn Error> = Box::new(outer());
        assert_eq!([shown(&boxed), shown(&&boxed), shown(&*boxed), shown(&Box::new(outer()))], [expected; 4]);
        let boxed: Box<dyn Error + Send> = Box::new(outer());
        assert_eq!(shown(&boxed), expected);
        let mut boxed: Box<dyn Error + Send + Sync> = Box::new(outer());
        assert_eq!([shown(&boxed), shown(&&boxed), shown(&&mut boxed)], [expected; 3]);
        let counted: Arc<dyn Error> = Arc::new(outer());
        assert_eq!([shown(&counted), shown(&&counted)], [expected; 2]);
        let counted: Arc<dyn Error + Send + Sync> = Arc::new(outer());
        assert_eq!([shown(&counted), shown(&Arc::new(outer()))], [expected; 2]);
        let counted: Rc<dyn Error> = Rc::new(outer());
        assert_eq!(shown(&counted), expected);
    }

    #[test]
    fn an_anyhow_error_is_its_text_with_its_context_and_sources() {
        let error = anyhow::Error::new(outer()).context("cannot start");
        let expected = "cannot start: cannot open: is locked";
        assert_eq!([shown(&error), shown(&&error), shown(&*error)], [expected; 3]);
        let error = Arc::new(error);
        assert_eq!([shown(&error), shown(&&error)], [expected; 2]);
        assert_eq!(shown(&anyhow::anyhow!("alone")), "alone");
    }

    #[test]
    fn an_error_that_may_be_missing_is_its_text_or_nothing() {
        assert_eq!([shown(&Some(outer())), shown(&&Some(&outer()))], ["cannot open: is locked"; 2]);
        assert_eq!(shown(&outer().source()), "is locked");
        assert_eq!([shown(&None::<Outer>), shown(&None::<anyhow::Error>)], ["null"; 2]);
        let boxed: Option<Box<dyn Error + Send + Sync>> = Some("a text".into());
        assert_eq!([shown(&boxed), shown(&boxed.as_ref()), shown(&boxed.as_deref())], ["a text"; 3]);
    }

    #[derive(Debug)]
    struct Sour;

    impl AsRef<dyn Error + Send + Sync> for Sour {
        fn as_ref(&self) -> &(dyn Error + Send + Sync + 'static) {
            panic!("on purpose")
        }
    }

    impl AsRef<dyn Error> for Sour {
        fn as_ref(&self) -> &(dyn Error + 'static) {
            panic!("on purpose")
        }
    }

    #[test]
    fn a_panic_where_an_error_is_handed_out_is_caught() {
        assert_eq!(shown(&Sour), "<panicked while it was formatted>");
    }
}

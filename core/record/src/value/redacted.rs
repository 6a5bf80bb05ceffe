//! Values whose text never enters a record: the constant that stands for them, and the wrapper of secrets.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{
    self_typed::SelfTypedWriter,
    value::{Kind, Value, exposing::exposing, sealed::Sealed},
    writer::SlotWriter,
};

/// The text that stands in the place of a value which is redacted.
pub const REDACTED: &str = "[redacted]";

/// The value of a field whose value is not read: that of the sigil `~` and of `#[fapilog(redact)]`.
#[doc(hidden)]
#[derive(Debug, Clone, Copy)]
pub struct Redacted;

/// Has the compiler check an expression that is never evaluated, and take its variables for used.
#[doc(hidden)]
#[inline(always)]
pub fn unread<T: ?Sized>(_: &T) {}

/// A value that a program may log, and that no log contains: `[redacted]` stands for it.
///
/// It is a value whatever `T` is: as a field, in an `Option`, a list or a map, in a struct that derives
/// [`Value`](trait@Value), in a scope and in a logger's fields. `Display`, `Debug` and `Serialize` write `[redacted]` too, so that
/// it stays secret behind the sigils `%` and `?`, within `serialized`, and in any other output of a program. No code of `T` runs.
///
/// ```
/// use fapilog_record::value::Secret;
///
/// struct Login {
///     user: &'static str,
///     password: Secret<String>,
/// }
///
/// let login = Login { user: "ada", password: Secret::new("swordfish".to_owned()) };
/// assert_eq!(format!("{} {:?}", login.user, login.password), "ada [redacted]");
/// assert_eq!(login.password.expose(), "swordfish");
/// ```
///
/// # Memory
///
/// The memory of the value is as that of a `T`: it is not overwritten when a `Secret` is dropped, because a type of any
/// `T` cannot know whether its `T` has a way to do that. Name such a type as `T`: a
/// `Secret<zeroize::Zeroizing<String>>` is overwritten when it is dropped.
///
/// # Comparison
///
/// A `Secret` has no `PartialEq`: `==` of texts takes a time that depends on the first byte that differs. Compare what
/// [`expose`](Self::expose) returns by a function that takes the same time for all of them.
///
/// ```compile_fail,E0369
/// use fapilog_record::value::Secret;
///
/// assert!(Secret::new("swordfish") == Secret::new("swordfish"));
/// ```
#[derive(Clone, Copy, Default)]
pub struct Secret<T> {
    value: T,
}

exposing!(Secret);

impl<T> fmt::Display for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(REDACTED)
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(REDACTED)
    }
}

impl<T> Serialize for Secret<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(REDACTED)
    }
}

/// Reads a `T`. An error does not repeat the value, as that of a `T` may do.
impl<'de, T: Deserialize<'de>> Deserialize<'de> for Secret<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match T::deserialize(deserializer) {
            Ok(value) => Ok(Self::new(value)),
            Err(_) => Err(de::Error::custom("a secret value is of a wrong type or form")),
        }
    }
}

macro_rules! redacted {
    ($([$($generics:tt)*] $type:ty;)*) => {$(
        impl<$($generics)*> Sealed for $type {}

        impl<$($generics)*> Value for $type {
            /// A byte, so that as many of them as a record has are no more than its bytes.
            type Wire = [u8; 1];
            const KIND: Kind = Kind::Redacted;

            #[inline(always)]
            fn archive(&self, _: &mut SlotWriter<'_>) -> [u8; 1] {
                [0]
            }

            #[inline]
            fn put_self_typed(&self, out: &mut SelfTypedWriter<'_>) {
                out.text(REDACTED);
            }
        }
    )*};
}

redacted! {
    [] Redacted;
    [T] Secret<T>;
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{
        arguments::{Arg, Arguments, End},
        as_logged::as_logged,
        head::Head,
        value::{self, OwnedValue, ValueRef, debug, display, serialized},
        writer::{record_bytes, write_record},
    };

    /// Neither a value, nor anything that could be shown.
    #[derive(Clone)]
    struct Opaque;

    fn record<A: Arguments>(arguments: &A) -> Vec<u8> {
        let mut record = vec![0xee; record_bytes(arguments, 0)];
        write_record(&mut record, 0, arguments, &[]).unwrap();
        record
    }

    fn shown<T: Value + ?Sized>(value: &T) -> String {
        as_logged(value, |value| value.to_string())
    }

    #[test]
    fn a_redacted_value_is_a_byte_in_the_root_and_has_no_tail() {
        let password = Secret::new("swordfish".to_owned());
        let arguments = (Arg(&password), (Arg(&7_u8), (Arg(&Redacted), End)));
        assert_eq!(record(&arguments)[Head::BYTES..], [0, 7, 0]);
        assert_eq!((Kind::Redacted.wire_bytes(), Kind::Redacted.has_tail()), (1, false));
        assert_eq!(Arguments::tail_bytes(&arguments), 0);
    }

    #[test]
    fn options_and_lists_of_secrets_have_the_layout_of_their_kind() {
        let [some, none] = [Some(Secret::new(Opaque)), None];
        assert_eq!(record(&(Arg(&some), (Arg(&none), End)))[Head::BYTES..], [1, 0, 0, 0]);
        let list = [Secret::new(1), Secret::new(2)];
        assert_eq!(record(&(Arg(&list), End))[Head::BYTES..], [16, 0, 0, 0, 2, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn a_reader_finds_the_text_that_stands_for_it() {
        assert_eq!(value::read(&[0], 0, &Kind::Redacted), ValueRef::Text(REDACTED));
        assert_eq!(value::read(&[], 0, &Kind::Redacted), ValueRef::None);
        assert_eq!(shown(&Secret::new(Opaque)), "[redacted]");
        assert_eq!(shown(&Some(Secret::new(1))), "[redacted]");
        assert_eq!(shown(&vec![Secret::new("a"), Secret::new("b")]), "[[redacted], [redacted]]");
        assert_eq!(shown(&(1, Secret::new("a"))), "[1, [redacted]]");
        assert_eq!(shown(&BTreeMap::from([("password", Secret::new("a"))])), "{password: [redacted]}");
    }

    #[test]
    fn outside_of_a_call_it_is_the_text() {
        assert_eq!(OwnedValue::of(&Secret::new("swordfish")).view(), ValueRef::Text(REDACTED));
    }

    #[test]
    fn every_way_to_show_it_shows_that_it_is_redacted() {
        let password = Secret::new("swordfish");
        assert_eq!(format!("{password} {password:?} {password:>12}"), "[redacted] [redacted]   [redacted]");
        assert_eq!((shown(&display(&password)), shown(&debug(&password))), (REDACTED.into(), REDACTED.into()));
        assert_eq!(serde_json::to_string(&(1, &password)).unwrap(), r#"[1,"[redacted]"]"#);
        assert_eq!(shown(&serialized(&BTreeMap::from([("password", password)]))), "{password: [redacted]}");
    }

    #[test]
    fn a_secret_is_read_as_its_value_and_an_error_does_not_repeat_it() {
        let token: Secret<String> = serde_json::from_str(r#""swordfish""#).unwrap();
        assert_eq!(token.into_inner(), "swordfish");
        let error = serde_json::from_str::<Secret<u64>>(r#""swordfish""#).unwrap_err().to_string();
        assert!(error.contains("a secret value is of a wrong type or form"), "{error}");
        assert!(!error.contains("swordfish"), "{error}");
    }

    #[test]
    fn the_value_comes_out_only_by_name() {
        let mut secret = Secret::from(vec![1]);
        secret.expose_mut().push(2);
        assert_eq!((secret.expose().as_slice(), secret.clone().into_inner()), (&[1, 2][..], vec![1, 2]));
    }
}

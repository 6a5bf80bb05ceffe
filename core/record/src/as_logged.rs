//! Values as the log would show them.

use crate::{
    arguments::{Arg, Arguments, End},
    head::Head,
    value::{self, Value, ValueRef},
    writer::{record_bytes, write_record},
};

/// A longer value is cut.
const RECORD_MAX_BYTES: usize = 1 << 20;

/// Shows `look` what a plugin would see of `value` if it were logged, in a record that is long enough for it: for tests
/// that name the values they expect.
#[doc(hidden)]
pub fn as_logged<T: Value + ?Sized, R>(value: &T, look: impl FnOnce(ValueRef<'_>) -> R) -> R {
    let arguments = (Arg(value), End);
    let mut record = vec![0; record_bytes(&arguments, 0).min(RECORD_MAX_BYTES)];
    match (write_record(&mut record, 0, &arguments, &[]), kinds(&arguments).next()) {
        (Ok(_), Some(kind)) => look(value::read(&record, Head::BYTES, kind)),
        _ => look(ValueRef::None),
    }
}

fn kinds<A: Arguments>(_: &A) -> impl Iterator<Item = &'static value::Kind> + use<A> {
    A::SHAPE.kinds()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn debug_of<T: Value + ?Sized>(value: &T) -> String {
        as_logged(value, |value| format!("{value:?}"))
    }

    #[test]
    fn a_value_is_seen_as_a_plugin_would_see_it() {
        assert_eq!(debug_of(&7_u8), "U64(7)");
        assert_eq!(debug_of("text"), r#"Text("text")"#);
        assert_eq!(debug_of(&String::from("text")), r#"Text("text")"#);
        assert_eq!(debug_of(&Some(-1_i64)), "I64(-1)");
        assert_eq!(debug_of(&None::<u8>), "None");
        assert_eq!(debug_of(&value::display(&1.5)), r#"Text("1.5")"#);
    }

    #[test]
    fn elements_of_a_sequence_are_seen_whole() {
        let elements = as_logged(&["a", "b"], |value| match value {
            ValueRef::Sequence(elements) => elements.iter().map(|element| format!("{element:?}")).collect(),
            _ => Vec::new(),
        });
        assert_eq!(elements, [r#"Text("a")"#, r#"Text("b")"#]);
    }
}

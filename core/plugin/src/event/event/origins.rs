//! Where an event and the texts in it come from.

use fapilog_record::{
    head::Head,
    value::{ErrorChain, Kind, ValueRef},
};

use crate::event::{Event, FieldRef, Location, TextOrigin};

impl<'batch> Event<'batch> {
    /// Module, file and line of the log call; `None` for an event without a call site: one of an adapter, or of the library
    /// itself. All events of a call site have the same.
    ///
    /// ```
    /// use fapilog_plugin::event::Event;
    ///
    /// fn put_location(event: &Event<'_>, out: &mut String) {
    ///     if let Some(location) = event.location() {
    ///         out.push_str(&format!("{location} ({})", location.module)); // src/orders.rs:42 (engine::orders)
    ///     }
    /// }
    /// # let _ = put_location;
    /// ```
    #[must_use]
    pub fn location(&self) -> Option<Location> {
        (!self.is_dynamic).then(|| Location::of(self.descriptor.site()))
    }

    /// The origin of a field's text: a text of the program, a `Debug`, or an error with its sources. It is known of the
    /// arguments of a log call, also of one that a plugin has cut, and is [`Plain`](TextOrigin::Plain) for all else: a value
    /// that a plugin has put in the place of an argument has no part of the argument.
    ///
    /// ```
    /// use fapilog_plugin::event::{Event, TextOrigin};
    ///
    /// /// The innermost source of each error that was logged as `#error`.
    /// fn root_causes<'batch>(event: &Event<'batch>) -> Vec<&'batch str> {
    ///     let origins = event.fields().map(|field| event.text_origin(&field));
    ///     let last = |origin| if let TextOrigin::Error(chain) = origin { chain.last() } else { None };
    ///     origins.filter_map(last).collect()
    /// }
    /// # let _ = root_causes;
    /// ```
    #[must_use]
    pub fn text_origin(&self, field: &FieldRef<'batch>) -> TextOrigin<'batch> {
        let ValueRef::Text(text) = field.value else { return TextOrigin::Plain };
        let is_it = |name: fapilog_record::call_site::FieldName| name.group == field.group && name.name == field.name;
        let Some(described) = self.descriptor.fields().iter().find(|described| is_it(described.name)) else {
            return TextOrigin::Plain;
        };
        // A redactor's text must not be undone: only the argument itself, or its front, has its origin.
        let ValueRef::Text(argument) = self.argument(described.root_offset, described.kind) else {
            return TextOrigin::Plain;
        };
        if !std::ptr::eq(argument.as_ptr(), text.as_ptr()) || text.len() > argument.len() {
            return TextOrigin::Plain;
        }
        match described.kind {
            Kind::DebugText => TextOrigin::Debug,
            Kind::ErrorText => {
                TextOrigin::Error(ErrorChain::new(self.own_bytes(), Head::BYTES + described.root_offset, text))
            }
            _ => TextOrigin::Plain,
        }
    }
}

#[cfg(test)]
mod tests {
    use fapilog_record::{
        arguments::{Arg, End},
        field_group::FieldGroup,
        value::{debug, display, error_chain},
        writer::write_record,
    };

    use super::*;
    use crate::{
        event::Batch,
        testing::{TestBatches, test_event},
    };

    #[derive(Debug, thiserror::Error)]
    #[error("cannot open")]
    struct Outer(#[source] std::io::Error);

    fn error() -> Outer {
        Outer(std::io::Error::other("is locked"))
    }

    /// The origins of an error, a `Debug`, a `Display` and a text, as words.
    fn origins(event: &Event<'_>) -> Vec<String> {
        let word = |field: FieldRef<'_>| match event.text_origin(&field) {
            TextOrigin::Plain => "plain".to_owned(),
            TextOrigin::Debug => "debug".to_owned(),
            TextOrigin::Error(chain) => chain.collect::<Vec<_>>().join(" < "),
        };
        event.counted_fields(FieldGroup::Context).iter().copied().map(word).collect()
    }

    fn with_event(test: impl FnOnce(&mut Event<'_>)) {
        type Four<'a> = (
            Arg<'a, fapilog_record::value::ErrorText>,
            (
                Arg<'a, fapilog_record::value::DebugText>,
                (Arg<'a, fapilog_record::value::Rendered>, (Arg<'a, str>, End)),
            ),
        );
        let (a, b, c) = (error_chain(&error()), debug(&"b"), display(&"c"));
        let arguments: Four<'_> = (Arg(&a), (Arg(&b), (Arg(&c), (Arg("d"), End))));
        let mut record = [0; 200];
        let written = write_record(&mut record, 0, &arguments, &[]).unwrap();
        let look = |batch: &mut Batch<'_>| {
            let mut event = batch.events()[0].clone();
            test(&mut event);
        };
        TestBatches::new().record::<Four<'_>, _>(&record[..written.used_bytes], look).unwrap();
    }

    #[test]
    fn the_origin_of_an_arguments_text_is_known() {
        with_event(|event| assert_eq!(origins(event), ["cannot open < is locked", "debug", "plain", "plain"]));
    }

    #[test]
    fn a_text_in_the_place_of_an_argument_has_no_origin_and_a_cut_argument_has_its_own() {
        with_event(|event| {
            let Some(ValueRef::Text(text)) = event.field(FieldGroup::Context, "a") else { panic!("no text") };
            event.set_field(FieldGroup::Context, "b", ValueRef::Text("***"));
            event.set_field(FieldGroup::Context, "a", ValueRef::Text(&text[..14]));
            assert_eq!(origins(event), ["cannot open < i", "plain", "plain", "plain"]);
            event.set_field(FieldGroup::Context, "a", ValueRef::Text("cannot open: is locked"));
            assert_eq!(origins(event)[0], "plain");
        });
    }

    #[test]
    fn an_event_of_a_call_site_has_a_location_and_another_has_none() {
        TestBatches::new().batch(&[7], |batch| {
            let location = batch.events()[0].location().unwrap();
            assert_eq!((location.to_string().as_str(), location.module), ("staged.rs:1", "stage"));
        });
        TestBatches::new().events(&[test_event("dynamic")], |batch| {
            assert_eq!(batch.events()[0].location(), None);
        });
    }
}

//! Format: writes messages from the event's fields.

pub(crate) mod settings;
mod template;

pub use template::{TemplateError, TemplateErrorKind};

use bumpalo::Bump;
use fapilog_plugin::{
    error::PluginError,
    event::{Batch, Event, FILLED_MAX_BYTES, MISSING_FIELD},
    processor::Processor,
};
use fapilog_record::{directives::is_within, field_group::FieldGroup, text::bounded::front, value::ValueRef};

use crate::process::format::template::MessageTemplate;

/// Writes messages anew, by templates.
///
/// A template is text with placeholders: `{order_id}` or `{tags.region}` for a field (see [`FieldPath`](super::FieldPath)),
/// `{level}`, `{source}`, `{target}`, `{message}`, `{correlation_id}`; `{{` and `}}` are braces. The fields stay as they
/// are. Internal events keep their messages.
///
/// Where no template is set, [literal](Self::in_messages) messages are their own templates.
///
/// The field is then part of the message too, where a redactor that goes by the names of fields does not see it.
///
/// ```
/// use fapilog_builtin::process::Format;
///
/// let format = Format::in_messages().target("http", "{method} {path}: {metrics.status}")?;
/// # let _ = format;
/// # Ok::<(), fapilog_builtin::process::TemplateError>(())
/// ```
#[doc(alias = "FormatProcessor")]
#[derive(Debug, Clone)]
pub struct Format {
    template: Option<MessageTemplate>,
    /// Longest target first: the first that fits is the one that counts.
    targets: Vec<(String, MessageTemplate)>,
    missing: String,
    text: Vec<u8>,
}

impl Format {
    /// Fills the placeholders of log calls, `info!(log, "order {order_id} filled", order_id)`, at this place of the pipeline. Without
    /// this, they are filled when the message is written, from the fields as redactors have left them.
    #[must_use]
    pub fn in_messages() -> Self {
        Self { template: None, targets: Vec::new(), missing: MISSING_FIELD.to_owned(), text: Vec::new() }
    }

    /// Makes all messages by this template.
    ///
    /// # Errors
    /// When it is none.
    pub fn template(mut self, template: &str) -> Result<Self, TemplateError> {
        self.template = Some(MessageTemplate::parse(template)?);
        Ok(self)
    }

    /// Makes the messages of this module, and of those below it, by this template. The longest target that fits counts.
    ///
    /// # Errors
    /// When it is none.
    pub fn target(mut self, target: impl Into<String>, template: &str) -> Result<Self, TemplateError> {
        let (target, template) = (target.into(), MessageTemplate::parse(template)?);
        self.targets.retain(|(known, _)| *known != target);
        self.targets.push((target, template));
        self.targets.sort_by_key(|(target, _)| std::cmp::Reverse(target.len()));
        Ok(self)
    }

    /// The text for a field that an event does not have. Default: `<missing>`.
    #[must_use]
    pub fn missing(mut self, text: impl Into<String>) -> Self {
        self.missing = text.into();
        self
    }

    /// The template that counts for an event; `None` where its own message is it.
    fn template_of(&self, event: &Event<'_>) -> Option<&MessageTemplate> {
        let target = if self.targets.is_empty() { "" } else { event.target() };
        let own = self.targets.iter().find(|(known, _)| is_within(target, known)).map(|(_, template)| template);
        own.or(self.template.as_ref())
    }

    /// The event's message anew, and whether it is cut; `None` if there is no template for it.
    fn rendered<'batch>(&mut self, event: &Event<'batch>, arena: &'batch Bump) -> Option<(&'batch str, bool)> {
        let mut text = std::mem::take(&mut self.text);
        let rendered = match self.template_of(event) {
            Some(template) => {
                text.clear();
                template.render(event, &self.missing, &mut text);
                // Templates and values in them are UTF-8.
                let (message, is_cut) = bounded(std::str::from_utf8(&text).unwrap_or_default());
                Some((&*arena.alloc_str(message), is_cut))
            }
            None => {
                event.descriptor().message_template().map(|template| bounded(event.filled(template, &self.missing)))
            }
        };
        self.text = text;
        rendered
    }
}

/// The front of a message that may be too long, and whether it was.
fn bounded(text: &str) -> (&str, bool) {
    let message = front(text, FILLED_MAX_BYTES);
    (message, message.len() < text.len())
}

/// Without templates of its own: [`in_messages`](Format::in_messages).
impl Default for Format {
    fn default() -> Self {
        Self::in_messages()
    }
}

impl Processor for Format {
    fn name(&self) -> &'static str {
        "format"
    }

    fn process(&mut self, batch: &mut Batch<'_>) -> Result<(), PluginError> {
        let arena = batch.arena();
        for event in batch.events_mut().iter_mut().filter(|event| !event.is_internal()) {
            let Some((message, is_cut)) = self.rendered(event, arena) else { continue };
            if is_cut {
                event.mark_field_cut(FieldGroup::Message, "");
            }
            event.set_message(ValueRef::Text(message));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fapilog_plugin::testing::{TestBatches, TestEvent, test_event};

    fn messages(format: &mut Format, stage: &TestBatches, events: &[TestEvent<'_>]) -> Vec<String> {
        stage.events(events, |batch| {
            format.process(batch).unwrap();
            batch.events().iter().map(message).collect()
        })
    }

    fn message(event: &Event<'_>) -> String {
        let ValueRef::Text(text) = event.message() else { panic!("the message is text") };
        text.to_owned()
    }

    /// The message of a call site whose argument `n` is 7.
    fn of_a_call_site(format: &mut Format, literal: &'static str) -> String {
        TestBatches::new().message(literal).batch(&[7], |batch| {
            format.process(batch).unwrap();
            message(&batch.events()[0])
        })
    }

    #[test]
    fn a_literal_messages_own_placeholders_are_filled() {
        let mut format = Format::in_messages();
        for (literal, text) in [
            ("order {n} filled", "order 7 filled"),
            ("{m} of {n}", "<missing> of 7"),
            ("{{n}} is {n}", "{n} is 7"),
            ("{n:?}", "7"),
        ] {
            assert_eq!(of_a_call_site(&mut format, literal), text);
        }
    }

    #[test]
    fn a_literal_without_placeholders_stays() {
        for literal in ["plain", "plain, too"] {
            assert_eq!(of_a_call_site(&mut Format::in_messages(), literal), literal);
        }
    }

    #[test]
    fn a_message_from_elsewhere_is_no_template() {
        let event = test_event("{secret}").field(FieldGroup::Context, "secret", 1);
        assert_eq!(messages(&mut Format::in_messages(), &TestBatches::new(), &[event]), ["{secret}"]);
    }

    #[test]
    fn the_longest_target_that_fits_has_the_template() {
        let format = Format::in_messages().template("all: {message}").unwrap();
        let mut format = format.target("app", "app").unwrap().target("app::net", "net {nothing}").unwrap().missing("?");
        let events = ["app::db", "app::net::tcp", "other"].map(|target| test_event("done").target(target));
        assert_eq!(messages(&mut format, &TestBatches::new(), &events), ["app", "net ?", "all: done"]);
    }

    #[test]
    fn a_message_that_grows_too_long_is_cut_and_marked() {
        let long = "ä".repeat(20_000);
        let event = test_event("m").field(FieldGroup::Context, "long", long.as_str());
        TestBatches::new().events(&[event], |batch| {
            Format::in_messages().template("x{long}{long}").unwrap().process(batch).unwrap();
            let event = &batch.events()[0];
            assert!(event.is_cut());
            assert_eq!(message(event).len(), FILLED_MAX_BYTES - 1);
        });
    }

    #[test]
    fn internal_events_keep_their_messages() {
        TestBatches::new().batch(&[], |batch| {
            batch.emit(fapilog_record::level::Level::Warning, "fapilog::throttle", "began", &[]);
            Format::in_messages().template("x").unwrap().process(batch).unwrap();
            assert_eq!(message(&batch.events()[0]), "began");
        });
    }
}

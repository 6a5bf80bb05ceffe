//! Context enricher: thread and process.

pub(crate) mod settings;

use fapilog_plugin::{common_fields::CommonFields, enricher::Enricher, error::PluginError, event::Batch};
use fapilog_record::value::ValueRef;

const THREAD_ID: &str = "thread_id";
const THREAD_NAME: &str = "thread_name";
const PROCESS_ID: &str = "process_id";

/// Adds `thread_id`, `thread_name` (if the thread has one) and `process_id` to each event's context. A user's own field
/// of that name stays as it is.
///
/// It adds nothing about tasks: when the drain sees an event, its thread may run another task already. A
/// program that wants its events to name a task binds the name where the task runs, with a `Scope`.
#[doc(alias = "ContextEnricher")]
#[derive(Debug, Clone)]
#[must_use]
pub struct Context {
    thread_id: bool,
    thread_name: bool,
    /// `None`: it is not wanted.
    process_id: Option<u64>,
    common: CommonFields,
}

impl Context {
    /// An enricher for this process: it asks for the process's id now, so it is to be made in the process that runs it.
    pub fn new() -> Self {
        let common = CommonFields::new([THREAD_ID, THREAD_NAME, PROCESS_ID]);
        Self { thread_id: true, thread_name: true, process_id: Some(std::process::id().into()), common }
    }

    /// Whether `thread_id` is added: the kernel's id of the thread. Default: yes.
    pub fn thread_id(mut self, add: bool) -> Self {
        self.thread_id = add;
        self
    }

    /// Whether `thread_name` is added: the name that the thread had when it first logged. Default: yes.
    pub fn thread_name(mut self, add: bool) -> Self {
        self.thread_name = add;
        self
    }

    /// Whether `process_id` is added. Default: yes.
    pub fn process_id(mut self, add: bool) -> Self {
        self.process_id = add.then(|| std::process::id().into());
        self
    }
}

impl Default for Context {
    fn default() -> Self {
        Self::new()
    }
}

impl Enricher for Context {
    fn name(&self) -> &'static str {
        "context"
    }

    fn enrich(&mut self, batch: &mut Batch<'_>) -> Result<(), PluginError> {
        let Self { thread_id, thread_name, process_id, ref mut common } = *self;
        common.add(batch, |producer, fields| {
            // Zero: events of several threads. Which one it was is not known.
            let is_known = producer.thread_id() != 0;
            if thread_id && is_known {
                fields.push(THREAD_ID, ValueRef::U64(producer.thread_id()));
            }
            if let Some(name) = producer.thread_name().filter(|_| thread_name && is_known) {
                fields.push(THREAD_NAME, ValueRef::Text(name));
            }
            if let Some(process_id) = process_id {
                fields.push(PROCESS_ID, ValueRef::U64(process_id));
            }
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use fapilog_plugin::{event::Event, testing::TestBatches};
    use fapilog_record::field_group::FieldGroup;

    use super::*;

    fn text_of<'a>(event: &Event<'a>, name: &str) -> Option<ValueRef<'a>> {
        event.field(FieldGroup::Context, name)
    }

    #[test]
    fn thread_and_process_are_added() {
        let stage = TestBatches::new().thread(41, Some("matcher"));
        stage.batch(&[0], |batch| {
            Context::new().enrich(batch).unwrap();
            let event = &batch.events()[0];
            assert_eq!(text_of(event, THREAD_ID), Some(ValueRef::U64(41)));
            assert_eq!(text_of(event, THREAD_NAME), Some(ValueRef::Text("matcher")));
            assert_eq!(text_of(event, PROCESS_ID), Some(ValueRef::U64(std::process::id().into())));
        });
    }

    #[test]
    fn a_thread_without_a_name_adds_none() {
        let stage = TestBatches::new().thread(41, None);
        stage.batch(&[0], |batch| {
            Context::new().enrich(batch).unwrap();
            assert_eq!(text_of(&batch.events()[0], THREAD_NAME), None);
            assert_eq!(batch.events()[0].shared_context().len(), 2);
        });
    }

    #[test]
    fn events_of_several_threads_name_no_thread() {
        let stage = TestBatches::new().thread(0, None);
        stage.batch(&[0], |batch| {
            Context::new().enrich(batch).unwrap();
            assert_eq!(text_of(&batch.events()[0], THREAD_ID), None);
            assert!(text_of(&batch.events()[0], PROCESS_ID).is_some());
        });
    }

    #[test]
    fn each_field_can_be_disabled() {
        let names = |mut enricher: Context| {
            TestBatches::new().thread(41, Some("matcher")).batch(&[0], |batch| {
                enricher.enrich(batch).unwrap();
                batch.events()[0].shared_context().iter().map(|field| field.name.to_owned()).collect::<Vec<_>>()
            })
        };
        assert_eq!(names(Context::new().thread_id(false)), [THREAD_NAME, PROCESS_ID]);
        assert_eq!(names(Context::new().thread_name(false)), [THREAD_ID, PROCESS_ID]);
        assert_eq!(names(Context::new().process_id(false)), [THREAD_ID, THREAD_NAME]);
    }

    #[test]
    fn a_users_own_key_stays() {
        let stage = TestBatches::new().thread(41, Some("matcher")).argument("thread_name");
        stage.batch(&[7], |batch| {
            Context::new().enrich(batch).unwrap();
            let event = &batch.events()[0];
            assert_eq!(text_of(event, THREAD_NAME), Some(ValueRef::U64(7)));
            assert_eq!(text_of(event, THREAD_ID), Some(ValueRef::U64(41)));
            assert_eq!(event.fields().filter(|field| field.name == THREAD_NAME).count(), 1);
        });
    }
}

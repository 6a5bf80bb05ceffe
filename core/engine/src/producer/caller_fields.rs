//! Fields that only the calling thread knows: functions of the program add them in each log call.

use std::{cell::Cell, fmt, sync::Arc};

use fapilog_record::{
    fields::Fields,
    user_code::{catch_panic, drop_catching_panics},
};

/// The memory for the fields of a thread's calls.
#[derive(Default)]
enum ThreadFields {
    Free(Fields),
    /// A call uses it. Another call that finds it so comes from one of the functions, or from a waker that the first call runs.
    #[default]
    InUse,
}

thread_local! {
    static FIELDS: Cell<ThreadFields> = const { Cell::new(ThreadFields::Free(Fields::new())) };
}

/// The most memory that a thread keeps for the fields of its calls, in bytes.
const KEPT_BYTES: usize = 64 * 1024;

type FieldsFunction = Arc<dyn Fn(&mut Fields) + Send + Sync>;

/// The functions that add fields to each event, on the thread that logs it.
#[derive(Clone, Default)]
pub(crate) struct CallerFields {
    functions: Vec<FieldsFunction>,
}

impl CallerFields {
    pub(crate) fn add(&mut self, function: impl Fn(&mut Fields) + Send + Sync + 'static) {
        self.functions.push(Arc::new(function));
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.functions.is_empty()
    }

    /// The fields of this thread now. A call that one of the functions makes itself has none.
    #[inline]
    pub(super) fn collect(&self) -> CollectedFields {
        if self.is_empty() { CollectedFields { fields: None } } else { self.call() }
    }

    #[cold]
    fn call(&self) -> CollectedFields {
        let Ok(ThreadFields::Free(mut fields)) = FIELDS.try_with(Cell::take) else {
            return CollectedFields { fields: None };
        };
        fields.clear();
        for function in &self.functions {
            let whole_fields = fields.len();
            if catch_panic(|| function(&mut fields)).is_err() {
                // The fields of a function that panics are half done.
                fields.truncate(whole_fields);
            }
        }
        CollectedFields { fields: Some(fields) }
    }
}

impl Drop for CallerFields {
    fn drop(&mut self) {
        // The last owner drops what the program's functions hold, which may panic.
        self.functions.drain(..).for_each(drop_catching_panics);
    }
}

impl fmt::Debug for CallerFields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallerFields").field("functions", &self.functions.len()).finish()
    }
}

/// The fields of a call. The thread gets their memory back when this is dropped.
pub(super) struct CollectedFields {
    fields: Option<Fields>,
}

impl CollectedFields {
    /// As those of a scope.
    #[inline]
    pub(super) fn bytes(&self) -> &[u8] {
        self.fields.as_ref().map_or(&[], Fields::bytes)
    }
}

impl Drop for CollectedFields {
    fn drop(&mut self) {
        let Some(fields) = self.fields.take() else { return };
        let kept = if fields.capacity_bytes() > KEPT_BYTES { Fields::new() } else { fields };
        let _ = FIELDS.try_with(|free| free.set(ThreadFields::Free(kept)));
    }
}

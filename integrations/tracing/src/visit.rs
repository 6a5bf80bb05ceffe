//! The fields of an event or a span, as `tracing` visits them.

use std::{
    cell::Cell,
    error::Error,
    fmt,
    mem::ManuallyDrop,
    panic::{AssertUnwindSafe, catch_unwind},
};

use fapilog::{
    adapter::Fields,
    event::{FieldGroup, ValueRef},
};
use tracing_core::field::{Field, Visit};

use crate::site::{FieldPlace, LogProperty, Site};

/// How deep spans and events are nested that are made by the `Debug` of a field. Beyond it, such texts are not made: a `Debug` that makes
/// a span of itself would end in a full stack. (Events of a thread that are nested deeper than four are suppressed before.)
const NESTING_MAX: usize = 8;

/// Stands for a text that is nested too deep.
const NESTED_TOO_DEEP: &str = "<a Debug within itself, nested too deep>";

thread_local! {
    /// The memory for fields of this thread's next event. `None` while an event is visited: one that is logged meanwhile has memory of
    /// its own.
    static MEMORY: Cell<Option<Box<Collected>>> = const { Cell::new(None) };
    static NESTING: Cell<usize> = const { Cell::new(0) };
}

/// The memory that a thread keeps for its next event, at most.
const KEPT_BYTES_MAX: usize = 64 * 1024;

/// The fields of an event or a span.
#[derive(Debug, Default)]
pub(crate) struct Collected {
    pub(crate) fields: Fields,
    pub(crate) has_message: bool,
    pub(crate) correlation_id: Option<String>,
    pub(crate) of_log: LogProperties,
}

/// The place of a record of the `log` crate.
#[derive(Debug, Default)]
pub(crate) struct LogProperties {
    pub(crate) target: String,
    pub(crate) file: String,
    pub(crate) line: u32,
}

impl Collected {
    /// Fields that `visit` collects, for the time that `log` takes. The memory is the thread's, if it is not in use.
    pub(crate) fn with<R>(visit: impl FnOnce(&mut Self), log: impl FnOnce(&Self) -> R) -> R {
        let mut collected = MEMORY.try_with(Cell::take).ok().flatten().unwrap_or_default();
        visit(&mut collected);
        let result = log(&collected);
        if collected.capacity_bytes() <= KEPT_BYTES_MAX {
            collected.clear();
            let _ = MEMORY.try_with(|memory| memory.set(Some(collected)));
        }
        result
    }

    fn capacity_bytes(&self) -> usize {
        self.fields.capacity_bytes() + self.of_log.target.capacity() + self.of_log.file.capacity()
    }

    fn clear(&mut self) {
        self.fields.clear();
        self.has_message = false;
        self.correlation_id = None;
        self.of_log.target.clear();
        self.of_log.file.clear();
        self.of_log.line = 0;
    }
}

/// Puts each field that it visits into its place.
pub(crate) struct FieldVisitor<'a> {
    site: &'static Site,
    correlation_fields: &'a [String],
    out: &'a mut Collected,
    is_too_deep: bool,
}

impl<'a> FieldVisitor<'a> {
    /// Visits what `record` gives it. A panic of user code ends the visit, and the fields that were visited by then remain.
    pub(crate) fn visit(
        site: &'static Site,
        correlation_fields: &'a [String],
        out: &'a mut Collected,
        record: impl FnOnce(&mut Self),
    ) {
        let nesting = NESTING.try_with(|nesting| nesting.replace(nesting.get() + 1)).unwrap_or(0);
        let mut visitor = Self { site, correlation_fields, out, is_too_deep: nesting >= NESTING_MAX };
        // Texts catch their panics one by one. An argument of another kind, such as a `Value` of the program's own, may panic between
        // them.
        let _ = catch_panic(|| record(&mut visitor));
        let _ = NESTING.try_with(|own| own.set(nesting));
    }

    /// Group and name of the field, unless its value, made by `text`, is taken for something else.
    #[inline]
    fn place(&mut self, field: &Field, text: impl FnOnce() -> String) -> Option<(FieldGroup, &'static str)> {
        match self.site.place(field) {
            FieldPlace::Field(FieldGroup::Context, name) if self.is_correlation(name) => {
                self.out.correlation_id = Some(text());
                None
            }
            FieldPlace::Field(group, name) => {
                self.out.has_message |= group == FieldGroup::Message;
                Some((group, name))
            }
            FieldPlace::OfLog(property) => {
                self.of_log(property, text);
                None
            }
        }
    }

    #[inline]
    fn is_correlation(&self, name: &str) -> bool {
        self.correlation_fields.iter().any(|field| field == name)
    }

    fn of_log(&mut self, property: LogProperty, text: impl FnOnce() -> String) {
        let properties = &mut self.out.of_log;
        match property {
            LogProperty::Target => properties.target = text(),
            LogProperty::File => properties.file = text(),
            LogProperty::Line => properties.line = text().parse().unwrap_or(0),
            LogProperty::Module => {}
        }
    }

    #[inline]
    fn put(&mut self, field: &Field, value: ValueRef<'_>, text: impl FnOnce() -> String) {
        if let Some((group, name)) = self.place(field, text) {
            self.out.fields.put(group, name, value);
        }
    }
}

impl Visit for FieldVisitor<'_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, ValueRef::F64(value), || value.to_string());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, ValueRef::I64(value), || value.to_string());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, ValueRef::U64(value), || value.to_string());
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        self.put(field, ValueRef::I128(value), || value.to_string());
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.put(field, ValueRef::U128(value), || value.to_string());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, ValueRef::Bool(value), || value.to_string());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, ValueRef::Text(value), || value.to_owned());
    }

    fn record_bytes(&mut self, field: &Field, value: &[u8]) {
        self.put(field, ValueRef::Bytes(value), || String::from_utf8_lossy(value).into_owned());
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        if self.is_too_deep {
            return self.put(field, ValueRef::Text(NESTED_TOO_DEEP), || NESTED_TOO_DEEP.to_owned());
        }
        if let Some((group, name)) = self.place(field, || text_of(&value)) {
            self.out.fields.put_error(group, name, value);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if self.is_too_deep {
            return self.put(field, ValueRef::Text(NESTED_TOO_DEEP), || NESTED_TOO_DEEP.to_owned());
        }
        let text = AsText(value);
        if let Some((group, name)) = self.place(field, || text_of(&text)) {
            self.out.fields.put_display(group, name, &text);
        }
    }

    #[cfg(all(tracing_unstable, feature = "valuable"))]
    fn record_value(&mut self, field: &Field, value: valuable::Value<'_>) {
        if let Some((group, name)) = self.place(field, || text_of(&AsText(&value))) {
            crate::valuable_fields::put_valuable(&mut self.out.fields, group, name, value);
        }
    }
}

/// The text that `Debug` writes, as a plain one: `tracing` has no other way for `Display`, nor for messages.
struct AsText<'a>(&'a dyn fmt::Debug);

impl fmt::Display for AsText<'_> {
    #[inline]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A panic leaves the text empty.
fn text_of(value: &dyn fmt::Display) -> String {
    catch_panic(|| value.to_string()).unwrap_or_default()
}

/// Runs user code. `None` if it panics. The drop of a panic's payload is user code, too, and may panic in turn: it is not dropped.
pub(crate) fn catch_panic<R>(work: impl FnOnce() -> R) -> Option<R> {
    catch_unwind(AssertUnwindSafe(work)).map_err(ManuallyDrop::new).ok()
}

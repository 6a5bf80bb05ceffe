//! The fields bound to a thread: scopes that are entered and left, and among them the scope of an adapter.

use fapilog_record::dynamic::append_fields;

use crate::producer::thread::SCOPE_MAX_BYTES;

/// The fields bound to a thread, as a record's scope.
#[derive(Debug)]
pub(super) struct BoundScope {
    /// All of them, innermost last.
    pub(super) bytes: Vec<u8>,
    /// The place of the adapter's scope in `bytes`. A place without bytes where there is none.
    adapter: AdapterPlace,
}

#[derive(Debug, Clone, Copy)]
struct AdapterPlace {
    start: usize,
    bytes: usize,
}

/// How long the entered scopes were, without the adapter's: it may be another by the time they are left.
#[derive(Debug, Clone, Copy)]
pub(super) struct ScopeMark(usize);

impl BoundScope {
    pub(super) const fn new() -> Self {
        Self { bytes: Vec::new(), adapter: AdapterPlace { start: 0, bytes: 0 } }
    }

    pub(super) fn mark(&self) -> ScopeMark {
        ScopeMark(self.bytes.len().saturating_sub(self.adapter.bytes))
    }

    /// Removes what was entered since the mark. The adapter's scope stays.
    pub(super) fn leave(&mut self, ScopeMark(outer): ScopeMark) {
        if self.adapter.bytes > 0 && self.adapter.start > outer {
            self.bytes.drain(outer..self.adapter.start);
            self.adapter.start = outer;
        }
        self.bytes.truncate(outer + self.adapter.bytes);
    }

    /// Puts the adapter's scope where the one before it was, or behind all others if there was none.
    pub(super) fn replace_adapter(&mut self, fields: Option<&[u8]>) {
        if self.adapter.bytes == 0 {
            self.adapter.start = self.bytes.len();
        }
        let AdapterPlace { start, bytes } = self.adapter;
        let inner = self.bytes.get(start + bytes..).unwrap_or_default().to_vec();
        self.bytes.truncate(start);
        append_fields(&mut self.bytes, fields.unwrap_or_default(), SCOPE_MAX_BYTES);
        self.adapter.bytes = self.bytes.len().saturating_sub(start);
        self.bytes.extend_from_slice(&inner);
    }
}

#[cfg(test)]
mod tests {
    use fapilog_record::{dynamic::put_field, field_group::FieldGroup, value::ValueRef};

    use super::*;

    fn field(name: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        put_field(&mut bytes, FieldGroup::Context, name, ValueRef::None);
        bytes
    }

    fn enter(scope: &mut BoundScope, name: &str) -> ScopeMark {
        let mark = scope.mark();
        scope.bytes.extend_from_slice(&field(name));
        mark
    }

    #[track_caller]
    fn assert_bound(scope: &BoundScope, names: &[&str]) {
        let expected: Vec<u8> = names.iter().flat_map(|name| field(name)).collect();
        assert_eq!(scope.bytes, expected, "{names:?}");
    }

    #[test]
    fn the_adapters_scope_is_replaced_where_it_lies() {
        let mut scope = BoundScope::new();
        enter(&mut scope, "outer");
        scope.replace_adapter(Some(&field("first span")));
        enter(&mut scope, "inner");
        scope.replace_adapter(Some(&field("span")));
        assert_bound(&scope, &["outer", "span", "inner"]);
        scope.replace_adapter(None);
        assert_bound(&scope, &["outer", "inner"]);
    }

    #[test]
    fn a_scope_inside_the_adapters_is_left_although_that_was_replaced_meanwhile() {
        let mut scope = BoundScope::new();
        scope.replace_adapter(Some(&field("a")));
        let inner = enter(&mut scope, "inner");
        scope.replace_adapter(Some(&field("a long name")));
        scope.leave(inner);
        assert_bound(&scope, &["a long name"]);
    }

    #[test]
    fn a_scope_around_the_adapters_is_left_without_it() {
        let mut scope = BoundScope::new();
        enter(&mut scope, "outermost");
        let outer = enter(&mut scope, "outer");
        scope.replace_adapter(Some(&field("span")));
        enter(&mut scope, "inner");
        scope.leave(outer);
        assert_bound(&scope, &["outermost", "span"]);
        scope.replace_adapter(None);
        assert_bound(&scope, &["outermost"]);
    }

    #[test]
    fn a_scope_is_left_although_the_adapters_came_and_went_meanwhile() {
        let mut scope = BoundScope::new();
        scope.replace_adapter(Some(&field("span")));
        let inner = enter(&mut scope, "inner");
        scope.replace_adapter(None);
        scope.replace_adapter(Some(&field("other")));
        assert_bound(&scope, &["inner", "other"]);
        scope.leave(inner);
        assert_bound(&scope, &["other"]);
    }
}

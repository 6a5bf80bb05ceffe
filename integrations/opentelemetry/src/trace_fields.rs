//! The ids of the current trace, as fields of events.

use fapilog::{
    adapter::Fields,
    event::{FieldGroup, ValueRef},
    scope::TraceParent,
};
use opentelemetry::{
    Context,
    trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState},
};

/// The names of the fields that hold the ids of a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum FieldNames {
    /// `trace_id`, `span_id` and `trace_flags`, as OpenTelemetry's specification names them for other formats than OTLP.
    #[default]
    OpenTelemetry,
    /// `trace.id` and `span.id`, of the Elastic Common Schema.
    ElasticCommonSchema,
    /// `dd.trace_id` and `dd.span_id`, as decimal numbers of 64 bits, as Datadog joins logs and traces.
    Datadog,
}

/// Fields of the trace and the span that the calling thread works for: for
/// [`ContainerBuilder::caller_fields`](fapilog::container::ContainerBuilder::caller_fields). A thread without a valid span context
/// has none.
pub fn trace_fields(names: FieldNames) -> impl Fn(&mut Fields) + Send + Sync + 'static {
    move |fields| {
        Context::map_current(|context| {
            if context.has_active_span() {
                put(fields, names, context.span().span_context());
            }
        });
    }
}

fn put(fields: &mut Fields, names: FieldNames, span: &SpanContext) {
    let Some(trace) = trace_parent_of(span) else { return };
    let mut put_text = |name, text: &str| fields.put(FieldGroup::Context, name, ValueRef::Text(text));
    match names {
        FieldNames::OpenTelemetry => {
            put_text("trace_id", trace.trace_id_text().as_ref());
            put_text("span_id", trace.span_id_text().as_ref());
            put_flags(fields, span.trace_flags());
        }
        FieldNames::ElasticCommonSchema => {
            put_text("trace.id", trace.trace_id_text().as_ref());
            put_text("span.id", trace.span_id_text().as_ref());
        }
        FieldNames::Datadog => {
            let [.., a, b, c, d, e, f, g, h] = trace.trace_id();
            let low = u64::from_be_bytes([a, b, c, d, e, f, g, h]);
            fields.put_display(FieldGroup::Context, "dd.trace_id", &low);
            fields.put_display(FieldGroup::Context, "dd.span_id", &u64::from_be_bytes(trace.span_id()));
        }
    }
}

/// Puts the flags of a trace, all of them: two hexadecimal digits.
pub(crate) fn put_flags(fields: &mut Fields, flags: TraceFlags) {
    let text = match flags.to_u8() {
        0 => "00",
        1 => "01",
        // The trace id is random, by the second level of W3C's Trace Context.
        2 => "02",
        3 => "03",
        other => return fields.put_display(FieldGroup::Context, "trace_flags", &format_args!("{other:02x}")),
    };
    fields.put(FieldGroup::Context, "trace_flags", ValueRef::Text(text));
}

/// The span of a context, as a `traceparent`. `None` if the context has no valid ids.
#[must_use]
pub fn trace_parent_of(span: &SpanContext) -> Option<TraceParent> {
    TraceParent::new(span.trace_id().to_bytes(), span.span_id().to_bytes(), span.is_sampled())
}

/// The current context with the span that a `traceparent` names, as the parent of spans that this process starts.
#[must_use]
pub fn context_of(trace: &TraceParent) -> Context {
    let flags = if trace.is_sampled() { TraceFlags::SAMPLED } else { TraceFlags::default() };
    let (trace_id, span_id) = (TraceId::from_bytes(trace.trace_id()), SpanId::from_bytes(trace.span_id()));
    Context::current().with_remote_span_context(SpanContext::new(trace_id, span_id, flags, true, TraceState::default()))
}

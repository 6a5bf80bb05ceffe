//! Events and their values, as plugins see them.

pub use fapilog_engine::producer::DynamicEvent;
/// Makes a struct or an enum of your own a [value](trait@Value) of log calls.
///
/// | type | value |
/// |---|---|
/// | struct with named fields | a map of its fields |
/// | struct around one value | the value |
/// | struct with several fields without names | a sequence |
/// | struct without fields: `struct S;`, `struct S {}` | nothing, as `None` |
/// | variant without fields | its name |
/// | variant with fields | a map with one key, the variant's name: the value under it is what a struct with these fields has |
///
/// An enum of which no variant has fields can be the [key](Key) of a map, too.
///
/// ```
/// use fapilog::{Container, event::Value, format, info, sink};
///
/// #[derive(Value)]
/// struct Order<'a> {
///     id: u64,
///     #[fapilog(rename = "type")]
///     kind: Kind,
///     venue: Option<&'a str>,
///     #[fapilog(skip)]
///     secret: String,
/// }
///
/// #[derive(Value)]
/// enum Kind {
///     Market,
///     Limit { price: f64 },
/// }
///
/// let (sink, events) = sink::Memory::new(format::Json::new);
/// let logs = Container::builder().sink("memory", sink).start()?;
/// let log = logs.logger("orders");
/// let order = Order { id: 42, kind: Kind::Limit { price: 101.25 }, venue: None, secret: "swordfish".to_owned() };
/// info!(log, "order accepted", order, default = Kind::Market);
/// logs.shutdown(std::time::Duration::from_secs(5))?;
/// assert!(events.lines()[0].contains(
///     r#""order":{"id":42,"type":{"Limit":{"price":101.25}},"venue":null},"default":"Market""#
/// ));
/// # assert_eq!(order.secret, "swordfish");
/// # Ok::<(), fapilog::Error>(())
/// ```
///
/// # Attributes
///
/// `#[fapilog(...)]` on fields and variants:
///
/// | attribute | effect |
/// |---|---|
/// | `rename = "key"` | the key of a field, the name of a variant |
/// | `skip` | the field is not logged |
/// | `redact` | the field is not read: its value is `[redacted]`. Its type need not be a value |
/// | `display`, `debug`, `error` | the field is logged by its `Display`, its `Debug`, or as an error with its sources. With `display` and `error` it may be an `Option`: `None` is nothing |
/// | `rendered` | the type of the field has such fields in turn |
///
/// The last four run user code, which must run before a log call begins. So a type with such a field does not implement
/// `Value`, but [`Render`], and is logged by [`rendered`]: `info!(log, "accepted", order = rendered(&order))`.
///
/// `#[fapilog(crate = path)]` on the type names this crate where it has another name.
pub use fapilog_macros::Value;
pub use fapilog_plugin::event::{
    Batch, Event, EventId, EventScope, EventSubject, FieldRef, InstanceId, Location, ProducerInfo, Source, TextOrigin,
};
pub use fapilog_record::{
    call_site::{CallSite, DescribedField, Descriptor, FieldName},
    field_group::FieldGroup,
    level::Category,
    timestamp::Timestamp,
    value::{
        ErrorChain, Key, Kind, MapRef, OwnedValue, Prepared, Render, SequenceRef, Value, ValueRef, rendered, serialized,
    },
};

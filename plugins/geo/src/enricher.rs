//! The enricher.

use std::{net::IpAddr, path::PathBuf, sync::Arc};

use bumpalo::{Bump, collections::Vec as BumpVec};
use fapilog_plugin::{
    enricher::Enricher,
    error::PluginError,
    event::{Batch, Event, FieldRef},
    field_group::FieldGroup,
    per_call_site::PerCallSite,
    value::ValueRef,
};

use crate::{
    GeoBuilder,
    address::{address_in, is_local, network_of},
    database::Database,
    reload::ReloadedDatabase,
};

/// Adds the country, the city and the continent of a client's address to events that have one.
///
/// The address is the value of the first field of `client_ip` and `remote_addr` that an event has in its call or its scope: an address, or
/// the text of one, with a port or without. Before the lookup it is truncated to its network, so no more than the network decides on the
/// place. Private addresses and those of the host itself have none.
///
/// Clones share the database and a cache of places. A thread of its own looks for another file once a minute.
///
/// ```no_run
/// use fapilog::Container;
/// use fapilog_geo::{Geo, GeoField};
///
/// let geo = Geo::builder("/usr/share/GeoIP/GeoLite2-City.mmdb").outputs([GeoField::Country, GeoField::City]).build()?;
/// let builder = Container::builder().enricher(move |_shard| Box::new(geo.clone()));
/// # let _ = builder;
/// # Ok::<(), fapilog_geo::GeoError>(())
/// ```
#[doc(alias = "GeoLocationEnricher")]
#[derive(Debug, Clone)]
#[must_use]
pub struct Geo {
    database: Arc<ReloadedDatabase>,
    options: Arc<AddressOptions>,
    /// Whether a call site has an argument that may be the address.
    by_call_site: PerCallSite<bool>,
}

/// The use of addresses.
#[derive(Debug)]
pub(crate) struct AddressOptions {
    /// The fields that may have the address. The first that an event has counts.
    pub(crate) fields: Vec<String>,
    pub(crate) truncate: bool,
    pub(crate) replace_address: bool,
}

impl Geo {
    /// A builder of enrichers that read this database.
    pub fn builder(database: impl Into<PathBuf>) -> GeoBuilder {
        GeoBuilder::new(database.into())
    }

    pub(crate) fn new(database: ReloadedDatabase, options: AddressOptions) -> Self {
        Self { database: Arc::new(database), options: Arc::new(options), by_call_site: PerCallSite::new() }
    }

    /// Whether an event may have an address. Most events of a program have none, which is known by their call site.
    fn may_have_address(&mut self, event: &Event<'_>) -> bool {
        if !event.is_plain_in_scope() || !event.scope().is_empty() {
            return true;
        }
        let fields = &self.options.fields;
        let is_ours = |name: &str| fields.iter().any(|ours| ours == name);
        *self.by_call_site.get_or_insert_with(event.descriptor(), || {
            event.descriptor().fields().iter().any(|field| is_ours(field.name.name))
        })
    }

    /// The field that has the address, and the address.
    fn address<'batch>(&self, event: &Event<'batch>) -> Option<(&str, ValueRef<'batch>, IpAddr)> {
        self.options.fields.iter().find_map(|name| {
            let value = event.field(FieldGroup::Context, name)?;
            address_in(value).map(|address| (name.as_str(), value, address))
        })
    }
}

impl Enricher for Geo {
    fn name(&self) -> &'static str {
        "geo"
    }

    fn enrich(&mut self, batch: &mut Batch<'_>) -> Result<(), PluginError> {
        let (database, failure) = self.database.current();
        let mut lookup = Lookup::new(&database, batch.arena());
        for event in batch.events_mut().iter_mut().filter(|event| !event.is_internal()) {
            if !self.may_have_address(event) {
                continue;
            }
            if let Some((name, value, address)) = self.address(event) {
                let network = network_of(address);
                if self.options.replace_address {
                    let name = lookup.arena.alloc_str(name);
                    event.set_field(FieldGroup::Context, name, replacement(value, network, lookup.arena));
                }
                if is_local(address) {
                    continue;
                }
                let wanted = if self.options.truncate { network } else { address };
                let place = lookup.place(wanted, &self.database);
                place.iter().for_each(|field| event.add_field(field.group, field.name, field.value));
            }
        }
        match failure.map(PluginError::failed).or(lookup.failure.map(PluginError::failed)) {
            Some(failure) => Err(failure),
            None => Ok(()),
        }
    }
}

/// The network in the form of the value: an address, or text.
fn replacement<'batch>(value: ValueRef<'_>, network: IpAddr, arena: &'batch Bump) -> ValueRef<'batch> {
    match value {
        ValueRef::Ip(_) | ValueRef::Socket(_) => ValueRef::Ip(network),
        _ => ValueRef::Text(bumpalo::format!(in arena, "{}", network).into_bump_str()),
    }
}

/// The lookups of a batch. Events of one client come in runs.
struct Lookup<'db, 'batch> {
    database: &'db Database,
    arena: &'batch Bump,
    last: Option<(IpAddr, &'batch [FieldRef<'batch>])>,
    /// The first error.
    failure: Option<maxminddb::MaxMindDbError>,
}

impl<'db, 'batch> Lookup<'db, 'batch> {
    fn new(database: &'db Database, arena: &'batch Bump) -> Self {
        Self { database, arena, last: None, failure: None }
    }

    /// The fields of the address's place; none if it has no place.
    fn place(&mut self, address: IpAddr, of: &ReloadedDatabase) -> &'batch [FieldRef<'batch>] {
        match self.last {
            Some((last, place)) if last == address => place,
            _ => {
                let place = self.look_up(address, of);
                self.last = Some((address, place));
                place
            }
        }
    }

    fn look_up(&mut self, address: IpAddr, of: &ReloadedDatabase) -> &'batch [FieldRef<'batch>] {
        match self.database.place(address, of.options()) {
            Ok(None) => &[],
            Ok(Some(place)) => {
                let mut fields = BumpVec::with_capacity_in(place.len(), self.arena);
                fields.extend(place.iter().map(|(field, text)| FieldRef {
                    group: FieldGroup::Context,
                    name: field.field_name(),
                    value: ValueRef::Text(self.arena.alloc_str(text)),
                }));
                fields.into_bump_slice()
            }
            Err(error) => {
                self.failure.get_or_insert(error);
                &[]
            }
        }
    }
}

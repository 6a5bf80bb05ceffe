//! The lists of fields that sites remember, beyond the memory that they may take.
//!
//! A program of its own: it uses up the memory of its process for lists.
#![allow(clippy::unwrap_used, reason = "all of this program is test code")]

use fapilog_record::{call_site::AdapterSite, field_group::FieldGroup, fields::Fields, level::Level, value::ValueRef};

/// A list that takes about 64 KiB: its name is as long as a site describes.
fn list(number: usize) -> Fields {
    let mut fields = Fields::new();
    fields.put(FieldGroup::Context, &format!("{number:016384}"), ValueRef::None);
    fields
}

#[test]
fn the_memory_for_lists_is_bounded_for_all_sites_together_and_known_lists_are_still_found() {
    let sites: Vec<_> = (0..32).map(|_| AdapterSite::leak(Level::Info, "target", "", 0)).collect();
    let lists: Vec<_> = (0..64).map(list).collect();
    let described = || {
        let ids_of = |site: &'static AdapterSite| lists.iter().map(|list| site.descriptor_id(list)).collect::<Vec<_>>();
        sites.iter().map(|site| ids_of(site)).collect::<Vec<_>>()
    };
    let first = described();
    let count = first.iter().flatten().flatten().count();
    // 64 MiB, of lists of 4 times 16 KiB and some more.
    assert!((900..1_024).contains(&count), "{count}");
    assert!(first.first().unwrap().iter().all(Option::is_some));
    assert_eq!(first, described());
}

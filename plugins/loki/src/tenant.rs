//! Tenants: whose entries they are.

use fapilog_plugin::{event::Event, problem::Problem};

use crate::{event_text::EventPart, settings::LokiSettings};

/// The longest name of a tenant in Loki.
const TENANT_BYTES_MAX: usize = 150;

const TENANT_RULE: &str = "a tenant has 1 to 150 letters, digits, and characters of !-_.*'(), and is not . or ..";

/// The tenants of events.
#[derive(Debug)]
pub(crate) struct TenantPlan {
    /// Empty: the requests name none.
    fixed: String,
    part: Option<EventPart>,
}

impl TenantPlan {
    /// The tenants of the settings.
    pub(crate) fn of(settings: &LokiSettings) -> Result<Self, Vec<Problem>> {
        let fixed = settings.tenant.clone().unwrap_or_default();
        if settings.tenant.is_some() && !is_tenant(fixed.as_bytes()) {
            return Err(vec![Problem::new("tenant", format!("{fixed:?}"), TENANT_RULE)]);
        }
        if let Some(field) = &settings.tenant_field
            && fixed.is_empty()
        {
            let allowed = "it needs the setting tenant, for events without that field";
            return Err(vec![Problem::new("tenant_field", format!("{field:?}"), allowed).beside("tenant")]);
        }
        Ok(Self { fixed, part: settings.tenant_field.as_deref().map(EventPart::from) })
    }

    /// Appends the tenant of an event. A value that is no tenant is as one that is missing: Loki would refuse the request.
    pub(crate) fn put(&self, event: Option<&Event<'_>>, out: &mut Vec<u8>) {
        let start = out.len();
        if let (Some(part), Some(event)) = (&self.part, event) {
            part.put(event, out);
            if out.get(start..).is_some_and(is_tenant) {
                return;
            }
            out.truncate(start);
        }
        out.extend_from_slice(self.fixed.as_bytes());
    }
}

/// Whether Loki takes the name of a tenant ("Restrictions on tenant IDs").
fn is_tenant(name: &[u8]) -> bool {
    let is_allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"!-_.*'()".contains(byte);
    (1..=TENANT_BYTES_MAX).contains(&name.len()) && name.iter().all(is_allowed) && name != b"." && name != b".."
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenants_are_those_that_loki_takes() {
        for name in ["a", "shop-eu_1.(x)*'!"] {
            assert!(is_tenant(name.as_bytes()), "{name}");
        }
        for name in ["", ".", "..", "a b", "a|b", "../a", "ä", "a\r\nx: y", &"a".repeat(151)] {
            assert!(!is_tenant(name.as_bytes()), "{name}");
        }
    }
}

//! The scopes of the last events, and whether they hold sensitive data.

/// How many scopes are kept. Events of one scope come in runs, and a drain reads from a few threads at a time.
const SCOPES_MAX: usize = 16;
/// The longest scope that is kept, in bytes: a longer one is looked at for each event.
const SCOPE_MAX_BYTES: usize = 4096;

#[derive(Debug, Default)]
pub(super) struct ScopeMemory {
    scopes: Vec<(Vec<u8>, bool)>,
    /// The place of the one that was met last.
    last: usize,
    /// The place that the next one takes.
    next: usize,
}

impl ScopeMemory {
    /// Whether a scope is sensitive, if it is known.
    pub(super) fn get(&mut self, scope: &[u8]) -> Option<bool> {
        if let Some((known, is_sensitive)) = self.scopes.get(self.last)
            && known == scope
        {
            return Some(*is_sensitive);
        }
        let place = self.scopes.iter().position(|(known, _)| known == scope)?;
        self.last = place;
        self.scopes.get(place).map(|(_, is_sensitive)| *is_sensitive)
    }

    /// Keeps one, in the place of the oldest. The memory of the old one is used again.
    pub(super) fn keep(&mut self, scope: &[u8], is_sensitive: bool) {
        if scope.len() > SCOPE_MAX_BYTES {
            return;
        }
        if self.scopes.len() < SCOPES_MAX {
            self.last = self.scopes.len();
            return self.scopes.push((scope.to_vec(), is_sensitive));
        }
        self.last = self.next;
        if let Some((bytes, sensitive)) = self.scopes.get_mut(self.next) {
            bytes.clear();
            bytes.extend_from_slice(scope);
            *sensitive = is_sensitive;
        }
        self.next = (self.next + 1) % SCOPES_MAX;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_scopes_are_known() {
        let mut memory = ScopeMemory::default();
        for number in 0..40_u8 {
            assert_eq!(memory.get(&[number]), None);
            memory.keep(&[number], number % 2 == 0);
        }
        assert_eq!((memory.get(&[39]), memory.get(&[38]), memory.get(&[3])), (Some(false), Some(true), None));
        assert_eq!(memory.scopes.len(), SCOPES_MAX);
    }

    #[test]
    fn a_long_scope_is_not_kept() {
        let mut memory = ScopeMemory::default();
        memory.keep(&[0; SCOPE_MAX_BYTES + 1], true);
        assert_eq!(memory.get(&[0; SCOPE_MAX_BYTES + 1]), None);
    }
}

//! A call site whose level is known only at run time.

use crate::{
    call_site::{CallSite, FieldName},
    level::Level,
};

/// A place in a program that logs at a level that it decides at run time: a call site for each level.
///
/// Made by the macro `event!`, as a `static`. A reader of records finds the level in the call site, so each level needs its
/// own; a call site that is never reached is a few words of memory.
#[derive(Debug)]
pub struct CallSiteByLevel {
    sites: [CallSite; Level::ALL.len()],
}

impl CallSiteByLevel {
    /// As [`CallSite::new`], without the level.
    #[must_use]
    pub const fn new(
        message: &'static str,
        target: &'static str,
        file: &'static str,
        line: u32,
        fields: &'static [FieldName],
    ) -> Self {
        // `map` is not `const`: the order is that of `Level::ALL`, which a test checks.
        Self {
            sites: [
                CallSite::new(Level::Trace, message, target, file, line, fields),
                CallSite::new(Level::Debug, message, target, file, line, fields),
                CallSite::new(Level::Info, message, target, file, line, fields),
                CallSite::new(Level::Warning, message, target, file, line, fields),
                CallSite::new(Level::Error, message, target, file, line, fields),
                CallSite::new(Level::Critical, message, target, file, line, fields),
                CallSite::new(Level::Audit, message, target, file, line, fields),
                CallSite::new(Level::Security, message, target, file, line, fields),
            ],
        }
    }

    /// The same call sites, whose message is a [template](crate::call_site::LiteralTemplate).
    #[must_use]
    #[allow(clippy::indexing_slicing, reason = "below the length, and when it is compiled")]
    pub const fn with_placeholders(mut self) -> Self {
        let mut level = 0;
        while level < self.sites.len() {
            self.sites[level].has_placeholders = true;
            level += 1;
        }
        self
    }

    /// The call site of this level. Where the level is a constant, so is the answer.
    #[inline(always)]
    pub const fn at(&'static self, level: Level) -> &'static CallSite {
        let [trace, debug, info, warning, error, critical, audit, security] = &self.sites;
        match level {
            Level::Trace => trace,
            Level::Debug => debug,
            Level::Info => info,
            Level::Warning => warning,
            Level::Error => error,
            Level::Critical => critical,
            Level::Audit => audit,
            Level::Security => security,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_level_has_a_call_site_of_its_own_level() {
        static SITES: CallSiteByLevel = CallSiteByLevel::new("message", "target", "file", 1, &[]);
        for level in Level::ALL {
            let site = SITES.at(level);
            assert_eq!((site.level(), site.message(), site.target(), site.line()), (level, "message", "target", 1));
        }
        let made_at_run_time = CallSiteByLevel::new("message", "target", "file", 1, &[]);
        assert_eq!(made_at_run_time.sites.each_ref().map(CallSite::level), Level::ALL);
    }
}

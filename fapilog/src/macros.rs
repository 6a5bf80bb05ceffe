//! The macros. They only parse: into a static call site, a nested tuple of arguments, and one function call.
//!
//! The tokens of a call go to the crate `fapilog-macros`, which returns them in a flat form: `__fapilog_log!` is all that a call expands
//! to.

/// Logs an event of a level that is given as an argument: `event!(level, log, "message", key = value)`, or without a
/// logger. The level may be known only at run time.
///
/// See the [crate's front page](crate) for messages, fields and values.
#[macro_export]
macro_rules! event {
    ($level:expr, $($arguments:tt)*) => {{
        let level: $crate::__private::Level = $level;
        $crate::__private::log_call!([$crate] [level] $($arguments)*)
    }};
    ($($wrong:tt)*) => {
        ::core::compile_error!("expected a level and a message: `Level::Info, \"ready\"`, or `level, log, \"ready\"`")
    };
}

macro_rules! level_macros {
    ($d:tt $($(#[$doc:meta])* $name:ident => $level:ident;)*) => {$(
        $(#[$doc])*
        ///
        /// See the [crate's front page](crate) for messages, fields and values.
        #[macro_export]
        macro_rules! $name {
            ($d($d arguments:tt)*) => { $crate::__private::log_call!([$crate] [const $level] $d($d arguments)*) };
        }
    )*};
}

level_macros! { $
    /// Logs every step.
    trace => Trace;
    /// Logs what a developer wants to know.
    debug => Debug;
    /// Logs what happens in normal operation.
    info => Info;
    /// Logs something unexpected that did no harm.
    warn => Warning;
    /// Logs that something failed.
    error => Error;
    /// Logs that the service is in danger.
    critical => Critical;
    /// Logs who did what, for those who must be able to prove it.
    ///
    /// Fields `who`, `outcome`, `origin` and `object` are checked where they are literals, and names that resemble them are
    /// errors: see the page `docs/audit-events.md`. [`AuditSchema`](crate::process::AuditSchema) checks whole events.
    ///
    /// ```
    /// # let log = fapilog::Logger::disabled();
    /// fapilog::audit!(log, "order cancelled", who = "ada", origin = "192.0.2.1", object = 42, outcome = "success");
    /// ```
    #[doc(alias = "AuditLogger")]
    #[doc(alias = "audit_log_access")]
    audit => Audit;
    /// Logs an attack, or what may be one.
    security => Security;
}

/// A scope that binds fields, written as those of a log call: `scope!(order_id, %address, tags.region = "eu")`.
///
/// `correlation_id: id` and `task: name` among them set these.
///
/// ```
/// use fapilog::scope;
///
/// let (order_id, address) = (42, std::net::Ipv4Addr::LOCALHOST);
/// let request = scope!(correlation_id: "7f3a", order_id, address, tags.region = "eu");
/// let _entered = request.enter();
/// // ... events of this thread have all of them ...
/// ```
#[macro_export]
macro_rules! scope {
    ($($fields:tt)*) => { $crate::__private::scope!([$crate] $($fields)*) };
}

/// A child of a logger with these fields, written as those of a log call: `child!(log, order_id, tags.region = "eu")`.
///
/// ```
/// use fapilog::{Logger, child, info};
///
/// fn serve(log: &Logger, user: &str) {
///     let log = child!(log, user, attempt = 1);
///     info!(log, "request accepted"); // has both
/// }
/// # serve(&Logger::disabled(), "ada");
/// ```
#[doc(alias = "bind")]
#[macro_export]
macro_rules! child {
    ($logger:expr, $($fields:tt)+) => { $crate::Logger::with_scope(&$logger, &$crate::scope!($($fields)+)) };
    ($($wrong:tt)*) => { ::core::compile_error!("expected a logger and fields: `log, order_id, key = value`") };
}

/// A log call in its flat form:
/// `[level] [logger] [target] "message" [with_placeholders] [(Group "key") ...] (nested arguments)`.
///
/// The level is `const Name` or a variable. Without a logger, without a target and without placeholders the brackets are empty.
/// Items have long names, because macros do not hide them from the values, which are the user's expressions.
#[doc(hidden)]
#[macro_export]
macro_rules! __fapilog_log {
    (
        [const $level:ident] $logger:tt $target:tt $message:literal [$($template:ident)?]
        [$(($group:ident $key:literal))*] $arguments:tt
    ) => {{
        const __FAPILOG_LEVEL: $crate::__private::Level = $crate::__private::Level::$level;
        static __FAPILOG_SITE: $crate::__private::CallSite = $crate::__private::CallSite::new(
            __FAPILOG_LEVEL,
            $message,
            $crate::__fapilog_target!($target),
            ::core::file!(),
            ::core::line!(),
            &[$($crate::__private::FieldName::new($crate::__private::FieldGroup::$group, $key)),*],
        )$(.$template())?;
        $crate::__fapilog_write!(__FAPILOG_LEVEL, &__FAPILOG_SITE, $logger $target $arguments)
    }};
    (
        [$level:ident] $logger:tt $target:tt $message:literal [$($template:ident)?]
        [$(($group:ident $key:literal))*] $arguments:tt
    ) => {{
        static __FAPILOG_SITES: $crate::__private::CallSiteByLevel = $crate::__private::CallSiteByLevel::new(
            $message,
            $crate::__fapilog_target!($target),
            ::core::file!(),
            ::core::line!(),
            &[$($crate::__private::FieldName::new($crate::__private::FieldGroup::$group, $key)),*],
        )$(.$template())?;
        $crate::__fapilog_write!($level, __FAPILOG_SITES.at($level), $logger $target $arguments)
    }};
}

/// The target of a call site: empty where an argument is the target.
#[doc(hidden)]
#[macro_export]
macro_rules! __fapilog_target {
    ([]) => {
        ::core::module_path!()
    };
    ([$target:literal]) => {
        $target
    };
    ([dynamic $target:ident]) => {
        ""
    };
}

/// Logs, if the event is wanted. Only then are the arguments looked at.
#[doc(hidden)]
#[macro_export]
macro_rules! __fapilog_write {
    ($level:expr, $site:expr, [] $target:tt $arguments:tt) => {{
        let logger = $crate::__private::GlobalLogger;
        if $crate::__fapilog_is_enabled!(logger, $level, $site, $target) {
            logger.log($level, $site, $arguments);
        }
    }};
    // The temporaries of a `match` live as long as the call: a logger may be borrowed from what a function returns.
    ($level:expr, $site:expr, [$logger:expr] $target:tt $arguments:tt) => {{
        match &$logger {
            logger => {
                let logger: &$crate::Logger = logger;
                if $crate::__fapilog_is_enabled!(logger, $level, $site, $target) {
                    logger.log($level, $site, $arguments);
                }
            }
        };
    }};
}

/// Whether the event is wanted: by its target, where that is known at run time.
#[doc(hidden)]
#[macro_export]
macro_rules! __fapilog_is_enabled {
    ($logger:ident, $level:expr, $site:expr, [dynamic $target:ident]) => {
        $logger.is_enabled_of($level, $target)
    };
    ($logger:ident, $level:expr, $site:expr, $target:tt) => {
        $logger.is_enabled_at($level, $site)
    };
}

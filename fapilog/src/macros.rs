//! The macros. They only parse: into a static call site, a nested tuple of arguments, and one function call.

/// Logs an event of a level that is given as an argument: `event!(level, log, "message", key = value)`, or without a
/// logger. The level may be known only at run time.
///
/// See the [crate's front page](crate) for messages, fields and values.
#[macro_export]
macro_rules! event {
    ($level:expr, $($arguments:tt)*) => {{
        let level: $crate::__private::Level = $level;
        $crate::__fapilog!(@call [level] $($arguments)*)
    }};
}

macro_rules! level_macros {
    ($d:tt $($(#[$doc:meta])* $name:ident => $level:ident;)*) => {$(
        $(#[$doc])*
        ///
        /// See the [crate's front page](crate) for messages, fields and values.
        #[macro_export]
        macro_rules! $name {
            ($d($d arguments:tt)*) => { $crate::__fapilog!(@call [const $level] $d($d arguments)*) };
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
    #[doc(alias = "AuditLogger")]
    #[doc(alias = "audit_log_access")]
    audit => Audit;
    /// Logs an attack, or what may be one.
    security => Security;
}

/// Takes a call apart: first the logger and the message, then the fields from the front, a field at a time, names to the left
/// and references to values to the right. The head of all later steps is `([level] [logger] message)`: the level is
/// `const Name` or a variable; without a logger, its brackets are empty.
#[doc(hidden)]
#[macro_export]
macro_rules! __fapilog {
    // The logger and the message.
    (@call $level:tt $message:literal $(, $($fields:tt)*)?) => {
        $crate::__fapilog!(@parse ($level [] $message) () () $($($fields)*)?)
    };
    (@call $level:tt $logger:expr, $message:literal $(, $($fields:tt)*)?) => {
        $crate::__fapilog!(@parse ($level [$logger] $message) () () $($($fields)*)?)
    };
    (@call $level:tt $logger:expr, % $message:expr $(, $($fields:tt)*)?) => {
        $crate::__fapilog!(@parse ($level [$logger] "") ((Message, ""),)
            (&$crate::__private::display(&$message),) $($($fields)*)?)
    };
    (@call $level:tt $logger:expr, ? $message:expr $(, $($fields:tt)*)?) => {
        $crate::__fapilog!(@parse ($level [$logger] "") ((Message, ""),)
            (&$crate::__private::debug(&$message),) $($($fields)*)?)
    };
    (@call $level:tt $logger:expr, $message:expr $(, $($fields:tt)*)?) => {
        $crate::__fapilog!(@parse ($level [$logger] "") ((Message, ""),) (&$message,) $($($fields)*)?)
    };
    (@call $level:tt $($wrong:tt)*) => {
        ::core::compile_error!(::core::concat!(
            "expected a message (`\"ready\", key = value`), or a logger and a message (`log, \"ready\", key = value`), found `",
            ::core::stringify!($($wrong)*), "`"
        ))
    };

    // Done: `([level] [logger] message) (names) (references)`. Items have long names, because macros do not hide them from
    // the values, which are the user's expressions.
    (@parse ([const $level:ident] $logger:tt $message:literal) $names:tt ($($value:expr,)*) $(,)?) => {{
        const __FAPILOG_LEVEL: $crate::__private::Level = $crate::__private::Level::$level;
        static __FAPILOG_SITE: $crate::__private::CallSite = $crate::__private::CallSite::new(
            __FAPILOG_LEVEL,
            $message,
            ::core::module_path!(),
            ::core::file!(),
            ::core::line!(),
            $crate::__fapilog!(@names $names),
        );
        $crate::__fapilog!(@log __FAPILOG_LEVEL, &__FAPILOG_SITE, $logger, ($($value,)*))
    }};
    (@parse ([$level:ident] $logger:tt $message:literal) $names:tt ($($value:expr,)*) $(,)?) => {{
        static __FAPILOG_SITES: $crate::__private::CallSiteByLevel = $crate::__private::CallSiteByLevel::new(
            $message,
            ::core::module_path!(),
            ::core::file!(),
            ::core::line!(),
            $crate::__fapilog!(@names $names),
        );
        $crate::__fapilog!(@log $level, __FAPILOG_SITES.at($level), $logger, ($($value,)*))
    }};

    (@names ($(($group:ident, $name:expr),)*)) => {
        &[$($crate::__private::FieldName::new($crate::__private::FieldGroup::$group, $name)),*]
    };

    (@log $level:expr, $site:expr, $logger:tt, ($($value:expr,)*)) => {{
        let logger: &$crate::__fapilog!(@logger_type $logger) = &$crate::__fapilog!(@logger $logger);
        if logger.is_enabled_at($level, $site) {
            logger.log($level, $site, $crate::__fapilog!(@arguments $($value,)*));
        } else {
            logger.skip($level, $site);
        }
    }};
    (@logger_type []) => { $crate::__private::GlobalLogger };
    (@logger_type [$logger:expr]) => { $crate::Logger };
    (@logger []) => { $crate::__private::GlobalLogger };
    (@logger [$logger:expr]) => { $logger };

    // category: value and severity: value
    (@parse $head:tt ($($names:tt)*) ($($values:tt)*) category : $value:expr $(, $($tail:tt)*)?) => {
        $crate::__fapilog!(@parse $head ($($names)* (Category, ""),)
            ($($values)* &$crate::__private::category_number($value),) $($($tail)*)?)
    };
    (@parse $head:tt ($($names:tt)*) ($($values:tt)*) severity : $value:expr $(, $($tail:tt)*)?) => {
        $crate::__fapilog!(@parse $head ($($names)* (Severity, ""),)
            ($($values)* &$crate::__private::severity_number($value),) $($($tail)*)?)
    };

    // tags.key and metrics.key
    (@parse $head:tt $names:tt $values:tt tags . $key:ident $($tail:tt)*) => {
        $crate::__fapilog!(@value $head $names $values (Tags, ::core::stringify!($key)) ($key) $($tail)*)
    };
    (@parse $head:tt $names:tt $values:tt tags . $key:literal $($tail:tt)*) => {
        $crate::__fapilog!(@value $head $names $values (Tags, $key) () $($tail)*)
    };
    (@parse $head:tt $names:tt $values:tt metrics . $key:ident $($tail:tt)*) => {
        $crate::__fapilog!(@value $head $names $values (Metrics, ::core::stringify!($key)) ($key) $($tail)*)
    };
    (@parse $head:tt $names:tt $values:tt metrics . $key:literal $($tail:tt)*) => {
        $crate::__fapilog!(@value $head $names $values (Metrics, $key) () $($tail)*)
    };
    (@parse $head:tt $names:tt $values:tt context . $key:ident $($tail:tt)*) => {
        $crate::__fapilog!(@value $head $names $values (Context, ::core::stringify!($key)) ($key) $($tail)*)
    };
    (@parse $head:tt $names:tt $values:tt context . $key:literal $($tail:tt)*) => {
        $crate::__fapilog!(@value $head $names $values (Context, $key) () $($tail)*)
    };

    // %name, ?name and #name, alone
    (@parse $head:tt $names:tt $values:tt % $key:ident $(, $($tail:tt)*)?) => {
        $crate::__fapilog!(@value $head $names $values (Context, ::core::stringify!($key)) ($key) = %$key $(, $($tail)*)?)
    };
    (@parse $head:tt $names:tt $values:tt ? $key:ident $(, $($tail:tt)*)?) => {
        $crate::__fapilog!(@value $head $names $values (Context, ::core::stringify!($key)) ($key) = ?$key $(, $($tail)*)?)
    };
    (@parse $head:tt $names:tt $values:tt # $key:ident $(, $($tail:tt)*)?) => {
        $crate::__fapilog!(@value $head $names $values (Context, ::core::stringify!($key)) ($key) = #$key $(, $($tail)*)?)
    };

    // key and "key"
    (@parse $head:tt $names:tt $values:tt $key:ident $($tail:tt)*) => {
        $crate::__fapilog!(@value $head $names $values (Context, ::core::stringify!($key)) ($key) $($tail)*)
    };
    (@parse $head:tt $names:tt $values:tt $key:literal $($tail:tt)*) => {
        $crate::__fapilog!(@value $head $names $values (Context, $key) () $($tail)*)
    };

    (@parse $head:tt $names:tt $values:tt $($wrong:tt)+) => {
        ::core::compile_error!(::core::concat!(
            "expected a field (`key = value`, `tags.key = value`, `metrics.key = value`, or a lone variable), found `",
            ::core::stringify!($($wrong)+), "`"
        ))
    };

    // The tokens behind the key.
    (@value $head:tt ($($names:tt)*) ($($values:tt)*) $name:tt $key:tt = % $value:expr $(, $($tail:tt)*)?) => {
        $crate::__fapilog!(@parse $head ($($names)* $name,) ($($values)* &$crate::__private::display(&$value),) $($($tail)*)?)
    };
    (@value $head:tt ($($names:tt)*) ($($values:tt)*) $name:tt $key:tt = ? $value:expr $(, $($tail:tt)*)?) => {
        $crate::__fapilog!(@parse $head ($($names)* $name,) ($($values)* &$crate::__private::debug(&$value),) $($($tail)*)?)
    };
    (@value $head:tt ($($names:tt)*) ($($values:tt)*) $name:tt $key:tt = # $value:expr $(, $($tail:tt)*)?) => {
        $crate::__fapilog!(@parse $head ($($names)* $name,) ($($values)* &$crate::__private::error_chain(&$value),) $($($tail)*)?)
    };
    (@value $head:tt ($($names:tt)*) ($($values:tt)*) $name:tt $key:tt = $value:expr $(, $($tail:tt)*)?) => {
        $crate::__fapilog!(@parse $head ($($names)* $name,) ($($values)* &$value,) $($($tail)*)?)
    };
    (@value $head:tt ($($names:tt)*) ($($values:tt)*) $name:tt ($key:ident) $(, $($tail:tt)*)?) => {
        $crate::__fapilog!(@parse $head ($($names)* $name,) ($($values)* &$key,) $($($tail)*)?)
    };
    (@value $head:tt $names:tt $values:tt $name:tt $key:tt $($wrong:tt)*) => {
        ::core::compile_error!(::core::concat!(
            "expected `= value` behind a field's key, found `", ::core::stringify!($($wrong)*), "`"
        ))
    };

    // A nested tuple.
    (@arguments) => { $crate::__private::End };
    (@arguments $value:expr, $($tail:tt)*) => {
        ($crate::__private::Arg($value), $crate::__fapilog!(@arguments $($tail)*))
    };
}

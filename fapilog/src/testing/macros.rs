//! The macros. They only parse: into an [`Expectation`](super::Expectation) and one function call.

/// Expects that an event was logged: `assert_logged!(test, level: Error, message: "order rejected", order_id = 42)`.
/// Evaluates to the first [`LoggedEvent`](crate::testing::LoggedEvent) that meets all of it.
///
/// See [`testing`](crate::testing) for what may be expected.
#[macro_export]
macro_rules! assert_logged {
    ($test:expr $(, $($expected:tt)*)?) => {
        $crate::testing::TestLog::assert_logged(&$test, &$crate::__expectation!($($($expected)*)?))
    };
}

/// Expects that no event was logged that meets all of it: `assert_not_logged!(test, level: Error)`.
///
/// See [`testing`](crate::testing) for what may be expected.
#[macro_export]
macro_rules! assert_not_logged {
    ($test:expr $(, $($expected:tt)*)?) => {
        $crate::testing::TestLog::assert_not_logged(&$test, &$crate::__expectation!($($($expected)*)?))
    };
}

/// Expects that an event was logged so many times: `assert_logged_times!(test, 3, message: "will retry")`. Evaluates to
/// the events that meet all of it.
///
/// See [`testing`](crate::testing) for what may be expected.
#[macro_export]
macro_rules! assert_logged_times {
    ($test:expr, $times:expr $(, $($expected:tt)*)?) => {
        $crate::testing::TestLog::assert_logged_times(&$test, $times, &$crate::__expectation!($($($expected)*)?))
    };
}

/// Tests that are each given a [`TestLog`](crate::testing::TestLog) of their own.
///
/// ```
/// fapilog::log_tests! {
///     fn a_rejected_order_is_an_error(test) {
///         fapilog::error!(test.log(), "order rejected");
///         fapilog::assert_logged!(test, level: Error);
///     }
/// }
/// ```
#[macro_export]
macro_rules! log_tests {
    ($($(#[$attribute:meta])* fn $name:ident($test:ident) $(-> $result:ty)? $body:block)*) => {$(
        $(#[$attribute])*
        #[test]
        fn $name() $(-> $result)? {
            let $test = &$crate::testing::TestLog::new();
            $body
        }
    )*};
}

/// An expectation from what an assertion is given.
#[doc(hidden)]
#[macro_export]
macro_rules! __expectation {
    (@parse ($done:expr) $(,)?) => { $done };

    (@parse ($done:expr) level : $level:ident $(, $($tail:tt)*)?) => {
        $crate::__expectation!(@parse ($done.level($crate::Level::$level)) $($($tail)*)?)
    };
    (@parse ($done:expr) message : $text:expr $(, $($tail:tt)*)?) => {
        $crate::__expectation!(@parse ($done.message($text)) $($($tail)*)?)
    };
    (@parse ($done:expr) message_contains : $text:expr $(, $($tail:tt)*)?) => {
        $crate::__expectation!(@parse ($done.message_contains($text)) $($($tail)*)?)
    };
    (@parse ($done:expr) source : $text:expr $(, $($tail:tt)*)?) => {
        $crate::__expectation!(@parse ($done.source($text)) $($($tail)*)?)
    };
    (@parse ($done:expr) target : $text:expr $(, $($tail:tt)*)?) => {
        $crate::__expectation!(@parse ($done.target($text)) $($($tail)*)?)
    };
    (@parse ($done:expr) correlation_id : $text:expr $(, $($tail:tt)*)?) => {
        $crate::__expectation!(@parse ($done.correlation_id($text)) $($($tail)*)?)
    };

    // tags.key, metrics.key and context.key
    (@parse $done:tt tags . $key:ident $($tail:tt)*) => {
        $crate::__expectation!(@value $done Tags (::core::stringify!($key)) ($key) $($tail)*)
    };
    (@parse $done:tt tags . $key:literal $($tail:tt)*) => {
        $crate::__expectation!(@value $done Tags ($key) () $($tail)*)
    };
    (@parse $done:tt metrics . $key:ident $($tail:tt)*) => {
        $crate::__expectation!(@value $done Metrics (::core::stringify!($key)) ($key) $($tail)*)
    };
    (@parse $done:tt metrics . $key:literal $($tail:tt)*) => {
        $crate::__expectation!(@value $done Metrics ($key) () $($tail)*)
    };
    (@parse $done:tt context . $key:ident $($tail:tt)*) => {
        $crate::__expectation!(@value $done Context (::core::stringify!($key)) ($key) $($tail)*)
    };
    (@parse $done:tt context . $key:literal $($tail:tt)*) => {
        $crate::__expectation!(@value $done Context ($key) () $($tail)*)
    };

    // %name, ?name and #name, alone
    (@parse $done:tt % $key:ident $(, $($tail:tt)*)?) => {
        $crate::__expectation!(@value $done Context (::core::stringify!($key)) () = %$key $(, $($tail)*)?)
    };
    (@parse $done:tt ? $key:ident $(, $($tail:tt)*)?) => {
        $crate::__expectation!(@value $done Context (::core::stringify!($key)) () = ?$key $(, $($tail)*)?)
    };
    (@parse $done:tt # $key:ident $(, $($tail:tt)*)?) => {
        $crate::__expectation!(@value $done Context (::core::stringify!($key)) () = #$key $(, $($tail)*)?)
    };

    // key and "key"
    (@parse $done:tt $key:ident $($tail:tt)*) => {
        $crate::__expectation!(@value $done Context (::core::stringify!($key)) ($key) $($tail)*)
    };
    (@parse $done:tt $key:literal $($tail:tt)*) => {
        $crate::__expectation!(@value $done Context ($key) () $($tail)*)
    };

    (@parse $done:tt $($wrong:tt)+) => {
        ::core::compile_error!(::core::concat!(
            "expected `level: Name`, `message: text`, `message_contains: text`, `source: text`, `target: text`, \
             `correlation_id: text` or a field (`key = value`, `tags.key = value`), found `",
            ::core::stringify!($($wrong)+), "`"
        ))
    };

    // The tokens behind the key.
    (@value ($done:expr) $group:ident ($name:expr) $key:tt = % $value:expr $(, $($tail:tt)*)?) => {
        $crate::__expectation!(@parse
            ($done.field($crate::__private::FieldGroup::$group, $name, &$crate::__private::display(&$value))) $($($tail)*)?)
    };
    (@value ($done:expr) $group:ident ($name:expr) $key:tt = ? $value:expr $(, $($tail:tt)*)?) => {
        $crate::__expectation!(@parse
            ($done.field($crate::__private::FieldGroup::$group, $name, &$crate::__private::debug(&$value))) $($($tail)*)?)
    };
    (@value ($done:expr) $group:ident ($name:expr) $key:tt = # $value:expr $(, $($tail:tt)*)?) => {
        $crate::__expectation!(@parse
            ($done.field($crate::__private::FieldGroup::$group, $name, &$crate::__private::error_chain(&$value))) $($($tail)*)?)
    };
    (@value ($done:expr) $group:ident ($name:expr) $key:tt = $value:expr $(, $($tail:tt)*)?) => {
        $crate::__expectation!(@parse ($done.field($crate::__private::FieldGroup::$group, $name, &$value)) $($($tail)*)?)
    };
    (@value ($done:expr) $group:ident ($name:expr) ($key:ident) $(, $($tail:tt)*)?) => {
        $crate::__expectation!(@parse ($done.field($crate::__private::FieldGroup::$group, $name, &$key)) $($($tail)*)?)
    };
    (@value $done:tt $group:ident $name:tt $key:tt $($wrong:tt)*) => {
        ::core::compile_error!(::core::concat!(
            "expected `= value` behind a field's key, found `", ::core::stringify!($($wrong)*), "`"
        ))
    };

    ($($expected:tt)*) => {
        $crate::__expectation!(@parse ($crate::testing::Expectation::new()) $($expected)*)
    };
}

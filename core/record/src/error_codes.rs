//! Parts that the errors of the library share: stable codes, `family.what`, in lower case, and a `Debug` form for people.

/// Gives an error type its `code` and the list of all its codes.
///
/// For the crates of this workspace: not a public interface.
#[doc(hidden)]
#[macro_export]
macro_rules! error_codes {
    ($error:ty { $($pattern:pat => $code:literal,)+ }) => {
        impl $error {
            /// Every code that [`code`](Self::code) returns.
            pub const CODES: &'static [&'static str] = &[$($code),+];

            /// A stable code, for programs and for searching: see the page on errors.
            #[must_use]
            pub const fn code(&self) -> &'static str {
                match self {
                    $($pattern => $code,)+
                }
            }
        }
    };
}

/// Gives error types their text as their `Debug` form: a `main` that returns an error prints that.
///
/// For the crates of this workspace: not a public interface.
#[doc(hidden)]
#[macro_export]
macro_rules! debug_is_the_text {
    ($($error:ty),+) => {$(
        impl ::core::fmt::Debug for $error {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                ::core::fmt::Display::fmt(self, f)
            }
        }
    )+};
}

//! Stable codes of errors: `family.what`, in lower case.

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

//! Wrappers around a value that their `Display` does not show.

/// Makes the ways into and out of a wrapper with the field `value`.
macro_rules! exposing {
    ($wrapper:ident) => {
        impl<T> $wrapper<T> {
            /// Wraps a value.
            #[inline]
            #[must_use]
            pub const fn new(value: T) -> Self {
                Self { value }
            }

            /// The value, for the place that needs it.
            #[inline]
            #[must_use]
            pub const fn expose(&self) -> &T {
                &self.value
            }

            /// The value, to change it.
            #[inline]
            #[must_use]
            pub const fn expose_mut(&mut self) -> &mut T {
                &mut self.value
            }

            /// Takes the value out.
            #[inline]
            #[must_use]
            pub fn into_inner(self) -> T {
                self.value
            }
        }

        impl<T> From<T> for $wrapper<T> {
            #[inline]
            fn from(value: T) -> Self {
                Self::new(value)
            }
        }
    };
}

pub(super) use exposing;

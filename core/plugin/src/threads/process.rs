//! Which process something belongs to.

/// The process that made something which a forked child inherits, and must leave alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OwnProcess(u32);

impl OwnProcess {
    /// This one.
    #[must_use]
    pub fn this() -> Self {
        Self(std::process::id())
    }

    /// Whether it is this one: no fork lies between.
    #[must_use]
    pub fn is_this(self) -> bool {
        self == Self::this()
    }
}

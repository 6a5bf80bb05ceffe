//! The origin of a field's text.

use fapilog_record::value::ErrorChain;

/// The origin of a field's text: [`Event::text_origin`](super::Event::text_origin).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum TextOrigin<'batch> {
    /// A text, or a value by its `Display`. Its line ends may be those of a user, who forges lines.
    Plain,
    /// A value by its `Debug`. Its line ends are those of the program: `{:#?}`, or a type's own.
    Debug,
    /// An error: its text and those of its sources, one by one.
    Error(ErrorChain<'batch>),
}

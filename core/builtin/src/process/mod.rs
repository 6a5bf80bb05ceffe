//! Built-in processors.

mod dedupe;
mod digest;
mod field_path;
mod filter;
mod format;
mod projection;
mod sampling;
mod size_guard;
mod template;
mod throttle;

pub use dedupe::Dedupe;
pub use field_path::FieldPath;
pub use filter::{Comparison, Condition, FilterProcessor, Operand, Rule};
pub use format::FormatProcessor;
pub use projection::Projection;
pub use sampling::{Sampling, SamplingError};
pub use size_guard::SizeGuard;
pub use template::{TemplateError, TemplateMistake};
pub use throttle::Throttle;

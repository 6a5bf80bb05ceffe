//! The mounts of this process.

/// A line of `/proc/self/mountinfo`: see `proc(5)`.
#[derive(Debug)]
pub(super) struct Mount<'t> {
    pub(super) device: &'t str,
    /// The directory of the file system that is mounted.
    pub(super) root: &'t str,
    pub(super) at: String,
    pub(super) options: &'t str,
    pub(super) kind: &'t str,
    /// The options of the file system itself.
    super_options: &'t str,
}

impl<'t> Mount<'t> {
    pub(super) fn of(line: &'t str) -> Option<Self> {
        let (front, back) = line.split_once(" - ")?;
        let mut fields = front.split(' ').skip(2);
        let (device, root, at, options) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
        let at = at.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\");
        let mut fields = back.split(' ');
        let (kind, super_options) = (fields.next()?, fields.nth(1).unwrap_or_default());
        Some(Self { device, root, at, options, kind, super_options })
    }

    /// Whether the file system has this option; for control groups of version 1, a controller.
    pub(super) fn has_option(&self, name: &str) -> bool {
        self.super_options.split(',').any(|option| option == name)
    }
}

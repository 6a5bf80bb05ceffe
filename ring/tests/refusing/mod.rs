//! `membarrier`, refused by the kernel.

use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};

/// From now on the call fails with EPERM, on this thread and on threads that it starts.
pub(crate) fn refuse_membarrier() {
    let rules = [(libc::SYS_membarrier, Vec::new())].into_iter().collect();
    let refused = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    let target = std::env::consts::ARCH.try_into().unwrap();
    let filter: BpfProgram =
        SeccompFilter::new(rules, SeccompAction::Allow, refused, target).unwrap().try_into().unwrap();
    seccompiler::apply_filter(&filter).unwrap();
}

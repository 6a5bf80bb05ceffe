//! A kernel that refuses system calls to this thread, and to those that it starts.
#![allow(clippy::unwrap_used, reason = "all of this is test code")]

use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};

/// From now on the call fails so, until the thread ends.
pub(crate) fn refuse(call: i64, errno: i32) {
    let rules = [(call, Vec::new())].into_iter().collect();
    let says = SeccompAction::Errno(errno.unsigned_abs());
    let target = std::env::consts::ARCH.try_into().unwrap();
    let filter: BpfProgram = SeccompFilter::new(rules, SeccompAction::Allow, says, target).unwrap().try_into().unwrap();
    seccompiler::apply_filter(&filter).unwrap();
}

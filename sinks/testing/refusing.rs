//! System calls that the kernel refuses to this thread, and to threads that it starts.
#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(clippy::unwrap_used, reason = "all of this is test code")]

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};

/// From now on the call fails with `errno`, until the thread ends.
pub(crate) fn refuse(call: i64, errno: i32) {
    refuse_if(call, Vec::new(), errno);
}

/// The same, only with this descriptor as its first argument.
pub(crate) fn refuse_on(call: i64, fd: i32, errno: i32) {
    refuse_where(call, 0, fd.unsigned_abs(), errno);
}

/// The same, only with this value of the argument, counted from 0.
pub(crate) fn refuse_where(call: i64, argument: u8, value: u32, errno: i32) {
    let is_it = SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, u64::from(value)).unwrap();
    refuse_if(call, vec![SeccompRule::new(vec![is_it]).unwrap()], errno);
}

fn refuse_if(call: i64, conditions: Vec<SeccompRule>, errno: i32) {
    let rules = [(call, conditions)].into_iter().collect();
    let action = SeccompAction::Errno(errno.unsigned_abs());
    let target = std::env::consts::ARCH.try_into().unwrap();
    let filter: BpfProgram =
        SeccompFilter::new(rules, SeccompAction::Allow, action, target).unwrap().try_into().unwrap();
    seccompiler::apply_filter(&filter).unwrap();
}

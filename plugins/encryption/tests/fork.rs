//! A forked child must not go on with the parent's data key: both would use the same nonces.

mod support;

use fapilog::format;
use fapilog_encryption::EncryptError;
use support::{decrypt, format, keys, pair, plain, with_batch};

#[test]
fn a_forked_child_encrypts_nothing_by_the_key_of_its_parent() {
    let (identity, encryption) = pair();
    let mut formatter = encryption.around(format::Minimal::new());
    let mut log = format(&mut formatter, &["of the parent"]);
    // SAFETY: the child calls nothing that another thread of the test could hold a lock of, and ends by `_exit`.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let mut out = Vec::new();
        let result = with_batch(&["of the child"], |batch| formatter.try_format(batch, &mut out));
        let is_refused = matches!(result, Err(EncryptError::Forked)) && out.is_empty();
        // SAFETY: it ends the child at once.
        unsafe { libc::_exit(if is_refused { 0 } else { 1 }) };
    }
    let mut status = -1;
    // SAFETY: the place of the status is valid.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    assert_eq!(status, 0, "the child used the key");
    log.extend(format(&mut formatter, &["again"]));
    let read: Vec<_> = decrypt(&log, keys(&identity)).into_iter().map(Result::unwrap).collect();
    let last = read.last().unwrap();
    assert_eq!((last.block, &last.records), (1, &plain(&["again"])));
}

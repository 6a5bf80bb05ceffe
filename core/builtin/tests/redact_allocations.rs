//! Allocations of the content scanner: none for a text without a match.
#![allow(clippy::unwrap_used, reason = "all of this program is test code")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

use fapilog_builtin::redact::content::{ContentOptions, ContentPattern, ContentScanner};

thread_local! {
    /// Allocations of this thread. Neither allocates nor has a destructor.
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct CountingAllocator;

// SAFETY: everything is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = ALLOCATIONS.try_with(|allocations| allocations.set(allocations.get() + 1));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

/// Allocations of a second scan of each line of the corpus in which nothing is found.
fn allocations(options: &ContentOptions) -> u64 {
    let lines = include_str!("redact_corpus/not_found.txt").lines();
    let mut scanner = ContentScanner::new(options).unwrap();
    let mut findings = Vec::new();
    for text in lines.clone().chain(["４１ is folded\u{200b}, and no secret"]) {
        scanner.scan(text, &mut findings);
    }
    let before = ALLOCATIONS.get();
    for text in lines.chain(["４１ is folded\u{200b}, and no secret"]) {
        scanner.scan(text, &mut findings);
    }
    assert!(findings.is_empty());
    ALLOCATIONS.get() - before
}

#[test]
fn a_text_without_a_match_is_scanned_without_an_allocation() {
    assert_eq!(allocations(&ContentOptions::default()), 0);
}

#[test]
fn patterns_of_the_user_that_do_not_match_allocate_nothing() {
    let patterns = ["ORD-[0-9]{9}", "customer [a-z]+ [0-9]{8}"];
    let patterns =
        patterns.map(|expression| ContentPattern { name: "p".into(), expression: expression.into() }).to_vec();
    assert_eq!(allocations(&ContentOptions { patterns, ..ContentOptions::default() }), 0);
}

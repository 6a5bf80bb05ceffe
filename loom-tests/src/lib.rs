//! Model checks of the protocols by which fapilog's threads talk to each other.
//!
//! A model is a handful of threads, a few steps each. [loom](https://docs.rs/loom) runs it under every interleaving,
//! and lets every load return every value that the memory model allows, up to the bounds below. The models live in
//! `tests/`, one file each, and cite the rule they check. The rules are on the front page of `fapilog-ring`, in
//! `core/engine/src/shard/mod.rs` and in `core/engine/src/accounts`.
//!
//! ```text
//! RUSTFLAGS="--cfg fapilog_loom" cargo test --release -p loom-tests --target-dir target/loom
//! ```
//!
//! Without that cfg this crate has no models: only [`rules`], the list of all rules, each with the bugs that break it on
//! purpose or with the reason why there is none.
//!
//! A new model is a new file beside the others, under the crate whose protocol it checks (`tests/ring`, `tests/core`); it
//! shares the rings, frames, logs and sleepers of this library.
//!
//! The models of `tests/core` run the real container, its lanes and its shard, in the loop of the thread host
//! (`small_log`); nothing of the drain is written anew for them.
//!
//! # Every model has been seen to fail
//!
//! Beside each model stand its negative controls: the same model with one ordering weakened or one step swapped, by a
//! bug that `fapilog_ring::seeded` plants by name. A control passes only when the model fails *and* reports the
//! expected failure: a causality violation, a deadlock, or the model's own message. A misspelt name plants nothing, so
//! its control fails. `tests/rules.rs` fails when a rule of a protocol page is not in the [list](rules), or a planted bug has no
//! control.
//!
//! A model that fails takes its whole test program with it, because loom's objects cannot be dropped while a model
//! unwinds: the first panic printed is the one that counts.
//!
//! # Bounds
//!
//! `model::holds` explores all executions with at most three pre-emptions, `model::holds_within` names another number.
//! Almost every concurrency bug that is known shows with two. Switches where a thread blocks, yields or ends are not
//! counted. Rings are as small as they can be (128 bytes), so that a few frames fill one. No model lasts so long that the
//! drain does anything by the clock: intervals and deadlines are an hour.
//!
//! # Limits of loom, and the tests for them
//!
//! | Limit of loom | Test or argument for it |
//! |---|---|
//! | knows no `membarrier` and no asymmetric fences: both fences of rule 8 are full fences in a model | the argument in `fapilog_ring::fence`; `ring/tests/litmus`, the store-load litmus on the real call, with a control; and `ring/tests/two_threads.rs`, which parks and wakes on it |
//! | never lets a load return a value that is stored later (load buffering) | no step of the protocol relies on a relaxed load for data: each is a hint, or is followed by an acquire load or a lock; miri and the stress tests run the real code |
//! | treats `SeqCst` accesses as `AcqRel` ones (only `SeqCst` *fences* are modelled) | the protocols use none |
//! | sees raw memory only where `sync::AccessTracker` reports it, eight bytes at a time, when a frame is reserved, written or first viewed | the borrow checker (`ring/tests/ui`) keeps views and grants from outliving that; miri checks each byte, its alignment, provenance and races |
//! | runs small models: few threads, few frames, few pre-emptions | `ring/tests/model.rs` (every offset, long sequences) and `ring/tests/two_threads.rs` (hundreds of thousands of frames, real processors; clean under ThreadSanitizer too) |
//! | looks for races with the last access to a word only: behind a thread's own load it overlooks that its store races with another's load | a read-modify-write where a model needs the race found (`Registrations::register`); each negative control shows that its race is found |
//! | would run all its threads on one set of thread-locals: in `tests/core` a thread holds its lane itself | `frontend/thread.rs` shares nothing between threads; its tests, which miri runs too, and `fapilog/tests` on real threads |
//! | does not see what the standard library's atomics and locks do (the level threshold, the registry of call sites, the fork generation) | each is a figure by itself or a lock; a threshold read late is what a lane's call without one stands for (`tests/core/shutdown.rs`) |
//! | lets no wait time out: neither one for space in a full ring, nor a sleep by itself | `fapilog/tests/overflow.rs`, and the tests of deadlines beside it; a sleep that ends is a `yield_now` in a model |
//! | runs no glommio executor | it is woken by the same doorbell; `fapilog/tests` run on both executors |
//! | sees neither the compiler's code nor the processor's caches | the stress tests |

#![cfg_attr(fapilog_loom, expect(clippy::expect_used, reason = "all of this crate is test code"))]

#[cfg(fapilog_loom)]
pub mod model;
pub mod rules;
#[cfg(fapilog_loom)]
pub mod sleeper;
#[cfg(fapilog_loom)]
pub mod small_log;
#[cfg(fapilog_loom)]
pub mod small_ring;

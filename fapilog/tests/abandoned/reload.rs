//! A drain that is abandoned between the two steps of a reload.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    thread,
    time::Duration,
};

use fapilog::{error::ChangeError, event::Batch, plugin::PluginError, process::Processor};

use crate::{
    builder, is_abandoned,
    law::{memory, thread_builder, until},
    log, shut_down,
    trap::Trap,
};

/// A processor that does nothing, and counts when it is dropped.
struct Idle(Arc<AtomicU32>);

impl Processor for Idle {
    fn name(&self) -> &'static str {
        "idle"
    }

    fn process(&mut self, _: &mut Batch<'_>) -> Result<(), PluginError> {
        Ok(())
    }
}

impl Drop for Idle {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// The result of a reload in which a shard of two is abandoned, and the number of new plugins behind it.
/// `may_prepare_again`: the next shard can make the new plugin.
fn reload_meanwhile(may_prepare_again: bool) -> (Result<(), ChangeError>, u32) {
    let trap = Trap::new("process");
    let (sink, _events) = memory();
    let container = builder(&trap).shards(2).sink("memory", sink).start().unwrap();
    let state = Arc::new((AtomicBool::new(false), AtomicBool::new(false), AtomicU32::new(0)));
    let dropped = Arc::<AtomicU32>::default();
    let (of_new, counts_drops) = (Arc::clone(&state), Arc::clone(&dropped));
    let new = thread_builder().named_processor("new", move |shard| {
        let (has_prepared, goes_on, made) = &*of_new;
        if shard.abandoned > 0 && !may_prepare_again {
            return Err(PluginError::failed("not again"));
        }
        // The first one hangs later, and the second one waits for that.
        while shard.abandoned == 0 && has_prepared.swap(true, Ordering::SeqCst) && !goes_on.load(Ordering::SeqCst) {
            thread::sleep(Duration::from_millis(1));
        }
        made.fetch_add(1, Ordering::SeqCst);
        Ok(Box::new(Idle(Arc::clone(&counts_drops))))
    });
    let (_, goes_on, made) = &*state;
    let reloaded = thread::scope(|scope| {
        let reloading = scope.spawn(|| container.replace_pipeline(&new));
        until("a shard has prepared", || made.load(Ordering::SeqCst) == 1);
        trap.arm();
        // A thread's core decides which shard it logs to.
        until("it hangs", || {
            scope.spawn(|| log(&container, 0..1)).join().unwrap();
            trap.hung() > 0
        });
        until("another drain takes over", || is_abandoned(&container));
        if may_prepare_again {
            until("it has prepared again", || made.load(Ordering::SeqCst) == 2);
        }
        goes_on.store(true, Ordering::SeqCst);
        reloading.join().unwrap()
    });
    trap.release();
    until("the abandoned drain has dropped its plugins", || dropped.load(Ordering::SeqCst) == 1);
    let new_plugins = made.load(Ordering::SeqCst) - 1;
    shut_down(&container);
    (reloaded, new_plugins)
}

#[test]
fn a_drain_that_takes_over_between_the_steps_of_a_reload_has_the_new_plugins() {
    let (reloaded, new_plugins) = reload_meanwhile(true);
    reloaded.unwrap();
    assert_eq!(new_plugins, 2);
}

#[test]
fn a_reload_fails_if_a_drain_that_takes_over_cannot_make_the_new_plugins() {
    let (reloaded, _) = reload_meanwhile(false);
    assert!(matches!(&reloaded, Err(ChangeError::Plugin { name, .. }) if name == "new"), "{reloaded:?}");
}

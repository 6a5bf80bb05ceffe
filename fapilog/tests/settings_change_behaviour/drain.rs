//! Rows of the drain: its threads, its batches, and its order.

use std::{
    fs,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use fapilog::{
    container::{EventOrder, Executor, OnHang},
    error::StartError,
    event::Batch,
    format, info,
    plugin::{Factory, Metadata, PluginError, Registry},
    process::Processor,
    sink::{self, Sink, SinkContext, SinkError, SinkFactory},
};

use crate::{
    NEVER,
    law::until,
    log::{plain, refusal, start, start_manual, start_with},
};

pub(super) fn batch_events_max() {
    let (container, mut drain, _events) = start_manual(plain().batch_events_max(10));
    let log = container.logger("settings");
    (0..25).for_each(|_| info!(log, "one of many"));
    let mut pending = 25;
    while drain.turn() {
        let left = container.accounts().pending;
        assert!(pending - left <= 10, "{pending} before, {left} after");
        pending = left;
    }
    assert_eq!(pending, 0);
}

/// Counts the sinks that it makes.
struct Counted(Arc<AtomicUsize>);

impl SinkFactory for Counted {
    fn make(&self, context: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        sink::Null::new(format::Json::new).make(context)
    }
}

pub(super) fn shards() {
    let made = Arc::<AtomicUsize>::default();
    let count = Arc::clone(&made);
    let mut registry = Registry::linked();
    registry
        .register_sink(Metadata::new("counted", "1.0.0"), move |_| Ok(Arc::new(Counted(Arc::clone(&count)))))
        .unwrap();
    start_with(plain().sinks(["counted"]).shards(3), registry);
    assert_eq!(made.load(Ordering::SeqCst), 3);
}

/// Hangs on its first batch, until it is released.
struct HangsOnce(Arc<HangingOnce>);

#[derive(Default)]
struct HangingOnce {
    has_hung: AtomicBool,
    is_released: AtomicBool,
}

impl Processor for HangsOnce {
    fn name(&self) -> &'static str {
        "hangs"
    }

    fn process(&mut self, _: &mut Batch<'_>) -> Result<(), PluginError> {
        let hangs = !self.0.has_hung.swap(true, Ordering::SeqCst);
        while hangs && !self.0.is_released.load(Ordering::SeqCst) {
            thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }
}

pub(super) fn on_hang() {
    let delivered = |on_hang| {
        let hanging = Arc::<HangingOnce>::default();
        let mut registry = Registry::linked();
        let plugin = Arc::clone(&hanging);
        registry
            .register_processor(Metadata::new("hangs", "1.0.0"), move |_| {
                let plugin = Arc::clone(&plugin);
                Ok(Factory::processor(move |_| HangsOnce(Arc::clone(&plugin))))
            })
            .unwrap();
        let settings = plain().processors(["hangs"]).plugin_timeout(Duration::from_millis(1)).emergency_lines(false);
        let started = start_with(settings.on_hang(on_hang), registry);
        started.log("held");
        until("it hangs", || hanging.has_hung.load(Ordering::SeqCst));
        started.log("behind it");
        let about = |text: &str| started.container.diagnostics().iter().any(|one| one.text.contains(text));
        match on_hang {
            OnHang::Abandon => until("another drain delivers", || !started.events.lines().is_empty()),
            _ => until("it is reported", || about("does not return")),
        }
        let delivered = started.events.lines().len();
        hanging.is_released.store(true, Ordering::SeqCst);
        delivered
    };
    assert_eq!((delivered(OnHang::Wait), delivered(OnHang::Abandon)), (0, 1));
}

pub(super) fn async_processing() {
    let (container, mut drain, events) = start_manual(plain().flush_interval(Duration::ZERO));
    info!(container.logger("settings"), "waits for the program");
    assert_eq!(container.accounts().pending, 1);
    drain.run_until_idle();
    assert_eq!(events.lines().len(), 1);
    let refusal = refusal(plain().async_processing(false));
    assert!(refusal.contains("the program drains such a container: use start_manual"), "{refusal}");
}

pub(super) fn order() {
    let threads = |order| {
        let (container, mut drain, events) = start_manual(plain().order(order));
        let log = container.logger("settings");
        info!(log, "this thread's first");
        thread::scope(|scope| {
            scope.spawn(|| info!(log, "the other's"));
        });
        info!(log, "this thread's last");
        container.request_flush();
        drain.run_until_idle();
        let lines = events.lines();
        let place = |message: &str| lines.iter().position(|line| line.contains(message)).unwrap();
        [place("this thread's first"), place("the other's"), place("this thread's last")]
    };
    assert_eq!(threads(EventOrder::ByTime), [0, 1, 2]);
    assert_eq!(threads(EventOrder::ByProducer), [0, 2, 1]);
}

pub(super) fn executor() {
    assert_eq!(start(plain()).container.executor(), Some(Executor::Thread));
    let settings = plain().sinks(["null"]).executor(Executor::Glommio).build().unwrap();
    match settings.into_builder().unwrap().start() {
        Ok(container) => assert_eq!(container.executor(), Some(Executor::Glommio)),
        Err(StartError::Glommio { .. }) => {}
        Err(error) => panic!("{error}"),
    }
}

/// Keeps the CPUs that the thread may use which makes it.
struct Pinned(Arc<Mutex<String>>);

impl SinkFactory for Pinned {
    fn make(&self, context: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        *self.0.lock().unwrap() = allowed_cpus();
        sink::Null::new(format::Json::new).make(context)
    }
}

fn allowed_cpus() -> String {
    let status = fs::read_to_string("/proc/thread-self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap();
    line.trim().to_owned()
}

pub(super) fn drain_cpus() {
    let first: usize = allowed_cpus().split(['-', ',']).next().unwrap().parse().unwrap();
    let seen = Arc::<Mutex<String>>::default();
    let eye = Arc::clone(&seen);
    let mut registry = Registry::linked();
    registry.register_sink(Metadata::new("pinned", "1.0.0"), move |_| Ok(Arc::new(Pinned(Arc::clone(&eye))))).unwrap();
    start_with(plain().sinks(["pinned"]).drain_cpus([first]), registry);
    assert_eq!(*seen.lock().unwrap(), first.to_string());
}

pub(super) fn flush_interval() {
    for (interval, delivered) in [(Duration::ZERO, 1), (NEVER, 0)] {
        let (container, mut drain, events) = start_manual(plain().flush_interval(interval));
        info!(container.logger("settings"), "due or not");
        drain.run_until_idle();
        assert_eq!(events.lines().len(), delivered);
    }
}

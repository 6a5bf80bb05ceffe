//! Sinks that are made, stopped and dropped, and factories that make none.

use std::{
    sync::{Arc, Mutex, atomic::AtomicBool},
    thread,
    time::Instant,
};

use fapilog::{
    Container,
    error::StartError,
    event::Batch,
    plugin::PluginError,
    sink::{Delivery, Payload, Sink, SinkContext, SinkError, SinkFactory},
};

use crate::{
    law::{executors, memory, shut_down, thread_builder, until},
    panicking_sink::PanickingSink,
};

#[test]
fn sinks_are_stopped_and_dropped_in_the_reverse_order_of_their_start() {
    type Steps = Arc<Mutex<Vec<String>>>;
    struct Recorder(&'static str, Steps);
    impl Recorder {
        fn record(&self, what: &str) {
            self.1.lock().unwrap().push(format!("{what} {}", self.0));
        }
    }
    struct Made(Recorder);
    impl SinkFactory for Recorder {
        fn make(&self, _: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
            self.record("made");
            Ok(Box::new(Made(Recorder(self.0, Arc::clone(&self.1)))))
        }
    }
    impl Sink for Made {
        fn writer(&self) -> String {
            "none".to_owned()
        }
        fn payload(&mut self) -> Option<Payload> {
            Some(Payload::new(1024))
        }
        fn encode(&mut self, _: &Batch<'_>, _: &mut Payload) -> Result<(), PluginError> {
            Ok(())
        }
        fn deliver(&mut self, _: Payload) -> Delivery {
            Delivery::done(Ok(()))
        }
        fn stop(&mut self, _: Instant) {
            self.0.record("stopped");
        }
    }
    impl Drop for Made {
        fn drop(&mut self) {
            self.0.record("dropped");
        }
    }
    let steps = Steps::default();
    let recorder = |name| Recorder(name, Arc::clone(&steps));
    let container = thread_builder().sink("a", recorder("a")).sink("b", recorder("b")).start().unwrap();
    shut_down(&container);
    let steps = steps.lock().unwrap().clone();
    assert_eq!(steps, ["made a", "made b", "stopped b", "stopped a", "dropped b", "dropped a"]);
}

/// Threads of this process whose names are ours.
fn drain_threads() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let names = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
    names.filter(|name| name.starts_with("refused-")).count()
}

struct Refuses;

impl SinkFactory for Refuses {
    fn make(&self, _: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        // A name of its own, so that other tests' threads are not counted.
        thread::Builder::new().name("refused-0".to_owned()).spawn(|| ()).unwrap().join().unwrap();
        Err(SinkError::Other("no such place".into()))
    }
}

#[test]
fn a_sink_that_cannot_be_made_stops_the_start_and_is_named() {
    for executor in executors() {
        let ((first, _), builder) = (memory(), Container::builder().executor(executor));
        match builder.sink("first", first).sink("refuses", Refuses).start() {
            Err(StartError::Sink { sink, cause }) => {
                assert_eq!((sink.as_str(), cause.to_string().as_str()), ("refuses", "the sink failed"));
            }
            other => panic!("{other:?}"),
        }
    }
    until("its threads are gone", || drain_threads() == 0);
}

#[test]
fn a_sink_that_cannot_be_made_stops_a_manual_start_too() {
    let started = Container::builder().sink("refuses", Refuses).start_manual();
    assert!(matches!(started, Err(StartError::Sink { .. })));
}

#[test]
fn a_factory_that_panics_stops_the_start_and_is_named() {
    for executor in executors() {
        for step in ["make", "writer", "on_full"] {
            let sink = PanickingSink(step, Arc::new(AtomicBool::new(true)));
            match Container::builder().executor(executor).sink("panicking", sink).start() {
                Err(StartError::Sink { sink, .. }) => assert_eq!(sink, "panicking"),
                other => panic!("{executor}: {other:?}"),
            }
        }
    }
}

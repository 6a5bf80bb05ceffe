//! The subscriber without a registry has the spans that the registry has: programs that are made at random log the same by both.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "all of this program is test code")]

mod law;

use fapilog_tracing::{Bridge, SpanEvents, SpanNames};
use law::{Way, parsed, shut_down, started};
use serde_json::Value;
use tracing::{Span, dispatcher::with_default, field, info, info_span, span::EnteredSpan};

const PROGRAMS: u64 = 60;
const STEPS: usize = 120;

/// Numbers that look random, the same for the same seed.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % bound
    }

    fn of<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        if all.is_empty() { None } else { all.get(self.below(all.len())) }
    }
}

/// A program's spans.
#[derive(Default)]
struct Spans {
    all: Vec<Span>,
    entered: Vec<EnteredSpan>,
}

impl Spans {
    fn step(&mut self, n: u64, numbers: &mut Numbers) {
        match numbers.below(12) {
            0 | 1 => self.all.push(info_span!("contextual", n, late = field::Empty, other = field::Empty)),
            2 => self.all.push(info_span!(parent: None, "root", n)),
            3 => {
                let parent = numbers.of(&self.all).and_then(Span::id);
                self.all.push(info_span!(parent: parent, "explicit", made = n));
            }
            4 | 5 => self.entered.extend(numbers.of(&self.all).cloned().map(Span::entered)),
            // In any order.
            6 | 7 if !self.entered.is_empty() => drop(self.entered.swap_remove(numbers.below(self.entered.len()))),
            8 if !self.all.is_empty() => drop(self.all.swap_remove(numbers.below(self.all.len()))),
            9 => {
                if let Some(span) = numbers.of(&self.all) {
                    span.record(["late", "other", "n", "absent"][numbers.below(4)], n);
                }
            }
            10 => {
                if let Some((span, other)) = numbers.of(&self.all).zip(numbers.of(&self.all)) {
                    span.follows_from(other);
                }
            }
            11 => match numbers.of(&self.all) {
                Some(span) => info!(parent: span, own = n, "of a parent"),
                None => info!(parent: None, own = n, "of none"),
            },
            _ => {
                Span::current().record("late", n);
                info!(own = n, "of the current span");
            }
        }
    }
}

fn logged(way: Way, seed: u64) -> Vec<Value> {
    let (container, events) = started();
    let bridge = Bridge::new(container.logger("t")).span_names(SpanNames::Path).follows_from(true);
    with_default(&way.dispatch(bridge.span_events(SpanEvents::FULL)), || {
        let (mut spans, mut numbers) = (Spans::default(), Numbers(seed));
        (0..STEPS as u64).for_each(|n| spans.step(n, &mut numbers));
        info!("at last");
    });
    shut_down(&container);
    let mut events = parsed(&events);
    for event in &mut events {
        let event = event.as_object_mut().unwrap();
        // Times and ids differ.
        event.retain(|key, _| ["message", "context", "level"].contains(&key.as_str()));
    }
    events
}

#[test]
fn a_program_logs_the_same_with_and_without_a_registry() {
    let mut total = 0;
    for seed in 0..PROGRAMS {
        let by_registry = logged(Way::Layer, seed);
        assert_eq!(by_registry, logged(Way::Subscriber, seed), "program {seed}");
        assert_eq!(by_registry, logged(Way::FilteredLayer, seed), "program {seed}");
        total += by_registry.len();
    }
    assert!(total > 1_000, "{total}");
}

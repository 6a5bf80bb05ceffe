//! Texts of plugins that would do harm where a report is read.

use std::sync::{Arc, Mutex};

use fapilog::{
    Container,
    enrich::Enricher,
    event::Batch,
    info,
    plugin::PluginError,
    sink::{Delivery, Payload, Sink, SinkContext, SinkError, SinkFactory},
};

use crate::law::{TIMEOUT, thread_builder};

/// More bytes than a report shows of such a text, with quotes and what stands around it.
const SHOWN_MAX_BYTES: usize = 1200;

/// A megabyte with line breaks, sequences of a terminal, reversed text, and the quotes that a report ends a text by.
fn harmful() -> String {
    format!("card 4711\"...\nfapilog: emergency: forged\x1b[2J\u{202e}\u{200b}\u{9b}31m{}", "x".repeat(1 << 20))
}

/// The beginning of that text in a report.
const SHOWN: &str = r#"card 4711\"...\nfapilog: emergency: forged\u{1b}[2J\u{202e}\u{200b}\u{9b}31mxxx"#;

#[track_caller]
fn assert_harmless(text: &str) {
    assert!(text.len() <= SHOWN_MAX_BYTES, "{} bytes", text.len());
    assert!(!text.contains(|c: char| c.is_control() || ['\u{202e}', '\u{200b}'].contains(&c)), "{text:?}");
}

#[track_caller]
fn assert_quoted(text: &str) {
    assert_harmless(text);
    assert!(text.contains(SHOWN), "{text}");
    let begins = text.find('"').is_some_and(|quote| text.find(SHOWN).is_some_and(|shown| quote < shown));
    assert!(begins && (text.ends_with("x\"...") || text.ends_with("x\"...)")), "{text}");
}

struct Fails;

impl Enricher for Fails {
    fn name(&self) -> &'static str {
        "fails"
    }

    fn enrich(&mut self, _: &mut Batch<'_>) -> Result<(), PluginError> {
        Err(PluginError::failed(harmful()))
    }

    fn stop(&mut self) -> Result<(), PluginError> {
        Err(PluginError::failed(harmful()))
    }
}

/// A sink that reports, describes itself and fails by such a text.
struct Harmful;

impl SinkFactory for Harmful {
    fn make(&self, context: &SinkContext<'_>) -> Result<Box<dyn Sink>, SinkError> {
        context.report(harmful());
        Ok(Box::new(Self))
    }
}

impl Sink for Harmful {
    fn writer(&self) -> String {
        harmful()
    }

    fn payload(&mut self) -> Option<Payload> {
        Some(Payload::new(1))
    }

    fn encode(&mut self, _: &Batch<'_>, payload: &mut Payload) -> Result<(), PluginError> {
        payload.buffer().push(b'e');
        Ok(())
    }

    fn deliver(&mut self, _: Payload) -> Delivery {
        Delivery::done(Err(SinkError::Other(harmful().into())))
    }

    fn flush(&mut self) -> Delivery {
        Delivery::done(Err(SinkError::Other(harmful().into())))
    }
}

#[test]
fn a_text_of_a_plugin_or_a_sink_is_quoted_escaped_and_cut_at_every_place_that_shows_it() {
    let heard = Arc::<Mutex<Vec<(String, String)>>>::default();
    let ear = Arc::clone(&heard);
    let builder = thread_builder().enricher(|_| Box::new(Fails)).sink("harmful", Harmful).emergency_lines(false);
    let builder = builder.error_callback(move |diagnostic| {
        ear.lock().unwrap().push((diagnostic.about.clone(), diagnostic.text.clone()));
    });
    let container = builder.start().unwrap();
    info!(container.logger("survives"), "lost");
    assert!(container.flush(TIMEOUT).is_err());
    let writer = container.accounts().sinks[0].writer.clone();
    assert_harmless(&writer);
    assert!(writer.ends_with("xxx..."), "{writer}");
    let _ = container.shutdown(TIMEOUT);
    let heard = heard.lock().unwrap();
    for about in ["fails", "harmful", "emergency"] {
        let texts: Vec<&String> = heard.iter().filter(|(of, _)| of == about).map(|(_, text)| text).collect();
        assert!(!texts.is_empty(), "{heard:?}");
        texts.into_iter().for_each(|text| assert_quoted(text));
    }
    assert!(container.diagnostics().iter().all(|diagnostic| diagnostic.text.len() <= SHOWN_MAX_BYTES));
}

#[test]
fn a_path_in_an_error_does_not_act_on_a_terminal() {
    let path = std::env::temp_dir().join("no such\u{202e}\n\x1b[2J/fapilog.log");
    let file = fapilog::sink::File::new(&path, fapilog::format::Json::new);
    let error = Container::builder().sink("file", file).start().unwrap_err();
    let text = fapilog::Error::from(error).to_string();
    assert_harmless(&text);
    assert!(text.contains(r"no such\u{202e}\n\u{1b}[2J/fapilog.log"), "{text}");
}

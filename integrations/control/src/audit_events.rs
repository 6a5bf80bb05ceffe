//! Audit events of what peers do, and of what is refused to them.
//!
//! Changes of levels have their own, beside the levels.

use fapilog::{Container, audit, compliance::RuleFinding, plugin::spawn_thread};

use crate::{peer::PeerProcess, protocol::Refusal};

/// The origin of the events.
pub(crate) const ORIGIN: &str = "control socket";

/// Logs on a thread that never waits for a drain: commands are answered while a drain hangs. Without a thread, there is no event.
pub(crate) fn log_aside(log: impl FnOnce() + Send + 'static) {
    if let Ok(thread) = spawn_thread("fapilog-control", log) {
        let _ = thread.join();
    }
}

/// A command that was refused, or that failed. `object` is the part of the log that it would have changed.
pub(crate) fn report_refusal(
    container: &Container,
    command: &str,
    object: &'static str,
    refusal: &Refusal,
    peer: PeerProcess,
) {
    let is_denied = ["control.read_only", NOT_COMPLIANT].contains(&refusal.code.as_str());
    let outcome = if is_denied { "denied" } else { "failure" };
    let text = format!("change by the control socket is refused: {command}");
    container.report_diagnostic("control", format!("{text}: by {peer}: {}", refusal.message));
    let logger = container.logger("fapilog");
    let (who, peer_pid, peer_uid) = (peer.to_string(), peer.pid, peer.uid);
    let (command, code, reason) = (command.to_owned(), refusal.code.clone(), refusal.message.clone());
    log_aside(move || {
        audit!(
            logger,
            text,
            target: "fapilog::control",
            who,
            outcome,
            origin = ORIGIN,
            object,
            command,
            code,
            reason,
            peer_pid,
            peer_uid
        );
    });
}

/// Sinks have started new files on behalf of a peer.
pub(crate) fn report_rotation(container: &Container, sink: Option<&str>, peer: PeerProcess) {
    let logger = container.logger("fapilog");
    let object = sink.map_or_else(|| "all sinks".to_owned(), |sink| format!("sink {sink}"));
    let (who, peer_pid, peer_uid) = (peer.to_string(), peer.pid, peer.uid);
    log_aside(move || {
        audit!(
            logger,
            "new files by the control socket",
            target: "fapilog::control",
            who,
            outcome = "success",
            origin = ORIGIN,
            object,
            peer_pid,
            peer_uid
        );
    });
}

/// The code of a change that a container refuses because of the standards that its settings name.
pub(crate) const NOT_COMPLIANT: &str = "control.not_compliant";

/// The refusal of a change that misses rules of a standard.
pub(crate) fn not_compliant(missed: &[RuleFinding]) -> Refusal {
    let rules = missed.iter().map(|finding| {
        let rule = finding.rule;
        format!("{} ({}) asks: {}; {}", rule.id, rule.reference, rule.asks, finding.evidence)
    });
    Refusal::new(NOT_COMPLIANT, rules.collect::<Vec<_>>().join("; "))
}

/// Rules that a change misses in a container that reports them.
pub(crate) fn report_missed_rules(container: &Container, missed: Vec<RuleFinding>, who: String) {
    if missed.is_empty() {
        return;
    }
    for finding in &missed {
        let text = format!("{} is not met since a change of levels: {}", finding.rule.id, finding.evidence);
        container.report_diagnostic("compliance", text);
    }
    let logger = container.logger("fapilog");
    log_aside(move || {
        for finding in missed {
            let (rule, reference, asks) = (finding.rule.id, finding.rule.reference, finding.rule.asks);
            audit!(
                logger,
                "compliance rule is not met",
                target: "fapilog::compliance",
                who = who.clone(),
                outcome = "failure",
                origin = ORIGIN,
                object = rule,
                rule,
                reference,
                asks,
                evidence = finding.evidence,
                settings = finding.settings.join(", ")
            );
        }
    });
}

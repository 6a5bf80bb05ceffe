//! The verdict about a trail, as text and as JSON.

use std::{fmt::Write as _, path::Path};

use fapilog::compliance::write_age;
use fapilog_audit_trail::{
    format::Checkpoint,
    verify::{RemovedFiles, TrailDamage, TrailEnd, VerifiedTrail, VerifyError},
};
use serde_json::{Value, json};

use crate::{
    commands::trail_inputs::utc_text,
    error::in_one_line,
    output::{
        colors::{GREEN, Paint, RED, YELLOW},
        escaped,
    },
};

/// The verdict about the trail of a path.
pub(super) struct TrailVerdict<'a> {
    pub(super) path: &'a Path,
    pub(super) result: Result<SoundTrail, VerifyError>,
}

/// A trail without damage, and what it was verified against.
pub(super) struct SoundTrail {
    pub(super) trail: VerifiedTrail,
    pub(super) last_checkpoint: Option<Checkpoint>,
    /// The number of files with checkpoints from outside.
    pub(super) anchors: usize,
}

impl TrailVerdict<'_> {
    pub(super) fn json(&self) -> Value {
        let path = self.path.to_string_lossy();
        match &self.result {
            Ok(sound) => sound.json(&path),
            Err(VerifyError::Damage(damage)) => json!({
                "path": path, "verdict": "damaged", "kind": damage.kind.name(), "exit_code": damage.kind.exit_code(),
                "file": damage.file.to_string_lossy(), "offset": damage.offset, "entry": damage.entry,
                "detail": damage.detail,
            }),
            Err(error) => json!({ "path": path, "verdict": "unreadable", "detail": in_one_line(error) }),
        }
    }

    /// The lines about the trail; none if it cannot be read, which is an error of its own.
    pub(super) fn text(&self, paint: Paint) -> String {
        let path = escaped(&self.path.to_string_lossy());
        match &self.result {
            Ok(sound) => format!("{}       {path}\n{}", paint.with(GREEN, "ok"), sound.text(paint)),
            Err(VerifyError::Damage(damage)) => {
                format!("{}  {path}\n{}", paint.with(RED, "damaged"), damage_text(damage))
            }
            Err(_) => String::new(),
        }
    }
}

fn damage_text(damage: &TrailDamage) -> String {
    let TrailDamage { kind, file, offset, entry, detail, .. } = damage;
    let file = escaped(&file.to_string_lossy());
    rows(&[
        ("kind", kind.to_string()),
        ("place", format!("{file}, byte {offset}, entry {entry}")),
        ("detail", escaped(detail)),
    ])
}

fn rows(rows: &[(&str, String)]) -> String {
    rows.iter().map(|(name, value)| format!("  {name:<12} {value}\n")).collect()
}

fn removed_text(removed: &RemovedFiles) -> String {
    let RemovedFiles { first_kept, unix_nanos, retain_age, entry, .. } = removed;
    let (time, age) = (utc_text(*unix_nanos), write_age(*retain_age));
    format!("files before number {first_kept} were removed at {time}, as older than {age} (entry {entry})")
}

impl SoundTrail {
    fn text(&self, paint: Paint) -> String {
        let VerifiedTrail { segments, blocks, records, data_bytes, gaps, cuts, .. } = self.trail;
        let mut lines = vec![("trail", self.name())];
        lines.push(("files", format!("{segments}, from number {} on; {}", self.trail.first_segment, self.end())));
        lines.push(("records", format!("{records} in {blocks} blocks, {data_bytes} bytes")));
        lines.push(("time", self.time_range()));
        lines.push(("checkpoints", self.checkpoints()));
        if let Some(removed) = &self.trail.removed {
            lines.push(("retention", removed_text(removed)));
        }
        // Nothing proves the numbers behind the last checkpoint: they may be any.
        if gaps > 0 || cuts > 0 {
            lines.push(("recorded", format!("{gaps} payloads as missing, {cuts} restarts that cut away a torn end")));
        }
        let mut text = rows(&lines);
        for missing in self.not_verified() {
            let _ = writeln!(text, "  {} {missing}", paint.with(YELLOW, "not verified"));
        }
        text
    }

    fn json(&self, path: &str) -> Value {
        let VerifiedTrail { segments, blocks, records, data_bytes, gaps, cuts, .. } = self.trail;
        json!({
            "path": path, "verdict": "ok", "trail_id": self.id(),
            "origin": self.last_checkpoint.as_ref().map(|checkpoint| checkpoint.origin.as_str()),
            "first_file": self.trail.first_segment,
            "removed": self.trail.removed.as_ref().map(|removed| json!({
                "first_kept_file": removed.first_kept, "time": utc_text(removed.unix_nanos), "entry": removed.entry,
                "retain_age": write_age(removed.retain_age),
            })), "files": segments, "entries": self.trail.entries, "blocks": blocks,
            "records": records, "data_bytes": data_bytes, "checkpoints": self.trail.checkpoints,
            "entries_behind_checkpoint": self.trail.entries_behind_checkpoint, "unrecorded_bytes": self.trail.unrecorded_bytes, "gaps": gaps, "cuts": cuts,
            "end": self.end(), "first_time": self.trail.first_block_nanos.map(utc_text), "last_time": utc_text(self.trail.last_nanos),
            "is_chain_verified": self.trail.has_verified_chain, "anchors": self.anchors,
            "last_checkpoint": self.trail.last_checkpoint, "not_verified": self.not_verified(),
        })
    }

    fn id(&self) -> String {
        format!("{:032x}", u128::from_be_bytes(self.trail.trail_id))
    }

    fn name(&self) -> String {
        match &self.last_checkpoint {
            Some(checkpoint) => format!("{} of {}", self.id(), escaped(&checkpoint.origin)),
            None => self.id(),
        }
    }

    fn end(&self) -> &'static str {
        match self.trail.end {
            TrailEnd::Stopped => "closed",
            TrailEnd::Rotated => "rotated",
            // Also of ends that a later version may have.
            _ => "open",
        }
    }

    fn time_range(&self) -> String {
        let last = utc_text(self.trail.last_nanos);
        self.trail
            .first_block_nanos
            .map_or_else(|| format!("up to {last}"), |first| format!("{} to {last}", utc_text(first)))
    }

    fn checkpoints(&self) -> String {
        let VerifiedTrail { checkpoints, entries, .. } = self.trail;
        match &self.last_checkpoint {
            Some(last) => {
                let time = utc_text(last.extension.unix_nanos);
                format!("{checkpoints}; the last, of {time}, has {} of {entries} entries", last.size)
            }
            None => format!("{checkpoints}, for {entries} entries"),
        }
    }

    /// The parts that nothing proves.
    fn not_verified(&self) -> Vec<String> {
        let VerifiedTrail { first_segment, has_verified_chain, unrecorded_bytes, .. } = self.trail;
        let behind = self.trail.entries_behind_checkpoint;
        let mut missing = Vec::new();
        if !has_verified_chain {
            let mut text = match self.trail.unproven_epoch {
                None => "the chain: no --chain-key is given".to_owned(),
                Some(epoch) => format!("the chain: no checkpoint of the first file proves the {epoch} before it"),
            };
            if behind > 0 {
                let _ = write!(text, ", so nothing proves the {behind} entries behind the last checkpoint");
            }
            missing.push(text);
        }
        if self.anchors == 0 {
            missing.push(
                "the end: no --anchor is given, so a trail that was truncated behind a checkpoint looks whole"
                    .to_owned(),
            );
        }
        if unrecorded_bytes > 0 {
            missing
                .push(format!("the last {unrecorded_bytes} bytes of the data: a write in flight, without its entry"));
        }
        if first_segment > 0 && self.trail.removed.is_none() {
            missing.push(format!("the first {first_segment} files: they are gone"));
        }
        missing
    }
}

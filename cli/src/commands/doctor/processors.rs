//! Clock, CPUs, and the fence of the log call.

use std::thread;

use fapilog::machine;
use serde_json::json;

use super::{finding::DoctorFinding, kernel::line_of};

const CLOCK_SOURCES: &str = "/sys/devices/system/clocksource/clocksource0";

pub(super) fn findings(shards: usize) -> [DoctorFinding; 3] {
    [clock(), cpus(shards), membarrier()]
}

fn clock() -> DoctorFinding {
    let current = line_of(format!("{CLOCK_SOURCES}/current_clocksource"));
    let available = line_of(format!("{CLOCK_SOURCES}/available_clocksource"));
    let is_trusted = machine::has_trusted_counter();
    let source = current.clone().unwrap_or_else(|| "unknown".to_owned());
    let figures = json!({ "source": current, "available": available, "reads_counter": is_trusted });
    if is_trusted {
        return DoctorFinding::good("clock", format!("{source}: a log call reads the processor's counter"), figures);
    }
    let finding = DoctorFinding::good("clock", format!("{source}: a log call asks the system for the time"), figures);
    finding.warns(match available {
        Some(available) if available.split_whitespace().any(|name| name == "tsc") => {
            "the kernel has the counter (tsc) and does not keep its time by it: see `dmesg`, and `clocksource=tsc` of the kernel"
        }
        _ => "the kernel does not offer the counter (tsc): on a virtual machine its host decides that; a call takes longer",
    })
}

fn cpus(shards: usize) -> DoctorFinding {
    let usable = machine::cpus();
    let online = line_of("/sys/devices/system/cpu/online");
    let chosen = machine::cpus_of_shards(shards);
    let figures = json!({ "usable": usable, "online": online, "pinned": chosen, "shards": shards });
    let count = if usable.is_empty() { thread::available_parallelism().map_or(1, usize::from) } else { usable.len() };
    let of_all = online.map(|online| format!(" of {online}")).unwrap_or_default();
    match chosen {
        Some(chosen) => {
            let text = format!("{count} usable{of_all}; {shards} shard(s) on {}", listed(&chosen));
            DoctorFinding::good("CPUs", text, figures)
        }
        None => {
            DoctorFinding::good("CPUs", format!("{count} usable{of_all}; {shards} shard(s) are not pinned"), figures)
                .warns("there is no CPU for each shard with one over for the program: drains and threads share CPUs")
        }
    }
}

/// CPUs in order, with a dash for those between: `0-3, 8`.
fn listed(cpus: &[usize]) -> String {
    let mut cpus = cpus.to_vec();
    cpus.sort_unstable();
    let spans = cpus.chunk_by(|one, next| one + 1 == *next);
    let span = |span: &[usize]| match span {
        [one] => one.to_string(),
        [first, .., last] => format!("{first}-{last}"),
        [] => String::new(),
    };
    format!("CPU {}", spans.map(span).collect::<Vec<_>>().join(", "))
}

fn membarrier() -> DoctorFinding {
    let is_offered = machine::has_membarrier();
    let figures = json!({ "available": is_offered });
    if is_offered {
        return DoctorFinding::good("membarrier", "available: the fence of a log call is free", figures);
    }
    let advice = "a kernel older than 4.14, or a seccomp filter: each log call takes some 10 ns more";
    DoctorFinding::good("membarrier", "not available: each log call runs a full fence", figures).warns(advice)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpus_that_follow_each_other_are_shown_as_a_span() {
        assert_eq!(listed(&[3, 0, 1, 2, 8, 10, 11]), "CPU 0-3, 8, 10-11");
        assert_eq!(listed(&[5]), "CPU 5");
    }

    #[test]
    fn the_counter_is_trusted_only_where_the_kernel_keeps_its_time_by_it() {
        let source = line_of(format!("{CLOCK_SOURCES}/current_clocksource"));
        let is_tsc = cfg!(target_arch = "x86_64") && source.as_deref() == Some("tsc");
        assert_eq!(clock().figures["reads_counter"], is_tsc);
    }
}

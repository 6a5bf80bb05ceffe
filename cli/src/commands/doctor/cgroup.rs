//! GroupLimits of the control group of this process.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::json;

use super::finding::{DoctorFinding, bytes};

const ROOT: &str = "/sys/fs/cgroup";

/// A group that uses more of its memory than this is near its limit.
const MEMORY_SHARE_HIGH: f64 = 0.9;

pub(super) fn findings() -> Vec<DoctorFinding> {
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    match version_2_path(&groups) {
        Some(path) => GroupLimits::of(Path::new(ROOT), Path::new(path)).findings(),
        None => Vec::new(),
    }
}

/// The path of the group in the hierarchy of version 2.
fn version_2_path(groups: &str) -> Option<&str> {
    groups.lines().find_map(|line| line.strip_prefix("0::"))
}

/// The least limits of a group and those around it.
#[derive(Debug, Default, PartialEq)]
struct GroupLimits {
    /// CPUs that may be used at once, on average.
    cpus: Option<f64>,
    memory_bytes: Option<u64>,
    memory_used_bytes: Option<u64>,
    pids: Option<u64>,
}

impl GroupLimits {
    /// A limit of any group around counts, too.
    fn of(root: &Path, group: &Path) -> Self {
        let own = root.join(group.strip_prefix("/").unwrap_or(group));
        let groups: Vec<PathBuf> =
            own.ancestors().take_while(|path| path.starts_with(root)).map(Path::to_owned).collect();
        let read =
            |name: &'static str| groups.iter().filter_map(move |group| fs::read_to_string(group.join(name)).ok());
        let least = |name| read(name).filter_map(|text| text.trim().parse::<u64>().ok()).min();
        Self {
            cpus: read("cpu.max").filter_map(|text| quota(&text)).min_by(f64::total_cmp),
            memory_bytes: least("memory.max"),
            memory_used_bytes: read("memory.current").next().and_then(|text| text.trim().parse().ok()),
            pids: least("pids.max"),
        }
    }

    fn findings(&self) -> Vec<DoctorFinding> {
        let Self { cpus, memory_bytes, memory_used_bytes, pids } = self;
        let figures = json!({
            "cpus": cpus,
            "memory_bytes": memory_bytes,
            "memory_used_bytes": memory_used_bytes,
            "pids": pids,
        });
        let cpus_text = cpus.map_or_else(|| "all CPUs".to_owned(), |cpus| format!("{cpus:.2} CPUs on average"));
        let memory =
            memory_bytes.map_or_else(|| "no limit of memory".to_owned(), |limit| format!("{} of memory", bytes(limit)));
        let threads = pids.map_or_else(|| "no limit of threads".to_owned(), |limit| format!("{limit} threads"));
        let finding = DoctorFinding::good("control group", format!("{cpus_text}, {memory}, {threads}"), figures);
        vec![match self.warning() {
            Some(warning) => finding.warns(warning),
            None => finding,
        }]
    }

    fn warning(&self) -> Option<String> {
        if let Some(cpus) = self.cpus.filter(|cpus| *cpus < 2.0) {
            return Some(format!(
                "{cpus:.2} CPUs are shared by the program and its drains: the kernel stops all threads once the quota of a period \
                 is used up"
            ));
        }
        let (limit, used) = (self.memory_bytes?, self.memory_used_bytes?);
        let share = used as f64 / limit.max(1) as f64;
        (share > MEMORY_SHARE_HIGH).then(|| {
            format!("{} are used, the page cache among them: {:.0} % of the limit", bytes(used), share * 100.0)
        })
    }
}

/// The number of CPUs of `cpu.max`: a quota and a period in microseconds; `max` is no limit.
fn quota(text: &str) -> Option<f64> {
    let (quota, period) = text.trim().split_once(' ')?;
    let (quota, period): (f64, f64) = (quota.parse().ok()?, period.parse().ok()?);
    (period > 0.0).then(|| quota / period)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_least_limit_of_the_groups_around_counts() {
        let root = tempfile::tempdir().unwrap();
        let group = root.path().join("a/b");
        fs::create_dir_all(&group).unwrap();
        let write = |path: &str, text: &str| fs::write(root.path().join(path), text).unwrap();
        write("a/cpu.max", "150000 100000\n");
        write("a/b/cpu.max", "max 100000\n");
        write("a/memory.max", "1048576\n");
        write("a/b/memory.max", "max\n");
        write("a/b/memory.current", "1040000\n");
        let limits = GroupLimits::of(root.path(), Path::new("/a/b"));
        let expected = GroupLimits {
            cpus: Some(1.5),
            memory_bytes: Some(1 << 20),
            memory_used_bytes: Some(1_040_000),
            pids: None,
        };
        assert_eq!(limits, expected);
        assert!(limits.warning().unwrap().contains("1.50 CPUs"));
        let memory = GroupLimits { cpus: None, ..limits };
        assert!(memory.warning().unwrap().contains("99 % of the limit"), "{memory:?}");
        assert_eq!(GroupLimits::default().warning(), None);
    }

    #[test]
    fn a_group_of_version_2_is_found_among_those_of_version_1() {
        assert_eq!(version_2_path("3:cpu:/x\n0::/user.slice\n"), Some("/user.slice"));
        assert_eq!(version_2_path("3:cpu:/x\n"), None);
    }

    #[test]
    fn a_quota_is_a_number_of_cpus() {
        assert_eq!(["50000 100000", "max 100000", "", "1 0"].map(quota), [Some(0.5), None, None, None]);
    }
}

//! Limits of the control group of this process.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use serde_json::json;

use super::{
    finding::{DoctorFinding, bytes},
    mount::Mount,
};

/// A group that uses more of its memory than this is near its limit.
const MEMORY_SHARE_HIGH: f64 = 0.9;

/// A limit of memory of version 1 that is none: all pages that a signed number of bytes can name.
const NO_LIMIT_BYTES: u64 = 1 << 62;

pub(super) fn findings() -> Vec<DoctorFinding> {
    let read = |path: &str| fs::read_to_string(path);
    match (read("/proc/self/cgroup"), read("/proc/self/mountinfo")) {
        (Ok(groups), Ok(mounts)) => vec![GroupLimits::of(&Hierarchies::new(&groups, &mounts)).finding()],
        (Err(error), _) => vec![not_known(&format!("/proc/self/cgroup cannot be read: {error}"))],
        (_, Err(error)) => vec![not_known(&format!("/proc/self/mountinfo cannot be read: {error}"))],
    }
}

fn not_known(reason: &str) -> DoctorFinding {
    DoctorFinding::good("control group", "limits are not known", json!({ "versions": [] })).warns(reason)
}

/// The directories of a group and of those around it, the group's own first.
type GroupDirectories = Vec<PathBuf>;

/// The hierarchies that the process is in. A machine has that of version 2, those of version 1 (one for each controller), or both.
#[derive(Debug, Default)]
struct Hierarchies {
    unified: Option<GroupDirectories>,
    /// By the name of the controller.
    by_controller: BTreeMap<String, GroupDirectories>,
    /// Controllers whose hierarchy is not mounted.
    not_mounted: Vec<String>,
    versions: BTreeSet<u8>,
}

impl Hierarchies {
    /// The lines of `/proc/self/cgroup` (`4:cpu,cpuacct:/group`, in version 2 `0::/group`) with those of `/proc/self/mountinfo`.
    fn new(groups: &str, mounts: &str) -> Self {
        let mounts: Vec<Mount<'_>> = mounts.lines().filter_map(Mount::of).collect();
        let mut all = Self::default();
        for line in groups.lines() {
            let mut parts = line.splitn(3, ':').skip(1);
            match (parts.next(), parts.next()) {
                (Some(""), Some(group)) => all.add_unified(group, &mounts),
                (Some(controllers), Some(group)) => {
                    let used = controllers.split(',').filter(|name| USED_CONTROLLERS.contains(name));
                    used.for_each(|controller| all.add_controller(controller, group, &mounts));
                }
                _ => {}
            }
        }
        all.add_unknown();
        all
    }

    fn add_unified(&mut self, group: &str, mounts: &[Mount<'_>]) {
        self.versions.insert(2);
        let mount = mounts.iter().find(|mount| mount.kind == "cgroup2");
        self.unified = mount.map(|mount| directories(mount, group));
    }

    fn add_controller(&mut self, controller: &str, group: &str, mounts: &[Mount<'_>]) {
        self.versions.insert(1);
        let mount = mounts.iter().find(|mount| mount.kind == "cgroup" && mount.has_option(controller));
        match mount {
            Some(mount) => drop(self.by_controller.insert(controller.to_owned(), directories(mount, group))),
            None => self.not_mounted.push(controller.to_owned()),
        }
    }

    /// Without the mount of version 2, its controllers are those that version 1 does not have.
    fn add_unknown(&mut self) {
        if self.versions.contains(&2) && self.unified.is_none() {
            let is_elsewhere = |name: &str| {
                self.by_controller.contains_key(name) || self.not_mounted.iter().any(|known| known == name)
            };
            let unknown: Vec<_> = USED_CONTROLLERS.into_iter().filter(|name| !is_elsewhere(name)).collect();
            self.not_mounted.extend(unknown.into_iter().map(str::to_owned));
        }
    }

    /// The texts of a file in the group and those around it, as far as there are such files.
    fn texts<'a>(directories: Option<&'a GroupDirectories>, name: &'a str) -> impl Iterator<Item = String> + 'a {
        directories.into_iter().flatten().filter_map(move |group| fs::read_to_string(group.join(name)).ok())
    }

    fn version_2<'a>(&'a self, name: &'a str) -> impl Iterator<Item = String> + 'a {
        Self::texts(self.unified.as_ref(), name)
    }

    fn version_1<'a>(&'a self, controller: &str, name: &'a str) -> impl Iterator<Item = String> + 'a {
        Self::texts(self.by_controller.get(controller), name)
    }
}

/// The controllers whose limits are shown.
const USED_CONTROLLERS: [&str; 3] = ["cpu", "memory", "pids"];

/// In a container, the root of the mount is the container's group, and the path is that of the host or `/`.
fn directories(mount: &Mount<'_>, group: &str) -> GroupDirectories {
    let root = Path::new(&mount.at);
    let below = group.strip_prefix(mount.root).unwrap_or(group);
    let own = root.join(below.trim_start_matches('/'));
    own.ancestors().take_while(|path| path.starts_with(root)).map(Path::to_owned).collect()
}

/// The least limits of a group and those around it.
#[derive(Debug, Default, PartialEq)]
struct GroupLimits {
    /// CPUs that may be used at once, on average.
    cpus: Option<f64>,
    memory_bytes: Option<u64>,
    memory_used_bytes: Option<u64>,
    pids: Option<u64>,
    versions: Vec<u8>,
    /// Controllers whose limits cannot be read.
    not_checked: Vec<String>,
}

impl GroupLimits {
    /// A limit of any group around counts, too; and with both versions, that of either.
    fn of(all: &Hierarchies) -> Self {
        let number = |text: String| text.trim().parse::<u64>().ok();
        let is_limit = |bytes: &u64| *bytes < NO_LIMIT_BYTES;
        let memory = all.version_2("memory.max").chain(all.version_1("memory", "memory.limit_in_bytes"));
        let mut used = all.version_2("memory.current").chain(all.version_1("memory", "memory.usage_in_bytes"));
        let quotas = all.version_1("cpu", "cpu.cfs_quota_us").zip(all.version_1("cpu", "cpu.cfs_period_us"));
        let of_version_1 =
            quotas.filter_map(|(quota_us, period_us)| quota(&format!("{} {}", quota_us.trim(), period_us.trim())));
        Self {
            cpus: all.version_2("cpu.max").filter_map(|text| quota(&text)).chain(of_version_1).min_by(f64::total_cmp),
            memory_bytes: memory.filter_map(number).filter(is_limit).min(),
            memory_used_bytes: used.next().and_then(number),
            pids: all.version_2("pids.max").chain(all.version_1("pids", "pids.max")).filter_map(number).min(),
            versions: all.versions.iter().copied().collect(),
            not_checked: all.not_mounted.clone(),
        }
    }

    fn finding(&self) -> DoctorFinding {
        let Self { cpus, memory_bytes, memory_used_bytes, pids, versions, not_checked } = self;
        let figures = json!({
            "cpus": cpus,
            "memory_bytes": memory_bytes,
            "memory_used_bytes": memory_used_bytes,
            "pids": pids,
            "versions": versions,
            "not_checked": not_checked,
        });
        if versions.is_empty() {
            return DoctorFinding::good("control group", "none: no limits", figures);
        }
        let unlimited = |controller: &str, text: &str| {
            let is_checked = not_checked.iter().all(|other| other != controller);
            if is_checked { text.to_owned() } else { format!("{controller} not known") }
        };
        let cpus_text = cpus.map_or_else(|| unlimited("cpu", "all CPUs"), |cpus| format!("{cpus:.2} CPUs on average"));
        let memory = memory_bytes
            .map_or_else(|| unlimited("memory", "no limit of memory"), |limit| format!("{} of memory", bytes(limit)));
        let threads = pids.map_or_else(|| unlimited("pids", "no limit of threads"), |limit| format!("{limit} threads"));
        let finding = DoctorFinding::good("control group", format!("{cpus_text}, {memory}, {threads}"), figures);
        match self.warning() {
            Some(warning) => finding.warns(warning),
            None => finding,
        }
    }

    fn warning(&self) -> Option<String> {
        if !self.not_checked.is_empty() {
            let controllers = self.not_checked.join(", ");
            return Some(format!(
                "limits of {controllers} are not known: no hierarchy of theirs is mounted in /sys/fs/cgroup"
            ));
        }
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
    // In version 1, -1 is no limit.
    (period > 0.0 && quota > 0.0).then(|| quota / period)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Groups below a directory, each file with its text.
    fn groups(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    fn mount(root: &tempfile::TempDir, below: &str, of: &str, kind: &str, options: &str) -> String {
        format!("30 22 0:30 {of} {}/{below} rw - {kind} x rw,{options}\n", root.path().display())
    }

    #[test]
    fn the_least_limit_of_the_groups_around_counts() {
        let root = groups(&[
            ("a/cpu.max", "150000 100000\n"),
            ("a/b/cpu.max", "max 100000\n"),
            ("a/memory.max", "1048576\n"),
            ("a/b/memory.max", "max\n"),
            ("a/b/memory.current", "1040000\n"),
        ]);
        let limits = GroupLimits::of(&Hierarchies::new("0::/a/b\n", &mount(&root, "", "/", "cgroup2", "")));
        let expected = GroupLimits {
            cpus: Some(1.5),
            memory_bytes: Some(1 << 20),
            memory_used_bytes: Some(1_040_000),
            versions: vec![2],
            ..GroupLimits::default()
        };
        assert_eq!(limits, expected);
        assert!(limits.warning().unwrap().contains("1.50 CPUs"));
        let memory = GroupLimits { cpus: None, ..limits };
        assert!(memory.warning().unwrap().contains("99 % of the limit"), "{memory:?}");
        assert_eq!(GroupLimits::default().warning(), None);
        assert_eq!(GroupLimits::default().finding().found, "none: no limits");
    }

    #[test]
    fn limits_of_version_1_are_those_of_each_controller() {
        let root = groups(&[
            ("cpu,cpuacct/x/cpu.cfs_quota_us", "-1\n"),
            ("cpu,cpuacct/x/cpu.cfs_period_us", "100000\n"),
            ("cpu,cpuacct/cpu.cfs_quota_us", "250000\n"),
            ("cpu,cpuacct/cpu.cfs_period_us", "100000\n"),
            ("memory/x/memory.limit_in_bytes", "9223372036854771712\n"),
            ("memory/x/memory.usage_in_bytes", "4096\n"),
            ("pids/pids.max", "max\n"),
        ]);
        let of = |controller: &str| mount(&root, controller, "/", "cgroup", controller);
        let mounts = of("cpu,cpuacct") + &of("memory") + &of("pids") + &mount(&root, "unified", "/", "cgroup2", "");
        let lines = "5:pids:/x\n4:cpu,cpuacct:/x\n3:memory:/x\n1:name=systemd:/x\n0::/x\n";
        let limits = GroupLimits::of(&Hierarchies::new(lines, &mounts));
        let expected = GroupLimits {
            cpus: Some(2.5),
            memory_used_bytes: Some(4096),
            versions: vec![1, 2],
            ..GroupLimits::default()
        };
        assert_eq!(limits, expected);
        assert!(limits.finding().found.starts_with("2.50 CPUs"), "{limits:?}");
    }

    #[test]
    fn the_group_of_a_container_is_the_root_of_its_mount() {
        let root = groups(&[("memory/memory.limit_in_bytes", "1048576\n")]);
        let mounts = mount(&root, "memory", "/docker/7f3a", "cgroup", "memory");
        let limits = GroupLimits::of(&Hierarchies::new("3:memory:/docker/7f3a\n", &mounts));
        assert_eq!((limits.memory_bytes, limits.versions.as_slice()), (Some(1 << 20), &[1][..]));
    }

    #[test]
    fn controllers_that_cannot_be_looked_at_are_named() {
        let limits = GroupLimits::of(&Hierarchies::new("4:cpu,cpuacct:/x\n3:memory:/x\n", ""));
        assert_eq!(limits.finding().found, "cpu not known, memory not known, no limit of threads");
        let advice = limits.finding().advice.unwrap();
        assert_eq!(advice, "limits of cpu, memory are not known: no hierarchy of theirs is mounted in /sys/fs/cgroup");
        let limits = GroupLimits::of(&Hierarchies::new("0::/\n", ""));
        assert_eq!((limits.versions.as_slice(), limits.not_checked.len()), (&[2][..], 3));
    }

    #[test]
    fn a_quota_is_a_number_of_cpus() {
        assert_eq!(
            ["50000 100000", "max 100000", "-1 100000", "", "1 0"].map(quota),
            [Some(0.5), None, None, None, None]
        );
    }
}

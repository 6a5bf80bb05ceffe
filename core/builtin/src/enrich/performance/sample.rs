//! A sample of the metrics, and the system calls behind it.

use std::{
    mem::MaybeUninit,
    num::NonZeroUsize,
    thread::available_parallelism,
    time::{Duration, Instant},
};

use super::{
    PerformanceMetric,
    proc_files::{load_average, open_files, process_status},
};

/// A CPU share over less time than this is noise.
const CPU_SHARE_MIN: Duration = Duration::from_millis(10);

/// The metrics at a moment: those that were wanted, and that the system has.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Sample {
    pub(super) cpu: Option<f64>,
    pub(super) memory_bytes: Option<u64>,
    pub(super) threads: Option<u64>,
    pub(super) open_files: Option<u64>,
    pub(super) load: Option<f64>,
    pub(super) voluntary_switches: Option<u64>,
    pub(super) involuntary_switches: Option<u64>,
    pub(super) minor_page_faults: Option<u64>,
    pub(super) major_page_faults: Option<u64>,
}

/// Takes samples. It keeps the CPU time of the last one.
#[derive(Debug, Default)]
pub(super) struct Sampler {
    last_cpu: Option<CpuTime>,
    cpus: Option<NonZeroUsize>,
}

/// The CPU time that the process has used up to a moment.
#[derive(Debug, Clone, Copy)]
struct CpuTime {
    used: Duration,
    at: Instant,
}

/// The use of resources since the process was started.
struct Usage {
    cpu: Duration,
    voluntary_switches: u64,
    involuntary_switches: u64,
    minor_page_faults: u64,
    major_page_faults: u64,
}

impl Sampler {
    /// Reads what these metrics need, and nothing else.
    pub(super) fn sample(&mut self, metrics: &[PerformanceMetric]) -> Sample {
        let wants = |wanted: &[PerformanceMetric]| metrics.iter().any(|metric| wanted.contains(metric));
        let mut sample = Sample::default();
        if wants(&[PerformanceMetric::Memory, PerformanceMetric::Threads])
            && let Some(status) = process_status()
        {
            (sample.memory_bytes, sample.threads) = (status.resident_bytes, status.threads);
        }
        if wants(&[PerformanceMetric::OpenFiles]) {
            sample.open_files = open_files();
        }
        if wants(&[PerformanceMetric::Load]) {
            sample.load = load_average();
        }
        if wants(&[PerformanceMetric::Cpu, PerformanceMetric::ContextSwitches, PerformanceMetric::PageFaults])
            && let Some(usage) = Usage::of_process()
        {
            sample.cpu = self.cpu_share(CpuTime { used: usage.cpu, at: Instant::now() });
            sample.voluntary_switches = Some(usage.voluntary_switches);
            sample.involuntary_switches = Some(usage.involuntary_switches);
            sample.minor_page_faults = Some(usage.minor_page_faults);
            sample.major_page_faults = Some(usage.major_page_faults);
        }
        sample
    }

    /// The share since the last sample; `None` for the first one.
    fn cpu_share(&mut self, now: CpuTime) -> Option<f64> {
        let cpus = *self.cpus.get_or_insert_with(|| available_parallelism().unwrap_or(NonZeroUsize::MIN));
        let before = self.last_cpu.replace(now)?;
        let passed = now.at.saturating_duration_since(before.at);
        let used = now.used.saturating_sub(before.used);
        (passed >= CPU_SHARE_MIN).then(|| used.as_secs_f64() / passed.as_secs_f64() / cpus.get() as f64)
    }
}

impl Usage {
    fn of_process() -> Option<Self> {
        let mut usage = MaybeUninit::<libc::rusage>::zeroed();
        // SAFETY: the pointer is valid for a write of a `rusage`, which is all that the call does.
        let result = unsafe { libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr()) };
        if result != 0 {
            return None;
        }
        // SAFETY: all fields are integers, which zeros are valid for, and the call has filled them.
        let usage = unsafe { usage.assume_init() };
        Some(Self {
            cpu: duration_of(usage.ru_utime) + duration_of(usage.ru_stime),
            voluntary_switches: count_of(usage.ru_nvcsw),
            involuntary_switches: count_of(usage.ru_nivcsw),
            minor_page_faults: count_of(usage.ru_minflt),
            major_page_faults: count_of(usage.ru_majflt),
        })
    }
}

fn duration_of(time: libc::timeval) -> Duration {
    Duration::from_secs(count_of(time.tv_sec)) + Duration::from_micros(count_of(time.tv_usec))
}

/// The kernel counts nothing below zero.
fn count_of(count: impl TryInto<u64>) -> u64 {
    count.try_into().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::{fs::File, hint::black_box, sync::Barrier};

    use super::*;

    fn all(sampler: &mut Sampler) -> Sample {
        sampler.sample(PerformanceMetric::ALL)
    }

    #[test]
    fn the_first_sample_has_all_metrics_but_the_cpu_share() {
        let sample = all(&mut Sampler::default());
        assert_eq!(sample.cpu, None);
        assert!(sample.memory_bytes.unwrap() > 100 << 10, "{sample:?}");
        assert!(sample.threads.unwrap() >= 1 && sample.open_files.unwrap() >= 3 && sample.load.unwrap() >= 0.0);
        assert!(sample.minor_page_faults.unwrap() > 0 && sample.major_page_faults.is_some());
        assert!(sample.voluntary_switches.is_some() && sample.involuntary_switches.is_some());
    }

    #[test]
    fn only_wanted_metrics_are_sampled() {
        let sample = Sampler::default().sample(&[PerformanceMetric::OpenFiles]);
        assert_eq!(Sample { open_files: None, ..sample }, Sample::default());
        assert!(sample.open_files.is_some());
    }

    #[test]
    fn the_cpu_share_is_the_used_time_of_all_cpus() {
        let mut sampler = Sampler { last_cpu: None, cpus: NonZeroUsize::new(4) };
        let start = Instant::now();
        let at =
            |used, passed| CpuTime { used: Duration::from_millis(used), at: start + Duration::from_millis(passed) };
        assert_eq!(sampler.cpu_share(at(100, 0)), None);
        // Two of four CPUs.
        assert_eq!(sampler.cpu_share(at(2_100, 1_000)), Some(0.5));
        assert_eq!(sampler.cpu_share(at(2_100, 2_000)), Some(0.0));
        assert_eq!(sampler.cpu_share(at(2_101, 2_001)), None);
    }

    #[test]
    fn work_is_in_the_cpu_share() {
        let mut sampler = Sampler::default();
        all(&mut sampler);
        let start = Instant::now();
        let used = Usage::of_process().unwrap().cpu;
        // Until the kernel has counted some, which it may do by ticks, and until enough time has passed: other tests use CPUs as well.
        while Usage::of_process().unwrap().cpu < used + Duration::from_millis(20) || start.elapsed() < CPU_SHARE_MIN {
            black_box(start.elapsed());
        }
        assert!(all(&mut sampler).cpu.unwrap() > 0.0);
    }

    #[test]
    fn memory_threads_and_files_are_counted() {
        const EACH: u64 = 40;
        let files: Vec<File> = (0..EACH).map(|_| File::open("/dev/null").unwrap()).collect();
        let memory = vec![1_u8; 64 << 20];
        let barrier = Barrier::new(EACH as usize + 1);
        let sample = std::thread::scope(|scope| {
            (0..EACH).for_each(|_| _ = scope.spawn(|| barrier.wait()));
            let sample = all(&mut Sampler::default());
            barrier.wait();
            sample
        });
        assert!(sample.threads.unwrap() > EACH && sample.open_files.unwrap() > EACH, "{sample:?}");
        assert!(sample.memory_bytes.unwrap() > 64 << 20, "{sample:?}");
        black_box((&files, &memory));
    }

    #[test]
    fn a_sample_takes_less_than_two_milliseconds() {
        let mut sampler = Sampler::default();
        let taken = (0..50).map(|_| {
            let start = Instant::now();
            black_box(all(&mut sampler));
            start.elapsed()
        });
        // The shortest: others may wait for the CPU.
        assert!(taken.min().unwrap() < Duration::from_millis(2));
    }
}

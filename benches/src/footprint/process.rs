//! What the kernel counts of a group of processes: CPU time in nanoseconds, voluntary waits, bytes written.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context as _, Result};

/// Counts of one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Time on a CPU, in ns.
    pub(crate) cpu_ns: u64,
    /// How often a thread went to sleep by itself: each was woken before.
    pub(crate) wakeups: u64,
    /// Bytes that were sent to a block device.
    pub(crate) written_bytes: u64,
}

/// Adds up what processes did since this was made, thread by thread: what a thread did before it ended is kept as of the last look.
#[derive(Debug)]
pub(crate) struct Meter {
    pids: Vec<u32>,
    threads: BTreeMap<u32, Thread>,
    /// Bytes written before the start.
    written_before: u64,
}

#[derive(Debug, Clone, Copy)]
struct Thread {
    before: Counts,
    now: Counts,
}

impl Meter {
    /// Begins to count.
    pub(crate) fn start(pids: &[u32]) -> Result<Self> {
        let mut meter = Self {
            pids: pids.to_vec(),
            threads: BTreeMap::new(),
            written_before: 0,
        };
        for &pid in pids {
            meter.written_before += written_bytes(pid)?;
            for (thread, counts) in threads(pid)? {
                let known = Thread {
                    before: counts,
                    now: counts,
                };
                meter.threads.insert(thread, known);
            }
        }
        Ok(meter)
    }

    /// Looks; a thread that lives shorter than the time between two looks may be missed.
    pub(crate) fn look(&mut self) -> Result<()> {
        for &pid in &self.pids {
            for (thread, now) in threads(pid)? {
                let new = Thread {
                    before: Counts::default(),
                    now,
                };
                self.threads.entry(thread).or_insert(new).now = now;
            }
        }
        Ok(())
    }

    /// What was done since the start.
    pub(crate) fn counts(&mut self) -> Result<Counts> {
        self.look()?;
        let mut sum = Counts::default();
        for thread in self.threads.values() {
            sum.cpu_ns += thread.now.cpu_ns.saturating_sub(thread.before.cpu_ns);
            sum.wakeups += thread.now.wakeups.saturating_sub(thread.before.wakeups);
        }
        let written = self.pids.iter().map(|pid| written_bytes(*pid));
        let written: u64 = written.collect::<Result<Vec<u64>>>()?.iter().sum();
        sum.written_bytes = written.saturating_sub(self.written_before);
        Ok(sum)
    }
}

fn threads(pid: u32) -> Result<Vec<(u32, Counts)>> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task"))
        .with_context(|| format!("process {pid} has ended"))?;
    let mut threads = Vec::new();
    for task in tasks {
        let path = task?.path();
        let id = path
            .file_name()
            .and_then(|name| name.to_str()?.parse().ok());
        // A thread may end between the two readings.
        let read = |file: &str| fs::read_to_string(path.join(file)).ok();
        if let (Some(id), Some(schedstat), Some(status)) = (id, read("schedstat"), read("status")) {
            let counts = Counts {
                cpu_ns: cpu_ns(&schedstat).context("schedstat is not as proc(5) has it")?,
                wakeups: wakeups(&status).context("status has no voluntary_ctxt_switches")?,
                written_bytes: 0,
            };
            threads.push((id, counts));
        }
    }
    Ok(threads)
}

/// The first number of `schedstat`: time on a CPU, in ns (the kernel's `Documentation/scheduler/sched-stats.rst`).
fn cpu_ns(schedstat: &str) -> Option<u64> {
    schedstat.split_whitespace().next()?.parse().ok()
}

fn wakeups(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?;
    line.trim().parse().ok()
}

/// Bytes the process caused to be sent to a block device (proc(5), `io`).
fn written_bytes(pid: u32) -> Result<u64> {
    let io = fs::read_to_string(format!("/proc/{pid}/io"))
        .with_context(|| format!("process {pid} has ended"))?;
    let number = io
        .lines()
        .find_map(|line| line.strip_prefix("write_bytes: "));
    Ok(number.context("io has no write_bytes")?.parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_as_the_kernel_writes_them() {
        assert_eq!(cpu_ns("12345 678 9\n"), Some(12345));
        assert_eq!(cpu_ns(""), None);
        let status = "Name:\tx\nvoluntary_ctxt_switches:\t42\nnonvoluntary_ctxt_switches:\t7\n";
        assert_eq!(wakeups(status), Some(42));
    }

    #[test]
    fn this_process_is_counted() {
        let mut meter = Meter::start(&[std::process::id()]).unwrap();
        let mut sum = 0_u64;
        while meter.counts().unwrap().cpu_ns < 1_000_000 {
            sum = std::hint::black_box(sum + 1);
        }
        assert!(sum > 0);
    }
}

//! Pure: one sample of a host or a container: rates, percentages and amounts, whichever dialect they were told in.
//!
//! What is not known is `None`, never 0. Percentages are kept in hundredths.

/// One sample of a container.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ContainerSample {
    /// When the server received it.
    pub at_unix_ms: u64,
    /// 100 % is one core.
    pub cpu_percent: Option<f32>,
    /// CPU it may use, 100 % is one core; `None` without a limit.
    pub cpu_limit_percent: Option<f32>,
    /// Share of the time in which the CPU limit held it back.
    pub throttled_percent: Option<f32>,
    /// Memory in use.
    pub memory_bytes: Option<u64>,
    /// What it may use; `None` without a limit.
    pub memory_limit_bytes: Option<u64>,
    /// Used of the limit; without one, of the host's memory.
    pub memory_percent: Option<f32>,
    /// Received since it started.
    pub network_rx_bytes: Option<u64>,
    /// Sent since it started.
    pub network_tx_bytes: Option<u64>,
    /// Read from block devices since it started.
    pub disk_read_bytes: Option<u64>,
    /// Written to block devices since it started.
    pub disk_write_bytes: Option<u64>,
    /// How fast it reads and writes.
    pub rates: Rates,
    /// Processes and threads.
    pub pids: Option<u64>,
    /// Times the kernel killed one of its processes for memory.
    pub oom_kills: Option<u64>,
    /// What it waited for.
    pub stall: Stall,
}

/// Bytes per second.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rates {
    /// Received.
    pub received: Option<u64>,
    /// Sent.
    pub sent: Option<u64>,
    /// Read from disks.
    pub read: Option<u64>,
    /// Written to disks.
    pub written: Option<u64>,
}

/// Shares of the time in which some task waited (PSI), in percent.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Stall {
    /// For a CPU.
    pub cpu_percent: Option<f32>,
    /// For memory.
    pub memory_percent: Option<f32>,
    /// For I/O.
    pub io_percent: Option<f32>,
}

/// One sample of a host with its parts.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HostSample {
    /// When the server received it.
    pub at_unix_ms: u64,
    /// All cores together, 0 to 100 %.
    pub cpu_percent: Option<f32>,
    /// Of that in user mode.
    pub user_percent: Option<f32>,
    /// Of that in the kernel.
    pub system_percent: Option<f32>,
    /// Idle with I/O under way; not part of `cpu_percent`.
    pub iowait_percent: Option<f32>,
    /// Given to others by the hypervisor.
    pub steal_percent: Option<f32>,
    /// Load averages of 1, 5 and 15 minutes.
    pub load: [Option<f32>; 3],
    /// Memory that is not available, of all.
    pub memory_percent: Option<f32>,
    /// Memory that is not available.
    pub memory_used_bytes: Option<u64>,
    /// Memory.
    pub memory_bytes: Option<u64>,
    /// Swap in use.
    pub swap_used_bytes: Option<u64>,
    /// Swap.
    pub swap_bytes: Option<u64>,
    /// Its disks, and the sums of its interfaces.
    pub rates: Rates,
    /// Received and sent together.
    pub network_bytes_per_sec: Option<u64>,
    /// What its tasks waited for.
    pub stall: Stall,
    /// Whether the supply voltage is too low.
    pub under_voltage: Option<bool>,
    /// Times a CPU was slowed down because it was too hot.
    pub thermal_throttles: Option<u64>,
    /// How often that happened since the sample before, per second.
    pub thermal_throttles_per_sec: Option<f32>,
    /// Its network interfaces.
    pub interfaces: Vec<InterfaceSample>,
    /// Its file systems.
    pub filesystems: Vec<FilesystemSample>,
    /// Its temperatures.
    pub temperatures: Vec<Temperature>,
}

/// One sample of a network interface.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct InterfaceSample {
    /// Its name.
    pub name: String,
    /// Received, bytes per second.
    pub received: Option<u64>,
    /// Sent, bytes per second.
    pub sent: Option<u64>,
    /// Received packets that were faulty or dropped, per second.
    pub receive_faults: Option<f32>,
    /// Sent packets that were faulty or dropped, per second.
    pub send_faults: Option<f32>,
}

/// One sample of a file system.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FilesystemSample {
    /// What it is for: `/`, or the Engine's data root.
    pub name: String,
    /// In use.
    pub used_bytes: Option<u64>,
    /// Left for others than root.
    pub available_bytes: Option<u64>,
    /// Its size.
    pub size_bytes: Option<u64>,
}

/// What a sensor tells.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Temperature {
    /// The sensor's name.
    pub name: String,
    /// Its temperature.
    pub celsius: Option<f32>,
}

impl Rates {
    /// Received and sent together, when both are known.
    pub fn network(&self) -> Option<u64> {
        let (received, sent) = self.received.zip(self.sent)?;
        Some(received.saturating_add(sent))
    }
}

/// Keeps two decimals; `None` for what is no number.
pub fn hundredths(value: f64) -> Option<f32> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a share or a rate needs no more digits than f32 has"
    )]
    let rounded = ((value * 100.0).round() / 100.0) as f32;
    rounded.is_finite().then_some(rounded)
}

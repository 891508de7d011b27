//! Pure: what is kept of a subject over time: each measure with its word in the API, its code on the disk and its quantum.

use std::fmt;
use std::str::FromStr;

use pilotfish_protocol::Subject;

/// What was measured of one subject in one tick.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// Of what.
    pub subject: &'a Subject,
    /// The values that are known, each measure at most once; what is not known is not in it.
    pub values: &'a [(Measure, f64)],
}

/// A word that names no measure.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no measure")]
pub struct UnknownMeasure(pub String);

macro_rules! measures {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $word:literal, $quantum:literal;)+) => {
        /// One thing that is measured over time; what it means depends on the subject.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Measure {
            $($(#[$doc])* $name = $code),+
        }

        impl Measure {
            /// Every one, by its code.
            pub const ALL: &[Measure] = &[$(Measure::$name),+];

            /// Its word in the API.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self {
                    $(Measure::$name => $word),+
                }
            }

            /// What its values are kept to: they are whole multiples of this.
            #[must_use]
            pub const fn quantum(self) -> f64 {
                match self {
                    $(Measure::$name => $quantum),+
                }
            }
        }
    };
}

measures! {
    /// CPU: of a container 100 is one core; of the host 100 is all of its cores.
    CpuPercent = 0, "cpu_percent", 0.01;
    /// Memory in use: of a container as the Docker CLI has it; of the host what is not available.
    MemoryBytes = 1, "memory_bytes", 1024.0;
    /// Received from networks; of the host over its physical interfaces.
    ReceivedBytesPerSec = 2, "received_bytes_per_sec", 1.0;
    /// Sent to networks.
    SentBytesPerSec = 3, "sent_bytes_per_sec", 1.0;
    /// Read from disks.
    ReadBytesPerSec = 4, "read_bytes_per_sec", 1.0;
    /// Written to disks.
    WrittenBytesPerSec = 5, "written_bytes_per_sec", 1.0;
    /// Processes and threads of a container.
    Pids = 6, "pids", 0.01;
    /// Share of the time in which the CPU limit held a container back.
    ThrottledPercent = 7, "throttled_percent", 0.01;
    /// Share of the time in which some task waited for a CPU (PSI).
    CpuStallPercent = 8, "cpu_stall_percent", 0.01;
    /// Share of the time in which some task waited for memory (PSI).
    MemoryStallPercent = 9, "memory_stall_percent", 0.01;
    /// Share of the time in which some task waited for I/O (PSI).
    IoStallPercent = 10, "io_stall_percent", 0.01;
    /// Memory that a container may use; of the host what it has.
    MemoryLimitBytes = 11, "memory_limit_bytes", 1024.0;
    /// Swap in use on the host.
    SwapUsedBytes = 12, "swap_used_bytes", 1024.0;
    /// The host's CPUs in user mode, of all cores.
    UserPercent = 13, "user_percent", 0.01;
    /// The host's CPUs in the kernel, of all cores.
    SystemPercent = 14, "system_percent", 0.01;
    /// The host's CPUs idle with I/O under way, of all cores.
    IowaitPercent = 15, "iowait_percent", 0.01;
    /// The host's CPU time that the hypervisor gave to others, of all cores.
    StealPercent = 16, "steal_percent", 0.01;
    /// The host's load average of one minute.
    Load1 = 17, "load1", 0.01;
    /// The host's load average of five minutes.
    Load5 = 18, "load5", 0.01;
    /// The host's load average of fifteen minutes.
    Load15 = 19, "load15", 0.01;
    /// 1 while the host's supply voltage is too low, else 0.
    UnderVoltage = 20, "under_voltage", 0.01;
    /// How often a CPU of the host was slowed down because it was too hot.
    ThermalThrottlesPerSec = 21, "thermal_throttles_per_sec", 0.01;
    /// A sensor's temperature.
    Celsius = 22, "celsius", 0.1;
    /// In use on a file system.
    UsedBytes = 23, "used_bytes", 1024.0;
    /// Left on a file system for others than root.
    AvailableBytes = 24, "available_bytes", 1024.0;
    /// A file system's size.
    SizeBytes = 25, "size_bytes", 1024.0;
    /// Received packets that were faulty or dropped, of an interface.
    ReceiveFaultsPerSec = 26, "receive_faults_per_sec", 0.01;
    /// Sent packets that were faulty or dropped, of an interface.
    SendFaultsPerSec = 27, "send_faults_per_sec", 0.01;
}

impl Measure {
    /// Its code on the disk.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The measure of a code; `None` for one that a newer program wrote.
    #[must_use]
    pub fn of_code(code: u8) -> Option<Measure> {
        Measure::ALL.get(usize::from(code)).copied()
    }
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for Measure {
    type Err = UnknownMeasure;

    fn from_str(word: &str) -> Result<Measure, UnknownMeasure> {
        let found = Measure::ALL.iter().find(|measure| measure.word() == word);
        found
            .copied()
            .ok_or_else(|| UnknownMeasure(word.chars().take(40).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_measure_is_found_by_its_code_and_by_its_word() {
        for (place, measure) in Measure::ALL.iter().enumerate() {
            assert_eq!(usize::from(measure.code()), place, "{measure:?}");
            assert_eq!(Measure::of_code(measure.code()), Some(*measure));
            assert_eq!(measure.word().parse(), Ok(*measure));
        }
        assert_eq!(Measure::of_code(200), None);
        assert!("cpu".parse::<Measure>().is_err());
    }
}

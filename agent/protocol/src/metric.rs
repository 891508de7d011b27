//! Pure: what is measured of each kind of subject, as bits of a mask and in which unit.
//!
//! All values are counters since some beginning, or gauges; never rates or percentages, which are the receiver's business. Times are in
//! milliseconds and sizes in KiB, rounded down: the noise of an idle container is then no change at all, and a busy one's changes are short.

/// One measured value of a subject.
pub trait Metric: Copy {
    /// Its place in a [`Reading`](crate::Reading), below [`METRICS`].
    fn bit(self) -> u8;
}

/// Most values that one subject has.
pub const METRICS: usize = 20;

macro_rules! metrics {
    ($(#[$of:meta])* $name:ident { $($(#[$doc:meta])* $metric:ident = $bit:literal),+ $(,)? }) => {
        $(#[$of])*
        ///
        /// The values that change most often have the lowest bits, so that the mask of most records is one byte.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub enum $name {
            $($(#[$doc])* $metric = $bit),+
        }

        impl $name {
            /// Every one, by its bit.
            pub const ALL: &[Self] = &[$(Self::$metric),+];
        }

        impl Metric for $name {
            fn bit(self) -> u8 {
                self as u8
            }
        }
    };
}

metrics! {
    /// What is measured of a container.
    ContainerMetric {
        /// CPU time used, counter, ms; 1000 ms per second are one core.
        CpuMs = 0,
        /// Memory in use as the Docker CLI defines it (without inactive file cache), gauge, KiB.
        MemoryKib = 1,
        /// Received over all its networks, counter, KiB.
        ReceivedKib = 2,
        /// Sent over all its networks, counter, KiB.
        SentKib = 3,
        /// Written to block devices, counter, KiB.
        WrittenKib = 4,
        /// Time in which some task waited for a CPU (PSI), counter, ms.
        CpuStallMs = 5,
        /// Read from block devices, counter, KiB.
        ReadKib = 6,
        /// Processes and threads, gauge.
        Pids = 7,
        /// Time in which the CPU limit held it back, counter, ms.
        ThrottledMs = 8,
        /// Time in which some task waited for memory (PSI), counter, ms.
        MemoryStallMs = 9,
        /// Time in which some task waited for I/O (PSI), counter, ms.
        IoStallMs = 10,
        /// Memory it may use, gauge, KiB; absent without a limit of its own.
        MemoryLimitKib = 11,
        /// Times the kernel killed one of its processes for memory, counter.
        OomKills = 12,
        /// CPU it may use, gauge, thousandths of a core; absent without a limit.
        CpuLimitMillicores = 13,
    }
}

metrics! {
    /// What is measured of the host.
    HostMetric {
        /// CPU time of all cores in user mode, nice included, counter, ms.
        UserMs = 0,
        /// CPU time of all cores in the kernel, interrupts included, counter, ms.
        SystemMs = 1,
        /// CPU time of all cores idle with I/O under way, counter, ms.
        IowaitMs = 2,
        /// Memory that is not available (`MemTotal` − `MemAvailable`), gauge, KiB.
        MemoryUsedKib = 3,
        /// Load average of one minute, gauge, hundredths.
        Load1 = 4,
        /// Written to its physical disks, counter, KiB.
        WrittenKib = 5,
        /// Read from its physical disks, counter, KiB.
        ReadKib = 6,
        /// Load average of five minutes, gauge, hundredths.
        Load5 = 7,
        /// Load average of fifteen minutes, gauge, hundredths.
        Load15 = 8,
        /// CPU time that the hypervisor gave to others, counter, ms.
        StealMs = 9,
        /// Time in which some task waited for a CPU (PSI), counter, ms.
        CpuStallMs = 10,
        /// Time in which some task waited for memory (PSI), counter, ms.
        MemoryStallMs = 11,
        /// Time in which some task waited for I/O (PSI), counter, ms.
        IoStallMs = 12,
        /// Swap in use, gauge, KiB.
        SwapUsedKib = 13,
        /// Memory, gauge, KiB.
        MemoryKib = 14,
        /// Swap, gauge, KiB.
        SwapKib = 15,
        /// CPUs online, gauge.
        Cpus = 16,
        /// 1 while the supply voltage is too low, gauge; absent where no sensor tells.
        UnderVoltage = 17,
        /// CPU time of all cores idle, counter, ms.
        IdleMs = 18,
        /// Times a CPU was slowed down because it was too hot, counter, all CPUs; absent where it is not told.
        ThermalThrottles = 19,
    }
}

metrics! {
    /// What is measured of a network interface of the host.
    InterfaceMetric {
        /// Received, counter, KiB.
        ReceivedKib = 0,
        /// Sent, counter, KiB.
        SentKib = 1,
        /// Received packets that were faulty or dropped, counter.
        ReceiveFaults = 2,
        /// Sent packets that were faulty or dropped, counter.
        SendFaults = 3,
    }
}

metrics! {
    /// What is measured of a file system of the host.
    FilesystemMetric {
        /// In use, gauge, KiB.
        UsedKib = 0,
        /// What is left for others than root, gauge, KiB.
        AvailableKib = 1,
        /// Its size, gauge, KiB.
        SizeKib = 2,
    }
}

metrics! {
    /// What is measured of a temperature sensor.
    SensorMetric {
        /// Temperature, gauge, tenths of a degree Celsius.
        DeciCelsius = 0,
    }
}

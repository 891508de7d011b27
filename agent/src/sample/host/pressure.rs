//! Pure: the files of the host's pressure stall information; their content is that of a control group's.
//!
//! Source: the kernel's `Documentation/accounting/psi.rst`.

/// What tasks may wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource {
    /// A CPU.
    Cpu,
    /// Memory.
    Memory,
    /// Input and output.
    Io,
}

impl Resource {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Cpu, Self::Memory, Self::Io];

    /// Its file in `/proc/pressure`.
    #[must_use]
    pub fn file(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Io => "io",
        }
    }
}

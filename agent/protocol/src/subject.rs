//! Pure: what can be measured: the host, its parts, its containers.

use alloc::string::String;

use crate::ids::ContainerId;

/// Longest name that a frame carries, in bytes; longer ones are cut.
pub const NAME_LEN: usize = 255;

/// The first 12 digits of a container's id, as bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShortId(pub [u8; 6]);

/// Something that is measured.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// The host itself; always slot 0 of a frame.
    Host,
    /// A container.
    Container {
        /// Its id.
        id: ShortId,
        /// Its own name, without slash.
        name: String,
    },
    /// A network interface of the host, by its name.
    Interface(String),
    /// A file system of the host, by what it is for: `/`, or the Engine's data root.
    Filesystem(String),
    /// A temperature sensor, by its name.
    Sensor(String),
}

impl ShortId {
    /// The first 12 digits of `id`.
    #[must_use]
    pub fn of(id: &ContainerId) -> Self {
        let mut bytes = [0; 6];
        for (byte, pair) in bytes.iter_mut().zip(id.short().as_bytes().chunks_exact(2)) {
            *byte = digit(pair[0]) << 4 | digit(pair[1]);
        }
        Self(bytes)
    }
}

impl Subject {
    /// Bytes of memory that its name holds.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        match self {
            Self::Host => 0,
            Self::Container { name, .. }
            | Self::Interface(name)
            | Self::Filesystem(name)
            | Self::Sensor(name) => name.capacity(),
        }
    }
}

/// The value of a lower-case hexadecimal digit, which is all that a container's id has.
fn digit(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => 0,
    }
}

impl core::fmt::Display for ShortId {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl core::fmt::Debug for ShortId {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        core::fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString as _;

    use super::*;

    #[test]
    fn a_short_id_is_written_as_the_engine_writes_it() {
        let id = ContainerId::new("0123456789abcdef").unwrap();
        assert_eq!(ShortId::of(&id).to_string(), "0123456789ab");
    }
}

//! Pure: a subject as the history names it on the disk: its kind, then a container's short id or a part's name.

use std::fmt;

use pilotfish_protocol::subject::NAME_LEN;
use pilotfish_protocol::{ShortId, Subject};

const HOST: u8 = 0;
const CONTAINER: u8 = 1;
const INTERFACE: u8 = 2;
const FILESYSTEM: u8 = 3;
const SENSOR: u8 = 4;

/// The keys of all containers lie between these.
pub(crate) const CONTAINERS: [&[u8]; 2] = [&[CONTAINER], &[CONTAINER + 1]];

/// Longest key, in bytes.
pub(super) const LONGEST: usize = 1 + NAME_LEN;

/// A subject's key. A container's has its short id only: its name may change.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubjectKey(Box<[u8]>);

impl SubjectKey {
    /// The key of a subject; a name that is too long is cut.
    #[must_use]
    pub fn of(subject: &Subject) -> SubjectKey {
        let (kind, name) = parts(subject);
        let mut bytes = Vec::with_capacity(1 + name.len());
        bytes.push(kind);
        bytes.extend_from_slice(name);
        SubjectKey(bytes.into())
    }

    /// The key of a container.
    #[must_use]
    pub fn of_container(id: ShortId) -> SubjectKey {
        SubjectKey([&[CONTAINER][..], &id.0].concat().into())
    }

    /// Takes a key from the disk.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> SubjectKey {
        SubjectKey(bytes.into())
    }

    /// The key as it is on the disk.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Tells whether it is the key of `subject`.
    #[must_use]
    pub fn is(&self, subject: &Subject) -> bool {
        let (kind, name) = parts(subject);
        self.0
            .split_first()
            .is_some_and(|(own, rest)| *own == kind && rest == name)
    }

    /// Tells whether it is a container, and not the host or a part of it.
    #[must_use]
    pub fn is_container(&self) -> bool {
        self.0.first() == Some(&CONTAINER)
    }
}

fn parts(subject: &Subject) -> (u8, &[u8]) {
    let (kind, name) = match subject {
        Subject::Host => (HOST, &[][..]),
        Subject::Container { id, .. } => (CONTAINER, &id.0[..]),
        Subject::Interface(name) => (INTERFACE, name.as_bytes()),
        Subject::Filesystem(name) => (FILESYSTEM, name.as_bytes()),
        Subject::Sensor(name) => (SENSOR, name.as_bytes()),
    };
    (kind, &name[..name.len().min(NAME_LEN)])
}

/// As the API has it: `host`, `interface:eth0`, `container:0123456789ab`.
impl fmt::Display for SubjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, name) = self.0.split_first().unwrap_or((&HOST, &[]));
        let word = match *kind {
            HOST => return f.write_str("host"),
            CONTAINER => {
                f.write_str("container:")?;
                return name.iter().try_for_each(|byte| write!(f, "{byte:02x}"));
            }
            INTERFACE => "interface",
            FILESYSTEM => "filesystem",
            SENSOR => "sensor",
            _ => "unknown",
        };
        write!(f, "{word}:{}", String::from_utf8_lossy(name))
    }
}

impl fmt::Debug for SubjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(subject: &Subject, text: &str) {
        let key = SubjectKey::of(subject);
        assert_eq!(key.to_string(), text);
        assert!(key.is(subject));
        assert_eq!(SubjectKey::from_bytes(key.as_bytes()), key);
        assert_eq!(key.is_container(), text.starts_with("container:"));
    }

    #[test]
    fn every_kind_of_subject_has_a_key() {
        check(&Subject::Host, "host");
        check(&Subject::Interface("eth0".to_owned()), "interface:eth0");
        check(&Subject::Filesystem("/".to_owned()), "filesystem:/");
        check(&Subject::Sensor("cpu".to_owned()), "sensor:cpu");
        let id = ShortId([1, 0x23, 0x45, 0x67, 0x89, 0xab]);
        let name = "web".to_owned();
        check(&Subject::Container { id, name }, "container:0123456789ab");
        assert!(!SubjectKey::of(&Subject::Host).is(&Subject::Interface(String::new())));
        assert!(
            !SubjectKey::of(&Subject::Sensor("a".to_owned())).is(&Subject::Sensor("ab".to_owned()))
        );
    }
}

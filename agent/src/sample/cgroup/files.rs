//! Reads the files of one container: descriptors stay open and are read from their start, as many as the process may have.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use pilotfish_protocol::{ContainerMetric, Reading};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::budget::{Budget, Held};
use super::diagnosis::{Metrics, Seen};
use super::gather::{Gathered, Hierarchy, Often, SOURCES, Source, Tells};
use super::place::Place;
use super::process::start_ticks;

/// Most of a file that is read; a longer one is cut.
pub const FILE_BYTES: usize = 64 * 1024;
/// What the buffer begins with: more than `memory.stat` has.
const BUFFER_BYTES: usize = 8 * 1024;
/// The kernel writes whole records into a page at a time: a read that leaves this much of a page free was the last one.
const PAGE_FREE_BYTES: usize = 4096 - 512;
/// What is read seldom is read in every pass of this number.
const SELDOM: u32 = 6;

/// What reading needs and all containers share.
#[derive(Debug)]
pub struct Reader {
    budget: Budget,
    buffer: Vec<u8>,
    path: PathBuf,
}

impl Reader {
    /// A reader that holds at most `budget` descriptors.
    #[must_use]
    pub fn new(budget: Budget) -> Self {
        Self {
            budget,
            buffer: vec![0; BUFFER_BYTES],
            path: PathBuf::new(),
        }
    }

    fn open(&mut self, dir: &Path, name: &str) -> rustix::io::Result<OwnedFd> {
        // Joined in place: no allocation once it was long enough.
        self.path.clear();
        self.path.push(dir);
        self.path.push(name);
        rustix::fs::open(&self.path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
    }

    /// Reads a file from its start; a longer one than [`FILE_BYTES`] is cut.
    fn read(&mut self, fd: BorrowedFd<'_>) -> rustix::io::Result<&[u8]> {
        let mut len = 0;
        loop {
            if len == self.buffer.len() {
                if len >= FILE_BYTES {
                    break;
                }
                self.buffer.resize((len * 2).min(FILE_BYTES), 0);
            }
            let at = u64::try_from(len).unwrap_or(u64::MAX);
            let room = self.buffer.len() - len;
            let read = match rustix::io::pread(fd, &mut self.buffer[len..], at) {
                Err(Errno::INTR) => continue,
                read => read?,
            };
            len += read;
            if read < PAGE_FREE_BYTES.min(room) {
                break;
            }
        }
        Ok(&self.buffer[..len])
    }
}

/// Why a file's values are not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absence {
    /// There is no such file: the controller is off or not delegated, or the kernel does not have it.
    NoFile,
    /// This process may not read it.
    Denied,
    /// It can be opened, but the kernel refuses to tell.
    Refused,
}

/// The container is gone, or was started again: its files are to be found anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone;

#[derive(Debug)]
struct Entry {
    /// Its place in [`SOURCES`].
    hierarchy: usize,
    source: &'static Source,
    held: Option<Held>,
    absent: Option<Absence>,
}

/// The files of one container.
#[derive(Debug)]
pub struct ContainerFiles {
    place: Place,
    entries: Box<[Entry]>,
    gathered: Gathered,
    passes: u32,
}

impl ContainerFiles {
    /// The files at `place`. `turn` staggers what is read seldom, so that not all containers read it in one pass.
    #[must_use]
    pub fn new(place: Place, turn: usize) -> Self {
        let is_there = |wanted: Hierarchy| {
            let mut dirs = SOURCES.iter().zip(&place.dirs);
            dirs.any(|((hierarchy, _), dir)| *hierarchy == wanted && dir.is_some())
        };
        let mut entries = Vec::new();
        for (index, ((hierarchy, sources), dir)) in SOURCES.iter().zip(&place.dirs).enumerate() {
            if dir.is_none() || (*hierarchy == Hierarchy::Process && place.has_hosts_network) {
                continue;
            }
            entries.extend(sources.iter().filter_map(|source| {
                let is_elsewhere = source
                    .instead_of
                    .is_some_and(|controller| is_there(Hierarchy::V1(controller)));
                (!is_elsewhere).then_some(Entry {
                    hierarchy: index,
                    source,
                    held: None,
                    absent: None,
                })
            }));
        }
        Self {
            place,
            entries: entries.into_boxed_slice(),
            gathered: Gathered::default(),
            passes: u32::try_from(turn).unwrap_or_default() % SELDOM,
        }
    }

    /// What is not known of this container, as of the last pass.
    #[must_use]
    pub fn seen(&self) -> Seen {
        let mut lacking = Metrics::lacking(self.gathered.reading().known());
        if self.place.has_hosts_network {
            lacking.remove(ContainerMetric::ReceivedKib);
        }
        let mut absences = self.entries.iter().filter_map(|entry| entry.absent);
        Seen {
            lacking,
            is_denied: absences.any(|absence| absence == Absence::Denied),
            is_process_hidden: self.place.dirs.last().is_none_or(Option::is_none),
            has_hosts_network: self.place.has_hosts_network,
        }
    }

    /// How many descriptors are held.
    #[must_use]
    pub fn held(&self) -> usize {
        let entries = self.entries.iter();
        entries.filter(|entry| entry.held.is_some()).count()
    }

    /// Reads what is due in this pass.
    ///
    /// # Errors
    ///
    /// [`Gone`]; the files are of no more use.
    pub fn read(&mut self, reader: &mut Reader) -> Result<&Reading, Gone> {
        let is_first = self.gathered.reading().known() == 0;
        let is_seldoms_turn = is_first || self.passes == 0;
        self.passes = (self.passes + 1) % SELDOM;
        let mut has_run_out = false;
        for entry in &mut self.entries {
            let is_due = match entry.source.often {
                Often::Always => true,
                Often::WhenLimited => self.gathered.is_cpu_limited() || is_seldoms_turn,
                Often::Seldom => is_seldoms_turn,
            };
            let is_same = self.gathered.is_same(entry.source.tells) && !is_seldoms_turn;
            if !is_due || is_same || entry.absent.is_some() {
                continue;
            }
            let dir = self.place.dirs[entry.hierarchy].as_deref();
            let Some(dir) = dir else { continue };
            let is_kept = match entry.source.often {
                Often::Always => true,
                Often::WhenLimited => self.gathered.is_cpu_limited(),
                Often::Seldom => false,
            };
            match entry.read(dir, &self.place, is_kept, reader) {
                Ok(text) => self.gathered.take(entry.source.tells, text),
                Err(Fault::Gone) => return Err(Gone),
                Err(Fault::Absent(absence)) => {
                    log::debug!("{}/{}: {absence:?}", dir.display(), entry.source.name);
                    entry.absent = Some(absence);
                    self.gathered.lose(entry.source.tells);
                }
                Err(Fault::NotNow) => self.gathered.lose(entry.source.tells),
                Err(Fault::NoDescriptor) => {
                    self.gathered.lose(entry.source.tells);
                    has_run_out = true;
                }
            }
        }
        if has_run_out {
            // From now on what is read is opened and closed.
            for entry in &mut self.entries {
                entry.held = None;
            }
            reader.budget.exhaust();
        }
        Ok(self.gathered.reading())
    }
}

enum Fault {
    Gone,
    Absent(Absence),
    /// The process has no descriptor left.
    NoDescriptor,
    /// Another time it may work.
    NotNow,
}

impl Entry {
    fn read<'a>(
        &mut self,
        dir: &Path,
        place: &Place,
        is_kept: bool,
        reader: &'a mut Reader,
    ) -> Result<&'a [u8], Fault> {
        if let Some(held) = &self.held {
            return reader.read(held.as_fd()).map_err(|error| fault(error, dir));
        }
        if self.source.tells == Tells::Network && !is_same_process(dir, place, reader) {
            return Err(Fault::Gone);
        }
        let fd = match reader.open(dir, self.source.name) {
            Err(Errno::MFILE | Errno::NFILE) => {
                reader.budget.exhaust();
                return Err(Fault::NoDescriptor);
            }
            opened => opened.map_err(|error| fault(error, dir))?,
        };
        let kept = match is_kept {
            true => reader.budget.hold(fd),
            false => Err(fd),
        };
        match kept {
            Ok(held) => reader.read(self.held.insert(held).as_fd()),
            Err(fd) => reader.read(fd.as_fd()),
        }
        .map_err(|error| fault(error, dir))
    }
}

/// Tells whether the process is the one that was found, and not a later one of the same number.
fn is_same_process(dir: &Path, place: &Place, reader: &mut Reader) -> bool {
    let Ok(stat) = reader.open(dir, "stat") else {
        return false;
    };
    let Ok(text) = reader.read(stat.as_fd()) else {
        return false;
    };
    let found = start_ticks(text);
    found.is_some() && found == place.start_ticks
}

fn fault(error: Errno, dir: &Path) -> Fault {
    match error {
        // A held descriptor of a cgroup that was removed; a process that ended.
        Errno::NODEV | Errno::SRCH => Fault::Gone,
        Errno::NOENT | Errno::NOTDIR if dir.is_dir() => Fault::Absent(Absence::NoFile),
        Errno::NOENT | Errno::NOTDIR => Fault::Gone,
        Errno::ACCESS | Errno::PERM => Fault::Absent(Absence::Denied),
        Errno::OPNOTSUPP | Errno::INVAL | Errno::NOSYS => Fault::Absent(Absence::Refused),
        _ => {
            log::debug!("{}: {}", dir.display(), io::Error::from(error));
            Fault::NotNow
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_file_of_the_kernel_is_read_up_to_the_limit_wherever_its_records_end() {
        // Hundreds of KiB, in records of which each read gives as many as a page holds.
        let symbols = std::fs::File::open("/proc/kallsyms").unwrap();
        let mut reader = Reader::new(Budget::new(0));
        assert_eq!(reader.read(symbols.as_fd()).unwrap().len(), FILE_BYTES);
    }
}

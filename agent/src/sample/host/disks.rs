//! Pure: what the physical disks read and wrote.
//!
//! Source: the kernel's `Documentation/admin-guide/iostats.rst`.

use crate::sample::cgroup::text::{digits, words};

/// The kernel counts in sectors of 512 bytes, whatever the disk's own are.
const SECTORS_PER_KIB: u64 = 2;

/// One line of `/proc/diskstats`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskLine<'a> {
    /// The disk's or partition's name.
    pub name: &'a [u8],
    /// Sectors read since it is there.
    pub read_sectors: u64,
    /// Sectors written since it is there.
    pub written_sectors: u64,
}

impl<'a> DiskLine<'a> {
    /// Reads a line; `None` when it is odd.
    #[must_use]
    pub fn parse(line: &'a [u8]) -> Option<Self> {
        // major, minor, name, reads, merged, sectors, ms, writes, merged, sectors, …
        let mut words = words(line).skip(2);
        let name = words.next()?;
        let read_sectors = digits(words.nth(2)?)?;
        let written_sectors = digits(words.nth(3)?)?;
        Some(Self {
            name,
            read_sectors,
            written_sectors,
        })
    }
}

/// Adds up the disks that count. The sums never go back and never leap: of a disk that is plugged in later only what it does from then on
/// is added, and a disk that is pulled out takes nothing away.
#[derive(Debug, Default)]
pub struct DiskSums {
    disks: Vec<Disk>,
    /// One pass is over: a disk that is new from now on was plugged in.
    has_begun: bool,
    read_sectors: u64,
    written_sectors: u64,
}

#[derive(Debug)]
struct Disk {
    name: String,
    /// Sectors read and written when it was looked at last.
    last: Option<(u64, u64)>,
}

impl DiskSums {
    /// Makes `names` the disks that count.
    pub fn keep_only(&mut self, names: Vec<String>) {
        self.disks.retain(|disk| names.contains(&disk.name));
        for name in names {
            if self.disks.iter().all(|disk| disk.name != name) {
                self.disks.push(Disk { name, last: None });
            }
        }
    }

    /// Tells whether no disk counts.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.disks.is_empty()
    }

    /// Takes one line of a pass.
    pub fn take(&mut self, line: DiskLine<'_>) {
        let mut disks = self.disks.iter_mut();
        let Some(disk) = disks.find(|disk| disk.name.as_bytes() == line.name) else {
            return;
        };
        let now = (line.read_sectors, line.written_sectors);
        let before = match disk.last.replace(now) {
            Some(before) => before,
            None if self.has_begun => now,
            None => (0, 0),
        };
        // A counter that went back has begun anew; how much it missed nobody knows.
        let (read, written) = (
            now.0.saturating_sub(before.0),
            now.1.saturating_sub(before.1),
        );
        self.read_sectors = self.read_sectors.saturating_add(read);
        self.written_sectors = self.written_sectors.saturating_add(written);
    }

    /// Ends a pass: what was read and written, in KiB.
    pub fn sums_kib(&mut self) -> (u64, u64) {
        self.has_begun = true;
        (
            self.read_sectors / SECTORS_PER_KIB,
            self.written_sectors / SECTORS_PER_KIB,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = " 254       0 vda 2044288 97833 128641450 3613170 2673945 449151 149786392 887244 0 283904 4581141 428888 112 101243088 45180 863508 35546";

    fn line(name: &str, read_sectors: u64, written_sectors: u64) -> DiskLine<'_> {
        DiskLine {
            name: name.as_bytes(),
            read_sectors,
            written_sectors,
        }
    }

    fn pass(sums: &mut DiskSums, lines: &[(&str, u64, u64)]) -> (u64, u64) {
        for &(name, read, written) in lines {
            sums.take(line(name, read, written));
        }
        sums.sums_kib()
    }

    #[test]
    fn a_line_is_read_and_a_short_one_is_not() {
        let expected = line("vda", 128_641_450, 149_786_392);
        assert_eq!(DiskLine::parse(LINE.as_bytes()), Some(expected));
        for odd in ["", "254 0 vda 1 2 3 4 5 6", "254 0 vda 1 2 x 4 5 6 7"] {
            assert_eq!(DiskLine::parse(odd.as_bytes()), None, "{odd}");
        }
    }

    #[test]
    fn only_disks_that_count_are_added_up() {
        let mut sums = DiskSums::default();
        assert!(sums.is_empty());
        sums.keep_only(vec!["sda".to_owned(), "sdb".to_owned()]);
        assert!(!sums.is_empty());
        let lines = [("sda", 200, 20), ("sda1", 200, 20), ("sdb", 10, 2)];
        assert_eq!(pass(&mut sums, &lines), (105, 11));
        let lines = [("sda", 210, 20), ("sda1", 210, 20), ("sdb", 12, 4)];
        assert_eq!(pass(&mut sums, &lines), (111, 12));
    }

    #[test]
    fn a_disk_that_comes_goes_or_begins_anew_makes_no_leap() {
        let mut sums = DiskSums::default();
        sums.keep_only(vec!["sda".to_owned()]);
        assert_eq!(pass(&mut sums, &[("sda", 100, 100)]), (50, 50));
        sums.keep_only(vec!["sda".to_owned(), "sdb".to_owned()]);
        assert_eq!(
            pass(&mut sums, &[("sda", 100, 100), ("sdb", 1_000_000, 0)]),
            (50, 50)
        );
        assert_eq!(
            pass(&mut sums, &[("sda", 100, 100), ("sdb", 1_000_020, 0)]),
            (60, 50)
        );
        sums.keep_only(vec!["sda".to_owned()]);
        assert_eq!(pass(&mut sums, &[("sda", 10, 110)]), (60, 55));
    }
}

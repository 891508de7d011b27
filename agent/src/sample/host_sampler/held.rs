//! A file of /proc or /sys that stays open and is read again and again.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use crate::sample::host::lines::whole_lines;

/// Most bytes that are read of a file with many lines: a thousand interfaces.
const TABLE_BYTES: u64 = 256 * 1024;

/// An open file whose content the kernel makes anew for each reading from its start.
#[derive(Debug)]
pub(super) struct Held(File);

impl Held {
    /// Opens the file.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        File::open(path).map(Self)
    }

    /// Reads the file's beginning in one go, so that the kernel writes it from one moment.
    pub(super) fn read<'b>(&self, buffer: &'b mut [u8]) -> io::Result<&'b [u8]> {
        let len = self.0.read_at(buffer, 0)?;
        Ok(&buffer[..len])
    }

    /// Reads the file to its end and hands on each whole line. `buffer` has to be longer than a line.
    pub(super) fn lines(&self, buffer: &mut [u8], mut line: impl FnMut(&[u8])) -> io::Result<()> {
        let mut offset = 0;
        let mut kept = 0;
        while offset < TABLE_BYTES {
            let read = self.0.read_at(&mut buffer[kept..], offset)?;
            if read == 0 {
                return Ok(());
            }
            offset += read as u64;
            let end = kept + read;
            let used = whole_lines(&buffer[..end], &mut line);
            buffer.copy_within(used..end, 0);
            kept = end - used;
        }
        Ok(())
    }
}

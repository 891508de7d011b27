//! Pure: container logs as the Engine sends them, to text in their true order.
//!
//! Source: Docker Engine API, "Attach to a container", "Stream format": 8 bytes of header (stream, three zeros, length as a big-endian
//! `u32`), then the payload. The log of a container with a terminal comes without headers. Since logs are asked for with timestamps, such
//! a log begins with a digit and never looks like a header: the first byte tells the two apart.

/// A log's text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogText {
    /// Lines, each beginning with the Engine's timestamp.
    pub text: String,
    /// Whether lines at the end are missing: the limit was reached or the Engine's answer was damaged.
    pub is_cut: bool,
}

/// Turns the pieces of an answer to `GET /containers/ID/logs` into text.
///
/// Holds the text once. Bytes that are not UTF-8 become replacement characters.
#[derive(Debug)]
pub struct LogReader {
    limit_bytes: usize,
    state: State,
    /// The stream of the message read last, to end its line before another stream's.
    stream: Option<u8>,
    /// The beginning of a character whose end has not come.
    unfinished: Vec<u8>,
    log: LogText,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// No byte has come.
    Start,
    /// Text without headers.
    Raw,
    /// The first `len` bytes of a header have come.
    Header { bytes: [u8; 8], len: usize },
    /// `left` bytes of a message are to come, at least 1.
    Payload { left: usize },
    /// Nothing more is read.
    Done,
}

const NO_HEADER: State = State::Header {
    bytes: [0; 8],
    len: 0,
};

impl LogReader {
    /// A reader that keeps at most `limit_bytes` of text.
    #[must_use]
    pub fn new(limit_bytes: usize) -> Self {
        Self {
            limit_bytes,
            state: State::Start,
            stream: None,
            unfinished: Vec::new(),
            log: LogText::default(),
        }
    }

    /// Tells whether more pieces would change nothing.
    #[must_use]
    pub fn is_done(&self) -> bool {
        matches!(self.state, State::Done)
    }

    /// Takes the next piece of the answer, cut anywhere.
    pub fn push(&mut self, mut piece: &[u8]) {
        while let Some(&first) = piece.first() {
            piece = match self.state {
                State::Start => {
                    self.state = if first <= 3 { NO_HEADER } else { State::Raw };
                    piece
                }
                State::Raw => {
                    self.push_bytes(piece);
                    &[]
                }
                State::Header { bytes, len } => self.push_header(bytes, len, piece),
                State::Payload { left } => {
                    let (payload, rest) = piece.split_at(left.min(piece.len()));
                    self.state = State::Payload {
                        left: left - payload.len(),
                    };
                    self.push_bytes(payload);
                    if left == payload.len() && !self.is_done() {
                        self.push_unfinished();
                        self.state = NO_HEADER;
                    }
                    rest
                }
                State::Done => return,
            };
        }
    }

    /// The text, once the answer has ended.
    #[must_use]
    pub fn finish(mut self) -> LogText {
        match self.state {
            State::Start | State::Done => {}
            State::Raw => self.push_unfinished(),
            State::Header { len, .. } => self.log.is_cut |= len > 0,
            State::Payload { .. } => self.log.is_cut = true,
        }
        self.log
    }

    fn push_header<'a>(&mut self, mut bytes: [u8; 8], len: usize, piece: &'a [u8]) -> &'a [u8] {
        let (more, rest) = piece.split_at((8 - len).min(piece.len()));
        bytes[len..len + more.len()].copy_from_slice(more);
        let len = len + more.len();
        self.state = match bytes {
            _ if len < 8 => State::Header { bytes, len },
            [stream @ 0..=3, 0, 0, 0, size @ ..] => match u32::from_be_bytes(size) {
                0 => NO_HEADER,
                size => {
                    self.begin_message(stream);
                    let left = usize::try_from(size).unwrap_or(usize::MAX);
                    if self.is_done() {
                        State::Done
                    } else {
                        State::Payload { left }
                    }
                }
            },
            _ => {
                self.log.is_cut = true;
                State::Done
            }
        };
        rest
    }

    /// Ends the line of another stream, so that each line begins with its timestamp.
    fn begin_message(&mut self, stream: u8) {
        let is_other = self
            .stream
            .replace(stream)
            .is_some_and(|last| last != stream);
        if is_other && !self.log.text.ends_with('\n') {
            self.push_text("\n");
        }
    }

    fn push_bytes(&mut self, bytes: &[u8]) {
        let joined;
        let bytes = if self.unfinished.is_empty() {
            bytes
        } else {
            self.unfinished.extend_from_slice(bytes);
            joined = std::mem::take(&mut self.unfinished);
            &joined
        };
        let mut chunks = bytes.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            self.push_text(chunk.valid());
            let invalid = chunk.invalid();
            if chunks.peek().is_none() && may_be_continued(invalid) {
                self.unfinished.extend_from_slice(invalid);
            } else if !invalid.is_empty() {
                self.push_text("\u{fffd}");
            }
        }
    }

    fn push_unfinished(&mut self) {
        if !self.unfinished.is_empty() {
            self.unfinished.clear();
            self.push_text("\u{fffd}");
        }
    }

    fn push_text(&mut self, text: &str) {
        if self.is_done() {
            return;
        }
        let room = self.limit_bytes - self.log.text.len();
        if text.len() <= room {
            self.log.text.push_str(text);
            return;
        }
        let fits = (0..=room).rev().find(|at| text.is_char_boundary(*at));
        self.log.text.push_str(&text[..fits.unwrap_or_default()]);
        // A line that alone is larger than the limit is better than nothing.
        if let Some(last_newline) = self.log.text.rfind('\n') {
            self.log.text.truncate(last_newline + 1);
        }
        self.log.is_cut = true;
        self.state = State::Done;
    }
}

/// Tells whether `bytes` are the beginning of a UTF-8 character.
fn may_be_continued(bytes: &[u8]) -> bool {
    str::from_utf8(bytes).is_err_and(|error| error.error_len().is_none())
}

#[cfg(test)]
mod tests;

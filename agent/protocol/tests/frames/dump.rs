//! A frame as text for people: on the left the bytes, on the right what they say. Reads the format on its own, not with the decoder.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use pilotfish_protocol::{
    ContainerMetric, FilesystemMetric, HostMetric, InterfaceMetric, SensorMetric,
};

/// What earlier frames said: per slot the kind of its subject and the mask of its last record.
#[derive(Default)]
pub(crate) struct Dump {
    slots: BTreeMap<u64, (u8, u64)>,
}

/// The bytes still to be read, and the text so far.
struct Lines<'a> {
    bytes: &'a [u8],
    /// Where the line under way began.
    from: usize,
    at: usize,
    text: String,
}

impl Dump {
    /// Describes the next frame of a session.
    pub(crate) fn frame(&mut self, frame: &[u8]) -> String {
        let mut lines = Lines {
            bytes: frame,
            from: 0,
            at: 0,
            text: String::new(),
        };
        let kind = lines.byte();
        assert_eq!(kind, 1, "no stats frame");
        lines.say("stats frame");
        let flags = lines.byte();
        let is_keyframe = flags & 1 == 1;
        lines.say(&format!(
            "number {}{}{}",
            flags >> 2,
            if is_keyframe { ", keyframe" } else { "" },
            if flags & 2 == 2 { ", more follow" } else { "" },
        ));
        let time = lines.number();
        if is_keyframe {
            self.slots.clear();
            lines.say(&format!("at {time} ms"));
        } else {
            lines.say(&format!("{time} ms later"));
        }
        let mut slot = 0;
        while lines.at < frame.len() {
            self.record(&mut slot, &mut lines);
            slot += 1;
        }
        lines.text
    }

    fn record(&mut self, slot: &mut u64, lines: &mut Lines<'_>) {
        let tag = lines.number();
        *slot += tag >> 2;
        let form = tag & 3;
        let words = ["as before", "changed", "without", "subject"];
        lines.say(&format!(
            "slot {slot}: {}",
            words[usize::try_from(form).unwrap()]
        ));
        if form == 3 {
            let kind = lines.byte();
            if kind == 0 {
                lines.say("  nobody: free again");
                self.slots.remove(slot);
                return;
            }
            let id: String = match kind {
                2 => (0..6).map(|_| format!("{:02x}", lines.byte())).collect(),
                _ => String::new(),
            };
            let len = lines.number();
            let name = (0..len).map(|_| lines.byte()).collect();
            let name = String::from_utf8(name).unwrap();
            let kinds = [
                "",
                "host",
                "container ",
                "interface ",
                "filesystem ",
                "sensor ",
            ];
            let kind_word = kinds[usize::from(kind)];
            let space = if id.is_empty() { "" } else { " " };
            lines.say(&format!("  {kind_word}{id}{space}{name}"));
            self.slots.insert(*slot, (kind, 0));
        }
        let (kind, mask) = self.slots.get_mut(slot).unwrap();
        if form == 2 {
            let absent = lines.number();
            lines.say(&format!("  absent: {}", metrics(*kind, absent).join(", ")));
        }
        if form != 0 {
            *mask = lines.number();
            lines.say(&format!("  values: {}", metrics(*kind, *mask).join(", ")));
        }
        for metric in metrics(*kind, *mask) {
            let zigzag = lines.number();
            let half = i64::try_from(zigzag >> 1).unwrap();
            let change = if zigzag & 1 == 0 { half } else { -half - 1 };
            lines.say(&format!("    {metric} {change:+}"));
        }
    }
}

impl Lines<'_> {
    fn byte(&mut self) -> u8 {
        self.at += 1;
        self.bytes[self.at - 1]
    }

    fn number(&mut self) -> u64 {
        let mut value = 0;
        for shift in (0..).step_by(7) {
            let byte = self.byte();
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                break;
            }
        }
        value
    }

    /// Ends a line: the bytes read since the last one, and what they say.
    fn say(&mut self, words: &str) {
        let hex: Vec<String> = self.bytes[self.from..self.at]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        writeln!(self.text, "{:<35}  {words}", hex.join(" ")).unwrap();
        self.from = self.at;
    }
}

/// The names of the metrics in a mask, lowest bit first.
fn metrics(kind: u8, mask: u64) -> Vec<String> {
    fn names<T: std::fmt::Debug>(all: &[T], mask: u64) -> Vec<String> {
        let numbered = all.iter().enumerate();
        let set = numbered.filter(|(bit, _)| mask & (1 << bit) != 0);
        set.map(|(_, metric)| format!("{metric:?}")).collect()
    }
    match kind {
        1 => names(HostMetric::ALL, mask),
        2 => names(ContainerMetric::ALL, mask),
        3 => names(InterfaceMetric::ALL, mask),
        4 => names(FilesystemMetric::ALL, mask),
        _ => names(SensorMetric::ALL, mask),
    }
}

//! Pure: makes segments coarser, by decoding them and encoding what is kept.

use std::collections::BTreeMap;

use pilotfish_protocol::Subject;
use pilotfish_protocol::frame::{Decoder, Encoder, Slot};
use pilotfish_protocol::spool::{Segment, put_frame};

use super::recorder::Ticks;
use super::tier::Tier;

/// Frames of a segment, and the time up to which its ticks are left out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Source<'a> {
    pub(super) frames: &'a [u8],
    pub(super) clip: Option<u64>,
}

/// Writes those ticks of `sources`, oldest first, that `tier` keeps when the last one before them is of `last_ms`.
///
/// Frames that cannot be read are passed over with the rest of their segment.
pub(super) fn thin(sources: &[Source<'_>], tier: Tier, mut last_ms: Option<u64>) -> Ticks {
    let mut thinned = Ticks::default();
    let mut writer = Writer::default();
    let mut decoder = Decoder::new();
    for source in sources {
        let segment = Segment {
            from_ms: 0,
            until_ms: u64::MAX,
            frames: source.frames,
        };
        for frame in segment.frames() {
            let Ok(decoded) = frame
                .map_err(|_| ())
                .and_then(|frame| decoder.decode(frame).map_err(|_| ()))
            else {
                break;
            };
            let at_ms = decoded.at_ms;
            let is_known = source.clip.is_some_and(|clip_ms| at_ms <= clip_ms);
            if !decoded.is_whole || is_known || !tier.keeps(last_ms, at_ms) {
                continue;
            }
            last_ms = Some(at_ms);
            writer.write(&decoder, at_ms, &mut thinned.frames);
            if thinned.count == 0 {
                thinned.from_ms = at_ms;
            }
            thinned.until_ms = at_ms;
            thinned.count += 1;
        }
    }
    thinned
}

/// Writes what a decoder holds.
#[derive(Debug)]
struct Writer {
    encoder: Encoder,
    slots: BTreeMap<Subject, (Slot, u32)>,
    round: u32,
}

impl Default for Writer {
    fn default() -> Self {
        Self {
            encoder: Encoder::new(),
            slots: BTreeMap::new(),
            round: 0,
        }
    }
}

impl Writer {
    fn write(&mut self, decoder: &Decoder, at_ms: u64, frames: &mut Vec<u8>) {
        self.round += 1;
        let round = self.round;
        for (_, live) in decoder.slots() {
            let slot = match self.slots.get_mut(&live.subject) {
                Some((slot, seen)) => {
                    *seen = round;
                    *slot
                }
                None => {
                    let Some(slot) = self.encoder.announce(live.subject.clone()) else {
                        continue;
                    };
                    self.slots.insert(live.subject.clone(), (slot, round));
                    slot
                }
            };
            self.encoder.take(slot, &live.reading);
        }
        let encoder = &mut self.encoder;
        self.slots.retain(|_, (slot, seen)| {
            let stays = *seen == round;
            if !stays {
                encoder.retire(*slot);
            }
            stays
        });
        self.encoder.begin(at_ms);
        let mut frame = Vec::new();
        loop {
            frame.clear();
            let is_more = self.encoder.encode(&mut frame);
            put_frame(frames, &frame);
            if !is_more {
                return;
            }
        }
    }
}

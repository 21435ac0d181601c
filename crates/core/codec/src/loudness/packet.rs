//! A packet and its frames [RFC 6716 §3].

/// The most frames of a packet: 120 ms of 2.5 ms.
const FRAMES_MAX: usize = 48;

/// What the low bands of a packet are coded in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// SILK, alone or with CELT above 8 kHz.
    Silk,
    /// CELT alone.
    Celt,
}

/// A packet, with what its first octet says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Packet<'a> {
    pub(super) mode: Mode,
    pub(super) is_stereo: bool,
    /// How long a frame is, in 2.5 ms.
    pub(super) frame_steps: usize,
    /// Bands of CELT that the bandwidth has.
    pub(super) bands: usize,
    layout: Layout<'a>,
}

/// Where the frames are.
#[derive(Debug, Clone, Copy)]
enum Layout<'a> {
    Two(&'a [u8], &'a [u8]),
    Alike { frames: &'a [u8], octets: usize },
    Listed { lengths: &'a [u8], frames: &'a [u8], count: usize },
}

impl<'a> Packet<'a> {
    /// Reads the first octets; `None` for what is no packet.
    pub(super) fn parse(packet: &'a [u8]) -> Option<Self> {
        let (&toc, rest) = packet.split_first()?;
        let configuration = usize::from(toc >> 3);
        let (mode, frame_steps, bands) = match configuration {
            0..12 => (Mode::Silk, [4, 8, 16, 24][configuration % 4], 0),
            12..16 => (Mode::Silk, [4, 8][configuration % 2], 0),
            _ => (Mode::Celt, 1 << (configuration % 4), [13, 17, 19, 21][(configuration - 16) / 4]),
        };
        let layout = match toc & 3 {
            0 => Layout::Two(rest, &[]),
            1 if rest.len().is_multiple_of(2) => {
                Layout::Two(&rest[..rest.len() / 2], &rest[rest.len() / 2..])
            }
            1 => return None,
            2 => {
                let (octets, rest) = length(rest)?;
                let (first, second) = rest.split_at_checked(octets)?;
                Layout::Two(first, second)
            }
            _ => many(rest)?,
        };
        Some(Self { mode, is_stereo: toc & 4 != 0, frame_steps, bands, layout })
    }

    /// Its frames, in order. One that is cut off is not among them.
    pub(super) fn frames(&self) -> impl Iterator<Item = &'a [u8]> {
        let mut layout = self.layout;
        std::iter::from_fn(move || match &mut layout {
            Layout::Two(first, second) => {
                let frame = std::mem::replace(first, std::mem::take(second));
                (!frame.is_empty()).then_some(frame)
            }
            Layout::Alike { frames, octets } => {
                let (frame, rest) = frames.split_at_checked(*octets).filter(|_| *octets > 0)?;
                *frames = rest;
                Some(frame)
            }
            Layout::Listed { lengths, frames, count } => {
                *count = count.checked_sub(1)?;
                let octets = if *count == 0 {
                    frames.len()
                } else {
                    let (octets, rest) = length(lengths)?;
                    *lengths = rest;
                    octets
                };
                let (frame, rest) = frames.split_at_checked(octets)?;
                *frames = rest;
                Some(frame)
            }
        })
    }
}

/// The length of a frame, and what is after it.
fn length(octets: &[u8]) -> Option<(usize, &[u8])> {
    match octets {
        [first @ ..252, rest @ ..] => Some((usize::from(*first), rest)),
        [first, second, rest @ ..] => Some((usize::from(*first) + 4 * usize::from(*second), rest)),
        [] | [_] => None,
    }
}

/// A packet that tells how many frames it has.
fn many(octets: &[u8]) -> Option<Layout<'_>> {
    let (&head, mut rest) = octets.split_first()?;
    let count = usize::from(head & 0x3F);
    if !(1..=FRAMES_MAX).contains(&count) {
        return None;
    }
    if head & 0x40 != 0 {
        let mut padding = 0;
        loop {
            let (&octet, after) = rest.split_first()?;
            rest = after;
            padding += usize::from(octet.min(254));
            if octet < 255 {
                break;
            }
        }
        rest = rest.get(..rest.len().checked_sub(padding)?)?;
    }
    if head & 0x80 == 0 {
        return Some(Layout::Alike { frames: rest, octets: rest.len() / count });
    }
    let (lengths, mut frames) = (rest, rest);
    for _ in 1..count {
        frames = length(frames)?.1;
    }
    Some(Layout::Listed { lengths, frames, count })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SILK at 16 kHz in frames of 20 ms.
    const TOC: u8 = 9 << 3;

    fn frames(packet: &[u8]) -> Option<Vec<&[u8]>> {
        Packet::parse(packet).map(|packet| packet.frames().collect())
    }

    /// As [RFC 6716 §3.2] has it.
    #[test]
    fn frames_are_found_however_they_are_packed() {
        let long = [7; 300];
        assert_eq!(frames(&[TOC, 1, 2, 3]), Some(vec![&[1, 2, 3][..]]));
        assert_eq!(frames(&[TOC | 1, 1, 2, 3, 4]), Some(vec![&[1, 2][..], &[3, 4]]));
        assert_eq!(frames(&[TOC | 2, 1, 2, 3, 4]), Some(vec![&[2][..], &[3, 4]]));
        let two = [&[TOC | 2, 252, 12][..], &long, &[9]].concat();
        assert_eq!(frames(&two), Some(vec![&long[..], &[9]]));
        assert_eq!(frames(&[TOC | 3, 3, 1, 2, 3, 4, 5, 6]), Some(vec![&[1, 2][..], &[3, 4], &[5, 6]]));
        assert_eq!(frames(&[TOC | 3, 0xC2, 1, 1, 8, 9, 9, 0]), Some(vec![&[8][..], &[9, 9]]));
    }

    #[test]
    fn what_is_cut_off_is_no_packet() {
        let padded = [&[TOC | 3, 0x41, 255, 0][..], &[5; 10]].concat();
        let cases: [&[u8]; 6] =
            [&[], &[TOC | 1, 1], &[TOC | 2, 9, 1], &[TOC | 3, 0], &[TOC | 3, 0x83, 200], &padded];
        for packet in cases {
            assert_eq!(frames(packet), None, "{packet:?}");
        }
    }
}

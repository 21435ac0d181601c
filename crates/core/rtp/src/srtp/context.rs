//! The contexts of one direction each: indices, rollover and replay around a cipher [RFC 3711 §3.2, §3.3, §3.4].

use super::cipher::{Cipher, Kind, RTCP_HEAD, RtcpAt, RtpAt};
use super::key::{MasterKey, Mki};
use super::replay::ReplayWindow;
use crate::packet::HEADER_OCTETS;

/// Streams remembered for replay: a leg has one; changes of SSRC and sources behind a mixer make a few more. The one
/// longest silent is forgotten first, and only an authentic packet makes room for itself.
const STREAMS: usize = 4;
/// Packets of a stream under one key [RFC 3711 §9.2].
const RTP_INDEX_MAX: u64 = (1 << 48) - 1;
const RTCP_INDEX_MAX: u32 = (1 << 31) - 1;

/// Why a packet was not protected or given out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SrtpError {
    /// Not an RTP or RTCP packet, or too short for tag and identifier.
    #[error("not a protected packet")]
    Malformed,
    /// Forged, damaged, or under another key.
    #[error("not authentic")]
    NotAuthentic,
    /// Seen before, or too old to know.
    #[error("replayed")]
    Replayed,
    /// It names a key that is not ours.
    #[error("another key")]
    OtherKey,
    /// The buffer has no room for what protection adds, or the key is used up.
    #[error("no room")]
    NoRoom,
}

/// What a receiver refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SrtpCounters {
    /// Packets that were not protected packets at all: plain RTP where it is too short, garbage.
    pub malformed: u64,
    /// Packets that were not authentic: plain RTP, strangers', under another key.
    pub not_authentic: u64,
    /// Packets seen before, or too old.
    pub replayed: u64,
}

/// Protects what we send.
#[derive(Debug)]
pub struct SrtpSender {
    master: MasterKey,
    rtp: Cipher,
    rtcp: Cipher,
    /// The stream sent last, and the index of its last packet.
    stream: Option<(u32, u64)>,
    rtcp_index: u32,
}

impl SrtpSender {
    /// Protects with a key. No packet was protected with it before.
    #[must_use]
    pub fn new(master: MasterKey) -> Self {
        let (rtp, rtcp) = (Cipher::derive(&master, Kind::Rtp), Cipher::derive(&master, Kind::Rtcp));
        Self { master, rtp, rtcp, stream: None, rtcp_index: 0 }
    }

    /// The key.
    #[must_use]
    pub const fn master(&self) -> &MasterKey {
        &self.master
    }

    /// Takes another key; the rollover counter goes on [RFC 3711 §3.3.1].
    pub fn rekey(&mut self, master: MasterKey) {
        let stream = self.stream;
        *self = Self { stream, ..Self::new(master) };
    }

    /// Protects the RTP packet in the first `octets` of a buffer; its octets then.
    ///
    /// # Errors
    /// [`SrtpError::Malformed`] for what is no RTP packet, [`SrtpError::NoRoom`].
    pub fn protect(&mut self, buffer: &mut [u8], octets: usize) -> Result<usize, SrtpError> {
        let packet = buffer.get(..octets).ok_or(SrtpError::NoRoom)?;
        let (ssrc, sequence, head) = rtp_head(packet).ok_or(SrtpError::Malformed)?;
        let end = octets + self.rtp.tag_octets();
        if end > buffer.len() {
            return Err(SrtpError::NoRoom);
        }
        let index = match self.stream {
            Some((same, last)) if same == ssrc => estimate(last, sequence).ok_or(SrtpError::NoRoom)?,
            Some(_) | None => u64::from(sequence),
        };
        if index > RTP_INDEX_MAX {
            return Err(SrtpError::NoRoom);
        }
        self.stream = Some((ssrc, index));
        self.rtp.seal_rtp(RtpAt { ssrc, index, head }, buffer, octets).map_err(|()| SrtpError::NoRoom)?;
        Ok(end)
    }

    /// Protects the RTCP packet in the first `octets` of a buffer; its octets then.
    ///
    /// # Errors
    /// [`SrtpError::Malformed`] for what is no RTCP packet, [`SrtpError::NoRoom`].
    pub fn protect_control(&mut self, buffer: &mut [u8], octets: usize) -> Result<usize, SrtpError> {
        let packet = buffer.get(..octets).ok_or(SrtpError::NoRoom)?;
        let ssrc = rtcp_ssrc(packet).ok_or(SrtpError::Malformed)?;
        if octets + self.rtcp.tag_octets() + 4 > buffer.len() || self.rtcp_index == RTCP_INDEX_MAX {
            return Err(SrtpError::NoRoom);
        }
        self.rtcp_index += 1;
        self.rtcp.seal_rtcp(ssrc, self.rtcp_index, buffer, octets).map_err(|()| SrtpError::NoRoom)
    }
}

/// Unprotects what comes in.
#[derive(Debug)]
pub struct SrtpReceiver {
    master: MasterKey,
    session: Session,
    /// The session before the last change of key, until a packet under the new one comes.
    before: Option<Box<Session>>,
    streams: Streams<Stream>,
    controls: Streams<Stream>,
    counters: SrtpCounters,
}

#[derive(Debug)]
struct Session {
    rtp: Cipher,
    rtcp: Cipher,
    mki: Option<Mki>,
}

/// What is known of a stream.
#[derive(Debug, Clone, Copy)]
struct Stream {
    ssrc: u32,
    window: ReplayWindow,
    /// The key changed since its last packet: its rollover counter should go on, but many begin anew.
    is_rekeyed: bool,
}

impl SrtpReceiver {
    /// Unprotects with a key, whose packets carry an identifier if one was agreed on.
    #[must_use]
    pub fn new(master: MasterKey, mki: Option<Mki>) -> Self {
        Self {
            session: Session::new(&master, mki),
            master,
            before: None,
            streams: Streams::default(),
            controls: Streams::default(),
            counters: SrtpCounters::default(),
        }
    }

    /// The key.
    #[must_use]
    pub const fn master(&self) -> &MasterKey {
        &self.master
    }

    /// Takes another key. Packets under the old one are taken until the first under the new one comes.
    pub fn rekey(&mut self, master: MasterKey, mki: Option<Mki>) {
        let before = std::mem::replace(&mut self.session, Session::new(&master, mki));
        self.before = Some(Box::new(before));
        self.master = master;
        self.streams.each(|stream| stream.is_rekeyed = true);
        // SRTCP carries its index, so nothing has to go on: under a new key all of them are new.
        self.controls = Streams::default();
    }

    /// What was refused.
    #[must_use]
    pub const fn counters(&self) -> SrtpCounters {
        self.counters
    }

    /// Unprotects an RTP packet in place; its octets then.
    ///
    /// # Errors
    /// [`SrtpError`]; the packet is left as it came, and counted.
    pub fn unprotect(&mut self, packet: &mut [u8]) -> Result<usize, SrtpError> {
        let result = self.open(packet);
        self.count(result)
    }

    /// Unprotects an RTCP packet in place; its octets then.
    ///
    /// # Errors
    /// [`SrtpError`]; the packet is left as it came, and counted.
    pub fn unprotect_control(&mut self, packet: &mut [u8]) -> Result<usize, SrtpError> {
        let result = self.open_control(packet);
        self.count(result)
    }

    const fn count(&mut self, result: Result<usize, SrtpError>) -> Result<usize, SrtpError> {
        match result {
            Ok(_) => {}
            Err(SrtpError::Malformed | SrtpError::NoRoom) => self.counters.malformed += 1,
            Err(SrtpError::NotAuthentic | SrtpError::OtherKey) => self.counters.not_authentic += 1,
            Err(SrtpError::Replayed) => self.counters.replayed += 1,
        }
        result
    }

    fn open(&mut self, packet: &mut [u8]) -> Result<usize, SrtpError> {
        let (ssrc, sequence, head) = rtp_head(packet).ok_or(SrtpError::Malformed)?;
        let known = self.streams.find(|stream| stream.ssrc == ssrc);
        let (likely, otherwise) = match known {
            Some(stream) => {
                let likely = estimate(stream.window.highest(), sequence);
                (likely, stream.is_rekeyed.then_some(u64::from(sequence)))
            }
            // The first packets may be lost, and the counter have rolled over since.
            None => (Some(sequence.into()), Some(u64::from(sequence) | 1 << 16)),
        };
        let is_replayed = |index: &u64| known.is_some_and(|stream| !stream.window.is_new(*index));
        if otherwise.is_none() && likely.as_ref().is_none_or(is_replayed) {
            return Err(SrtpError::Replayed);
        }
        let candidates = [likely.filter(|index| !is_replayed(index)), otherwise];
        let mut failure = SrtpError::NotAuthentic;
        for index in candidates.into_iter().flatten() {
            match self.session.open(RtpAt { ssrc, index, head }, packet) {
                Ok(octets) => {
                    self.before = None;
                    let goes_on = known.filter(|_| Some(index) == likely);
                    self.note(Stream::with(goes_on, ssrc, index));
                    return Ok(octets);
                }
                Err(why) => failure = why,
            }
        }
        self.open_by_old_key(RtpAt { ssrc, index: 0, head }, likely, packet).ok_or(failure)
    }

    /// A packet that was on its way when the key changed.
    fn open_by_old_key(&mut self, at: RtpAt, index: Option<u64>, packet: &mut [u8]) -> Option<usize> {
        let stream = self.streams.find(|stream| stream.ssrc == at.ssrc)?;
        let index = index.filter(|index| stream.window.is_new(*index))?;
        let octets = self.before.as_ref()?.open(RtpAt { index, ..at }, packet).ok()?;
        self.note(Stream { is_rekeyed: true, ..Stream::with(Some(stream), at.ssrc, index) });
        Some(octets)
    }

    fn note(&mut self, stream: Stream) {
        self.streams.put(stream, |other| other.ssrc == stream.ssrc);
    }

    fn open_control(&mut self, packet: &mut [u8]) -> Result<usize, SrtpError> {
        let ssrc = rtcp_ssrc(packet).ok_or(SrtpError::Malformed)?;
        let known = self.controls.find(|stream| stream.ssrc == ssrc);
        let (octets, index) = self.session.open_control(ssrc, packet, |index| {
            known.is_none_or(|stream| stream.window.is_new(index.into()))
        })?;
        let stream = Stream::with(known, ssrc, index.into());
        self.controls.put(stream, |other| other.ssrc == ssrc);
        Ok(octets)
    }
}

impl Stream {
    fn with(known: Option<Self>, ssrc: u32, index: u64) -> Self {
        let mut window = known.map_or(ReplayWindow::at(index), |stream| stream.window);
        window.note(index);
        Self { ssrc, window, is_rekeyed: false }
    }
}

impl Session {
    fn new(master: &MasterKey, mki: Option<Mki>) -> Self {
        Self { rtp: Cipher::derive(master, Kind::Rtp), rtcp: Cipher::derive(master, Kind::Rtcp), mki }
    }

    fn mki_octets(&self) -> &[u8] {
        self.mki.as_ref().map_or(&[], Mki::octets)
    }

    /// Counter mode carries the identifier before the tag [RFC 3711 §3.1], GCM behind it [RFC 7714 §6].
    fn open(&self, at: RtpAt, packet: &mut [u8]) -> Result<usize, SrtpError> {
        let (mki, tag_octets) = (self.mki_octets(), self.rtp.tag_octets());
        let plain = packet.len().checked_sub(mki.len() + tag_octets).filter(|plain| *plain >= at.head);
        let plain = plain.ok_or(SrtpError::Malformed)?;
        let (tag_at, mki_at) = match self.rtp {
            Cipher::CounterMode(_) => (plain + mki.len(), plain),
            Cipher::Gcm128(_) | Cipher::Gcm256(_) => (plain, plain + tag_octets),
        };
        if packet[mki_at..mki_at + mki.len()] != *mki {
            return Err(SrtpError::OtherKey);
        }
        let (mut tag, source) = ([0; TAG_MAX], &packet[tag_at..tag_at + tag_octets]);
        tag[..tag_octets].copy_from_slice(source);
        self.rtp
            .open_rtp(at, packet, plain, &tag[..tag_octets])
            .map(|()| plain)
            .map_err(|()| SrtpError::NotAuthentic)
    }

    /// Counter mode: index, identifier, tag [RFC 3711 §3.4]; GCM: tag, index, identifier [RFC 7714 §9.3].
    fn open_control(
        &self,
        ssrc: u32,
        packet: &mut [u8],
        is_new: impl Fn(u32) -> bool,
    ) -> Result<(usize, u32), SrtpError> {
        let (mki, tag_octets) = (self.mki_octets(), self.rtcp.tag_octets());
        let plain = packet.len().checked_sub(mki.len() + tag_octets + 4).filter(|plain| *plain >= RTCP_HEAD);
        let plain = plain.ok_or(SrtpError::Malformed)?;
        let (word_at, mki_at, tag_at) = match self.rtcp {
            Cipher::CounterMode(_) => (plain, plain + 4, plain + 4 + mki.len()),
            Cipher::Gcm128(_) | Cipher::Gcm256(_) => (plain + tag_octets, plain + tag_octets + 4, plain),
        };
        if packet[mki_at..mki_at + mki.len()] != *mki {
            return Err(SrtpError::OtherKey);
        }
        let word = word(packet, word_at).ok_or(SrtpError::Malformed)?;
        let index = word & RTCP_INDEX_MAX;
        if !is_new(index) {
            return Err(SrtpError::Replayed);
        }
        let (mut tag, source) = ([0; TAG_MAX], &packet[tag_at..tag_at + tag_octets]);
        tag[..tag_octets].copy_from_slice(source);
        let at = RtcpAt { ssrc, word, tag: &tag[..tag_octets] };
        self.rtcp.open_rtcp(at, packet, plain).map_err(|()| SrtpError::NotAuthentic)?;
        Ok((plain, index))
    }
}

const TAG_MAX: usize = 16;

/// A few things, the one used last at the front.
#[derive(Debug)]
struct Streams<T>([Option<T>; STREAMS]);

impl<T: Copy> Default for Streams<T> {
    fn default() -> Self {
        Self([None; STREAMS])
    }
}

impl<T: Copy> Streams<T> {
    fn find(&self, is_it: impl Fn(&T) -> bool) -> Option<T> {
        self.0.iter().flatten().copied().find(|one| is_it(one))
    }

    fn each(&mut self, act: impl FnMut(&mut T)) {
        self.0.iter_mut().flatten().for_each(act);
    }

    /// Puts one to the front, in place of the same one or of the last.
    fn put(&mut self, one: T, is_it: impl Fn(&T) -> bool) {
        let place = self.0.iter().position(|other| other.as_ref().is_none_or(&is_it)).unwrap_or(STREAMS - 1);
        self.0[..=place].rotate_right(1);
        self.0[0] = Some(one);
    }
}

/// The index of a packet by its sequence number and the highest index before [RFC 3711 §3.3.1, appendix A]; `None`
/// where it would lie before the first.
fn estimate(highest: u64, sequence: u16) -> Option<u64> {
    let ahead = sequence.wrapping_sub(highest as u16).cast_signed();
    highest.checked_add_signed(i64::from(ahead))
}

/// SSRC, sequence number and octets of the header.
fn rtp_head(packet: &[u8]) -> Option<(u32, u16, usize)> {
    let first = *packet.first()?;
    if first >> 6 != 2 || packet.len() < HEADER_OCTETS {
        return None;
    }
    let mut head = HEADER_OCTETS + usize::from(first & 0x0F) * 4;
    if first & 0x10 != 0 {
        let words = packet.get(head + 2..head + 4)?;
        head += 4 + usize::from(u16::from_be_bytes([words[0], words[1]])) * 4;
    }
    (head <= packet.len()).then_some(())?;
    Some((word(packet, 8)?, u16::from_be_bytes([packet[2], packet[3]]), head))
}

fn rtcp_ssrc(packet: &[u8]) -> Option<u32> {
    let is_rtcp = packet.first().is_some_and(|first| first >> 6 == 2) && packet.len() >= RTCP_HEAD;
    if is_rtcp { word(packet, 4) } else { None }
}

fn word(octets: &[u8], at: usize) -> Option<u32> {
    octets.get(at..at + 4).map(|w| u32::from_be_bytes([w[0], w[1], w[2], w[3]]))
}

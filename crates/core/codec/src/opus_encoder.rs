//! The encoding half of libopus: the one place of this crate that calls C by itself, because the crate `opus` hides
//! what an encoder remembers, and here it is copied.
//!
//! An encoder is one block of memory without pointers into itself, which its makers allow to be copied as it is.
//! **Invariant:** a block is made by `opus_encoder_init` before anything else sees it, is as long as the library said,
//! and nothing allocates after that.
#![expect(unsafe_code, reason = "libopus is C, and its crate has no door to an encoder's state")]

use std::ffi::c_int;
use std::fmt;

use opusic_sys as ffi;

use crate::opus_settings::OpusSettings;

/// How hard the encoder tries, of 10. Speech gains little above 5 and costs twice as much at 10.
const COMPLEXITY: c_int = 5;
/// The loss that packets carry spare copies for, in percent, where the far side uses them.
const LOSS_PERCENT: c_int = 10;

/// A piece of the block, aligned as C's allocator aligns.
#[derive(Clone, Copy)]
#[repr(C, align(16))]
struct Piece([u8; 16]);

/// Encodes frames.
pub(crate) struct Encoder {
    block: Box<[Piece]>,
    sample_rate_hz: u32,
    wishes: OpusSettings,
}

impl Encoder {
    /// An encoder at one of Opus's rates, as the far side wishes.
    pub(crate) fn new(sample_rate_hz: u32, wishes: &OpusSettings) -> Self {
        // SAFETY: it reads nothing but the number of channels.
        let octets = unsafe { ffi::opus_encoder_get_size(1) }.unsigned_abs() as usize;
        let block = vec![Piece([0; 16]); octets.div_ceil(size_of::<Piece>())].into_boxed_slice();
        let mut encoder = Self { block, sample_rate_hz, wishes: *wishes };
        encoder.restart();
        encoder
    }

    /// Begins a stream anew.
    pub(crate) fn restart(&mut self) {
        let rate_hz = self.sample_rate_hz.cast_signed();
        // SAFETY: the block has the length and the alignment that the library wants for one channel.
        let result = unsafe { ffi::opus_encoder_init(self.state(), rate_hz, 1, ffi::OPUS_APPLICATION_VOIP) };
        assert_eq!(result, ffi::OPUS_OK, "the rate is one of Opus's");
        let wishes = self.wishes;
        let bandwidth = match wishes.playback_max_hz {
            0..=8_000 => ffi::OPUS_BANDWIDTH_NARROWBAND,
            8_001..=12_000 => ffi::OPUS_BANDWIDTH_MEDIUMBAND,
            12_001..=16_000 => ffi::OPUS_BANDWIDTH_WIDEBAND,
            16_001..=24_000 => ffi::OPUS_BANDWIDTH_SUPERWIDEBAND,
            24_001.. => ffi::OPUS_BANDWIDTH_FULLBAND,
        };
        let loss_percent = if wishes.has_fec { LOSS_PERCENT } else { 0 };
        self.set(ffi::OPUS_SET_COMPLEXITY_REQUEST, COMPLEXITY);
        self.set(ffi::OPUS_SET_SIGNAL_REQUEST, ffi::OPUS_SIGNAL_VOICE);
        self.set(ffi::OPUS_SET_MAX_BANDWIDTH_REQUEST, bandwidth);
        self.set(ffi::OPUS_SET_BITRATE_REQUEST, wishes.bitrate_for(self.sample_rate_hz).cast_signed());
        self.set(ffi::OPUS_SET_VBR_REQUEST, (!wishes.is_cbr).into());
        self.set(ffi::OPUS_SET_INBAND_FEC_REQUEST, wishes.has_fec.into());
        self.set(ffi::OPUS_SET_PACKET_LOSS_PERC_REQUEST, loss_percent);
        self.set(ffi::OPUS_SET_DTX_REQUEST, wishes.has_dtx.into());
    }

    /// Goes on as another one would; false where that is one of another kind, and nothing was changed.
    pub(crate) fn copy_from(&mut self, other: &Self) -> bool {
        let is_alike = self.sample_rate_hz == other.sample_rate_hz
            && self.wishes == other.wishes
            && self.block.len() == other.block.len();
        if is_alike {
            self.block.copy_from_slice(&other.block);
        }
        is_alike
    }

    /// Whether frames are to be understood without those before them, as far as Opus can.
    pub(crate) fn set_independent(&mut self, is_independent: bool) {
        self.set(ffi::OPUS_SET_PREDICTION_DISABLED_REQUEST, is_independent.into());
    }

    /// Encodes a frame; nothing where its length is none of Opus's.
    pub(crate) fn encode(&mut self, samples: &[i16], payload: &mut [u8]) -> usize {
        let (Ok(count), Ok(room)) = (c_int::try_from(samples.len()), i32::try_from(payload.len())) else {
            return 0;
        };
        // SAFETY: the block was initialised; one channel means as many samples as the count says, and the library
        // writes no more octets than there is room for.
        let octets =
            unsafe { ffi::opus_encode(self.state(), samples.as_ptr(), count, payload.as_mut_ptr(), room) };
        usize::try_from(octets).unwrap_or(0)
    }

    const fn state(&mut self) -> *mut ffi::OpusEncoder {
        self.block.as_mut_ptr().cast()
    }

    /// Sets one thing that is an integer. Each is within its range; an older library that lacks one goes on without it.
    fn set(&mut self, request: c_int, value: c_int) {
        // SAFETY: the block was initialised, and these requests take one `opus_int32`, which is a C `int`.
        let _ = unsafe { ffi::opus_encoder_ctl(self.state(), request, value) };
    }
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let octets = size_of_val(&*self.block);
        f.debug_struct("Encoder")
            .field("octets", &octets)
            .field("wishes", &self.wishes)
            .finish_non_exhaustive()
    }
}

//! The range decoder of Opus [RFC 6716 §4.1], as far as the beginning of a frame needs it.

/// The range is kept above this.
const BOTTOM: u32 = 1 << 23;
/// Bits of a symbol, and those of them in the first octet that count.
const OCTET_BITS: u32 = 8;
const EXTRA_BITS: u32 = 7;

/// Reads a frame from its start. Beyond its end there are zeroes.
#[derive(Debug)]
pub(super) struct RangeReader<'a> {
    rest: std::slice::Iter<'a, u8>,
    octets: usize,
    range: u32,
    value: u32,
    /// The octet whose last bit is not used yet.
    last: u32,
    bits: u32,
}

impl<'a> RangeReader<'a> {
    pub(super) fn new(frame: &'a [u8]) -> Self {
        let mut rest = frame.iter();
        let last = rest.next().copied().unwrap_or(0).into();
        let range = 1 << EXTRA_BITS;
        let value = range - 1 - (last >> (OCTET_BITS - EXTRA_BITS));
        let mut reader = Self { rest, octets: frame.len(), range, value, last, bits: 9 };
        reader.renew();
        reader
    }

    /// Bits in the frame.
    pub(super) const fn bits_all(&self) -> u32 {
        self.octets as u32 * OCTET_BITS
    }

    /// Bits used so far, rounded up.
    pub(super) const fn bits_used(&self) -> u32 {
        self.bits - (u32::BITS - self.range.leading_zeros())
    }

    /// Bits left.
    pub(super) const fn bits_left(&self) -> u32 {
        self.bits_all().saturating_sub(self.bits_used())
    }

    /// Passes over bits that are stored at the frame's end.
    pub(super) const fn pass_over(&mut self, bits: u32) {
        self.bits += bits;
    }

    /// A bit that is 1 once in 2^`log` times.
    pub(super) fn bit(&mut self, log: u32) -> bool {
        let one = self.range >> log;
        let is_one = self.value < one;
        if is_one {
            self.range = one;
        } else {
            self.value -= one;
            self.range -= one;
        }
        self.renew();
        is_one
    }

    /// A symbol by the table of what of 256 is left after each; the table ends with a zero.
    pub(super) fn symbol(&mut self, left: &[u8]) -> usize {
        self.symbol_of(left, 8)
    }

    /// The same where the table counts parts of 2^`bits`.
    pub(super) fn symbol_of(&mut self, left: &[u8], bits: u32) -> usize {
        let part = self.range >> bits;
        let mut above = self.range;
        for (symbol, &left) in left.iter().enumerate() {
            let below = part * u32::from(left);
            if self.value >= below {
                self.value -= below;
                self.range = above - below;
                self.renew();
                return symbol;
            }
            above = below;
        }
        0
    }

    /// One of so many that are as likely.
    pub(super) fn one_of(&mut self, count: u32) -> u32 {
        let part = self.range / count;
        let symbol = count - (self.value / part + 1).min(count);
        self.take(part, symbol, symbol + 1, count);
        symbol
    }

    /// Where the next symbol lies in 0–32,767, and the size of a part; [`Self::take`] is to follow.
    pub(super) const fn peek_15(&self) -> (u32, u32) {
        let part = self.range >> 15;
        let place = self.value / part + 1;
        (32_768 - if place < 32_768 { place } else { 32_768 }, part)
    }

    /// Takes the symbol from `low` to `high` of `all` parts.
    pub(super) fn take(&mut self, part: u32, low: u32, high: u32, all: u32) {
        let above = part * (all - high);
        self.value -= above.min(self.value);
        self.range = if low > 0 { part * (high - low) } else { self.range - above };
        self.renew();
    }

    fn renew(&mut self) {
        while self.range <= BOTTOM && self.range > 0 {
            self.bits += OCTET_BITS;
            self.range <<= OCTET_BITS;
            let next = self.rest.next().copied().unwrap_or(0).into();
            let octet = ((self.last << OCTET_BITS | next) >> (OCTET_BITS - EXTRA_BITS)) & 0xFF;
            self.last = next;
            self.value = ((self.value << OCTET_BITS) + (0xFF - octet)) & 0x7FFF_FFFF;
        }
    }
}

//! The name that a caller has said at entry, as sound. It is not a name of anything in the product.

use std::fmt;
use std::sync::Arc;

/// A caller's own voice, saying their name: mono, 16 bits, [`RecordedName::RATE_HZ`]. Never empty, never longer than
/// [`RecordedName::SAMPLES_MAX`]. Cheap to clone.
#[derive(Clone, PartialEq, Eq)]
pub struct RecordedName(Arc<[i16]>);

impl RecordedName {
    /// Samples per second: what telephones send, so that more would keep nothing more.
    pub const RATE_HZ: u32 = 8_000;
    /// Five seconds. Who hears a roll call hears every name.
    pub const SAMPLES_MAX: usize = 5 * Self::RATE_HZ as usize;

    /// Takes samples; `None` for none, or too many.
    #[must_use]
    pub fn new(samples: impl Into<Arc<[i16]>>) -> Option<Self> {
        let samples = samples.into();
        (1..=Self::SAMPLES_MAX).contains(&samples.len()).then_some(Self(samples))
    }

    /// The samples.
    #[must_use]
    pub fn samples(&self) -> &Arc<[i16]> {
        &self.0
    }

    /// The samples as octets, the lower one of each first.
    #[must_use]
    pub fn to_octets(&self) -> Vec<u8> {
        self.0.iter().flat_map(|sample| sample.to_le_bytes()).collect()
    }

    /// Reads the octets back; `None` for half a sample, none, or too many.
    #[must_use]
    pub fn from_octets(octets: &[u8]) -> Option<Self> {
        let (samples, rest) = octets.as_chunks::<2>();
        if !rest.is_empty() || samples.len() > Self::SAMPLES_MAX {
            return None;
        }
        Self::new(samples.iter().map(|&sample| i16::from_le_bytes(sample)).collect::<Vec<_>>())
    }
}

/// A voice does not belong into logs.
impl fmt::Debug for RecordedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RecordedName({} samples)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_comes_back_from_its_octets() {
        let name = RecordedName::new([0, 1, -1, i16::MAX, i16::MIN]).unwrap();
        assert_eq!(RecordedName::from_octets(&name.to_octets()), Some(name.clone()));
        assert_eq!(format!("{name:?}"), "RecordedName(5 samples)");
    }

    #[test]
    fn nothing_half_a_sample_and_more_than_five_seconds_are_no_name() {
        assert_eq!(RecordedName::from_octets(&[]), None);
        assert_eq!(RecordedName::from_octets(&[1, 2, 3]), None);
        assert!(RecordedName::from_octets(&vec![0; 80_000]).is_some());
        assert_eq!(RecordedName::from_octets(&vec![0; 80_002]), None);
        assert_eq!(RecordedName::new(vec![0; 40_001]), None);
    }
}

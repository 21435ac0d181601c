//! How often each source was refused: a bounded count, told at 1, 2, 4, 8, … so that a scan fills no log.

use std::collections::HashMap;
use std::net::IpAddr;

/// Sources counted; when there are more, those that came once make room.
const SOURCES_MAX: usize = 4096;

/// The counts.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    by_source: HashMap<IpAddr, u64>,
}

impl Refusals {
    /// Counts one; the count where it is to be told.
    pub(super) fn count(&mut self, source: IpAddr) -> Option<u64> {
        let source = source.to_canonical();
        if self.by_source.len() >= SOURCES_MAX && !self.by_source.contains_key(&source) {
            self.by_source.retain(|_, count| *count > 1);
            if self.by_source.len() >= SOURCES_MAX {
                self.by_source.clear();
            }
        }
        let count = self.by_source.entry(source).or_default();
        *count += 1;
        count.is_power_of_two().then_some(*count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scan_is_told_ever_more_rarely_and_no_flood_of_sources_fills_the_table() {
        let mut refusals = Refusals::default();
        let scanner = IpAddr::from([198, 51, 100, 1]);
        let told: Vec<u64> = (0..100).filter_map(|_| refusals.count(scanner)).collect();
        assert_eq!(told, [1, 2, 4, 8, 16, 32, 64]);
        for number in 0..100_000_u32 {
            refusals.count(IpAddr::from(number.to_be_bytes()));
        }
        assert!(refusals.by_source.len() <= SOURCES_MAX);
        assert_eq!(refusals.by_source.get(&scanner), Some(&100));
    }
}

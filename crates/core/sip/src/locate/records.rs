//! Questions to the name system, its answers, and the order that they ask for.

use std::net::IpAddr;

/// A question. Names are in lower case and without the dot at the end.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Query {
    /// The name.
    pub name: String,
    /// What is asked about it.
    pub kind: QueryKind,
}

/// The type of the records that are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum QueryKind {
    /// Which transports there are ([RFC 3403]).
    Naptr,
    /// Which servers ([RFC 2782]).
    Srv,
    /// IPv4 addresses.
    A,
    /// IPv6 addresses.
    Aaaa,
}

/// What the name system says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// To a NAPTR question.
    Naptr(Vec<NaptrRecord>),
    /// To an SRV question.
    Srv(Vec<SrvRecord>),
    /// To a question for addresses.
    Addresses(Vec<IpAddr>),
    /// There is nothing of the kind, or no such name.
    Nothing,
    /// It did not answer, or is broken.
    Failed,
}

/// One way to a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NaptrRecord {
    /// Lower ones come first, and rule out higher ones.
    pub order: u16,
    /// Among those of one order lower ones are better.
    pub preference: u16,
    /// What the next question is: `s` for SRV.
    pub flags: String,
    /// The service, such as `SIP+D2U`.
    pub service: String,
    /// The name to ask about next.
    pub replacement: String,
}

/// One server of a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SrvRecord {
    /// Lower ones come first.
    pub priority: u16,
    /// Its share of what servers of one priority get.
    pub weight: u16,
    /// Its port.
    pub port: u16,
    /// Its name; `.` or nothing where there is decidedly no such service.
    pub target: String,
}

/// A name as questions have it.
pub(super) fn plain(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

/// Random numbers from a seed; good enough to share load by.
#[derive(Debug)]
pub(super) struct Dice(pub(super) u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound.max(1)
    }
}

/// Servers in the order of [RFC 2782]: by priority, and within one by lot, each as likely as its weight.
pub(super) fn by_priority_and_weight(mut records: Vec<SrvRecord>, dice: &mut Dice) -> Vec<SrvRecord> {
    // Weight 0 stands in front, so that it is drawn only when the lot is 0 exactly.
    records.sort_by_key(|record| (record.priority, record.weight));
    let mut ordered = Vec::with_capacity(records.len());
    while let Some(priority) = records.first().map(|record| record.priority) {
        let same = records.iter().take_while(|record| record.priority == priority);
        let total: u64 = same.map(|record| u64::from(record.weight)).sum();
        let lot = dice.below(total + 1);
        let mut sum = 0;
        let drawn = records
            .iter()
            .position(|record| {
                sum += u64::from(record.weight);
                record.priority > priority || sum >= lot
            })
            .unwrap_or(0);
        ordered.push(records.remove(drawn));
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(priority: u16, weight: u16, target: &str) -> SrvRecord {
        SrvRecord { priority, weight, port: 5060, target: target.to_owned() }
    }

    /// Shows RFC 2782: priority rules, and weight decides by lot who of one priority is asked first.
    #[test]
    fn weights_share_the_load_within_a_priority() {
        let records = vec![
            server(20, 100, "last"),
            server(10, 60, "big"),
            server(10, 20, "small"),
            server(10, 0, "none"),
        ];
        let mut dice = Dice(1);
        let mut first = std::collections::BTreeMap::<String, u32>::new();
        for _ in 0..10_000 {
            let ordered = by_priority_and_weight(records.clone(), &mut dice);
            assert_eq!(ordered.len(), 4);
            assert_eq!(ordered[3].target, "last");
            *first.entry(ordered[0].target.clone()).or_default() += 1;
        }
        let share = |name: &str| first.get(name).copied().unwrap_or(0);
        assert!((7_000..7_800).contains(&share("big")), "{first:?}");
        assert!((2_200..2_800).contains(&share("small")), "{first:?}");
        assert!((1..400).contains(&share("none")), "{first:?}");
    }
}

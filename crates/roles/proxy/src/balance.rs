//! The choice: of two servers drawn by chance the one with fewer requests pending.
//!
//! Two and not all: where several proxies choose by what each has sent itself, all of them would otherwise run to the
//! same server at once.

/// What the choice sees of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Load {
    /// Forwarded and not answered yet.
    pub(crate) pending: usize,
    /// Open streams; they count only between two that are otherwise equal.
    pub(crate) open: usize,
    /// Whether it is ejected now.
    pub(crate) is_out: bool,
}

/// Chooses a server by two random numbers. Ejected ones are chosen only where there is no other: a service whose last
/// server fails is better asked than not. `None` where there is none at all.
pub(crate) fn choose(loads: &[Load], draws: (usize, usize)) -> Option<usize> {
    let fit: Vec<usize> = (0..loads.len()).filter(|nth| !loads[*nth].is_out).collect();
    let fit = if fit.is_empty() { (0..loads.len()).collect() } else { fit };
    match fit.as_slice() {
        [] => None,
        [only] => Some(*only),
        _ => {
            let first = draws.0 % fit.len();
            // Another one: shifted by 1 to len - 1.
            let second = (first + 1 + draws.1 % (fit.len() - 1)) % fit.len();
            let (first, second) = (fit[first], fit[second]);
            let weight = |nth: usize| (loads[nth].pending, loads[nth].open);
            Some(if weight(second) < weight(first) { second } else { first })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(pending: usize, is_out: bool) -> Load {
        Load { pending, open: 0, is_out }
    }

    #[test]
    fn of_two_the_one_with_fewer_pending_is_chosen_whatever_is_drawn() {
        let loads = [load(3, false), load(1, false)];
        for draws in [(0, 0), (1, 0), (7, 9)] {
            assert_eq!(choose(&loads, draws), Some(1));
        }
    }

    #[test]
    fn of_many_the_busiest_is_never_chosen() {
        let loads = [load(9, false), load(1, false), load(2, false), load(3, false)];
        for first in 0..4 {
            for second in 0..3 {
                assert_ne!(choose(&loads, (first, second)), Some(0));
            }
        }
    }

    #[test]
    fn open_streams_decide_between_equals() {
        let busy = Load { pending: 1, open: 10, is_out: false };
        let idle = Load { pending: 1, open: 2, is_out: false };
        assert_eq!(choose(&[busy, idle], (0, 0)), Some(1));
    }

    #[test]
    fn an_ejected_server_is_chosen_only_where_there_is_no_other() {
        assert_eq!(choose(&[load(0, true), load(50, false)], (0, 0)), Some(1));
        assert_eq!(choose(&[load(0, true)], (0, 0)), Some(0));
        assert_eq!(choose(&[], (0, 0)), None);
    }
}

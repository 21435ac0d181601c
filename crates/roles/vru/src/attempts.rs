//! Refused tries that wait to be reported: bounded, each with an identifier, so that a repeat counts once.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use partyline_conference::VruId;
use partyline_rpc::conferencing::{AttemptReport, RefusedTry};
use tokio::sync::Notify;

use crate::proxies::Proxies;

/// Tries kept while nobody takes them: minutes of an attack, under a megabyte.
const WAITING_MAX: usize = 4096;
/// Tries in one report.
const REPORT_MAX: usize = 256;
/// Tries are gathered for this long; a report each second is enough for records.
const GATHER: Duration = Duration::from_millis(200);
const RETRY_MAX: Duration = Duration::from_secs(10);

/// The queue. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Attempts {
    waiting: Arc<Mutex<Waiting>>,
    added: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Waiting {
    tries: VecDeque<RefusedTry>,
    overflowed: u64,
}

impl Attempts {
    /// Adds a try; the newest is counted and dropped where there is no place.
    pub(crate) fn add(&self, refused: RefusedTry) {
        let mut waiting = self.waiting.lock();
        if waiting.tries.len() < WAITING_MAX {
            waiting.tries.push_back(refused);
        } else {
            waiting.overflowed += 1;
            metrics::counter!("partyline_vru_attempts_overflowed_total").increment(1);
        }
        drop(waiting);
        self.added.notify_one();
    }

    fn report(&self, vru: &VruId) -> Option<AttemptReport> {
        let waiting = self.waiting.lock();
        let attempts: Vec<RefusedTry> = waiting.tries.iter().take(REPORT_MAX).cloned().collect();
        let is_empty = attempts.is_empty() && waiting.overflowed == 0;
        (!is_empty).then(|| AttemptReport { vru: vru.clone(), attempts, overflowed: waiting.overflowed })
    }

    fn reported(&self, report: &AttemptReport) {
        let mut waiting = self.waiting.lock();
        let count = report.attempts.len().min(waiting.tries.len());
        waiting.tries.drain(..count);
        waiting.overflowed = waiting.overflowed.saturating_sub(report.overflowed);
    }

    /// Reports for as long as it runs.
    pub(crate) async fn run(self, vru: VruId, proxies: Proxies, answer_max: Duration) {
        let mut pause = GATHER;
        loop {
            let Some(report) = self.report(&vru) else {
                self.added.notified().await;
                tokio::time::sleep(GATHER).await;
                continue;
            };
            if send(report.clone(), &proxies, answer_max).await {
                self.reported(&report);
                pause = GATHER;
            } else {
                tokio::time::sleep(pause.mul_f64(0.5 + rand::random::<f64>())).await;
                pause = (pause * 2).min(RETRY_MAX);
            }
        }
    }

    /// Reports what waits, once, before the end.
    pub(crate) async fn flush(&self, vru: &VruId, proxies: &Proxies, answer_max: Duration) {
        if let Some(report) = self.report(vru)
            && send(report.clone(), proxies, answer_max).await
        {
            self.reported(&report);
        }
    }
}

async fn send(report: AttemptReport, proxies: &Proxies, answer_max: Duration) -> bool {
    let Some((place, channel)) = proxies.current() else {
        return false;
    };
    let mut client = partyline_rpc::clients::conferencing(channel);
    let request = tonic::Request::new(report.into());
    let is_sent =
        matches!(tokio::time::timeout(answer_max, client.report_attempts(request)).await, Ok(Ok(_)));
    if !is_sent {
        proxies.failed(place);
    }
    is_sent
}

#[cfg(test)]
mod tests {
    use super::*;
    use partyline_conference::{AttemptId, Refusal, Timestamp};

    fn refused(number: u128) -> RefusedTry {
        RefusedTry {
            id: AttemptId::from_bits(number),
            at: Timestamp(0),
            refusal: Refusal::UnknownCode,
            caller_number: String::new(),
            dnis: String::new(),
            source: String::new(),
            room: None,
        }
    }

    #[test]
    fn full_queue_counts_what_it_drops_and_reports_the_count_once() {
        let (attempts, vru) = (Attempts::default(), VruId::new("vru-1").unwrap());
        for number in 0..WAITING_MAX as u128 + 7 {
            attempts.add(refused(number));
        }
        let mut tries = 0;
        let mut overflowed = 0;
        while let Some(report) = attempts.report(&vru) {
            tries += report.attempts.len();
            overflowed += report.overflowed;
            attempts.reported(&report);
        }
        assert_eq!((tries, overflowed), (WAITING_MAX, 7));
    }

    #[test]
    fn what_came_during_a_report_is_kept_for_the_next() {
        let (attempts, vru) = (Attempts::default(), VruId::new("vru-1").unwrap());
        attempts.add(refused(1));
        let report = attempts.report(&vru).unwrap();
        attempts.add(refused(2));
        attempts.reported(&report);
        let ids: Vec<AttemptId> =
            attempts.report(&vru).unwrap().attempts.iter().map(|attempt| attempt.id).collect();
        assert_eq!(ids, [AttemptId::from_bits(2)]);
    }
}

//! What a call sounded like: from what its leg has seen to what is kept and counted.

use std::time::Duration;

use partyline_conference::quality::{CallQuality, CodecLabel, TheirQuality};
use partyline_engine::LegReport;

/// What is kept of a leg's report; `None` of one that never had media.
pub(super) fn of_report(report: &LegReport) -> Option<CallQuality> {
    let codec = CodecLabel::new(report.codec?.name())?;
    let hundredths = |mos: f32| (mos * 100.0).round() as u32;
    let theirs = report.theirs.zip(report.their_rating()).map(|(theirs, rating)| TheirQuality {
        packets_lost: theirs.packets_lost,
        jitter_us: microseconds(theirs.jitter),
        mos_hundredths: hundredths(rating.mos),
    });
    Some(CallQuality {
        codec,
        is_secret: report.is_secret,
        packets_received: report.packets_received,
        packets_sent: report.packets_sent,
        packets_lost: report.packets_lost,
        packets_late: report.packets_late,
        burst_tenths: (report.burst_packets() * 10.0).round() as u32,
        concealed_permyriad: (report.concealed_share * 10_000.0).round() as u32,
        jitter_us: microseconds(report.jitter),
        round_trip_us: report.round_trip.map(microseconds),
        mos_hundredths: report.rating().map(|rating| hundredths(rating.mos)),
        theirs,
    })
}

/// Counts what a call that ends was like.
pub(super) fn count(report: &LegReport) {
    if let Some(rating) = report.rating() {
        metrics::histogram!("partyline_vru_call_mos").record(f64::from(rating.mos));
        metrics::histogram!("partyline_vru_call_loss_share").record(f64::from(report.loss_share()));
        metrics::histogram!("partyline_vru_call_jitter_seconds").record(report.jitter.as_secs_f64());
    }
    if let Some(rating) = report.their_rating() {
        metrics::histogram!("partyline_vru_call_their_mos").record(f64::from(rating.mos));
    }
    if let Some(round_trip) = report.round_trip {
        metrics::histogram!("partyline_vru_call_round_trip_seconds").record(round_trip.as_secs_f64());
    }
    metrics::counter!("partyline_vru_rtp_not_authentic_total").increment(report.not_authentic);
    metrics::counter!("partyline_vru_rtp_withheld_total").increment(report.packets_withheld);
    if report.is_secret {
        metrics::counter!("partyline_vru_calls_srtp_total").increment(1);
    }
}

fn microseconds(time: Duration) -> u32 {
    u32::try_from(time.as_micros()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use partyline_codec::Codec;

    use super::*;

    #[test]
    fn what_is_kept_is_what_the_leg_has_seen() {
        let report = LegReport {
            codec: Some(Codec::Pcma),
            packets_received: 990,
            packets_sent: 1_000,
            packets_lost: 10,
            loss_runs: 4,
            concealed_share: 0.0125,
            jitter: Duration::from_micros(1_250),
            round_trip: Some(Duration::from_millis(40)),
            ..LegReport::default()
        };
        let quality = of_report(&report).unwrap();
        assert_eq!((quality.codec.as_str(), quality.is_secret), ("PCMA", false));
        assert_eq!((quality.packets_lost, quality.burst_tenths, quality.concealed_permyriad), (10, 25, 125));
        assert_eq!((quality.jitter_us, quality.round_trip_us), (1_250, Some(40_000)));
        assert!(quality.mos_hundredths.is_some_and(|mos| (380..441).contains(&mos)), "{quality:?}");
        assert_eq!(quality.theirs, None);
        assert_eq!(of_report(&LegReport::default()), None);
    }
}

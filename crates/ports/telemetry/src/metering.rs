//! Metrics: counted through the `metrics` facade, rendered as Prometheus text.

use std::sync::Arc;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// Bounds of the buckets of everything that is named `*_seconds`: from a packet's time to a slow set-up.
/// More buckets cost memory per label set; fewer blur the 150 ms that a set-up may take.
const SECONDS: [f64; 14] =
    [0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// The process's metrics. Cheap to clone.
#[derive(Clone)]
pub struct Metrics {
    recorder: Arc<PrometheusHandle>,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

/// The metrics could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum MetricsError {
    /// Somebody else has set a recorder up in this process, or the buckets do not stand.
    #[error("the metrics could not be set up: {0}")]
    Recorder(String),
}

impl Metrics {
    /// Sets the process's recorder up; what is counted from here on is in [`Metrics::render`].
    ///
    /// # Errors
    /// [`MetricsError`] where a recorder is set up already.
    pub fn install() -> Result<Self, MetricsError> {
        let (recorder, metrics) = Self::recorder()?;
        metrics::set_global_recorder(recorder).map_err(|error| MetricsError::Recorder(error.to_string()))?;
        Ok(metrics)
    }

    fn recorder() -> Result<(metrics_exporter_prometheus::PrometheusRecorder, Self), MetricsError> {
        let recorder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
            .map_err(|error| MetricsError::Recorder(error.to_string()))?
            .build_recorder();
        let metrics = Self { recorder: Arc::new(recorder.handle()) };
        Ok((recorder, metrics))
    }

    /// Everything counted so far, in Prometheus' text format.
    #[must_use]
    pub fn render(&self) -> String {
        self.recorder.render()
    }

    /// Drains what histograms have gathered: to be called each few seconds, else memory grows with what is counted.
    pub fn upkeep(&self) {
        self.recorder.run_upkeep();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_rendered_and_seconds_have_buckets() {
        let (recorder, metrics) = Metrics::recorder().unwrap();
        metrics::with_local_recorder(&recorder, || {
            metrics::counter!("calls_total", "outcome" => "placed").increment(3);
            metrics::histogram!("setup_seconds").record(0.12);
        });
        metrics.upkeep();
        let text = metrics.render();
        assert!(text.contains(r#"calls_total{outcome="placed"} 3"#), "{text}");
        assert!(text.contains(r#"setup_seconds_bucket{le="0.15"} 1"#), "{text}");
        assert!(text.contains(r#"setup_seconds_bucket{le="0.1"} 0"#), "{text}");
    }
}

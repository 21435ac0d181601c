//! Talks in private: a host and whom they had called, a participant and the operator.

use anyhow::Context;

use crate::{Meeting, Phone};

impl Meeting {
    /// Waits until two hear each other, and measures that nobody else hears either, nor they anybody else.
    ///
    /// # Errors
    /// When they don't, or somebody hears whom they should not.
    pub async fn talk_in_private(
        &self,
        asker: &Phone,
        callee: &Phone,
        others: &[&Phone],
    ) -> anyhow::Result<()> {
        asker.wait_hears(callee).await?;
        callee.wait_hears(asker).await?;
        for &other in others {
            other.wait_hears_not(asker).await?;
            other.wait_hears_not(callee).await?;
            for (listener, talker) in [(other, asker), (other, callee), (asker, other), (callee, other)] {
                listener.does_not_hear(talker).await.context("through a talk in private")?;
            }
        }
        Ok(())
    }

    /// Waits until nothing is left of whoever was called: no call, row, mix, seat or leg.
    ///
    /// # Errors
    /// When something is.
    pub async fn no_outdial_left(&self, legs: u64) -> anyhow::Result<()> {
        let server = self.server();
        server.wait_count("outdial", "ended_at IS NULL", 0).await?;
        server.wait_count("mix", "kind = 'side' AND closed_at IS NULL", 0).await?;
        server.wait_count("attendance", "state = 'aside'", 0).await?;
        let odd = "reserved <> (SELECT coalesce(sum(m.reserved), 0) FROM mix m \
                   WHERE m.mixer = mixer.id AND m.closed_at IS NULL)";
        server.wait_count("mixer", odd, 0).await?;
        server.wait_legs(legs).await
    }

    /// Waits until one outdial has ended in this way.
    ///
    /// # Errors
    /// When none has, or several have.
    pub async fn outdial_ended(&self, why: &str) -> anyhow::Result<()> {
        self.server().wait_count("outdial", &format!("end_why = '{why}'"), 1).await
    }
}

//! tshark's view of a capture: what it finds wrong, and what was sent to whom.

use std::net::Ipv4Addr;
use std::process::Command;

use crate::capture::Captured;
use crate::sound::{RATE_HZ, from_a_law, from_mu_law};
use anyhow::{Context, bail};

/// `PI_WARN` of Wireshark's expert information.
const WARNING: u32 = 0x0060_0000;

/// An RTP header without extensions and contributors, as everybody here sends it.
const HEADER_OCTETS: usize = 12;

/// A capture, decoded by tshark.
#[derive(Debug)]
pub struct Dissection {
    captured: Captured,
    /// The programs under trial: whatever came from elsewhere is ours.
    strangers: Vec<Ipv4Addr>,
}

/// A piece of time, in seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Span {
    /// Its begin.
    pub from: f64,
    /// Its end.
    pub to: f64,
}

impl Dissection {
    /// Takes a capture in which these addresses belong to other people's programs.
    #[must_use]
    pub const fn new(captured: Captured, strangers: Vec<Ipv4Addr>) -> Self {
        Self { captured, strangers }
    }

    /// The fields of every packet that passes a display filter, a line each.
    ///
    /// # Errors
    /// When tshark can't be run, or refuses the filter.
    pub fn fields(&self, filter: &str, fields: &[&str]) -> anyhow::Result<Vec<Vec<String>>> {
        let mut tshark = Command::new("tshark");
        tshark.arg("-r").arg(self.captured.path()).args(["-n", "-Y", filter, "-T", "fields"]);
        // Over TCP it knows SIP by its port alone; baresip has one of its own.
        tshark.args(["-d", "tcp.port==5062,sip"]);
        tshark.args(["-E", "separator=/t", "-E", "occurrence=a", "-E", "aggregator=|"]);
        tshark.args(fields.iter().flat_map(|field| ["-e", field]));
        let output = tshark.output().context("tshark could not be started (Debian package tshark)")?;
        if !output.status.success() {
            bail!("tshark, asked for {filter}: {}", String::from_utf8_lossy(&output.stderr));
        }
        let text = String::from_utf8_lossy(&output.stdout);
        Ok(text.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect())
    }

    /// How many packets pass a display filter.
    ///
    /// # Errors
    /// As [`Self::fields`].
    pub fn count(&self, filter: &str) -> anyhow::Result<usize> {
        Ok(self.fields(filter, &["frame.number"])?.len())
    }

    /// When the first packet that passes a display filter was sent, in seconds since 1970.
    ///
    /// # Errors
    /// When there is none, and as [`Self::fields`].
    pub fn moment(&self, filter: &str) -> anyhow::Result<f64> {
        let found = self.fields(filter, &["frame.time_epoch"])?;
        let first =
            found.first().and_then(|row| row.first()).with_context(|| format!("no packet: {filter}"))?;
        Ok(first.parse()?)
    }

    /// A display filter that only our own packets pass.
    #[must_use]
    pub fn ours(&self) -> String {
        let mut filter = "!icmp".to_owned();
        for stranger in self.strangers.iter().chain([&Ipv4Addr::LOCALHOST]) {
            filter.push_str(&format!(" && ip.src != {stranger}"));
        }
        filter
    }

    /// What tshark complains of in packets that we sent: anything malformed, and every expert information in SIP, SDP,
    /// RTP or RTCP from a warning upwards; but not in packets that pass the filter `but_for`. What goes to a well-known port,
    /// where garbage may have asked for its answer, is left out: tshark takes it for that port's protocol.
    ///
    /// # Errors
    /// As [`Self::fields`]; when there is nothing of ours that was understood at all.
    pub fn complaints(&self, but_for: Option<&str>) -> anyhow::Result<Vec<String>> {
        let fields = [
            "frame.number",
            "_ws.col.Protocol",
            "_ws.expert.severity",
            "_ws.expert.message",
            "_ws.malformed",
        ];
        let mut filter = format!(
            "{} && !(udp.dstport < 1024) && (sip || rtp || rtcp || tls || _ws.malformed || _ws.expert)",
            self.ours()
        );
        if let Some(but_for) = but_for {
            filter.push_str(&format!(" && !({but_for})"));
        }
        let packets = self.fields(&filter, &fields)?;
        if packets.is_empty() {
            bail!("nothing of ours was captured and understood");
        }
        Ok(packets.iter().filter(|row| is_complaint(row)).map(|row| row.join(" ")).collect())
    }

    /// What an address was sent as G.711 within a span, decoded; what was not sent is left out.
    ///
    /// # Errors
    /// As [`Self::fields`].
    pub fn heard_by(&self, listener: Ipv4Addr, span: Option<Span>) -> anyhow::Result<Vec<i16>> {
        let within = span.map_or_else(String::new, |Span { from, to }| {
            format!(" && frame.time_epoch >= {from:.6} && frame.time_epoch <= {to:.6}")
        });
        self.g711(&format!("rtp && ip.dst == {listener}{within}"))
    }

    /// What one address sent to another that looks like G.711, decoded as if nothing were encrypted.
    ///
    /// # Errors
    /// As [`Self::fields`].
    pub fn heard_from(&self, talker: Ipv4Addr, listener: Ipv4Addr) -> anyhow::Result<Vec<i16>> {
        self.g711(&format!("udp && !sip && ip.src == {talker} && ip.dst == {listener}"))
    }

    fn g711(&self, filter: &str) -> anyhow::Result<Vec<i16>> {
        let mut heard = Vec::new();
        for row in self.fields(&format!("{filter} && !icmp"), &["udp.payload"])? {
            let packet = octets(row.first().map_or("", String::as_str))?;
            let law = match packet.get(1).map(|octet| octet & 0x7F) {
                Some(0) => from_mu_law,
                Some(8) => from_a_law,
                _ => continue,
            };
            heard.extend(packet.into_iter().skip(HEADER_OCTETS).map(law));
        }
        Ok(heard)
    }

    /// The last seconds of what an address was sent as G.711.
    ///
    /// # Errors
    /// When it was sent less, and as [`Self::fields`].
    pub fn heard_last(&self, listener: Ipv4Addr, seconds: usize) -> anyhow::Result<Vec<i16>> {
        let heard = self.heard_by(listener, None)?;
        let Some(start) = heard.len().checked_sub(seconds * RATE_HZ as usize) else {
            bail!("{listener} was sent {} samples in all", heard.len());
        };
        Ok(heard[start..].to_vec())
    }
}

fn octets(payload: &str) -> anyhow::Result<Vec<u8>> {
    let hex: String = payload.chars().filter(|digit| *digit != ':').collect();
    let octets = (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16));
    octets.collect::<Result<_, _>>().with_context(|| format!("no payload: {payload}"))
}

/// Whether a row of number, protocol, severities, messages and "malformed" speaks against us.
fn is_complaint(row: &[String]) -> bool {
    let field = |at: usize| row.get(at).map_or("", String::as_str);
    let is_ours_to_answer =
        ["SIP", "RTP", "RTCP", "TLS", "STUN"].iter().any(|name| field(1).starts_with(name));
    let is_severe = field(2).split('|').filter_map(number).any(|severity| severity >= WARNING);
    !field(4).is_empty() || is_ours_to_answer && is_severe
}

/// A number as tshark prints it: decimal, or hexadecimal with its prefix.
fn number(text: &str) -> Option<u32> {
    text.strip_prefix("0x").map_or_else(|| text.parse().ok(), |hex| u32::from_str_radix(hex, 16).ok())
}

//! The page: a table for each RFC, ordered by section.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use super::claims::Claim;

/// What the RFCs are about; one that is not named here has its number for a title.
const TITLES: &[(u32, &str)] = &[
    (2782, "SRV records"),
    (2833, "telephone events, the older text"),
    (3261, "SIP"),
    (3262, "reliable provisional responses"),
    (3263, "finding SIP servers"),
    (3264, "offer and answer"),
    (3311, "UPDATE"),
    (3323, "privacy"),
    (3325, "asserted identity"),
    (3326, "Reason"),
    (3389, "comfort noise"),
    (3420, "pieces of messages"),
    (3515, "REFER"),
    (3550, "RTP and RTCP"),
    (3551, "the audio profile of RTP"),
    (3581, "rport"),
    (3605, "the rtcp attribute"),
    (3611, "extended reports of RTCP"),
    (3711, "SRTP"),
    (3891, "Replaces"),
    (3892, "Referred-By"),
    (3960, "early media"),
    (4028, "session timers"),
    (4475, "torture messages"),
    (4488, "REFER without a subscription"),
    (4568, "keys of SRTP in the session description"),
    (4575, "the conference package"),
    (4579, "conferencing for user agents"),
    (4733, "telephone events"),
    (4961, "symmetric RTP"),
    (5057, "several usages of one dialog"),
    (5118, "torture messages of IPv6"),
    (5246, "TLS 1.2"),
    (5389, "STUN"),
    (5626, "keep-alives and outbound"),
    (5761, "RTP and RTCP on one port"),
    (5764, "DTLS-SRTP"),
    (5806, "Diversion"),
    (5922, "certificates of domains"),
    (6026, "2xx of INVITE transactions"),
    (6086, "INFO packages"),
    (6141, "re-INVITE"),
    (6188, "AES-192 and AES-256 in SRTP"),
    (6228, "199"),
    (6665, "events"),
    (6716, "Opus"),
    (7044, "History-Info"),
    (7118, "SIP over WebSocket"),
    (7587, "Opus in RTP"),
    (7616, "digest"),
    (7714, "AES-GCM in SRTP"),
    (8445, "ICE"),
    (8489, "STUN"),
    (8760, "digest algorithms of SIP"),
    (8866, "session descriptions"),
];

/// Writes the page.
pub(super) fn page(introduction: &str, mut claims: Vec<Claim>, packages: &[(PathBuf, String)]) -> String {
    claims.sort_by_cached_key(|claim| {
        (claim.rfc, order(&claim.section), claim.path.clone(), claim.test.clone(), claim.sentence.clone())
    });
    claims.dedup();
    let mut page = format!("{}\n", introduction.trim_end());
    let mut rfc = 0;
    for claim in &claims {
        if claim.rfc != rfc {
            rfc = claim.rfc;
            let title = TITLES.iter().find(|(number, _)| *number == rfc);
            let title = title.map(|(_, title)| format!(": {title}")).unwrap_or_default();
            let _ =
                write!(page, "\n## RFC {rfc}{title}\n\n| § | what holds | shown by |\n| --- | --- | --- |\n");
        }
        let Claim { section, sentence, path, test, .. } = claim;
        let package = package_of(path, packages);
        let _ = writeln!(page, "| {section} | {sentence} | {package}: [`{test}`](../{path}) |");
    }
    page
}

/// Sections as people count: 4 before 12, numbers before letters.
fn order(section: &str) -> Vec<(u32, String)> {
    section.split('.').map(|part| (part.parse().unwrap_or(u32::MAX), part.to_owned())).collect()
}

/// The package whose folder is the deepest around a file.
fn package_of<'a>(path: &str, packages: &'a [(PathBuf, String)]) -> &'a str {
    let around = packages.iter().filter(|(folder, _)| Path::new(path).starts_with(folder));
    around.max_by_key(|(folder, _)| folder.components().count()).map_or("?", |(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(rfc: u32, section: &str) -> Claim {
        Claim {
            rfc,
            section: section.to_owned(),
            sentence: "It is so.".to_owned(),
            path: "crates/core/sip/tests/x.rs".to_owned(),
            test: "it_is_so".to_owned(),
        }
    }

    #[test]
    fn tables_follow_the_numbers_of_rfcs_and_sections() {
        let packages =
            [(PathBuf::from("crates/core/sip"), "sip".to_owned()), (PathBuf::new(), "x".to_owned())];
        let claims = vec![claim(3264, "8"), claim(3261, "17.2"), claim(3261, "4"), claim(3261, "4")];
        let page = page("# Head\n", claims, &packages);
        assert_eq!(
            page,
            "# Head\n\n## RFC 3261: SIP\n\n| § | what holds | shown by |\n| --- | --- | --- |\n\
             | 4 | It is so. | sip: [`it_is_so`](../crates/core/sip/tests/x.rs) |\n\
             | 17.2 | It is so. | sip: [`it_is_so`](../crates/core/sip/tests/x.rs) |\n\
             \n## RFC 3264: offer and answer\n\n| § | what holds | shown by |\n| --- | --- | --- |\n\
             | 8 | It is so. | sip: [`it_is_so`](../crates/core/sip/tests/x.rs) |\n"
        );
    }
}

//! What a trunk makes of our media capabilities.

use partyline_sip::sdp::{Capabilities, MediaSecurity};
use partyline_trunk::Trunk;

/// The capabilities in the trunk's order and as secret as it wants; codecs that it leaves out are left out, unless none
/// would be left.
pub(crate) fn preferred(mut capabilities: Capabilities, trunk: Option<&Trunk>) -> Capabilities {
    let Some(trunk) = trunk else { return capabilities };
    if let Some(security) = trunk.media_security {
        capabilities.security = match security {
            partyline_trunk::MediaSecurity::Refuse => MediaSecurity::Refuse,
            partyline_trunk::MediaSecurity::Prefer => MediaSecurity::Prefer,
            partyline_trunk::MediaSecurity::Require => MediaSecurity::Require,
        };
    }
    if trunk.codecs.is_empty() {
        return capabilities;
    }
    let place = |encoding: &str| {
        trunk.codecs.iter().position(|codec| codec.encoding().eq_ignore_ascii_case(encoding))
    };
    let mut codecs = capabilities.codecs.clone();
    codecs.retain(|codec| place(&codec.encoding).is_some());
    codecs.sort_by_key(|codec| place(&codec.encoding));
    if codecs.is_empty() {
        tracing::warn!(trunk = %trunk.name, "none of the trunk's codecs is there; all that are there are offered");
    } else {
        capabilities.codecs = codecs;
    }
    capabilities
}

#[cfg(test)]
mod tests {
    use partyline_trunk::{Codec, TrunkSettings};

    use super::*;
    use crate::media::capabilities;

    fn codecs(of_trunk: &[Codec]) -> Vec<String> {
        let mut settings: TrunkSettings = toml::from_str("name = \"a\"\nsources = [\"192.0.2.1\"]").unwrap();
        settings.codecs = of_trunk.to_vec();
        let trunk = settings.check().unwrap();
        let ours = capabilities([127, 0, 0, 1].into(), 4000, &partyline_codec::Codec::ALL);
        preferred(ours, Some(&trunk)).codecs.into_iter().map(|codec| codec.encoding).collect()
    }

    #[test]
    fn trunk_decides_which_codecs_and_in_which_order() {
        assert_eq!(codecs(&[Codec::Pcma, Codec::Pcmu]), ["PCMA", "PCMU"]);
        assert_eq!(codecs(&[Codec::Pcma]), ["PCMA"]);
        assert_eq!(codecs(&[Codec::G722, Codec::Opus]), ["G722", "opus"]);
    }
}

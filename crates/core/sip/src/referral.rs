//! What a REFER asks for ([RFC 3515 §2.1], [RFC 3892], [RFC 3891], [RFC 4488]), as a function of its headers.

use crate::message::limits::VALUES_MAX;
use crate::message::{
    Address, HeaderName, Headers, Malformed, Uri, is_token, parameter, parameters, split_commas, unescape,
};

/// Whom a REFER names, and what is to be done with them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferTarget {
    /// The URI, without its method and headers.
    pub uri: String,
    /// Its user part, unescaped: a number as a rule.
    pub user: String,
    /// The request that is to be sent there; `None` is INVITE.
    pub method: Option<String>,
    /// The call there that the new one is to take the place of.
    pub replaces: Option<Replaces>,
}

/// A call of others that is to be replaced ([RFC 3891 §3]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replaces {
    /// Its Call-ID.
    pub call_id: String,
    /// The tag of whom the request is for.
    pub to_tag: String,
    /// The tag of the other side.
    pub from_tag: String,
    /// Whether it may only be replaced while nobody has answered it.
    pub is_early_only: bool,
}

/// What the headers of a REFER say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) target: ReferTarget,
    pub(crate) referred_by: Option<String>,
    /// Whether its sender wants to be told what becomes of it.
    pub(crate) is_reported: bool,
}

impl Asked {
    /// Reads them; the error says what is wrong.
    pub(crate) fn of(headers: &Headers<'_>) -> Result<Self, &'static str> {
        let refer_to = single(headers, HeaderName::ReferTo).ok_or("Not One Refer-To")?;
        let target = Address::parse(refer_to).and_then(target).map_err(|_| "Malformed Refer-To")?;
        let referred_by = match headers.first(HeaderName::ReferredBy) {
            None => None,
            Some(_) => {
                let value = single(headers, HeaderName::ReferredBy).ok_or("Not One Referred-By")?;
                let address = Address::parse(value).map_err(|_| "Malformed Referred-By")?;
                Uri::parse(address.uri).map_err(|_| "Malformed Referred-By")?;
                Some(String::from_utf8_lossy(address.uri).into_owned())
            }
        };
        Ok(Self { target, referred_by, is_reported: !is_declined(headers) })
    }
}

/// Whether a REFER, or the answer to one, says that there is to be no subscription ([RFC 4488 §4]).
pub(crate) fn is_declined(headers: &Headers<'_>) -> bool {
    let value = headers.first(HeaderName::ReferSub).unwrap_or_default();
    let word = value.split(|byte| *byte == b';').next().unwrap_or_default();
    word.trim_ascii().eq_ignore_ascii_case(b"false")
}

/// The only value of a header.
fn single<'a>(headers: &Headers<'a>, name: HeaderName<'static>) -> Option<&'a [u8]> {
    let mut values = headers.all(name).flat_map(split_commas);
    values.next().filter(|_| values.next().is_none())
}

fn target(address: Address<'_>) -> Result<ReferTarget, Malformed> {
    let uri = Uri::parse(address.uri)?;
    let is_sip = uri.is_scheme(b"sip") || uri.is_scheme(b"sips");
    let method = parameter(uri.parameters, b"method").filter(|_| is_sip);
    let method = match method {
        Some(Some(method)) if is_token(method) => Some(String::from_utf8_lossy(method).into_owned()),
        Some(_) => return Err(Malformed),
        None => None,
    };
    let text = String::from_utf8_lossy(address.uri).into_owned();
    let bare = if is_sip { text.split('?').next().unwrap_or_default() } else { &text };
    // The user part may hold `;` and `?` too; then nothing is cut off that is not a parameter for certain.
    let host_at = bare.rfind('@').unwrap_or(0);
    let (before, after) = bare.split_at(host_at);
    let kept = after.split(';').filter(|piece| !is_sip || !is_method(piece));
    Ok(ReferTarget {
        uri: format!("{before}{}", kept.collect::<Vec<_>>().join(";")),
        user: unescape(uri.user),
        method,
        replaces: replaces(uri.headers)?,
    })
}

fn is_method(parameter: &str) -> bool {
    parameter.split('=').next().is_some_and(|name| name.trim().eq_ignore_ascii_case("method"))
}

/// The Replaces among the headers in a URI, where there is one.
fn replaces(headers: &[u8]) -> Result<Option<Replaces>, Malformed> {
    let fields = headers.split(|byte| *byte == b'&').take(VALUES_MAX).map(unescape);
    let mut values = fields.filter_map(|field| {
        let (name, value) = field.split_once('=')?;
        name.eq_ignore_ascii_case("Replaces").then(|| value.to_owned())
    });
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => replaced(&value).map(Some),
        (Some(_), Some(_)) => Err(Malformed),
    }
}

fn replaced(value: &str) -> Result<Replaces, Malformed> {
    let (call_id, given) = value.split_at(value.find(';').unwrap_or(value.len()));
    let tag = |name: &[u8]| {
        let tag = parameter(given.as_bytes(), name).flatten().filter(|tag| is_token(tag));
        tag.map(|tag| String::from_utf8_lossy(tag).into_owned()).ok_or(Malformed)
    };
    let is_early_only =
        parameters(given.as_bytes()).any(|(name, _)| name.eq_ignore_ascii_case(b"early-only"));
    let call_id = call_id.trim_matches(' ').to_owned();
    let is_named =
        !call_id.is_empty() && !call_id.contains(|c: char| c.is_ascii_whitespace() || c.is_control());
    if !is_named {
        return Err(Malformed);
    }
    Ok(Replaces { call_id, to_tag: tag(b"to-tag")?, from_tag: tag(b"from-tag")?, is_early_only })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Message, parse};

    fn read(lines: &str) -> Result<Asked, &'static str> {
        let text = format!(
            "REFER sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP x;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\n\
             Call-ID: 1\r\nCSeq: 1 REFER\r\n{lines}\r\n"
        );
        let Ok(Message::Request(request)) = parse(text.as_bytes()) else { panic!("no request") };
        Asked::of(&request.headers)
    }

    /// Shows RFC 3515 §2.1: Refer-To names a resource, and by `method` what is to be sent there.
    /// Shows RFC 4579 §5.6: a host may ask for somebody to be called, and by `method=BYE` for somebody to be hung up.
    #[test]
    fn a_target_is_a_uri_and_a_method() {
        let target = |value: &str| read(&format!("Refer-To: {value}\r\n")).map(|asked| asked.target);
        let plain = target("<sip:+4930%31;x@h;transport=tcp;method=BYE;lr>").unwrap();
        assert_eq!(plain.uri, "sip:+4930%31;x@h;transport=tcp;lr");
        assert_eq!((plain.user.as_str(), plain.method.as_deref()), ("+49301;x", Some("BYE")));
        let other = target("tel:+1555;ext=2").unwrap();
        assert_eq!(
            (other.uri.as_str(), other.user.as_str()),
            ("tel:+1555", "+1555"),
            "the rest is the header's"
        );
        let web = target("<http://h/?a=b;method=x>").unwrap();
        assert_eq!((web.uri.as_str(), web.method), ("http://h/?a=b;method=x", None));
    }

    /// Shows RFC 3891 §3: the Replaces in a Refer-To names a call by Call-ID and both tags.
    #[test]
    fn a_call_that_is_to_be_replaced_is_named_by_its_dialog() {
        let refer_to = "r: <sip:b@h?Replaces=c%40h%3Bto-tag%3D1%3Bfrom-tag%3D2%3Bearly-only&X=1>\r\n";
        let target = read(refer_to).unwrap().target;
        let (call_id, to_tag, from_tag) = ("c@h".to_owned(), "1".to_owned(), "2".to_owned());
        assert_eq!(target.replaces, Some(Replaces { call_id, to_tag, from_tag, is_early_only: true }));
        assert_eq!(target.uri, "sip:b@h");
    }

    /// Shows RFC 3515 §2.4.2: a REFER names exactly one target.
    /// Shows RFC 3892 §3: and at most one who sent it.
    #[test]
    fn what_names_none_or_several_or_nonsense_is_refused() {
        for bad in [
            "",
            "Refer-To: <sip:a@b>\r\nRefer-To: <sip:c@d>\r\n",
            "Refer-To: <sip:a@b>, <sip:c@d>\r\n",
            "Refer-To: \r\n",
            "Refer-To: <sip:a@b\r\n",
            "Refer-To: <nonsense>\r\n",
            "Refer-To: <sip:a@b;method=>\r\n",
            "Refer-To: <sip:a@b;method=A%20B@>\r\n",
            "Refer-To: <sip:a@b?Replaces=x>\r\n",
            "Refer-To: <sip:a@b?Replaces=x%3Bto-tag%3D1>\r\n",
            "Refer-To: <sip:a@b?Replaces=%0Ax%3Bto-tag%3D1%3Bfrom-tag%3D2>\r\n",
            "Refer-To: <sip:a@b>\r\nReferred-By: <sip:a@b>\r\nb: <sip:c@d>\r\n",
            "Refer-To: <sip:a@b>\r\nReferred-By: nobody\r\n",
        ] {
            assert!(read(bad).is_err(), "{bad}: {:?}", read(bad));
        }
    }

    /// Shows RFC 3892 §3: Referred-By names who sent the REFER.
    /// Shows RFC 4488 §4: `Refer-Sub: false` asks for no subscription.
    #[test]
    fn who_refers_and_whether_it_is_reported_is_read() {
        let asked = read(
            "Refer-To: sip:a@b\r\nReferred-By: \"A, B\" <sip:c@d>;cid=\"1@2\"\r\nRefer-Sub: FALSE ;x\r\n",
        );
        let asked = asked.unwrap();
        assert_eq!((asked.referred_by.as_deref(), asked.is_reported), (Some("sip:c@d"), false));
        assert!(read("Refer-To: sip:a@b\r\nRefer-Sub: true\r\n").unwrap().is_reported);
    }
}

//! All the messages of RFC 4475, each with what the RFC wants done about it.

use crate::rig::{Ends, fate, message};

/// Where the messages come from. Most of them name hosts that nobody can look up here, so answers go to this address.
const SENDER: &str = "192.0.2.200:5060";

fn ends() -> Ends {
    Ends {
        endpoint: "192.0.2.100:5060".parse().unwrap(),
        sender: SENDER.parse().unwrap(),
        media: "192.0.2.100".parse().unwrap(),
    }
}

/// A snapshot of the fate of each message.
macro_rules! torture {
    ($($(#[$attribute:meta])* fn $name:ident() { $why:literal })*) => {
        /// The names of all messages.
        pub(crate) const NAMES: &[&str] = &[$(stringify!($name)),*];
        $(
            $(#[$attribute])*
            fn $name() {
                insta::assert_snapshot!(stringify!($name), fate(&message("rfc4475", stringify!($name)), ends(), $why));
            }
        )*
    };
}

torture! {
    /// Shows RFC 4475 §3.1.1.1: a short tortuous INVITE is read whole.
    #[test]
    fn wsinv() {
        "Valid, however folded and spaced. It names a dialog by its To tag, and that dialog is not here: 481."
    }

    /// Shows RFC 4475 §3.1.1.2: a wide range of characters is read and given back.
    #[test]
    fn intmeth() {
        "Valid: every character is one that its place allows. The method is one that nobody knows: 501."
    }

    /// Shows RFC 4475 §3.1.1.3: escapes are undone where they are escapes.
    #[test]
    fn esc01() {
        "Valid: what is escaped in a user part stands for itself, so the at sign is none. It becomes a call."
    }

    /// Shows RFC 4475 §3.1.1.4: escaped nulls are octets like others.
    #[test]
    fn escnull() {
        "Valid: a null may stand escaped in a URI, and does not end it. Registering is not served here: 405."
    }

    /// Shows RFC 4475 §3.1.1.5: a percent sign outside of URIs escapes nothing.
    #[test]
    fn esc02() {
        "Valid: a percent sign in a method, a branch or a display name is just that. So the method is not REGISTER, but one that nobody knows: 501."
    }

    /// Shows RFC 4475 §3.1.1.6: a display name needs no space before its address.
    #[test]
    fn lwsdisp() {
        "Valid: the bracket ends the display name. Asked what it can do, the endpoint says so."
    }

    /// Shows RFC 4475 §3.1.1.7: long values in all places are read.
    #[test]
    fn longreq() {
        "Valid, if long: it is within every bound here, and becomes a call."
    }

    /// Shows RFC 4475 §3.1.1.8: what follows the body in a datagram is left alone.
    #[test]
    fn dblreq() {
        "Valid: the datagram holds one REGISTER of no body, and what follows it is to be ignored. So there is one answer, and no call."
    }

    /// Shows RFC 4475 §3.1.1.9: semicolons in a user part belong to it.
    #[test]
    fn semiuri() {
        "Valid: the at sign in the user part is escaped, and its semicolon begins no parameter of the URI."
    }

    /// Shows RFC 4475 §3.1.1.10: transports that are not known are passed over in Via.
    #[test]
    fn transports() {
        "Valid: a Via may name any transport; the answer repeats all five."
    }

    /// Shows RFC 4475 §3.1.1.11: a body of several parts, with any octets, is one body.
    #[test]
    fn mpart01() {
        "Valid: its body is counted by Content-Length and looked into by nobody here, as MESSAGE is not served: 405."
    }

    /// Shows RFC 4475 §3.1.1.12: a reason phrase may be in any script.
    #[test]
    fn unreason() {
        "Valid, and to nothing that was asked: read, counted and dropped."
    }

    /// Shows RFC 4475 §3.1.1.13: a reason phrase may be empty.
    #[test]
    fn noreason() {
        "Valid, and to nothing that was asked: read, counted and dropped."
    }

    /// Shows RFC 4475 §3.1.2.1: separators with nothing between them are refused.
    #[test]
    fn badinv01() {
        "Invalid: the empty parameters of Via and Contact are none that the grammar has: 400."
    }

    /// Shows RFC 4475 §3.1.2.2: a datagram shorter than its Content-Length is refused.
    #[test]
    fn clerr() {
        "Invalid: a datagram has all that there will be, so the rest of the body never comes: 400."
    }

    /// Shows RFC 4475 §3.1.2.3: a negative Content-Length is refused.
    #[test]
    fn ncl() {
        "Invalid: a length has no sign: 400."
    }

    /// Shows RFC 4475 §3.1.2.4: numbers that do not fit are refused.
    #[test]
    fn scalar02() {
        "Invalid: CSeq is above 2**31 - 1, and Max-Forwards above 255: 400."
    }

    /// Shows RFC 4475 §3.1.2.5: a response with numbers that do not fit is dropped.
    #[test]
    fn scalarlg() {
        "Invalid: CSeq is above 2**31 - 1. A response is never answered, so it is dropped."
    }

    /// Shows RFC 4475 §3.1.2.6: a quote that is never closed is refused.
    #[test]
    fn quotbal() {
        "Invalid: where the display name ends can not be known: 400."
    }

    /// Shows RFC 4475 §3.1.2.7: brackets around the Request-URI are refused.
    #[test]
    fn ltgtruri() {
        "Invalid: a Request-URI has no brackets. They could be overlooked; refusing is what is always right: 400."
    }

    /// Shows RFC 4475 §3.1.2.8: a space in the Request-URI is refused.
    #[test]
    fn lwsruri() {
        "Invalid: a space ends a Request-URI, and there is something behind it: 400."
    }

    /// Shows RFC 4475 §3.1.2.9: more than one space in the request line is refused.
    #[test]
    fn lwsstart() {
        "Invalid: one space stands between the parts of a request line: 400."
    }

    /// Shows RFC 4475 §3.1.2.10: spaces at the end of the request line are refused.
    #[test]
    fn trws() {
        "Invalid: the version ends a request line: 400."
    }

    /// Shows RFC 4475 §3.1.2.11: headers in the Request-URI are refused.
    #[test]
    fn escruri() {
        "Invalid: a Request-URI may have no headers: 400."
    }

    /// Shows RFC 4475 §3.1.2.12: a Date in another zone is left alone.
    #[test]
    fn baddate() {
        "Invalid only in its Date, which nobody here reads: it becomes a call, as the RFC leaves free."
    }

    /// Shows RFC 4475 §3.1.2.13: a URI with parameters or headers of its own stands in brackets.
    #[test]
    fn regbadct() {
        "Invalid: without brackets nobody can say whose the question mark is: 400."
    }

    /// Shows RFC 4475 §3.1.2.14: spaces within the brackets of an address are overlooked.
    #[test]
    fn badaspec() {
        "Invalid, yet clear: the RFC leaves it free to overlook the spaces, and so the question is answered."
    }

    /// Shows RFC 4475 §3.1.2.15: a comma in a display name without quotes is refused.
    #[test]
    fn baddn() {
        "Invalid: what stands before the comma is no address: 400."
    }

    /// Shows RFC 4475 §3.1.2.16: another version of SIP is refused by 505.
    #[test]
    fn badvers() {
        "Not SIP/2.0: 505."
    }

    /// Shows RFC 4475 §3.1.2.17: a CSeq of another method is refused.
    #[test]
    fn mismatch01() {
        "Invalid: the request line and CSeq name different methods: 400."
    }

    /// Shows RFC 4475 §3.1.2.18: a method that nobody knows is 501, even with a CSeq of another method.
    #[test]
    fn mismatch02() {
        "Invalid like the one before; but as the method is not known, 501 is what the RFC prefers."
    }

    /// Shows RFC 4475 §3.1.2.19: a status that is none is dropped.
    #[test]
    fn bigcode() {
        "Invalid: there is no status above 699. A response is never answered, so it is dropped."
    }

    /// Shows RFC 4475 §3.2.1: a branch that is the cookie alone names no transaction.
    #[test]
    fn badbranch() {
        "The branch says nothing, so the request is told from others by the older rules, and answered."
    }

    /// Shows RFC 4475 §3.3.1: a request without Call-ID, From or To is refused.
    #[test]
    fn insuf() {
        "Headers that every request has are missing: 400."
    }

    /// Shows RFC 4475 §3.3.2: a Request-URI of an unknown scheme is 416.
    #[test]
    fn unkscm() {
        "Valid, to a URI of which nobody knows what it means: 416."
    }

    /// Shows RFC 4475 §3.3.3: a Request-URI of a scheme that is not for telephones is 416.
    #[test]
    fn novelsc() {
        "Valid, to a URI that never names anybody here: 416."
    }

    /// Shows RFC 4475 §3.3.4: URIs of any scheme may stand in headers.
    #[test]
    fn unksm2() {
        "Valid: From, To and Contact may hold any URI. Registering is not served here: 405."
    }

    /// Shows RFC 4475 §3.3.5: a required extension that is not there is 420.
    #[test]
    fn bext01() {
        "Require names extensions that nobody has: 420, naming them. Proxy-Require is no matter of an endpoint."
    }

    /// Shows RFC 4475 §3.3.6: a body of an unknown type is 415.
    #[test]
    fn invut() {
        "The body is no session description: 415, with what would be understood."
    }

    /// Shows RFC 4475 §3.3.7: an unknown scheme of authorization is no fault.
    #[test]
    fn regaut01() {
        "Valid: nobody asked for authorization, so it is overlooked. Registering is not served here: 405."
    }

    /// Shows RFC 4475 §3.3.8: several values where one belongs are refused.
    #[test]
    fn multi01() {
        "CSeq, Call-ID, From, To and Max-Forwards are there twice: 400."
    }

    /// Shows RFC 4475 §3.3.9: several Content-Length are refused.
    #[test]
    fn mcl01() {
        "Where the body ends can not be known: 400."
    }

    /// Shows RFC 4475 §3.3.10: a response with a second Via is dropped.
    #[test]
    fn bcast() {
        "It went through somebody who is not here, so it is for somebody else: dropped, and nothing is sent to the broadcast address."
    }

    /// Shows RFC 4475 §3.3.11: Max-Forwards of zero is for who is there.
    #[test]
    fn zeromf() {
        "It may go no further, and needs not: the endpoint is whom it is for, and answers."
    }

    /// Shows RFC 4475 §3.3.12: parameters after a bracketless contact are of the header.
    #[test]
    fn cparam01() {
        "Valid, with a parameter of the header that nobody knows. Registering is not served here: 405."
    }

    /// Shows RFC 4475 §3.3.13: parameters within the brackets are of the URI.
    #[test]
    fn cparam02() {
        "Valid, with a parameter of the URI that nobody knows. Registering is not served here: 405."
    }

    /// Shows RFC 4475 §3.3.14: headers within a Contact are of its URI.
    #[test]
    fn regescrt() {
        "Valid: the escaped Route is the URI's, and is not followed. Registering is not served here: 405."
    }

    /// Shows RFC 4475 §3.3.15: who takes no description back can not be answered.
    #[test]
    fn sdp01() {
        "Accept leaves out application/sdp, so no answer could be given: 406."
    }

    /// Shows RFC 4475 §3.4.1: an INVITE of the older RFC is understood.
    #[test]
    fn inv2543() {
        "No branch, no tag in From, no length of the body: as RFC 2543 had it. It becomes a call."
    }
}

/// Shows RFC 4475 §3: each of its messages has its test.
#[test]
fn no_message_is_left_out() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/rfc4475");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let mut there: Vec<_> =
        files.filter_map(|file| file.to_string_lossy().strip_suffix(".dat").map(str::to_owned)).collect();
    let mut tested = NAMES.to_vec();
    there.sort();
    tested.sort_unstable();
    assert_eq!((there.len(), there), (49, tested.iter().map(ToString::to_string).collect()));
}

/// Shows RFC 4475 §3.1.2.15: the comma is refused in a message that has the end which the RFC's lacks, too.
#[test]
fn a_comma_in_a_name_is_refused_for_itself() {
    let whole = [message("rfc4475", "baddn"), b"\r\n".to_vec()].concat();
    insta::assert_snapshot!(
        "baddn_with_its_end",
        fate(&whole, ends(), "As before, but for the reason meant: 400.")
    );
}

/// Shows RFC 4475 §3.1.1.1: without the tag of a dialog the same INVITE becomes a call.
#[test]
fn the_tortuous_invite_is_a_call_where_it_names_no_dialog() {
    let text = String::from_utf8(message("rfc4475", "wsinv")).unwrap();
    let tag = text.find(" ;   tag    = 1918181833n").expect("the To tag");
    let new = text.replacen(&text[tag..tag + " ;   tag    = 1918181833n".len()], "", 1);
    insta::assert_snapshot!("wsinv_as_a_call", fate(new.as_bytes(), ends(), "Nothing in it is wrong."));
}

//! Tickets: what a VRU shows to a mixer so that a caller may join a mix.
//!
//! A ticket authorises *joining* only; a leg that has joined never ends by its ticket's expiry. It is signed by an
//! interface server (Ed25519) and checked by a mixer; VRUs hold no key. It is not encrypted: it names identifiers only.
//! **Invariant:** no field is read before the signature over all of them was checked.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use partyline_conference::{AttendanceId, ConfereeId, Epoch, IdError, MixId, RoomVersion, Timestamp, VruId};

/// How long a ticket may be used: longer than any join takes, shorter than a stolen one is worth.
pub const TICKET_LIFE: Duration = Duration::from_secs(60);
/// How far the clocks of two machines may differ.
pub const CLOCK_SKEW_MAX: Duration = Duration::from_secs(30);

/// Signed before the fields, so that this signature can never pass for one of another use.
const DOMAIN: &[u8] = b"partyline join ticket 1\0";
const VERSION: u8 = 2;
const KEY_ID_BYTES: usize = 4;
const SIGNATURE_BYTES: usize = 64;
/// Version, key, mix, epoch, attendance, leg name, muted, voice version, expiry, length of the VRU's name.
const FIXED_BYTES: usize = 1 + KEY_ID_BYTES + 16 + 8 + 16 + 16 + 1 + 8 + 8 + 1;

/// What `Leave` will name: the conferee's identifier, or the attendance's in a lobby. 128 bits, unique either way.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LegName(AttendanceId);

impl From<ConfereeId> for LegName {
    fn from(conferee: ConfereeId) -> Self {
        Self(AttendanceId::from_bits(conferee.bits()))
    }
}

impl From<AttendanceId> for LegName {
    fn from(attendance: AttendanceId) -> Self {
        Self(attendance)
    }
}

impl fmt::Display for LegName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for LegName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LegName({})", self.0)
    }
}

impl FromStr for LegName {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        text.parse().map(Self)
    }
}

/// What a ticket says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// The mix that may be joined.
    pub mix: MixId,
    /// Its placement.
    pub epoch: Epoch,
    /// The caller.
    pub attendance: AttendanceId,
    /// The name of the caller's leg in this mix.
    pub leg_name: LegName,
    /// The VRU that has the call.
    pub vru: VruId,
    /// Whether the caller is muted.
    pub is_muted: bool,
    /// The version of what it says of that: an older word than the mixer has changes nothing.
    pub voice_version: RoomVersion,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// Why a ticket is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TicketError {
    /// It is no ticket, or of another version.
    #[error("the ticket can't be read")]
    Malformed,
    /// No key that is valid here signed it.
    #[error("the ticket is signed by an unknown key")]
    UnknownKey,
    /// The signature is not that of the key named.
    #[error("the ticket's signature is wrong")]
    BadSignature,
    /// It has expired.
    #[error("the ticket has expired")]
    Expired,
    /// It ends further in the future than any ticket may: the signer's clock is wrong.
    #[error("the ticket is not valid yet")]
    NotYet,
}

/// Names a key: the first bytes of its public half.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct KeyId([u8; KEY_ID_BYTES]);

impl KeyId {
    fn of(key: &VerifyingKey) -> Self {
        let [a, b, c, d, ..] = *key.as_bytes();
        Self([a, b, c, d])
    }
}

/// Signs tickets: an interface server's. The key is a secret and is not printed.
#[derive(Clone)]
pub struct TicketSigner {
    key: SigningKey,
}

impl fmt::Debug for TicketSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TicketSigner({:?})", KeyId::of(&self.key.verifying_key()))
    }
}

impl TicketSigner {
    /// A signer with the key of this seed.
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self { key: SigningKey::from_bytes(seed) }
    }

    /// The public half, for [`TicketVerifier::new`].
    #[must_use]
    pub fn public_key(&self) -> [u8; 32] {
        self.key.verifying_key().to_bytes()
    }

    /// A verifier of this signer's tickets only.
    #[must_use]
    pub fn verifier(&self) -> TicketVerifier {
        TicketVerifier { current: self.key.verifying_key(), previous: None }
    }

    /// Signs a ticket.
    #[must_use]
    pub fn sign(&self, ticket: &Ticket) -> Vec<u8> {
        let mut bytes = encode(ticket, KeyId::of(&self.key.verifying_key()));
        let signature = self.key.sign(&signed_text(&bytes));
        bytes.extend_from_slice(&signature.to_bytes());
        bytes
    }
}

/// Checks tickets: a mixer's. Two keys are valid while one takes the other's place.
#[derive(Debug, Clone)]
pub struct TicketVerifier {
    current: VerifyingKey,
    previous: Option<VerifyingKey>,
}

impl TicketVerifier {
    /// A verifier for the current key and, while keys are changed, the one before.
    ///
    /// # Errors
    /// [`TicketError::UnknownKey`] for bytes that are no public key.
    pub fn new(current: &[u8; 32], previous: Option<&[u8; 32]>) -> Result<Self, TicketError> {
        let key = |bytes| VerifyingKey::from_bytes(bytes).map_err(|_| TicketError::UnknownKey);
        Ok(Self { current: key(current)?, previous: previous.map(key).transpose()? })
    }

    /// Checks a ticket's signature and time.
    ///
    /// # Errors
    /// [`TicketError`], which a mixer answers with `PERMISSION_DENIED`.
    pub fn verify(&self, bytes: &[u8], now: Timestamp) -> Result<Ticket, TicketError> {
        let Some(fields_end) = bytes.len().checked_sub(SIGNATURE_BYTES) else {
            return Err(TicketError::Malformed);
        };
        let (fields, signature) = bytes.split_at(fields_end);
        if fields.len() < FIXED_BYTES || fields[0] != VERSION {
            return Err(TicketError::Malformed);
        }
        let named = &fields[1..=KEY_ID_BYTES];
        let key = [Some(&self.current), self.previous.as_ref()]
            .into_iter()
            .flatten()
            .find(|key| KeyId::of(key).0 == named)
            .ok_or(TicketError::UnknownKey)?;
        let signature = Signature::from_slice(signature).map_err(|_| TicketError::Malformed)?;
        key.verify_strict(&signed_text(fields), &signature).map_err(|_| TicketError::BadSignature)?;
        let ticket = decode(fields).ok_or(TicketError::Malformed)?;
        if now > ticket.expires_at.after(CLOCK_SKEW_MAX) {
            return Err(TicketError::Expired);
        }
        if ticket.expires_at > now.after(TICKET_LIFE + CLOCK_SKEW_MAX) {
            return Err(TicketError::NotYet);
        }
        Ok(ticket)
    }
}

fn signed_text(fields: &[u8]) -> Vec<u8> {
    [DOMAIN, fields].concat()
}

fn encode(ticket: &Ticket, key: KeyId) -> Vec<u8> {
    let vru = ticket.vru.as_str().as_bytes();
    let mut bytes = Vec::with_capacity(FIXED_BYTES + vru.len() + SIGNATURE_BYTES);
    bytes.push(VERSION);
    bytes.extend_from_slice(&key.0);
    bytes.extend_from_slice(&ticket.mix.bits().to_be_bytes());
    bytes.extend_from_slice(&ticket.epoch.0.to_be_bytes());
    bytes.extend_from_slice(&ticket.attendance.bits().to_be_bytes());
    bytes.extend_from_slice(&ticket.leg_name.0.bits().to_be_bytes());
    bytes.push(u8::from(ticket.is_muted));
    bytes.extend_from_slice(&ticket.voice_version.0.to_be_bytes());
    bytes.extend_from_slice(&ticket.expires_at.0.to_be_bytes());
    bytes.push(u8::try_from(vru.len()).expect("a name has at most 64 bytes"));
    bytes.extend_from_slice(vru);
    bytes
}

fn decode(fields: &[u8]) -> Option<Ticket> {
    fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
        let (taken, left) = rest.split_first_chunk::<N>()?;
        *rest = left;
        Some(*taken)
    }
    let rest = &mut &fields[1 + KEY_ID_BYTES..];
    let mix = MixId::from_bits(u128::from_be_bytes(take(rest)?));
    let epoch = Epoch(u64::from_be_bytes(take(rest)?));
    let attendance = AttendanceId::from_bits(u128::from_be_bytes(take(rest)?));
    let leg_name = LegName(AttendanceId::from_bits(u128::from_be_bytes(take(rest)?)));
    let [is_muted] = take::<1>(rest)?;
    let voice_version = RoomVersion(u64::from_be_bytes(take(rest)?));
    let expires_at = Timestamp(i64::from_be_bytes(take(rest)?));
    let [vru_bytes] = take::<1>(rest)?;
    if rest.len() != usize::from(vru_bytes) {
        return None;
    }
    let vru = VruId::new(std::str::from_utf8(rest).ok()?).ok()?;
    let is_muted = is_muted != 0;
    Some(Ticket { mix, epoch, attendance, leg_name, vru, is_muted, voice_version, expires_at })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    fn ticket() -> Ticket {
        Ticket {
            mix: MixId::from_bits(1),
            epoch: Epoch(2),
            attendance: AttendanceId::from_bits(3),
            leg_name: ConfereeId::from_bits(4).into(),
            vru: VruId::new("vru-1").unwrap(),
            is_muted: true,
            voice_version: RoomVersion(5),
            expires_at: NOW.after(TICKET_LIFE),
        }
    }

    fn signer() -> TicketSigner {
        TicketSigner::from_seed(&[7; 32])
    }

    #[test]
    fn a_signed_ticket_says_what_was_signed() {
        let bytes = signer().sign(&ticket());
        assert_eq!(signer().verifier().verify(&bytes, NOW), Ok(ticket()));
    }

    #[test]
    fn a_change_of_any_byte_is_refused() {
        let bytes = signer().sign(&ticket());
        for place in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            assert!(signer().verifier().verify(&changed, NOW).is_err(), "byte {place}");
        }
    }

    #[test]
    fn a_ticket_ends_after_its_life_and_the_clock_skew() {
        let bytes = signer().sign(&ticket());
        let verifier = signer().verifier();
        let last = NOW.after(TICKET_LIFE + CLOCK_SKEW_MAX);
        assert!(verifier.verify(&bytes, last).is_ok());
        assert_eq!(verifier.verify(&bytes, Timestamp(last.0 + 1)), Err(TicketError::Expired));
        let too_early = Timestamp(NOW.0 - 31_000);
        assert_eq!(verifier.verify(&bytes, too_early), Err(TicketError::NotYet));
    }

    #[test]
    fn both_keys_are_valid_while_one_takes_the_others_place_and_no_third() {
        let (old, new, foreign) =
            (signer(), TicketSigner::from_seed(&[8; 32]), TicketSigner::from_seed(&[9; 32]));
        let verifier = TicketVerifier::new(&new.public_key(), Some(&old.public_key())).unwrap();
        assert!(verifier.verify(&old.sign(&ticket()), NOW).is_ok());
        assert!(verifier.verify(&new.sign(&ticket()), NOW).is_ok());
        assert_eq!(verifier.verify(&foreign.sign(&ticket()), NOW), Err(TicketError::UnknownKey));
    }

    #[test]
    fn a_signer_prints_no_secret() {
        let printed = format!("{:?}", TicketSigner::from_seed(&[0xAB; 32]));
        assert!(!printed.contains("171"), "{printed}");
    }

    proptest! {
        #[test]
        fn foreign_bytes_are_refused_without_a_panic(bytes: Vec<u8>) {
            prop_assert!(signer().verifier().verify(&bytes, NOW).is_err());
        }
    }
}

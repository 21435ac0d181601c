//! Certificates that change, break and end.
#![allow(clippy::unwrap_used, reason = "a test that can not go on may fail loudly")]

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use partyline_tls::{CertificateError, CertificateKeeper, CertificateSource, Look, load_pair};

const DAY: Duration = Duration::from_secs(86_400);

/// A certificate and its key in a folder, made for a name.
fn make(folder: &Path, name: &str) -> CertificateSource {
    let source = CertificateSource::SelfSigned { folder: folder.to_owned(), names: vec![name.to_owned()] };
    CertificateKeeper::open(source, SystemTime::now()).unwrap();
    files(folder)
}

fn files(folder: &Path) -> CertificateSource {
    CertificateSource::Files { certificate: folder.join("certificate.pem"), key: folder.join("key.pem") }
}

#[test]
fn a_certificate_of_our_own_is_kept_and_made_anew_before_it_ends() {
    let folder = tempfile::tempdir().unwrap();
    let now = SystemTime::now();
    let names = vec!["pbx.example.org".to_owned(), "192.0.2.1".to_owned(), "2001:db8::1".to_owned()];
    let source = CertificateSource::SelfSigned { folder: folder.path().join("sip"), names: names.clone() };
    let first = CertificateKeeper::open(source.clone(), now).unwrap();
    assert_eq!(first.facts().names, names);
    assert!(first.facts().holds_at(now));
    let again = CertificateKeeper::open(source, now + DAY).unwrap();
    assert_eq!(again.facts(), first.facts(), "the next start shows the same one");

    assert!(matches!(again.look(now + 300 * DAY), Look::Unchanged));
    let near_its_end = again.facts().not_after - 20 * DAY;
    let Look::Renewed(renewed) = again.look(near_its_end) else { panic!("it is time") };
    assert!(renewed.left(near_its_end) > 300 * DAY);
    assert!(matches!(again.look(near_its_end), Look::Unchanged));
}

#[test]
fn another_name_asks_for_another_certificate_of_our_own() {
    let folder = tempfile::tempdir().unwrap();
    let keep = |name: &str| {
        let source =
            CertificateSource::SelfSigned { folder: folder.path().to_owned(), names: vec![name.to_owned()] };
        CertificateKeeper::open(source, SystemTime::now()).unwrap().facts().names
    };
    assert_eq!(keep("a.example.org"), ["a.example.org"]);
    assert_eq!(keep("b.example.org"), ["b.example.org"]);
}

#[cfg(unix)]
#[test]
fn a_key_of_our_own_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    make(folder.path(), "a.example.org");
    let mode = fs::metadata(folder.path().join("key.pem")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn files_that_change_are_read_again_and_broken_ones_leave_the_old_in_force() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let source = make(one.path(), "old.example.org");
    make(two.path(), "the-new-one.example.org");
    let now = SystemTime::now();
    let keeper = CertificateKeeper::open(source, now).unwrap();
    assert!(matches!(keeper.look(now), Look::Unchanged));

    // Half of a new pair is no pair; the old one stays, and says why.
    fs::copy(two.path().join("certificate.pem"), one.path().join("certificate.pem")).unwrap();
    assert!(matches!(keeper.look(now), Look::Kept(CertificateError::Mismatch { .. })));
    assert_eq!(keeper.facts().names, ["old.example.org"]);
    assert!(keeper.trouble().unwrap().contains("is not that of the certificate"));

    fs::copy(two.path().join("key.pem"), one.path().join("key.pem")).unwrap();
    assert!(matches!(keeper.look(now), Look::Renewed(_)));
    assert_eq!(keeper.facts().names, ["the-new-one.example.org"]);
    assert_eq!(keeper.trouble(), None);

    fs::write(one.path().join("certificate.pem"), "nonsense").unwrap();
    assert!(matches!(keeper.look(now), Look::Kept(CertificateError::NoCertificate(_))));
    fs::remove_file(one.path().join("certificate.pem")).unwrap();
    assert!(matches!(keeper.look(now), Look::Kept(CertificateError::Unreadable { .. })));
    assert_eq!(keeper.facts().names, ["the-new-one.example.org"]);
}

#[test]
fn what_is_no_pair_is_refused_by_what_is_wrong_with_it() {
    let folder = tempfile::tempdir().unwrap();
    make(folder.path(), "a.example.org");
    let (certificate, key) = (folder.path().join("certificate.pem"), folder.path().join("key.pem"));
    assert!(load_pair(&certificate, &key).is_ok());
    assert!(matches!(load_pair(&key, &key), Err(CertificateError::NoCertificate(_))));
    assert!(matches!(load_pair(&certificate, &certificate), Err(CertificateError::NoKey(_))));
    assert!(matches!(load_pair(Path::new("nowhere"), &key), Err(CertificateError::Unreadable { .. })));
}

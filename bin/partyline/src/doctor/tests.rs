use super::*;

#[test]
fn the_report_reads_line_by_line_and_fails_with_its_worst_finding() {
    let findings = [
        Finding::fine("clock", "2026-11-22T16:07:00.000Z"),
        Finding::warning(
            "public address",
            "callers are told 10.0.0.5, which is private",
            "set sip.external_address",
        ),
        Finding::failing("SIP port", "0.0.0.0:5060: Address already in use", "stop the other program"),
    ];
    let report = answer(&findings);
    assert_eq!(
        report.text,
        "OK   clock             2026-11-22T16:07:00.000Z\n\
         WARN public address    callers are told 10.0.0.5, which is private\n\
         \x20                      → set sip.external_address\n\
         FAIL SIP port          0.0.0.0:5060: Address already in use\n\
         \x20                      → stop the other program\n\
         \n1 to repair, 1 to look at.\n"
    );
    assert!(!report.is_good);
    assert!(answer(&findings[..2]).is_good);
    assert_eq!(report.json["findings"][2]["state"], "FAIL");
}

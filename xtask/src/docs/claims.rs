//! The lines by which a test says which section of an RFC it shows.

/// What one line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) rfc: u32,
    /// Without the sign, as `17.2.1` or `A.3`.
    pub(super) section: String,
    pub(super) sentence: String,
    /// The file, relative to the root.
    pub(super) path: String,
    /// The name of the function.
    pub(super) test: String,
}

/// How a line begins, after its indentation and the slashes.
const BEGINNING: &str = "Shows RFC";
/// Stands for a section where the RFC numbers none.
const WHOLE: &str = "–";
/// How it looks in full.
const FORM: &str = "`/// Shows RFC NNNN §x.y: a sentence.`";

/// A claim whose test is not reached yet.
struct Open {
    line: usize,
    text: String,
}

/// What the tests of a file say, and which of its lines can't be read.
pub(super) fn claims_of(path: &str, text: &str) -> (Vec<Claim>, Vec<String>) {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let mut claims = Vec::new();
    let mut wrong = Vec::new();
    let mut open: Vec<Open> = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let doc = line.strip_prefix("///").map(str::trim);
        let comment = line.strip_prefix("//").map(|rest| rest.trim_start_matches(['/', '!']).trim());
        match (doc, comment) {
            (Some(doc), _) if doc.starts_with(BEGINNING) => {
                open.push(Open { line: index + 1, text: doc.to_owned() });
            }
            // A sentence that did not fit on its line.
            (Some(doc), _) => {
                if let Some(last) = open.last_mut() {
                    last.text = format!("{} {doc}", last.text);
                }
            }
            (None, Some(comment)) if comment.starts_with(BEGINNING) => {
                wrong.push(format!("{path}:{}: only a doc comment of a test is read: {FORM}", index + 1));
            }
            (None, _) => {
                let test = is_test(line).then(|| name_below(&lines[index + 1..])).flatten();
                for open in std::mem::take(&mut open) {
                    match read(&open.text, path, test.as_deref()) {
                        Ok(claim) => claims.push(claim),
                        Err(why) => wrong.push(format!("{path}:{}: {why}", open.line)),
                    }
                }
            }
        }
    }
    wrong.extend(open.iter().map(|open| format!("{path}:{}: it stands above no test", open.line)));
    (claims, wrong)
}

/// Whether a line is the attribute that makes a function a test.
fn is_test(line: &str) -> bool {
    line == "#[test]" || line.starts_with("#[tokio::test]") || line.starts_with("#[tokio::test(")
}

/// The name of the function that follows an attribute; none where it is ignored: what does not run shows nothing.
fn name_below(lines: &[&str]) -> Option<String> {
    for line in lines {
        let ends = line.is_empty() || line.starts_with("///");
        if ends || line.starts_with("#[ignore") {
            return None;
        }
        let words = line.trim_start_matches("pub ").trim_start_matches("async ");
        if let Some(rest) = words.strip_prefix("fn ") {
            let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
            return Some(rest[..end].to_owned());
        }
    }
    None
}

fn read(text: &str, path: &str, test: Option<&str>) -> Result<Claim, String> {
    let malformed = || format!("{text:?} does not read as {FORM}");
    let rest = text.strip_prefix(BEGINNING).and_then(|rest| rest.strip_prefix(' ')).ok_or_else(malformed)?;
    let (place, sentence) = rest.split_once(": ").ok_or_else(malformed)?;
    // Some old RFCs number no sections.
    let (rfc, section) = place.split_once(" §").unwrap_or((place, WHOLE));
    let is_section = section == WHOLE
        || section.split('.').all(|part| {
            let is_number = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            is_number || (part.len() == 1 && part.bytes().all(|byte| byte.is_ascii_uppercase()))
        });
    let sentence = sentence.trim();
    let is_sentence = sentence.len() > 1 && sentence.ends_with('.') && !sentence.contains('|');
    let rfc = rfc.parse().map_err(|_| malformed())?;
    if !is_section || !is_sentence {
        return Err(malformed());
    }
    let test = test.ok_or("it does not stand directly above the attribute of a test that runs")?;
    Ok(Claim {
        rfc,
        section: section.to_owned(),
        sentence: sentence.to_owned(),
        path: path.to_owned(),
        test: test.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(lines: &[&str]) -> (Vec<Claim>, Vec<String>) {
        claims_of("a/b.rs", &lines.join("\n"))
    }

    #[test]
    fn each_line_above_a_test_is_a_claim_of_it() {
        let (claims, wrong) = source(&[
            "    /// Shows RFC 3262 §3: a reliable provisional is sent again.",
            "    /// Shows RFC 3261 §17.2.1: a timer ends it, however",
            "    /// long that takes.",
            "    #[tokio::test(flavor = \"multi_thread\")]",
            "    #[expect(clippy::too_many_lines, reason = \"one story\")]",
            "    async fn a_lost_prack() {",
        ]);
        assert_eq!(wrong, Vec::<String>::new());
        assert_eq!(claims.len(), 2);
        assert_eq!((claims[0].rfc, claims[0].section.as_str()), (3262, "3"));
        assert_eq!(claims[1].sentence, "a timer ends it, however long that takes.");
        assert!(claims.iter().all(|claim| claim.test == "a_lost_prack" && claim.path == "a/b.rs"));
    }

    #[test]
    fn a_line_that_is_above_no_test_is_refused_with_its_place() {
        let claim = "/// Shows RFC 3262 §3: it is so.";
        for below in [
            &["fn plain() {}"][..],
            &["", "#[test]", "fn late() {}"],
            &["#[ignore]", "#[test]", "fn never() {}"],
            &["#[test]", "#[ignore = \"slow\"]", "fn never() {}"],
            &["struct Plain;"],
            &[],
        ] {
            let (claims, wrong) = source(&[&["// one", claim], below].concat());
            assert_eq!(claims, [], "{below:?}");
            assert!(wrong.len() == 1 && wrong[0].starts_with("a/b.rs:2: "), "{below:?}: {wrong:?}");
        }
    }

    #[test]
    fn a_line_of_another_form_is_refused() {
        for bad in [
            "/// Shows RFC3262 §3: it is so.",
            "/// Shows RFC 3262 3: it is so.",
            "/// Shows RFC 3262 §3 it is so.",
            "/// Shows RFC 3262 –: it is so.",
            "/// Shows RFC 3262 §: it is so.",
            "/// Shows RFC 3262 §3..1: it is so.",
            "/// Shows RFC 3262 §3: it is so",
            "/// Shows RFC 3262 §3: ",
            "/// Shows RFC sip §3: it is so.",
            "// Shows RFC 3262 §3: it is so.",
            "//! Shows RFC 3262 §3: it is so.",
        ] {
            let (claims, wrong) = source(&[bad, "#[test]", "fn good() {"]);
            assert_eq!((claims.len(), wrong.len()), (0, 1), "{bad}");
        }
    }

    #[test]
    fn an_rfc_without_numbers_is_named_whole() {
        let (claims, wrong) = source(&["/// Shows RFC 2782: weight decides.", "#[test]", "fn good() {"]);
        assert_eq!((claims[0].rfc, claims[0].section.as_str(), wrong.len()), (2782, WHOLE, 0));
    }

    #[test]
    fn other_words_about_a_test_say_nothing() {
        let (claims, wrong) =
            source(&["/// Calls somebody.", "#[test]", "fn good() {", "// shows RFC 1 too"]);
        assert_eq!((claims, wrong), (vec![], vec![]));
    }
}

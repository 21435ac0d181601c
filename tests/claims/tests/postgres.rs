//! A whole server on PostgreSQL: callers talk, the database goes away and comes back, a file's rooms move there.

#![expect(clippy::unwrap_used, reason = "a test whose scene can't be set up fails there and then")]

use partyline_claims::{Party, Server, ServerPlan, all_hear_each_other};
use partyline_pgserver::{PgServer, Stop};

fn database() -> PgServer {
    let database = PgServer::start().unwrap();
    database.database("conferences", "template1").unwrap();
    database
}

fn on(database: &PgServer) -> ServerPlan {
    let config = format!("[store]\nurl = \"{}\"\nwrite_max = \"1s\"\n", database.url("conferences"));
    ServerPlan { config, ..ServerPlan::default() }
}

fn count(database: &PgServer, what: &str) -> String {
    database.psql("conferences", &format!("SELECT COUNT(*) FROM {what}")).unwrap()
}

#[tokio::test]
async fn callers_meet_on_postgresql_and_go_on_talking_while_it_is_away() {
    let database = database();
    let mut party = Party::start_with(&on(&database)).await.unwrap();
    let codes = party.server.create_room("open", &["--entry", "start"]).unwrap();
    let first = party.key_code(&codes.participant).await.unwrap();
    let second = party.key_code(&codes.host).await.unwrap();
    all_hear_each_other(&[&first, &second]).await.unwrap();
    assert_eq!(count(&database, "conferee WHERE state <> 'left'"), "2");
    assert!(!party.server.database().exists(), "nothing is in a file");
    let doctor = party.server.command_line(&["doctor"]).output().unwrap();
    let doctor = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(doctor.contains("conferences answers (PostgreSQL 1"), "{doctor}");

    // Another server would end what this one has: it is refused.
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(party.server.folder().join("data/secrets.toml"), folder.path().join("secrets.toml"))
        .unwrap();
    let mut refused = std::process::Command::new(party.server.command_line(&[]).get_program());
    refused.args(["serve", "--config"]).arg(party.server.folder().join("partyline.toml"));
    refused.arg("--data-dir").arg(folder.path());
    let refused = refused.output().unwrap();
    assert_eq!(refused.status.code(), Some(3), "{}", String::from_utf8_lossy(&refused.stderr));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("another server works on this database"));

    database.stop(Stop::Immediate).unwrap();
    party.server.wait_http("/readyz", 503).await.unwrap();
    all_hear_each_other(&[&first, &second]).await.unwrap();
    database.run().unwrap();
    party.server.wait_http("/readyz", 200).await.unwrap();
    let third = party.key_code(&codes.participant).await.unwrap();
    all_hear_each_other(&[&first, &second, &third]).await.unwrap();
    assert_eq!(count(&database, "conference"), "1", "it is the same conference");
    assert_eq!(count(&database, "conferee WHERE state <> 'left'"), "3");

    // Who is killed leaves a conference behind, which the next start ends.
    party.server.kill().unwrap();
    party.server.restart().unwrap();
    assert_eq!(count(&database, "conference WHERE ended_at IS NULL"), "0");
    party.server.stop().unwrap();
}

#[test]
fn a_files_rooms_move_to_postgresql_with_their_codes() {
    let database = database();
    let mut server = Server::start().unwrap();
    let codes = server.create_room("board", &["--entry", "start"]).unwrap();
    let mut too_early = server.command_line(&["store", "copy"]);
    let refused = refused_by(too_early.env("PARTYLINE_STORE__URL", database.url("conferences")));
    assert!(refused.contains("stop the server first"), "{refused}");
    server.stop().unwrap();

    let on_server = |arguments: &[&str]| {
        let mut command = server.command_line(arguments);
        let output = command.env("PARTYLINE_STORE__URL", database.url("conferences")).output().unwrap();
        let said =
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        (output.status.code(), said)
    };
    let (missing, said) = on_server(&["store", "check"]);
    assert_eq!(missing, Some(1), "{said}");
    let (migrated, said) = on_server(&["store", "migrate"]);
    assert_eq!(migrated, Some(0), "{said}");
    let (copied, said) = on_server(&["store", "copy", "--json"]);
    assert_eq!(copied, Some(0), "{said}");
    let copied: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(copied["tables"]["room"], 2, "demo and board");
    assert_eq!(copied["tables"]["room_code"], 4);
    let (again, said) = on_server(&["store", "copy"]);
    assert_eq!(again, Some(1), "{said}");
    assert!(said.contains("in use already"), "{said}");

    let (checked, said) = on_server(&["store", "check"]);
    assert_eq!(checked, Some(0), "{said}");
    assert!(said.contains("PostgreSQL") && said.contains("All fits together."), "{said}");
    let (shown, said) = on_server(&["room", "show", "board", "--json"]);
    assert_eq!(shown, Some(0), "{said}");
    let ends = &codes.host[codes.host.len() - 2..];
    assert!(said.contains(ends), "{said}");

    // Secrets that are not those of the rooms are told before anything goes wrong.
    std::fs::rename(server.folder().join("data/secrets.toml"), server.folder().join("kept.toml")).unwrap();
    let (other, said) = on_server(&["store", "migrate"]);
    assert_eq!(other, Some(1), "{said}");
    assert!(said.contains("secrets"), "{said}");
}

fn refused_by(command: &mut std::process::Command) -> String {
    let output = command.output().unwrap();
    assert!(!output.status.success());
    String::from_utf8_lossy(&output.stderr).into_owned()
}

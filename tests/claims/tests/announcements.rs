//! Who comes and goes is told to the conference by name: soon, gathered, and over the talk.

#![expect(clippy::unwrap_used, reason = "a step that fails fails the test")]

use std::time::{Duration, Instant};

use callbench::meter::tone_level_dbov;
use partyline_claims::{Party, Phone, RoomCodes, ServerPlan};

/// The tone behind which a name is said.
const BEEP_HZ: f32 = 880.0;
/// What stands for the names: between the tones of callers, and no overtone of them.
const NAMES_HZ: [f32; 3] = [1_310.0, 1_470.0, 1_630.0];
/// The two notes of the tone that tells of an entry or exit.
const NOTES_HZ: [f32; 2] = [659.26, 987.77];
/// The level at which callers send their tones and names.
const SENT_DBOV: f32 = -15.0;
/// For an announcement to begin; far above the second that it should take at most.
const CEILING: Duration = Duration::from_secs(10);

struct Board {
    party: Party,
    codes: RoomCodes,
    host: Phone,
}

/// A host in a conference that announces in this manner.
async fn board(announce: &str) -> Board {
    let party = Party::start_with(&ServerPlan::default()).await.unwrap();
    let codes = party
        .server
        .create_room("board", &["--entry", "start", "--music", "off", "--announce", announce])
        .unwrap();
    let host = party.key_code(&format!("{}#", codes.host)).await.unwrap();
    let board = Board { party, codes, host };
    board.joined(1).await;
    board.host.call.set_tone(None);
    board
}

impl Board {
    async fn joined(&self, count: i64) {
        self.party.server.wait_count("conferee", "state = 'joined'", count).await.unwrap();
    }

    /// Nobody says anything, and nothing is heard.
    async fn quiet(&self) {
        self.host.call.wait_quieter(-60.0, Duration::from_secs(1)).await.unwrap();
    }

    /// A caller who has said their name, a tone of a second, and has only to press pound, which they should soon.
    async fn at_the_door(&self, name_hz: f32) -> Phone {
        let phone = self.party.key_code(&self.codes.participant).await.unwrap();
        phone.call.set_tone(None);
        phone.call.wait_hears(BEEP_HZ).await.unwrap();
        phone.call.wait_hears_not(BEEP_HZ).await.unwrap();
        phone.call.set_tone(Some(name_hz));
        tokio::time::sleep(Duration::from_millis(1_000)).await;
        phone.call.set_tone(None);
        phone
    }

    /// One without a name.
    async fn nameless(&self, joined: i64) -> Phone {
        let phone = self.party.key_code(&format!("{}#", self.codes.participant)).await.unwrap();
        phone.call.set_tone(None);
        self.joined(joined).await;
        phone
    }

    /// How many announcements of names the mixer has begun.
    fn announcements(&self) -> u64 {
        let (_, metrics) = self.party.server.http("/metrics").unwrap();
        let lines = metrics.lines().filter(|line| line.starts_with("partyline_mixer_announcements_total"));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum::<f64>() as u64
    }
}

/// The moment from which a telephone hears a tone that it listens for.
async fn heard_at(phone: &Phone) -> Instant {
    let until = Instant::now() + CEILING;
    loop {
        if let Some(at) = phone.call.heard_at().await {
            return at;
        }
        assert!(Instant::now() < until, "{} hears no announcement", phone.number);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Whether a tone was heard at all in the last `window`, 100 ms of it at least.
async fn was_heard(phone: &Phone, hz: f32, window: Duration) -> bool {
    let samples = phone.call.samples(window).await;
    samples.chunks_exact(800).any(|part| tone_level_dbov(part, 8_000, hz) > -35.0)
}

#[tokio::test]
async fn a_name_is_heard_by_all_soon_after_entry_six_db_down_over_the_talk_twelve_db_down() {
    let board = board("name").await;
    let talker = board.nameless(2).await;
    talker.call.set_tone(Some(talker.tone_hz));
    board.host.wait_hears(&talker).await.unwrap();
    let usual = board.host.call.hears_from_now(&[talker.tone_hz], Duration::from_millis(400)).await[0];

    board.host.call.listen_for(&[NAMES_HZ[0]]);
    let newcomer = board.at_the_door(NAMES_HZ[0]).await;
    newcomer.call.send_digits("#");
    let pressed = newcomer.call.wait_digits_sent().await.unwrap().unwrap();
    let began = heard_at(&board.host).await;
    println!("a name is heard {} ms after the key behind it", (began - pressed).as_millis());
    board.joined(3).await;
    // The name lasts a second: of what was heard then, the part that has most of it.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let samples = board.host.call.samples(began.elapsed() + Duration::from_millis(100)).await;
    let [named, talked] = samples
        .chunks_exact(1_600)
        .map(|part| [NAMES_HZ[0], talker.tone_hz].map(|hz| tone_level_dbov(part, 8_000, hz)))
        .max_by(|one, other| one[0].total_cmp(&other[0]))
        .unwrap();
    assert!((named - (SENT_DBOV - 6.0)).abs() < 1.0, "the name is heard at {named} dBov");
    assert!((talked - (usual - 12.0)).abs() < 1.0, "the talk is {} dB down", usual - talked);
    // The talk is as it was; who was named is in it and has heard their name too.
    let until = Instant::now() + CEILING;
    while (board.host.call.hears_from_now(&[talker.tone_hz], Duration::from_millis(300)).await[0] - usual)
        .abs()
        > 1.0
    {
        assert!(Instant::now() < until, "the talk stays down");
    }
    assert!(was_heard(&newcomer, NAMES_HZ[0], Duration::from_secs(5)).await);
    talker.call.set_tone(None);
    board.quiet().await;

    board.host.call.listen_for(&[NAMES_HZ[0]]);
    newcomer.call.hang_up();
    heard_at(&board.host).await;
    assert_eq!(board.announcements(), 2);
}

#[tokio::test]
async fn two_who_come_together_are_one_announcement_with_both_names() {
    let board = board("name").await;
    board.quiet().await;
    board.host.call.listen_for(&NAMES_HZ[..2]);
    let (first, second) = tokio::join!(board.at_the_door(NAMES_HZ[0]), board.at_the_door(NAMES_HZ[1]));
    first.call.send_digits("#");
    tokio::time::sleep(Duration::from_millis(300)).await;
    second.call.send_digits("#");
    heard_at(&board.host).await;
    board.joined(3).await;
    board.quiet().await;
    for name in &NAMES_HZ[..2] {
        assert!(was_heard(&board.host, *name, Duration::from_secs(10)).await, "the name of {name} Hz");
    }
    assert_eq!(board.announcements(), 1);
}

#[tokio::test]
async fn who_has_no_name_is_told_by_a_tone_and_in_a_lecture_nobody_is_told_of() {
    let board = board("name").await;
    board.quiet().await;
    board.host.call.listen_for(&NOTES_HZ);
    let _nameless = board.nameless(2).await;
    heard_at(&board.host).await;
    board.quiet().await;

    for floor in ["floor = 'muted'", "floor = 'lecture'"] {
        board.host.call.send_digits("*5");
        board.party.server.wait_count("conference", floor, 1).await.unwrap();
        board.host.wait_spoken_to().await.unwrap();
        board.quiet().await;
    }
    let lectured = board.at_the_door(NAMES_HZ[0]).await;
    lectured.call.send_digits("#");
    board.joined(3).await;
    lectured.call.hang_up();
    board.joined(2).await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert!(board.host.loudest(Duration::from_secs(2)).await < -60.0, "a lecture is disturbed");
    assert_eq!(board.announcements(), 0);
}

#[tokio::test]
async fn silence_is_silent_and_a_host_may_want_names_again() {
    let board = board("name").await;
    board.host.call.send_digits("*33*");
    board.party.server.wait_count("conference", "announce = 'silence'", 1).await.unwrap();
    board.host.wait_spoken_to().await.unwrap();
    board.quiet().await;
    // Nobody is asked for a name that nobody will hear.
    let silent = board.party.key_code(&board.codes.participant).await.unwrap();
    silent.call.set_tone(None);
    board.joined(2).await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert!(board.host.loudest(Duration::from_secs(1)).await < -60.0, "silence is not silent");
    board.host.call.send_digits("*31*");
    board.party.server.wait_count("conference", "announce = 'name'", 1).await.unwrap();
    board.host.wait_spoken_to().await.unwrap();
    board.quiet().await;
    board.host.call.listen_for(&[NAMES_HZ[0]]);
    let named = board.at_the_door(NAMES_HZ[0]).await;
    named.call.send_digits("#");
    heard_at(&board.host).await;
}

#[tokio::test]
async fn in_a_conference_of_more_than_ten_a_tone_tells_of_a_name_too() {
    let board = board("name").await;
    let mut others = Vec::new();
    for nth in 0..9 {
        others.push(board.nameless(nth + 2).await);
    }
    board.quiet().await;
    board.host.call.listen_for(&NOTES_HZ);
    let eleventh = board.at_the_door(NAMES_HZ[0]).await;
    eleventh.call.send_digits("#");
    heard_at(&board.host).await;
    board.joined(11).await;
    board.quiet().await;
    assert!(!was_heard(&board.host, NAMES_HZ[0], Duration::from_secs(3)).await);
    assert_eq!(board.announcements(), 0);
}

/// What a report says of some durations.
fn summary(mut taken: Vec<Duration>) -> String {
    taken.sort_unstable();
    let longest = taken.last().copied().unwrap_or_default();
    format!(
        "p50 {} ms, longest {} ms of {}",
        taken[taken.len() / 2].as_millis(),
        longest.as_millis(),
        taken.len()
    )
}

#[tokio::test]
async fn names_are_told_soon_after_each_entry_and_each_exit() {
    let board = board("name").await;
    let (mut entries, mut exits) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        board.quiet().await;
        board.host.call.listen_for(&NAMES_HZ[..1]);
        let newcomer = board.at_the_door(NAMES_HZ[0]).await;
        newcomer.call.send_digits("#");
        let pressed = newcomer.call.wait_digits_sent().await.unwrap().unwrap();
        entries.push(heard_at(&board.host).await - pressed);
        board.joined(2).await;
        board.quiet().await;
        board.host.call.listen_for(&NAMES_HZ[..1]);
        let hung_up = Instant::now();
        newcomer.call.hang_up();
        exits.push(heard_at(&board.host).await - hung_up);
        board.joined(1).await;
    }
    println!("from the key behind a name to its announcement: {}", summary(entries));
    println!("from hanging up to the announcement: {}", summary(exits));
    assert_eq!(board.announcements(), 10);
}

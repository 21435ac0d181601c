use std::fs;
use std::time::Duration;

use toml::Value;

use super::*;

const FILE: &str = "partyline.toml";

/// Loads a file's text, an environment and flags; errors read as a person sees them, without the folder.
fn loaded(
    file: &str,
    environment: &[(&str, &str)],
    flags: &[(&'static str, &'static str, Value)],
) -> Result<Loaded, String> {
    let dir = tempfile::tempdir().expect("a temporary folder can be made");
    let path = dir.path().join(FILE);
    fs::write(&path, file).expect("a temporary file can be written");
    let inputs = Inputs {
        file: Some(path),
        environment: environment.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect(),
        flags: flags.iter().map(|(flag, key, value)| FlagValue { flag, key, value: value.clone() }).collect(),
    };
    load(&inputs).map_err(|error| error.to_string().replace(&format!("{}/", dir.path().display()), ""))
}

fn refused(file: &str) -> String {
    loaded(file, &[], &[]).expect_err("the file is wrong")
}

fn refused_variable(name: &str, value: &str) -> String {
    loaded("", &[(name, value)], &[]).expect_err("the variable is wrong")
}

#[test]
fn nothing_at_all_is_a_configuration() {
    let config = load(&Inputs::default()).unwrap().config;
    assert_eq!(config.data_dir, PathBuf::from("./partyline-data"));
    assert_eq!(config.vrus[0].listen, ["0.0.0.0:5060".parse().unwrap()]);
    assert_eq!(config.rtp_ports.to_string(), "16384-32767");
    assert_eq!(config.http_listen, "127.0.0.1:8080".parse().unwrap());
    assert_eq!((config.cms.len(), config.linetest.len(), config.mixers.len()), (2, 2, 1));
    assert_eq!(config.mixers[0].class.as_str(), "standard");
}

#[test]
fn the_environment_wins_over_the_file_and_flags_over_both() {
    let file =
        "data_dir = \"/file\"\n[sip]\nlisten = [\"127.0.0.1:1000\"]\n[http]\nlisten = \"127.0.0.1:1001\"\n";
    let environment =
        [("PARTYLINE_DATA_DIR", "/environment"), ("PARTYLINE_SIP__LISTEN", "127.0.0.1:2000,[::1]:2000")];
    let flags = [("--data-dir", "data_dir", Value::String("/flag".into()))];
    let loaded = loaded(file, &environment, &flags).unwrap();
    assert_eq!(loaded.config.data_dir, PathBuf::from("/flag"));
    assert_eq!(
        loaded.config.vrus[0].listen,
        ["127.0.0.1:2000".parse().unwrap(), "[::1]:2000".parse().unwrap()]
    );
    assert_eq!(loaded.config.http_listen, "127.0.0.1:1001".parse().unwrap());
    assert_eq!(loaded.origins.of("data_dir"), Origin::Flag("--data-dir"));
    assert_eq!(loaded.origins.of("sip.listen"), Origin::Variable("PARTYLINE_SIP__LISTEN".into()));
    assert!(matches!(loaded.origins.of("http.listen"), Origin::Line(_, 5)));
    assert_eq!(loaded.origins.of("rtp.ports"), Origin::Default);
}

#[test]
fn mixers_vrus_and_dialled_numbers_are_read() {
    let file = r#"
[[mixer]]
id = "mixer-a"
[[mixer]]
id = "mixer-b"
class = "large"
seats_max = 500
[[vru]]
id = "vru-a"
[[vru]]
id = "vru-b"
sip_listen = ["0.0.0.0:5070"]
[dnis]
echo = "linetest"
18005551234 = { language = "en", room = "demo", code = "12345678" }
"#;
    let config = loaded(file, &[], &[]).unwrap().config;
    assert_eq!(
        config.mixers[1],
        Mixer {
            id: MixerId::new("mixer-b").unwrap(),
            class: MixerClass::new("large").unwrap(),
            seats_max: 500
        }
    );
    assert_eq!(config.vrus[0].listen, ["0.0.0.0:5060".parse().unwrap()]);
    assert_eq!(config.vrus[1].listen, ["0.0.0.0:5070".parse().unwrap()]);
    assert_eq!(config.dnis["echo"].application, Application::Linetest);
    assert_eq!(config.dnis["18005551234"].room, Some(RoomName::new("demo").unwrap()));
}

#[test]
fn codecs_are_in_our_order_and_each_once() {
    let codecs = |text: &str| loaded(text, &[], &[]).unwrap().config.codecs;
    assert_eq!(codecs(""), partyline_vru::CODECS_LIKED);
    assert_eq!(codecs("sip.codecs = [\"pcma\", \"opus\"]").len(), 2);
    let wrong = |list: &str| refused(&format!("[sip]\ncodecs = {list}\n"));
    assert!(wrong("[]").contains("expected one at least"), "{}", wrong("[]"));
    assert!(wrong("[\"pcmu\", \"pcmu\"]").contains("pcmu is listed twice"));
    assert!(wrong("[\"g729\"]").contains("expected a codec"), "{}", wrong("[\"g729\"]"));
}

/// Shows RFC 4028 §5: the least that we accept is 90 s, unless somebody says otherwise.
#[test]
fn session_timers_are_on_can_be_set_and_make_sense() {
    let session = |text: &str| loaded(&format!("[sip]\n{text}"), &[], &[]).unwrap().config.session;
    let seconds = |expires, min| {
        let [expires, min] = [expires, min].map(Duration::from_secs);
        Some(partyline_vru::SessionRules { expires, min, is_required: false })
    };
    assert_eq!(session(""), seconds(1_800, 90));
    assert_eq!(session("session_expires = \"none\"\n"), None);
    assert_eq!(session("session_expires = \"9s\"\nsession_min = \"3s\"\n"), seconds(9, 3));
    let wrong = |text: &str| refused(&format!("[sip]\n{text}"));
    let short = wrong("session_expires = \"60s\"\n");
    assert_eq!(
        short,
        "partyline.toml:2: sip.session_expires: it is shorter than sip.session_min; expected the longer of the two"
    );
    let tiny = wrong("session_min = \"1s\"\n");
    assert_eq!(tiny, "partyline.toml:2: sip.session_min: expected a time from \"2s\" to \"24h\"");
    let huge = wrong("session_expires = \"25h\"\n");
    assert!(huge.contains("sip.session_expires: expected a time from"), "{huge}");
}

#[test]
fn tables_can_come_from_the_environment() {
    let config =
        loaded("", &[("PARTYLINE_MIXER", "[{ id = \"m\", class = \"large\" }]")], &[]).unwrap().config;
    assert_eq!(config.mixers[0].class.as_str(), "large");
}

#[test]
fn unknown_keys_are_refused_with_their_line_and_the_keys_there_are() {
    assert_eq!(
        refused("[http]\nlisten = \"127.0.0.1:80\"\n[sip]\nport = 5060\n"),
        "partyline.toml:4: unknown field `port`, expected one of `listen`, `external_address`, `nameservers`, `codecs`, `digests`, `calls_max`, `session_expires`, `session_min`, `unknown_sources`, `tls`, `external`\n  | port = 5060"
    );
    assert!(
        refused("[mixers]\n")
            .starts_with("partyline.toml:1: unknown field `mixers`, expected one of `data_dir`")
    );
    assert_eq!(
        refused("[[mixer]]\nid = \"m\"\nseat_max = 5\n"),
        "partyline.toml:3: unknown field `seat_max`, expected one of `id`, `class`, `seats_max`\n  | seat_max = 5"
    );
}

#[test]
fn nonsense_is_refused_with_its_line_and_what_was_expected() {
    for (file, message) in [
        (
            "[sip]\nlisten = [\"5060\"]\n",
            "partyline.toml:2: invalid value: string \"5060\", expected an address with a port, such as \"0.0.0.0:5060\" or \"[::]:5060\"\n  | listen = [\"5060\"]",
        ),
        (
            "[cms]\ninterface_servers = 0\n",
            "partyline.toml:2: invalid value: integer `0`, expected a whole number from 1 to 16\n  | interface_servers = 0",
        ),
        (
            "[rtp]\nports = \"32767-16384\"\n",
            "partyline.toml:2: invalid value: string \"32767-16384\", expected two ports from 1024 to 65535, the lower first, that hold an even port and its next, such as \"16384-32767\"\n  | ports = \"32767-16384\"",
        ),
        (
            "[retention]\n\nevents = 30\n",
            "partyline.toml:3: invalid type: integer `30`, expected a time with a unit, such as \"90s\", \"30m\" or \"365d\", or \"none\" for no limit\n  | events = 30",
        ),
        (
            "[dnis]\n600 = \"echo\"\n",
            "partyline.toml:2: invalid value: string \"echo\", expected \"conferencing\", \"linetest\", or a table such as { application = \"conferencing\", language = \"en\", room = \"demo\" }\n  | 600 = \"echo\"",
        ),
        ("[sip\n", "partyline.toml:1: unclosed table, expected `]`\n  | [sip"),
    ] {
        assert_eq!(refused(file), message);
    }
}

#[test]
fn what_contradicts_itself_is_refused_with_the_line_of_the_later() {
    assert_eq!(
        refused("[[mixer]]\nid = \"one\"\n[[mixer]]\nid = \"one\"\n"),
        "partyline.toml:4: mixer[1].id: \"one\" is the name of another role; expected a name of its own"
    );
    assert_eq!(
        refused("[sip]\nlisten = [\"0.0.0.0:20000\"]\n"),
        "partyline.toml:2: sip.listen: port 20000 is one of rtp.ports (16384-32767); expected a port outside"
    );
    assert_eq!(
        refused("[[vru]]\nid = \"a\"\n[[vru]]\nid = \"b\"\n").lines().next().unwrap(),
        "partyline.toml:3: vru[1]: expected sip_listen: only one VRU can take the addresses of sip.listen"
    );
}

#[test]
fn unknown_variables_are_refused_with_the_one_that_was_meant() {
    assert_eq!(
        refused_variable("PARTYLINE_SIP_LISTEN", "0.0.0.0:5060"),
        "environment variable PARTYLINE_SIP_LISTEN: no setting has this name; did you mean PARTYLINE_SIP__LISTEN?"
    );
    assert_eq!(
        refused_variable("PARTYLINE_WHAT_EVER_THIS_IS", "1"),
        "environment variable PARTYLINE_WHAT_EVER_THIS_IS: no setting has this name; `partyline config show` lists the settings; a dot of a key is written as two underscores"
    );
}

#[test]
fn nonsense_in_a_variable_names_the_variable() {
    assert_eq!(
        refused_variable("PARTYLINE_CMS__INTERFACE_SERVERS", "two"),
        "environment variable PARTYLINE_CMS__INTERFACE_SERVERS: invalid value: string \"two\", expected a whole number"
    );
    assert_eq!(
        refused_variable("PARTYLINE_LOG__FORMAT", "xml"),
        "environment variable PARTYLINE_LOG__FORMAT: invalid value: string \"xml\", expected a format of log lines, \"text\" or \"json\""
    );
}

#[test]
fn a_file_that_is_missing_or_no_text_is_named() {
    let missing =
        load(&Inputs { file: Some("/nowhere/partyline.toml".into()), ..Inputs::default() }).unwrap_err();
    assert_eq!(
        missing.to_string(),
        "/nowhere/partyline.toml: the file can't be read: No such file or directory (os error 2)"
    );
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(FILE);
    fs::write(&path, [0xff, 0xfe, 0x00]).unwrap();
    let garbage = load(&Inputs { file: Some(path), ..Inputs::default() }).unwrap_err();
    assert!(
        garbage.to_string().ends_with("the file is not UTF-8; expected a TOML file of settings"),
        "{garbage}"
    );
}

#[test]
fn a_code_in_the_settings_is_masked_when_they_are_shown() {
    let loaded = loaded("[dnis]\nboard = { code = \"12345678\" }\n", &[], &[]).unwrap();
    assert!(loaded.config.dnis["board"].code.is_some());
    for shown in [show::text(&loaded), show::json(&loaded).to_string()] {
        assert!(!shown.contains("12345678"), "{shown}");
        assert!(shown.contains("********"), "{shown}");
    }
}

#[test]
fn the_sample_reads_as_the_defaults_and_so_does_every_line_of_it() {
    let sample = reference::sample();
    assert_eq!(loaded(&sample, &[], &[]).unwrap().config, load(&Inputs::default()).unwrap().config);
    let is_setting = |line: &str| {
        line.strip_prefix("# ").is_some_and(|line| {
            line.starts_with("[")
                || line.split_once(" = ").is_some_and(|(key, _)| {
                    key.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
                })
        })
    };
    let uncommented: Vec<&str> = sample
        .lines()
        .map(|line| if is_setting(line) { &line[2..] } else { line })
        .filter(|line| !line.starts_with("sip_listen ="))
        .collect();
    let config =
        loaded(&uncommented.join("\n"), &[], &[]).unwrap_or_else(|error| panic!("{error}\n{sample}")).config;
    assert!(config.external_address.is_some() && config.dnis.len() == 2);
}

#[test]
fn the_reference_in_docs_is_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/config.md");
    let written = fs::read_to_string(path).unwrap_or_default();
    assert!(
        written == reference::markdown(),
        "docs/config.md is out of date; write it anew: cargo run -p partyline -- config reference > docs/config.md"
    );
}

#[test]
fn trunks_are_read_with_their_passwords_from_here_the_environment_and_files() {
    let dir = tempfile::tempdir().unwrap();
    let secret = dir.path().join("secret");
    fs::write(&secret, "from a file\n").unwrap();
    let file = format!(
        "[sip]\nunknown_sources = \"challenge\"\n[[trunk]]\nname = \"carrier\"\nsources = [\"203.0.113.0/24\"]\n\
         users = [{{ name = \"pbx\", password = {{ env = \"PBX_PASSWORD\" }} }}]\n[trunk.dial_out]\n\
         hosts = [\"sip.example.com\"]\nnumbers = [{{ prefix = \"+\" }}]\nuser = \"us\"\npassword = {{ file = \"{}\" }}\n",
        secret.display()
    );
    let loaded = loaded(&file, &[("PBX_PASSWORD", "from the environment")], &[]).unwrap();
    assert_eq!(loaded.config.unknown_sources, UnknownSources::Challenge);
    let trunk = &loaded.config.trunks[0];
    let password = partyline_trunk::Secret::new("from the environment");
    assert_eq!(trunk.users[0].sha256, Some(partyline_trunk::Ha1::sha256("pbx", &password)));
    let out = trunk.dial_out.as_ref().unwrap();
    assert_eq!(out.credentials.as_ref().unwrap().password.reveal(), "from a file");
    for shown in [show::text(&loaded), show::json(&loaded).to_string()] {
        assert!(shown.contains("carrier") && !shown.contains("from a file"), "{shown}");
    }
}

#[test]
fn trunk_that_makes_no_sense_is_refused_with_its_line() {
    assert_eq!(
        refused(
            "[[trunk]]\nname = \"a\"\nsources = [\"192.0.2.1\"]\n[[trunk]]\nname = \"b\"\nsources = [\"192.0.2.1/32\"]\n"
        ),
        "partyline.toml:4: trunk[1]: trunk \"b\" has the source 192.0.2.1/32 of trunk \"a\"; a call from there would be of both"
    );
    assert_eq!(
        refused("[[trunk]]\nname = \"a\"\nsources = [\"192.0.2.1\"]\ncalls_max = 0\n"),
        "partyline.toml:4: trunk[0].calls_max: expected a whole number from 1 to 100000"
    );
    let error = refused("[[trunk]]\nname = \"a\"\nsources = [\"192.0.2.1/33\"]\n");
    assert!(error.starts_with("partyline.toml:3: expected an address or a network"), "{error}");
    let error = refused("[sip]\nunknown_sources = \"maybe\"\n");
    assert!(
        error.contains("partyline.toml:2") && error.contains("`allow`, `challenge`, `refuse`"),
        "{error}"
    );
    let error = refused(
        "[[trunk]]\nname = \"a\"\nusers = [{ name = \"u\", password = { env = \"NOT_SET_ANYWHERE\" } }]\n",
    );
    assert!(error.contains("NOT_SET_ANYWHERE is not set"), "{error}");
}

#[test]
fn trusted_sources_are_addresses_and_networks() {
    let trusted = [("PARTYLINE_GUESS_DEFENCE__TRUSTED_SOURCES", "203.0.113.0/24,2001:db8::7")];
    let networks = loaded("", &trusted, &[]).unwrap().config.guess_defence.trusted_sources;
    assert_eq!(
        networks.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["203.0.113.0/24", "2001:db8::7/128"]
    );
    let error = refused("[guess_defence]\ntrusted_sources = [\"203.0.113.0/40\"]\n");
    assert!(error.contains("partyline.toml:2") && error.contains("an IP address or a network"), "{error}");
}

#[test]
fn tls_needs_an_address_and_one_certificate() {
    let of = |text: &str| loaded(&format!("[sip.tls]\n{text}"), &[], &[]).unwrap().config.tls;
    let listen = "listen = [\"127.0.0.1:5061\"]\n";
    assert!(of("").is_none());
    assert!(of(&format!("{listen}self_signed = true\n")).is_some());
    assert!(of(&format!("{listen}certificate = \"a.pem\"\nkey = \"a.key\"\n")).is_some());
    for (text, expected) in [
        (listen.to_owned(), "partyline.toml:2: sip.tls.listen: expected sip.tls.certificate and sip.tls.key"),
        (format!("{listen}certificate = \"a.pem\"\n"), "partyline.toml:2: sip.tls.listen: expected"),
        (
            format!("{listen}key = \"a.key\"\nself_signed = true\n"),
            "partyline.toml:4: sip.tls.self_signed: expected either",
        ),
        ("self_signed = true\n".to_owned(), "partyline.toml:1: sip.tls: it would have no effect"),
        (
            format!("{listen}self_signed = true\nclient_certificates = \"require\"\n"),
            "partyline.toml:4: sip.tls.client_certificates: expected sip.tls.client_ca",
        ),
        (format!("{listen}self_signed = 1\n"), "partyline.toml:3: invalid type: integer"),
    ] {
        let refused = refused(&format!("[sip.tls]\n{text}"));
        assert!(refused.starts_with(expected), "{refused}");
    }
    let switched = loaded(listen_table().as_str(), &[("PARTYLINE_SIP__TLS__SELF_SIGNED", "true")], &[]);
    assert!(switched.unwrap().config.tls.is_some());
}

fn listen_table() -> String {
    "[sip.tls]\nlisten = [\"127.0.0.1:5061\"]\n".to_owned()
}

#[test]
fn each_network_has_an_external_address_that_can_be_called() {
    let entry = |address: &str| {
        format!(
            "[[sip.external]]\nnetworks = [\"0.0.0.0/0\"]\nexcept = [\"10.0.0.0/8\"]\naddress = \"{address}\"\n"
        )
    };
    let config = loaded(&entry("203.0.113.9"), &[], &[]).unwrap().config;
    assert_eq!(config.external[0].address.to_string(), "203.0.113.9");
    assert!(refused(&entry("0.0.0.0")).starts_with("partyline.toml:4: sip.external[0].address"));
    assert!(
        refused("[[sip.external]]\nnetworks = []\naddress = \"203.0.113.9\"\n")
            .starts_with("partyline.toml:2: sip.external[0].networks")
    );
}

#[test]
fn name_servers_are_addresses_with_ports() {
    let servers = [("PARTYLINE_SIP__NAMESERVERS", "192.0.2.53:53,[2001:db8::53]:5353")];
    let config = loaded("", &servers, &[]).unwrap().config;
    assert_eq!(
        config.nameservers,
        ["192.0.2.53:53".parse().unwrap(), "[2001:db8::53]:5353".parse().unwrap()]
    );
    for nonsense in ["0.0.0.0:53", "192.0.2.53:0", "192.0.2.53", "dns.example"] {
        let error = refused(&format!("[sip]\nnameservers = [\"{nonsense}\"]\n"));
        assert!(error.contains("partyline.toml:2"), "{nonsense}: {error}");
    }
}

#[test]
fn passwords_are_shown_by_the_algorithms_that_are_listed() {
    let digests = |text: &str| loaded(text, &[], &[]).unwrap().config.digests;
    assert_eq!(digests(""), partyline_vru::DIGESTS_LIKED);
    assert_eq!(digests("sip.digests = [\"md5\"]"), [partyline_vru::DigestHash::Md5]);
    let wrong = |list: &str| refused(&format!("[sip]\ndigests = {list}\n"));
    assert!(wrong("[]").contains("expected one at least"), "{}", wrong("[]"));
    assert!(wrong("[\"md5\", \"md5\"]").contains("md5 is listed twice"));
    assert!(wrong("[\"sha-1\"]").contains("expected a digest algorithm"), "{}", wrong("[\"sha-1\"]"));
}

#[test]
fn keys_are_those_of_a_preset_or_of_a_map_of_ones_own() {
    let keys = |text: &str| loaded(text, &[], &[]).unwrap().config.keys;
    assert_eq!(keys(""), partyline_call::KeyMaps::default());
    let confbridge = keys("[keypad]\nmap = \"confbridge\"\n");
    assert_ne!(confbridge, partyline_call::KeyMaps::default());
    let own = r##"
[keypad]
map = "sales"
accounts = { 00000000000000000000000001 = "confbridge" }
[keypad.maps.sales]
conference = { "*1" = "mute", "*9" = ["hands", "hand"], "#9#" = "leave" }
"##;
    let own = keys(own);
    let menu = partyline_call::Menu::Conference;
    assert_eq!(own.usual().of_menu(menu).count(), 4);
    let account = partyline_conference::AccountId::from_bits(1);
    assert_eq!(own.of(account), confbridge.usual());
}

#[test]
fn maps_of_keys_that_make_no_sense_are_refused_with_the_line() {
    let clash = "[keypad]\n\n[keypad.maps.sales]\nconference = { \"*7\" = \"lock\", \"*77\" = \"end\" }\n";
    assert_eq!(
        refused(clash),
        "partyline.toml:3: keypad.maps.sales: \"lock\" (*7) and \"end\" (*77) can't both be keys of \
         \"conference\": those of one begin those of the other"
    );
    let unknown = refused("[keypad]\nmap = \"sals\"\n");
    assert_eq!(
        unknown,
        "partyline.toml:2: keypad.map: there is no map \"sals\"; expected default, confbridge"
    );
    for (text, part) in [
        ("[keypad.maps.default]\n", "comes with the product"),
        ("[keypad.maps.a]\nlike = \"b\"\n", "there is no preset \"b\"; expected default or confbridge"),
        ("[keypad.maps.a]\nroll_call = { 1 = 2 }\n", "expected the name of a command, or a list of names"),
        ("[keypad]\naccounts = { x = \"default\" }\n", "keypad.accounts.x: an identifier is 26 characters"),
        ("[keypad]\nkeys = 1\n", "keys"),
    ] {
        let told = refused(text);
        assert!(told.contains(part), "{text}: {told}");
    }
}

#[test]
fn dialling_out_is_read_and_nonsense_about_it_is_refused_where_it_stands() {
    let text = "[dial_out]\nallowed = [\"+49\"]\ncountry_code = \"49\"\nhosts = \"pin\"\noperator = \"sip:desk@example.org\"\n";
    let rules = loaded(text, &[], &[]).unwrap().config.dial_out;
    let number = partyline_conference::DialTarget::number("030123456").unwrap();
    assert_eq!(rules.fault_of(&number, &[]), None, "a national number is judged as an international one");
    assert_eq!(rules.hosts, partyline_conference::DiallingHosts::Pin);
    assert!(rules.operator.as_ref().unwrap().is_address());
    for (text, part) in [
        ("[dial_out]\n\nallowed = [\"abc\"]\n", "partyline.toml:3: "),
        ("[dial_out]\nhosts = \"some\"\n", "\"any\" or \"pin\""),
        ("[dial_out]\noperator = \"desk\"\n", "a number or a SIP address"),
        ("[dial_out]\ncountry_code = \"0049\"\n", "dial_out.country_code: expected 1 to 3 digits"),
        ("[dial_out]\nnational_prefix = \"x\"\n", "dial_out.national_prefix: expected at most 8 digits"),
        ("[dial_out]\ncall_max = \"0s\"\n", "dial_out.call_max: expected a time of at most 24h"),
        (
            "[dial_out]\noperator_ring_max = \"4m\"\n",
            "dial_out.operator_ring_max: expected a time of at most 3m",
        ),
        ("[dial_out]\nconference_max = 0\n", "partyline.toml:2"),
    ] {
        let told = refused(text);
        assert!(told.contains(part), "{text}: {told}");
    }
}

#[test]
fn a_database_on_a_server_is_read_with_its_password_and_shown_without_it() {
    let file = "[store]\nurl = \"postgresql://us@one,two:5433/conferences\"\nwrite_max = \"8s\"\n";
    let loaded = loaded(file, &[("PARTYLINE_STORE__PASSWORD", "correct horse")], &[]).unwrap();
    let server = loaded.config.store.clone().unwrap();
    let settings = server.settings().unwrap();
    assert!(settings.url.has_password());
    assert_eq!(settings.url.to_string(), "postgresql://us@one:5432,two:5433/conferences");
    assert_eq!((settings.connections_max, settings.write_max), (16, Duration::from_secs(8)));
    assert!(matches!(
        settings.tls,
        partyline_store::PostgresTls::On { trust: partyline_tls::Trust::System, .. }
    ));
    let shown = show::text(&loaded) + &show::json(&loaded).to_string() + &format!("{loaded:?} {settings:?}");
    assert!(!shown.contains("correct horse"), "{shown}");
    assert!(load(&Inputs::default()).unwrap().config.store.is_none());
}

#[test]
fn a_database_that_can_t_be_meant_is_refused() {
    let url = "url = \"postgresql://us@host/conferences\"\n";
    let refused_store = |more: &str| refused(&format!("[store]\n{more}"));
    assert!(refused_store("url = \"conferences.db\"").contains("expected a database such as"));
    assert!(
        refused_store("url = \"postgresql://us:word@host/name\"").contains("it belongs into store.password")
    );
    assert!(refused_store("password = \"word\"").contains("store.url names no server"));
    assert!(refused_store(&format!("{url}write_max = \"2m\"")).contains("from \"100ms\" to \"60s\""));
    assert!(refused_store(&format!("{url}connections_max = 1")).contains("2"));
    assert!(
        refused_store(&format!("{url}tls = \"off\"\nca = \"ca.pem\""))
            .contains("store.tls is not \"verify\"")
    );
    assert!(
        refused_store(&format!("{url}key = \"us.key\"")).contains("store.certificate and store.key together")
    );
    assert!(refused_store(&format!("{url}password = {{ file = \"/nowhere\" }}")).contains("can't be read"));
    let encrypted = loaded(&format!("[store]\n{url}tls = \"encrypt\""), &[], &[]).unwrap();
    let settings = encrypted.config.store.unwrap().settings().unwrap();
    assert!(matches!(
        settings.tls,
        partyline_store::PostgresTls::On { trust: partyline_tls::Trust::Anyone, .. }
    ));
}

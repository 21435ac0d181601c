//! Every setting with its words: what the environment may name, and what the reference is made from.

/// How the environment spells a setting's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// As it is.
    Text,
    /// A whole number.
    Number,
    /// `true` or `false`.
    Switch,
    /// Several, with commas between.
    List,
    /// A TOML value.
    Toml,
    /// A key within a repeated table; the environment gives the whole table.
    Inner,
}

/// One setting.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting {
    /// Its key; `[]` stands for each entry of a repeated table.
    pub(crate) key: &'static str,
    /// How the environment spells it.
    pub(crate) kind: Kind,
    /// The flag that sets it.
    pub(crate) flag: Option<&'static str>,
    /// What it is for.
    pub(crate) doc: &'static str,
    /// The default in words, where it has no value of its own.
    pub(crate) unset: &'static str,
    /// A value for the sample file, where the default shows nothing.
    pub(crate) example: &'static str,
}

impl Setting {
    /// The section of the file that it stands in, and its name there.
    pub(crate) fn place(&self) -> (&'static str, &'static str) {
        let cut = self.key.find("[].").map(|at| at + 2).or_else(|| self.key.rfind('.'));
        cut.map_or(("", self.key), |cut| (&self.key[..cut], &self.key[cut + 1..]))
    }

    /// The environment variable that sets it; none for what stands within a repeated table.
    pub(crate) fn variable(&self) -> Option<String> {
        (self.kind != Kind::Inner)
            .then(|| format!("PARTYLINE_{}", self.key.replace('.', "__").to_uppercase()))
    }
}

const fn setting(key: &'static str, kind: Kind, doc: &'static str) -> Setting {
    Setting { key, kind, flag: None, doc, unset: "", example: "" }
}

impl Setting {
    const fn flag(self, flag: &'static str) -> Self {
        Self { flag: Some(flag), ..self }
    }

    const fn unset(self, unset: &'static str, example: &'static str) -> Self {
        Self { unset, example, ..self }
    }
}

/// The variable that names the file itself; it is no setting of the file.
pub(crate) const FILE_VARIABLE: &str = "PARTYLINE_CONFIG";

/// All of them, in the order of the sample file.
pub(crate) const SETTINGS: &[Setting] = &[
    setting("data_dir", Kind::Text, "Where the database, the secrets and the admin socket are kept. Made at the first start, for its owner only.")
        .flag("--data-dir"),
    setting("store.url", Kind::Text, "The PostgreSQL database that holds rooms, conferences and records: user, servers, database. Of several servers the one that takes writes is used: after a failover the promoted one. `partyline store migrate` makes its tables, and so does `partyline serve`; `partyline store copy` brings what a file holds. It holds hashes of codes under the lookup key in the data folder's `secrets.toml`.")
        .unset("a SQLite file in the data folder", "\"postgresql://partyline@db1:5432,db2:5432/partyline\""),
    setting("store.password", Kind::Text, "The user's password: a text, `{ env = \"VARIABLE\" }` or `{ file = \"/path\" }`.")
        .unset("none", "\"correct horse\""),
    setting("store.tls", Kind::Text, "How connections to the database are kept secret: \"verify\" (TLS, and the server's certificate is checked for its name), \"encrypt\" (TLS, whoever answers) or \"off\". Unix sockets need none."),
    setting("store.ca", Kind::Text, "Who vouches for the database's certificate: a PEM file.").unset("whom the system trusts", "\"/etc/partyline/db-ca.pem\""),
    setting("store.certificate", Kind::Text, "The certificate that is shown to the database, a PEM file with those that lead to its issuer.").unset("none", "\"/etc/partyline/db.pem\""),
    setting("store.key", Kind::Text, "Its key, a PEM file.").unset("none", "\"/etc/partyline/db.key\""),
    setting("store.connections_max", Kind::Number, "Connections to the database, 2 to 200; up to half of them write. One more carries change signals."),
    setting("store.connect_max", Kind::Text, "How long each server of `store.url` may take to answer."),
    setting("store.statement_max", Kind::Text, "How long the database may take for a statement; one that takes longer is given up, its locks are let go."),
    setting("store.write_max", Kind::Text, "How long a write is tried again while the database is away, or others are in its way, before it is refused."),
    setting("sip.listen", Kind::List, "Addresses on which calls come in, each on UDP and TCP. Port 0 takes any free port. Used by the VRU that has no `sip_listen` of its own.")
        .flag("--sip-listen"),
    setting("sip.external_address", Kind::Text, "The address that callers reach us at, where a router translates ours. It is written into SIP and SDP.")
        .unset("the address that a call came in on", "\"203.0.113.7\""),
    setting("sip.digests", Kind::List, "Algorithms in which callers may show a password, the one we like best first: \"sha-256\", \"md5\". Some old telephones give up where anything but MD5 is offered: `[\"md5\"]` lets them in."),
    setting("sip.nameservers", Kind::List, "Name servers, each with its port, that know where trunks, registrars and the contacts of redirections are (NAPTR, SRV, A, AAAA).")
        .unset("those of the system", "[\"192.0.2.53:53\"]"),
    setting("sip.codecs", Kind::List, "Codecs that callers may use, the one we like best first: \"pcmu\", \"pcma\", \"g722\", \"opus\". A caller gets the first of these among theirs. Opus survives losses best and costs most; with it and G.722 callers hear each other in wide band, which G.711 can not."),
    setting("sip.calls_max", Kind::Number, "Most calls at once for each VRU, 1 to 100000; further ones are refused with 503."),
    setting("sip.session_expires", Kind::Text, "How long a call stays up without a sign of life (session timers, RFC 4028), up to \"24h\": the caller or we refresh it in time, and a call that nobody refreshes is hung up. \"none\" does without."),
    setting("sip.session_min", Kind::Text, "The shortest such time that a caller may ask for; less is refused with 422. RFC 4028 forbids less than 90 s: that is for trials, and the log says so."),
    setting("sip.unknown_sources", Kind::Text, "What becomes of calls that belong to no trunk: \"allow\" lets them in to the code prompt, \"challenge\" asks them for the password of a trunk's user, \"refuse\" refuses them. None of them can ever dial out."),
    setting("sip.tls.listen", Kind::List, "Addresses on which calls come in over TLS, such as \"0.0.0.0:5061\". They belong to the VRU that takes `sip.listen`. Calling others over TLS needs one too, as they call back.")
        .flag("--sip-tls-listen").unset("none", "[\"0.0.0.0:5061\"]"),
    setting("sip.tls.certificate", Kind::Text, "A PEM file: our certificate, and behind it those that lead to its issuer. It is read again when it changes; a new one that can't be used leaves the old one in force, and the log says why.")
        .unset("none", "\"/etc/partyline/sip.pem\""),
    setting("sip.tls.key", Kind::Text, "A PEM file: the certificate's private key.")
        .unset("none", "\"/etc/partyline/sip.key\""),
    setting("sip.tls.self_signed", Kind::Switch, "For trials: shows a certificate of our own making, which is kept in the data directory and made anew before it ends. Nobody vouches for it."),
    setting("sip.tls.client_certificates", Kind::Text, "Whether callers over TLS have to show a certificate: \"none\" asks for none, \"request\" takes callers without one, \"require\" does not. A wrong one is always refused."),
    setting("sip.tls.client_ca", Kind::Text, "A PEM file: the certificates of those who vouch for callers.")
        .unset("none", "\"/etc/partyline/carriers.pem\""),
    setting("sip.tls.ca", Kind::Text, "A PEM file: the certificates of those who vouch for whom we call over TLS.")
        .unset("whom the system trusts", "\"/etc/partyline/ca.pem\""),
    setting("sip.external", Kind::Toml, "What callers of some networks are told as our address, one table each; the first that covers a caller holds, before `sip.external_address`. Callers on this machine are never told one.")
        .unset("none", ""),
    setting("sip.external[].networks", Kind::Inner, "The callers' networks.").unset("must be given", "[\"0.0.0.0/0\"]"),
    setting("sip.external[].except", Kind::Inner, "Networks within these whose callers reach us without translation.").unset("none", "[\"10.0.0.0/8\", \"192.168.0.0/16\"]"),
    setting("sip.external[].address", Kind::Inner, "The address that they are told, in SIP and SDP.").unset("must be given", "\"203.0.113.9\""),
    setting("guess_defence.trusted_sources", Kind::List, "Addresses and networks of trunks, whose callers are told apart by their number and the number dialled, and who may have more calls and connections at once than a stranger. Wrong codes from anywhere else count per source address.")
        .unset("none", "[\"203.0.113.0/24\", \"2001:db8::7\"]"),
    setting("guess_defence.free", Kind::Number, "Wrong codes from one source that cost no time, 0 to 100: people mistype."),
    setting("guess_defence.delay", Kind::Text, "The delay behind the next wrong code; each further one doubles it."),
    setting("guess_defence.delay_max", Kind::Text, "The longest delay."),
    setting("guess_defence.lockout_after", Kind::Number, "Wrong codes after which no code is taken from that source, 1 to 1000."),
    setting("guess_defence.lockout", Kind::Text, "How long a source is locked out."),
    setting("guess_defence.forget", Kind::Text, "In how long as many wrong codes as lock out are forgotten, one by one."),
    setting("rtp.ports", Kind::Text, "UDP ports for audio, both ends included; a call takes two. Keep them below the kernel's ephemeral ports (`sysctl net.ipv4.ip_local_port_range`).")
        .flag("--rtp-ports"),
    setting("rtp.srtp", Kind::Text, "Whether callers' audio is encrypted (SRTP, keys in SDP): \"prefer\" takes what a caller offers, \"require\" refuses callers without it with 488, \"refuse\" knows none. Keys are as secret as the signalling: use it with TLS."),
    setting("rtp.threads", Kind::Number, "Media threads, 1 to 64.")
        .unset("one for each core", "2"),
    setting("rtp.io", Kind::Text, "By what media threads receive and send: \"io_uring\" (Linux 6.1 and newer) costs least where it is allowed, \"plain\" sockets always work. \"auto\" tries io_uring at the start and takes plain sockets where it does not work; many containers forbid it. The log and `partyline doctor` say which it is, and why."),
    setting("http.listen", Kind::Text, "Where `/readyz`, `/healthz` and `/metrics` are answered. There is no password: keep it on an address that only your monitoring reaches.")
        .flag("--http-listen"),
    setting("cms.interface_servers", Kind::Number, "Interface servers of conferencing, 1 to 16. Two keep taking callers while one is stopped."),
    setting("linetest.interface_servers", Kind::Number, "Interface servers of the line test, 1 to 16."),
    setting("sound.agc", Kind::Switch, "Whether soft and loud talkers are made as loud as each other (automatic gain control), by 12 dB less to 18 dB more. Only speech moves a gain: tones and noise stay as they come. Rooms may want it off (`partyline room set NAME --agc off`)."),
    setting("sound.hum_filter", Kind::Switch, "Whether an offset of the line and the hum of mains at 50 and 60 Hz are taken from voices."),
    setting("sound.comfort_noise", Kind::Switch, "Whether a conference in which nobody talks is a soft noise (-68 dBov), so that the line does not seem dead."),
    setting("sound.noise_suppression", Kind::Switch, "Whether rooms may have the noise behind voices taken away (`partyline room set NAME --noise-suppression on`): by 18 dB at most, 6 ms later, for a quarter of a megabyte a room and about 15 µs of a core for every 10 ms that somebody talks."),
    setting("prompts.language", Kind::Text, "The language of prompts where the dialled number says nothing."),
    setting("prompts.directory", Kind::Text, "A folder of WAV files (mono, 16 bit) that replace our prompts by name: `greeting.wav` or `en/greeting.wav`.")
        .unset("none", "\"/etc/partyline/prompts\""),
    setting("prompts.asterisk_pack", Kind::Text, "The folder of an installed `asterisk-core-sounds-*` pack, whose sounds replace ours where a name of theirs fits.")
        .unset("none", "\"/usr/share/asterisk/sounds/en\""),
    setting("keypad.map", Kind::Text, "What callers' keys mean: \"default\", \"confbridge\" (near to what callers of Asterisk's ConfBridge know), or a map of `keypad.maps`. `**` speaks the keys in force."),
    setting("keypad.maps", Kind::Toml, "Maps of your own, one table each by name: `like` names the preset that it begins with, and each menu that it names (`conference`, `options`, `volume`, `roll_call`, `hands`, `ending`, `aside`) has these keys and no others. A key that means one thing to hosts and another to participants has both in a list. Keys of one command that begin those of another are refused.")
        .unset("none", "{ sales = { like = \"default\", conference = { \"*1\" = \"mute\", \"*2\" = [\"hands\", \"hand\"], \"#9#\" = \"leave\" } } }"),
    setting("keypad.accounts", Kind::Toml, "Accounts with a map of their own, by the account's identifier, as `room show` tells it.")
        .unset("none", "{ 00000000000000000000000001 = \"sales\" }"),
    setting("dial_out.allowed", Kind::List, "What numbers may begin with that hosts have called, as they are keyed or in their international form; empty allows all that are not denied. Rooms dial out only where `room set --dial-out on` says so, through trunks with `dial_out`.")
        .unset("empty", "[\"+49\", \"+43\"]"),
    setting("dial_out.denied", Kind::List, "What numbers may not begin with, whatever else allows them.")
        .unset("empty", "[\"+49900\", \"0190\"]"),
    setting("dial_out.emergency", Kind::List, "Emergency numbers: nobody is called from a conference there, also not behind zeros, a digit for an outside line or a country's code."),
    setting("dial_out.country_code", Kind::Text, "The country's code, by which national numbers are judged as international ones.")
        .unset("none", "\"49\""),
    setting("dial_out.international_prefix", Kind::Text, "What is dialled before a number of another country."),
    setting("dial_out.national_prefix", Kind::Text, "What is dialled before a number of another area; empty where there is no such thing."),
    setting("dial_out.hosts", Kind::Text, "Which hosts may have others called: \"any\", or those of rooms that ask for a host PIN (\"pin\")."),
    setting("dial_out.conference_max", Kind::Number, "Most callees of one conference at once."),
    setting("dial_out.account_max", Kind::Number, "Most callees of one account at once."),
    setting("dial_out.day_max", Kind::Text, "Most time that callees of one account may take within 24 hours, all together; \"none\" sets no limit."),
    setting("dial_out.call_max", Kind::Text, "The longest that one callee may stay."),
    setting("dial_out.operator", Kind::Text, "The operator, whom `*0` calls: a number, or a SIP address. A room may name another one.")
        .unset("none", "\"sip:desk@example.org\""),
    setting("dial_out.operator_ring_max", Kind::Text, "How long an operator is rung who has a SIP address; a number rings as its trunk says."),
    setting("dial_out.operators_max", Kind::Number, "Most calls of one conference to the operator at once."),
    setting("retention.conferences", Kind::Text, "How long ended conferences are kept, with their conferees; \"none\" keeps them for ever."),
    setting("retention.events", Kind::Text, "How long events are kept."),
    setting("retention.attempts", Kind::Text, "How long refused tries are kept."),
    setting("retention.commands", Kind::Text, "How long commands are kept."),
    setting("log.format", Kind::Text, "\"text\" for people, \"json\" for machines. The log goes to standard error."),
    setting("log.filter", Kind::Text, "What is logged: a level, or levels by part (`info,partyline_vru=debug`)."),
    setting("dnis", Kind::Toml, "What a dialled number leads to: an application (`conferencing`, `linetest`), or a table with `application`, `language`, `room` (codes of other rooms are unknown there) and `code` (callers enter without being asked for one). A number that is not here, and is no room's code, leads to conferencing.")
        .unset("empty", "{ linetest = \"linetest\", 18005551234 = { language = \"en\", room = \"demo\" } }"),
    setting("mixer", Kind::Toml, "The mixers of this process, one table each.")
        .unset("one, \"mixer-1\" of class \"standard\"", ""),
    setting("mixer[].id", Kind::Inner, "The mixer's name, unique among all roles.").unset("must be given", "\"mixer-1\""),
    setting("mixer[].class", Kind::Inner, "The class of rooms whose conferences it takes.").unset("\"standard\"", "\"standard\""),
    setting("mixer[].seats_max", Kind::Inner, "Most callers on it at once, 1 to 100000.").unset("1000", "1000"),
    setting("vru", Kind::Toml, "The VRUs of this process, one table each.")
        .unset("one, \"vru-1\" on `sip.listen`", ""),
    setting("vru[].id", Kind::Inner, "The VRU's name, unique among all roles.").unset("must be given", "\"vru-1\""),
    setting("vru[].sip_listen", Kind::Inner, "Addresses on which its calls come in. One VRU may leave it out and takes `sip.listen`.")
        .unset("`sip.listen`", "[\"0.0.0.0:5070\"]"),
    setting("trunk", Kind::Toml, "Peers and providers, one table each: who may call, what their numbers mean, how to dial out through them. Those that are made by `partyline trunk create` stand beside these, with the same keys. Each call belongs to one trunk at most: what two of them claim is refused with both names.")
        .unset("none", ""),
    setting("trunk[].name", Kind::Inner, "The trunk's name, unique among trunks.").unset("must be given", "\"carrier\""),
    setting("trunk[].sources", Kind::Inner, "Addresses and networks that its calls come in from. The smallest network that holds an address decides.")
        .unset("none", "[\"203.0.113.0/24\", \"2001:db8::7\"]"),
    setting("trunk[].tls_peers", Kind::Inner, "Names in the TLS certificates of those who call; they say more than an address.")
        .unset("none", "[\"sbc.example.com\"]"),
    setting("trunk[].users", Kind::Inner, "Callers who show a password: `name` and `password`, or the hash of `name:partyline:password` as `md5` and `sha256`. Only hashes are kept. Where the trunk has sources or TLS peers too, a call needs both; without them users are asked where `sip.unknown_sources` is \"challenge\". Passwords here and below are texts, `{ env = \"VARIABLE\" }` or `{ file = \"/path\" }`.")
        .unset("none", "[{ name = \"pbx\", password = \"correct horse\" }]"),
    setting("trunk[].trusts_identity", Kind::Inner, "Whether the caller's number in P-Asserted-Identity is believed. Else it is that of From, which anybody can write.")
        .unset("false", "true"),
    setting("trunk[].calls_max", Kind::Inner, "Most of its calls at once, both ways together, 1 to 100000; further ones are refused with 486.")
        .unset("no limit", "30"),
    setting("trunk[].calls_per_second_max", Kind::Inner, "Most of its new calls in a second, 1 to 100000; further ones are refused with 480.")
        .unset("no limit", "5"),
    setting("trunk[].codecs", Kind::Inner, "Codecs, the one that is liked best first: PCMU, PCMA, G722, OPUS.")
        .unset("all that there are", "[\"PCMA\", \"PCMU\"]"),
    setting("trunk[].media_security", Kind::Inner, "Encrypted media: \"refuse\", \"prefer\" or \"require\".")
        .unset("`rtp.srtp`", "\"require\""),
    setting("trunk[].language", Kind::Inner, "The language of prompts where its numbers say nothing.").unset("`prompts.language`", "\"en\""),
    setting("trunk[].number_plan", Kind::Inner, "How numbers are dialled there, so that they are read as international ones: `country_code`, `international_prefix` (\"00\"), `national_prefix` (\"0\").")
        .unset("none: numbers are taken as they are dialled", "{ country_code = \"49\" }"),
    setting("trunk[].numbers", Kind::Inner, "What its numbers lead to: tables with `number` (one, or its beginning and `*`; the longest that fits decides), and as in `dnis` `application`, `language`, `room`, `code`. The number is looked for in the Request-URI, then in To, then in what was called before a diversion. A number that is not here is looked up in `dnis`.")
        .unset("none", "[{ number = \"+1800555*\", room = \"demo\" }, { number = \"600\", application = \"linetest\" }]"),
    setting("trunk[].dial_out.hosts", Kind::Inner, "Where its outgoing calls go, the host that is liked best first: names, which are looked up as RFC 3263 says, or addresses, each with a port where need be. A host that can't take a call is followed by the next, which is called by its own name and, over TLS, has to show a certificate for it. Without `dial_out` nobody dials out through the trunk.")
        .unset("must be given with `dial_out`", "[\"sip.example.com\"]"),
    setting("trunk[].dial_out.numbers", Kind::Inner, "Which numbers go through it: tables with `prefix` (what they begin with), `strip` (how many characters are taken off at the front) and `add` (what is put in front then). Of all trunks the one with the longest prefix is tried first.")
        .unset("must be given with `dial_out`", "[{ prefix = \"+1\", strip = 2 }, { prefix = \"+\", strip = 1, add = \"011\" }]"),
    setting("trunk[].dial_out.transport", Kind::Inner, "How they travel: \"udp\", \"tcp\" or \"tls\".").unset("as the DNS says, else UDP", "\"udp\""),
    setting("trunk[].dial_out.caller_number", Kind::Inner, "The number that callees see where nobody says another.").unset("none", "\"+18005550100\""),
    setting("trunk[].dial_out.user", Kind::Inner, "The name that is shown with the password, where one is asked for.").unset("none", "\"us\""),
    setting("trunk[].dial_out.password", Kind::Inner, "The password.").unset("none", "\"correct horse\""),
    setting("trunk[].dial_out.follows_redirects", Kind::Inner, "Whether a 3xx is followed.").unset("false", "false"),
    setting("trunk[].dial_out.priority", Kind::Inner, "Of trunks that a number fits alike the one with the lowest priority is tried first, 0 to 65535.").unset("100", "100"),
    setting("trunk[].dial_out.ring_max", Kind::Inner, "How long a callee may ring.").unset("\"60s\"", "\"60s\""),
    setting("trunk[].register.registrar", Kind::Inner, "Where to register, so that calls come in: a host as above.").unset("none: no registration", "\"sip.example.com\""),
    setting("trunk[].register.transport", Kind::Inner, "How the requests travel: \"udp\", \"tcp\" or \"tls\".").unset("as the DNS says, else UDP", "\"udp\""),
    setting("trunk[].register.user", Kind::Inner, "The number or name that is registered.").unset("must be given with `register`", "\"4711\""),
    setting("trunk[].register.auth_user", Kind::Inner, "The name that is shown with the password, where it is another.").unset("that of `register.user`", "\"us\""),
    setting("trunk[].register.password", Kind::Inner, "The password.").unset("none", "\"correct horse\""),
    setting("trunk[].register.expires", Kind::Inner, "For how long each time; it is renewed well before.").unset("\"1h\"", "\"1h\""),
];

/// The setting that a variable names.
pub(crate) fn by_variable(variable: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.variable().as_deref() == Some(variable))
}

/// The known variable that is spelled most like this one, if any is near.
pub(crate) fn nearest_variable(variable: &str) -> Option<String> {
    SETTINGS
        .iter()
        .filter_map(Setting::variable)
        .chain([FILE_VARIABLE.to_owned()])
        .map(|known| (distance(variable, &known), known))
        .min()
        .filter(|(distance, _)| *distance <= 8)
        .map(|(_, known)| known)
}

/// Single-letter edits between two short texts (Levenshtein).
fn distance(from: &str, to: &str) -> usize {
    let to = to.as_bytes();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    // A variable is at most as long as the environment allows; 256 is beyond every near one.
    for (line, byte) in from.bytes().take(256).enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (column, other) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(byte != *other);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_in_a_variable_finds_the_one_that_was_meant() {
        assert_eq!(nearest_variable("PARTYLINE_SIP_LISTEN").as_deref(), Some("PARTYLINE_SIP__LISTEN"));
        assert_eq!(nearest_variable("PARTYLINE_DATADIR").as_deref(), Some("PARTYLINE_DATA_DIR"));
        assert_eq!(nearest_variable("PARTYLINE_SOMETHING_ELSE_ENTIRELY"), None);
    }

    #[test]
    fn only_what_stands_within_a_table_has_no_variable() {
        for setting in SETTINGS {
            assert_eq!(setting.variable().is_none(), setting.key.contains("[]"), "{}", setting.key);
        }
    }
}

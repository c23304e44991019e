//! Mails over real connections: encrypted or refused, whole and harmless, with a chart.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::tz::{Offset, TimeZone};
use watchpost_alerter::alert::SECOND;
use watchpost_alerter::labels::Labels;
use watchpost_alerter::pipeline::delivery::Failure;
use watchpost_alerter::pipeline::notification::Notification;
use watchpost_alerter::presentation::Presentation;
use watchpost_alerter::receivers::{Delivered, SeriesHistory, Surroundings, send};
use watchpost_alerter::rule_file::parse;
use watchpost_client::{Client, ClientConfig, TokenSource};
use watchpost_testkit::{Authority, HttpReceiver, Mail, Refusal, SmtpReceiver, temp_folder};

use crate::messages::worse;
use crate::receivers::{NOW, message, surroundings};

const PASSWORD: &str = "the-password";

/// Sends the message to a mail server; `more` are further keys of the receiver.
fn deliver(
    server: &SmtpReceiver,
    more: &str,
    around: impl FnOnce(Surroundings) -> Surroundings,
    message: &Notification,
) -> Result<String, Failure> {
    let around = around(surroundings_of(&[("PW", PASSWORD.to_owned())]));
    deliver_whole(server, more, around, message).map(|delivered| delivered.answer)
}

fn surroundings_of(secrets: &[(&str, String)]) -> Surroundings {
    surroundings(temp_folder().path(), secrets)
}

fn deliver_whole(
    server: &SmtpReceiver,
    more: &str,
    around: Surroundings,
    message: &Notification,
) -> Result<Delivered, Failure> {
    let text = format!(
        "[route]\nreceiver = \"ops\"\n[[receiver]]\nname = \"ops\"\nkind = \"email\"\nhost = \"127.0.0.1\"\n\
         port = {}\nfrom = \"Watch <w@example.org>\"\nto = [\"ops@example.org\", \"Ann <ann@example.org>\"]\n{more}",
        server.address().port()
    );
    let file = parse(&text).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(send(&file.receivers["ops"], message, &around))
}

fn with_login(security: &str, authority: &Authority) -> (tempfile::TempDir, String) {
    let folder = temp_folder();
    let file = folder.path().join("ca.pem");
    std::fs::write(&file, authority.pem()).unwrap();
    let keys = format!(
        "security = \"{security}\"\nusername = \"u\"\npassword_env = \"PW\"\nca_file = \"{}\"\n",
        file.display()
    );
    (folder, keys)
}

#[test]
fn mail_goes_encrypted_to_a_server_of_a_trusted_authority() {
    let authority = Authority::new();
    let config = authority.server("127.0.0.1");
    for (security, server) in [
        ("starttls", SmtpReceiver::with_starttls(config.clone())),
        ("tls", SmtpReceiver::with_tls(config)),
    ] {
        let (_folder, keys) = with_login(security, &authority);
        deliver(&server, &keys, |around| around, &message()).unwrap();
        let mail = server.mails.wait(1)[0].clone();
        let login = STANDARD.encode(format!("\0u\0{PASSWORD}"));
        assert_eq!(mail.auth, Some(format!("PLAIN {login}")), "{security}");
        assert!(mail.encrypted, "{security}");
        assert_eq!(mail.to, ["ops@example.org", "ann@example.org"]);
    }
}

#[test]
fn a_server_that_cannot_be_trusted_learns_no_password() {
    let authority = Authority::new();
    let wrong_name = authority.server("mail.example.org");
    let of_another = Authority::new().server("127.0.0.1");
    let servers = [
        ("starttls", SmtpReceiver::with_starttls(wrong_name.clone())),
        ("tls", SmtpReceiver::with_tls(wrong_name)),
        ("starttls", SmtpReceiver::with_starttls(of_another.clone())),
        ("tls", SmtpReceiver::with_tls(of_another)),
        // It does not offer TLS at all.
        ("starttls", SmtpReceiver::with_auth()),
        ("tls", SmtpReceiver::with_auth()),
    ];
    for (security, server) in servers {
        let (_folder, keys) = with_login(security, &authority);
        let failure = deliver(&server, &keys, |around| around, &message()).unwrap_err();
        assert!(failure.retry, "it may be mended: {failure:?}");
        assert!(!failure.reason.contains(PASSWORD), "{failure:?}");
        let commands = server.commands.all();
        assert!(
            !commands.iter().any(|line| line.starts_with("AUTH")),
            "{commands:?}"
        );
        assert!(server.mails.all().is_empty());
    }
}

#[test]
fn a_bad_ca_file_is_named() {
    let server = SmtpReceiver::with_auth();
    let keys = "security = \"tls\"\nca_file = \"absent.pem\"\n";
    let failure = deliver(&server, keys, |around| around, &message()).unwrap_err();
    assert!(failure.reason.contains("absent.pem"), "{failure:?}");
    let refused = parse(
        "[route]\nreceiver = \"m\"\n[[receiver]]\nname = \"m\"\nkind = \"email\"\nhost = \"h\"\nfrom = \"a@b\"\n\
         to = [\"c@d\"]\nsecurity = \"none\"\nca_file = \"x\"\n",
    );
    assert!(refused.unwrap_err().to_string().contains("has no effect"));
}

#[test]
fn what_a_mail_server_answers_says_whether_trying_again_helps() {
    for (reply, retry) in [("451 greylisted", true), ("550 no such user", false)] {
        let server = SmtpReceiver::open();
        server.refuse(1, reply);
        let failure = deliver(&server, "security = \"none\"\n", |a| a, &message()).unwrap_err();
        assert_eq!(failure.retry, retry, "{failure:?}");
    }
}

/// An address that the server refuses keeps the mail from no other.
#[test]
fn each_address_is_refused_for_itself() {
    let server = SmtpReceiver::open();
    let plain = "security = \"none\"\n";
    server.refuse_recipient("ann@example.org", "550 5.1.1 no such user");
    let taken = deliver_whole(&server, plain, surroundings_of(&[]), &message()).unwrap();
    assert_eq!(server.mails.wait(1)[0].to, ["ops@example.org"]);
    assert_eq!(taken.failed.len(), 1, "{taken:?}");
    assert!(
        taken.failed[0].contains("ann@example.org") && taken.failed[0].contains("no such user")
    );

    server.refuse_recipient("ops@example.org", "550 5.1.1 no such user");
    let failure = deliver_whole(&server, plain, surroundings_of(&[]), &message()).unwrap_err();
    assert!(
        !failure.retry && failure.reason.contains("ops@example.org"),
        "{failure:?}"
    );
}

/// One that is greylisted gets it at the next attempt, alone.
#[test]
fn who_is_asked_for_later_gets_the_mail_later() {
    let server = SmtpReceiver::open();
    let plain = "security = \"none\"\n";
    let around = surroundings_of(&[]);
    server.refuse_recipient("ann@example.org", "451 greylisted");
    let failure = deliver_whole(&server, plain, around.clone(), &message()).unwrap_err();
    assert!(
        failure.retry && failure.reason.contains("ann@example.org"),
        "{failure:?}"
    );
    assert_eq!(server.mails.wait(1)[0].to, ["ops@example.org"]);

    server.refuse_recipient("ann@example.org", "");
    deliver_whole(&server, plain, around, &message()).unwrap();
    assert_eq!(server.mails.wait(2)[1].to, ["ann@example.org"]);
}

#[test]
fn no_value_becomes_a_header_or_markup() {
    let server = SmtpReceiver::open();
    let mut message = message();
    let evil = "</td><script>alert(1)</script>\r\nBcc: evil@example.org\r\n\r\n.\r\nMAIL FROM:<x>";
    message.alerts[0]
        .annotations
        .insert("summary".to_owned(), evil.to_owned());
    deliver(&server, "security = \"none\"\n", |around| around, &message).unwrap();
    let mail = server.mails.wait(1)[0].clone();
    let headers = mail.data.split_once("\n\n").unwrap().0;
    let names: Vec<&str> = headers
        .lines()
        .filter(|line| !line.starts_with([' ', '\t']))
        .map(|line| line.split_once(':').unwrap().0)
        .collect();
    for name in [
        "Subject",
        "Message-ID",
        "Date",
        "Auto-Submitted",
        "References",
    ] {
        assert!(names.contains(&name), "{name}: {headers}");
    }
    assert!(!names.contains(&"Bcc"), "{headers}");
    assert_eq!((server.mails.len(), mail.to.len()), (1, 2));
    let html = part(&mail, "text/html");
    assert!(!html.contains("<script>"), "{html}");
    assert!(
        html.contains("&lt;script&gt;alert(1)&lt;/script&gt;"),
        "{html}"
    );
}

/// The text of a part, whatever its encoding.
fn part(mail: &Mail, kind: &str) -> String {
    let after = mail
        .data
        .split_once(&format!("Content-Type: {kind}"))
        .unwrap()
        .1;
    let (headers, body) = after.split_once("\n\n").unwrap();
    let body = body.split("\n--").next().unwrap();
    if headers.contains("base64") {
        return String::from_utf8(from_base64(body)).unwrap();
    }
    if !headers.contains("quoted-printable") {
        return body.to_owned();
    }
    let joined = body.replace("=\n", "");
    let mut bytes = Vec::new();
    let mut rest = joined.as_str();
    while let Some((before, after)) = rest.split_once('=') {
        bytes.extend_from_slice(before.as_bytes());
        bytes.push(u8::from_str_radix(&after[..2], 16).unwrap());
        rest = &after[2..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).unwrap()
}

fn from_base64(text: &str) -> Vec<u8> {
    let clean: String = text.split_whitespace().collect();
    STANDARD.decode(clean).unwrap()
}

/// A picture as rows of pixels.
struct Picture {
    width: usize,
    pixels: Vec<[u8; 3]>,
}

impl Picture {
    fn of(mail: &Mail) -> Picture {
        let after = mail.data.split_once("Content-Type: image/png").unwrap().1;
        let body = after.split_once("\n\n").unwrap().1;
        let file = from_base64(body.split("\n--").next().unwrap());
        if let Some(path) = std::env::var_os("WATCHPOST_SHOW_CHART") {
            std::fs::write(path, &file).unwrap();
        }
        let mut reader = png::Decoder::new(std::io::Cursor::new(file))
            .read_info()
            .unwrap();
        let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
        let frame = reader.next_frame(&mut bytes).unwrap();
        assert_eq!((frame.width, frame.height), (1_200, 440));
        let pixels = bytes
            .chunks_exact(3)
            .map(|rgb| rgb.try_into().unwrap())
            .collect();
        Picture {
            width: 1_200,
            pixels,
        }
    }

    /// Pixels of this very color: their columns and rows.
    fn places(&self, color: [u8; 3]) -> Vec<(usize, usize)> {
        let found = self
            .pixels
            .iter()
            .enumerate()
            .filter(|(_, pixel)| **pixel == color);
        found
            .map(|(at, _)| (at % self.width, at / self.width))
            .collect()
    }

    fn rows(&self, color: [u8; 3], columns: std::ops::Range<usize>) -> (usize, usize) {
        let places = self.places(color).into_iter();
        let rows = places.filter(|(x, _)| columns.contains(x)).map(|(_, y)| y);
        rows.fold((usize::MAX, 0), |(low, high), y| (low.min(y), high.max(y)))
    }
}

const LINE: [u8; 3] = [0x1f, 0x66, 0xc1];
const LEVEL: [u8; 3] = [0xd3, 0x2f, 0x2f];
const GRID: [u8; 3] = [0xe5, 0xe8, 0xec];
const TEXT: [u8; 3] = [0x5f, 0x68, 0x73];

/// A mail about an alert of the rule, whose series is one value a minute.
fn charted(rule: &str, values: impl Iterator<Item = f64>) -> Mail {
    let mut message = message();
    let labels = (*message.alerts[0].labels).clone().with("host", "web-1");
    message.alerts[0].labels = labels.into();
    mailed(rule, values, &message, Presentation::default())
}

fn mailed(
    rule: &str,
    values: impl Iterator<Item = f64>,
    message: &Notification,
    presentation: Presentation,
) -> Mail {
    let (history, _database) = history(rule, values);
    let server = SmtpReceiver::open();
    let around = |around| Surroundings {
        history: Some(history),
        presentation,
        ..around
    };
    deliver(&server, "security = \"none\"\n", around, message).unwrap();
    server.mails.wait(1)[0].clone()
}

/// Data for a chart of the rule: one value a minute, in the hour before now, of web-1; and the server that
/// answers with it, once.
pub(crate) fn history(
    rule: &str,
    values: impl Iterator<Item = f64>,
) -> (SeriesHistory, HttpReceiver) {
    let rows = values.enumerate().map(|(minute, value)| {
        let back = 60 - i64::try_from(minute).unwrap();
        let time = watchpost_core::time::format_rfc3339(NOW - back * 60 * SECOND);
        format!(",,0,{time},{value},x_percent,web-1\r\n")
    });
    let csv = "#datatype,string,long,dateTime:RFC3339,double,string,string\r\n\
               #group,false,false,false,false,true,true\r\n#default,_result,,,,,\r\n\
               ,result,table,_time,_value,_field,host\r\n"
        .to_owned()
        + &rows.collect::<String>();
    let database = HttpReceiver::webhook();
    database.refuse(1, &Refusal::status(200).body(&csv));
    let config = ClientConfig::new(database.url(""), "o".to_owned(), TokenSource::none());
    let history = SeriesHistory::new(Client::new(config).unwrap());
    let rules = format!(
        "[[rule]]\nname = \"cpu_high\"\n{rule}\n[route]\nreceiver = \"f\"\n\
         [[receiver]]\nname = \"f\"\nkind = \"file\"\npath = \"f\"\n"
    );
    history.take_rules(&parse(&rules).unwrap_or_else(|m| panic!("{m}")).rules);
    (history, database)
}

pub(crate) const CPU: &str =
    "kind = \"threshold\"\nfield = \"x_percent\"\nabove = { warn = 90, critical = 95 }";

/// Calm for forty minutes, then up to 99.
pub(crate) fn climbing() -> impl Iterator<Item = f64> {
    (0..60).map(|minute| {
        let wave = f64::from(minute * 7 % 13);
        match minute {
            0..40 => 20.0 + wave,
            40..50 => 30.0 + 6.5 * f64::from(minute - 40),
            _ => 94.0 + wave / 2.5,
        }
    })
}

#[test]
fn the_chart_shows_the_climb_over_the_level() {
    let mail = charted(CPU, climbing());
    assert!(part(&mail, "text/html").contains("cid:chart"));
    let picture = Picture::of(&mail);
    // The line is low at the left, and above the level at the right.
    let level = picture.rows(LEVEL, 200..900);
    assert!(level.1 - level.0 <= 3, "a straight line: {level:?}");
    let (left, right) = (
        picture.rows(LINE, 150..700),
        picture.rows(LINE, 1_000..1_060),
    );
    assert!(left.0 > level.1 + 100, "{left:?} below {level:?}");
    assert!(right.0 < level.0, "{right:?} reaches over {level:?}");
    // Grid lines across, labels left of and below the plot, and a label at the level.
    let grid: std::collections::BTreeSet<usize> =
        picture.places(GRID).into_iter().map(|(_, y)| y).collect();
    assert!(grid.len() >= 8, "four lines of two pixels: {grid:?}");
    let texts = picture.places(TEXT);
    assert!(texts.iter().any(|(x, y)| *x < 120 && *y < 360));
    assert!(texts.iter().any(|(x, y)| *x > 200 && *y > 380));
    let near_level = |(x, y): &(usize, usize)| *x > 1_080 && y.abs_diff(level.0) > 6;
    assert!(picture.places(LEVEL).iter().any(near_level));
}

/// The chart's times are those of the message's text: of its zone.
#[test]
fn the_chart_has_the_times_of_its_message() {
    let times = |zone: TimeZone| {
        let mut message = message();
        let labels = (*message.alerts[0].labels).clone().with("host", "web-1");
        message.alerts[0].labels = labels.into();
        let mail = mailed(CPU, climbing(), &message, Presentation::new("", zone));
        let mut below = Picture::of(&mail).places(TEXT);
        below.retain(|(x, y)| *x > 200 && *y > 380);
        below
    };
    let utc = times(TimeZone::UTC);
    let east = TimeZone::fixed(Offset::constant(1));
    assert_eq!(utc, times(TimeZone::fixed(Offset::constant(0))));
    assert_ne!(utc, times(east), "the hours are others");
}

#[test]
fn missing_data_is_a_gap() {
    let values = (0..60).map(|minute| {
        if (20..40).contains(&minute) {
            f64::NAN
        } else {
            50.0
        }
    });
    let picture = Picture::of(&charted(CPU, values));
    let (before, inside) = (picture.rows(LINE, 200..400), picture.rows(LINE, 520..760));
    assert_ne!(before, (usize::MAX, 0), "a line");
    assert_eq!(inside, (usize::MAX, 0), "none where there was nothing");
}

#[test]
fn a_level_on_another_axis_is_not_drawn() {
    let anomaly = "kind = \"anomaly\"\nfield = \"x_percent\"\nscore = { warn = 3 }";
    let picture = Picture::of(&charted(anomaly, climbing()));
    assert!(picture.places(LEVEL).is_empty());
    // A forecast waits for a level of the series, not for its threshold in seconds.
    let forecast = "kind = \"forecast\"\nfield = \"x_percent\"\nwindow = \"1h\"\nlevel = 100\nwithin = { warn = \"1h\" }";
    let picture = Picture::of(&charted(forecast, climbing()));
    assert!(picture.rows(LEVEL, 200..900).0 < 60, "at 100, near the top");
}

/// One alert: its summary once, facts, chart and links.
#[test]
fn a_mail_says_it_once_and_opens_the_page() {
    let zone = jiff::tz::TimeZone::get("Europe/Berlin").unwrap();
    let page = Presentation::new("https://watchpost.example.org", zone);
    let mut message = worse();
    // The series of the chart has no other tags.
    message.alerts[0].labels = Labels::from([("alertname", "cpu_high"), ("host", "web-1")]).into();
    let mail = mailed(CPU, climbing(), &message, page);
    let html = part(&mail, "text/html");
    if let Some(path) = std::env::var_os("WATCHPOST_SHOW_MAIL") {
        std::fs::write(path, &html).unwrap();
        Picture::of(&mail);
    }
    assert_eq!(
        html.matches("CPU usage of web-1 rose to").count(),
        1,
        "{html}"
    );
    for said in [
        "97.26 %",
        "above 95 % (critical)",
        "00:48 CET (12m)",
        "cid:chart",
    ] {
        assert!(html.contains(said), "{said}: {html}");
    }
    let fingerprint = worse().alerts[0].fingerprint;
    for link in ["", "&amp;do=silence", "&amp;do=acknowledge"] {
        let url = format!("\"https://watchpost.example.org/alerts?alert={fingerprint}{link}\"");
        assert!(html.contains(&url), "{url}: {html}");
    }
}

#[test]
fn without_data_the_mail_has_no_chart() {
    let mail = charted(CPU, std::iter::empty());
    assert!(!mail.data.contains("image/png") && !part(&mail, "text/html").contains("cid:chart"));
}

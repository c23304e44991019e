//! The fake mail server.

use watchpost_testkit::{Mail, SmtpReceiver};

use crate::talk;

const MAIL: &str = "MAIL FROM:<watchpost@example.org> SIZE=10\r\nRCPT TO:<a@example.org>\r\n\
                    RCPT TO:<b@example.org>\r\nDATA\r\nSubject: hot\r\n\r\n..dot\r\n.\r\n";

fn session(receiver: &SmtpReceiver, commands: &str) -> String {
    talk(
        receiver.address(),
        &format!("EHLO test\r\n{commands}QUIT\r\n"),
    )
}

#[test]
fn a_mail_is_recorded_as_it_was_handed_over() {
    let receiver = SmtpReceiver::open();
    let answer = session(&receiver, MAIL);
    assert!(answer.ends_with("250 queued\r\n221 bye\r\n"), "{answer}");
    let mail = Mail {
        encrypted: false,
        auth: None,
        from: "watchpost@example.org".to_owned(),
        to: vec!["a@example.org".to_owned(), "b@example.org".to_owned()],
        data: "Subject: hot\n\n.dot\n".to_owned(),
    };
    assert_eq!(receiver.mails.wait(1), [mail]);
    assert_eq!(receiver.commands.all()[0], "EHLO test");
}

#[test]
fn mail_without_the_required_auth_is_refused() {
    let receiver = SmtpReceiver::with_auth();
    let answer = session(&receiver, "MAIL FROM:<a@b>\r\n");
    assert!(answer.contains("250 AUTH PLAIN LOGIN\r\n530 "), "{answer}");
    session(&receiver, &format!("AUTH PLAIN AHUAcA==\r\n{MAIL}"));
    session(&receiver, &format!("AUTH LOGIN\r\ndQ==\r\ncA==\r\n{MAIL}"));
    let auths: Vec<_> = receiver
        .mails
        .wait(2)
        .into_iter()
        .map(|mail| mail.auth)
        .collect();
    assert_eq!(
        auths,
        [
            Some("PLAIN AHUAcA==".to_owned()),
            Some("LOGIN dQ== cA==".to_owned())
        ]
    );
}

#[test]
fn the_first_mails_are_refused_as_told() {
    let receiver = SmtpReceiver::open();
    receiver.refuse(1, "451 try again later");
    assert!(session(&receiver, "MAIL FROM:<a@b>\r\n").contains("451 try again later\r\n"));
    assert!(session(&receiver, MAIL).contains("250 queued"));
    assert!(session(&receiver, "FLY\r\nRSET\r\nNOOP\r\n").contains("502 "));
}

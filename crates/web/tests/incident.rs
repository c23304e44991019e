//! From the link of a message to the alert's span on its chart, with what else changed.

use watchpost_testkit::Browser;

use crate::alerting::Watched;
use crate::fixture::now;

pub(crate) fn from_the_link_of_a_message(browser: &Browser) {
    let Some(watched) = Watched::start() else {
        return;
    };
    let fixture = &watched.fixture;
    // Memory is steady before and jumps with the alert.
    let begun = now();
    for ago in 1..40 {
        let time = begun - ago * 30_000_000_000;
        fixture.write(&format!(
            "system_metrics,host=web-1,metric_type=memory memory_usage_percent={} {time}\n",
            30.0 + (ago % 2) as f64
        ));
    }
    for ahead in 0..5 {
        let time = begun + ahead * 1_000_000_000;
        fixture.write(&format!(
            "system_metrics,host=web-1,metric_type=memory memory_usage_percent=90 {time}\n"
        ));
    }
    let alerts = fixture.get("/api/v1/alerts?state=firing&host=web-1").json();
    let fingerprint = alerts["alerts"][0]["fingerprint"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    browser.open(&fixture.url(&format!("/alerts?alert={fingerprint}&do=acknowledge")));
    browser.wait("what the message asked for", "document.getElementById('dialog').open && document.querySelector('#dialog h2').textContent.startsWith('Acknowledge')");
    browser.run("document.querySelector('#dialog [name=comment]').value = '<b>I look</b>'; document.querySelector('#dialog [value=save]').click()");
    browser.wait(
        "who looks",
        "document.body.innerText.includes('Acknowledged by anonymous: <b>I look</b>')",
    );
    assert_eq!(
        browser.run("return document.getElementById('dialog').open"),
        false,
        "asked for once"
    );
    browser.wait("its chart", "document.querySelector('.plot')?.dataset.drawn && document.querySelector('h1').innerText === 'cpu_high on web-1'");
    browser.wait("its span", "document.getElementById('incident').dataset.ready && Object.values(Chart.instances).length === 1");
    browser.wait(
        "what else changed",
        "document.querySelector('#changed tbody th')?.textContent === 'memory_usage_percent'",
    );
    browser.wait(
        "who was notified",
        "document.body.innerText.includes('local')",
    );
    browser.picture("incident.png");
    browser.open(&fixture.url("/alerts/0123456789abcdef"));
    browser.wait(
        "none of that name is said in place",
        "document.querySelector('.mistake')",
    );
    browser.resize(400, 900);
    browser.open(&fixture.url(&format!("/alerts/{fingerprint}")));
    browser.wait("a narrow incident", "document.querySelector('.plot')?.dataset.drawn && document.documentElement.scrollWidth <= innerWidth");
    browser.picture("incident-phone.png");
    browser.resize(1300, 1000);
}

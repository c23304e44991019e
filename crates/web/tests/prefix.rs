//! The pages behind a proxy that serves them below a path, with hosts whose names are no words.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use watchpost_testkit::Browser;
use watchpost_web::address::{base, of, with_query};

use crate::fixture::Fixture;

/// Names that a path, a query or a browser would make something else of.
const NAMES: [&str; 9] = [
    "a/b",
    "..",
    "%2f",
    "a%2Fb",
    "مضيف-١",
    "a b+c&d=e",
    "?x#y",
    "a\\b",
    "web-1",
];

/// Takes `/mon` off and asks the server, as nginx's `proxy_pass http://server/;` does, by the server's
/// own name. 404 for all else.
async fn forward(
    State(server): State<Arc<(String, reqwest::Client)>>,
    request: Request,
) -> Response {
    let (server, http) = &*server;
    let asked = request.uri().to_string();
    let Some(rest) = asked.strip_prefix("/mon") else {
        let missing = Response::builder().status(StatusCode::NOT_FOUND);
        return missing.body(Body::empty()).unwrap();
    };
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let mut asking = http
        .request(parts.method, format!("{server}{rest}"))
        .body(body);
    for (name, value) in &parts.headers {
        if name != "host" {
            asking = asking.header(name, value);
        }
    }
    let answer = asking.send().await.unwrap();
    let mut response = Response::builder().status(answer.status());
    for (name, value) in answer.headers() {
        response = response.header(name, value);
    }
    let response = response.header("x-proxy", "yes");
    response
        .body(Body::from_stream(answer.bytes_stream()))
        .unwrap()
}

/// The address of the pages at a proxy before the server.
fn proxy(fixture: &Fixture) -> String {
    fixture.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = Arc::new((format!("http://{}", fixture.address), fixture.http.clone()));
        let routes = Router::new().fallback(forward).with_state(server);
        tokio::spawn(async move { axum::serve(listener, routes).await });
        format!("http://{address}/mon")
    })
}

#[test]
fn addresses_encode_each_part() {
    assert_eq!(of("hosts", "web-1.lan"), "hosts/web-1.lan");
    assert_eq!(of("hosts", "a/b"), "hosts?name=a%2Fb");
    assert_eq!(of("hosts", ".."), "hosts?name=..");
    assert_eq!(of("hosts", "%2f"), "hosts?name=%252f");
    assert_eq!(of("hosts", "é x"), "hosts/%C3%A9%20x");
    let query = [("to", "/a?b=c&d"), ("none", "")];
    assert_eq!(
        with_query(&["sign-in"], &query),
        "sign-in?to=%2Fa%3Fb%3Dc%26d"
    );
    let bases = ["/", "/alerts", "/hosts/x", "/a/b/c"].map(base);
    assert_eq!(bases, ["./", "./", "../", "../../"]);
}

/// Everything that a page names, relative to where it is, lies below the prefix and is there.
#[test]
fn what_pages_name_is_there_below_a_prefix() {
    let Some(fixture) = Fixture::start() else {
        return;
    };
    for name in NAMES {
        write_host(&fixture, name);
    }
    fixture.wait_for_host("web-1");
    let root = proxy(&fixture);
    let get = |address: &str| fixture.send(fixture.http.get(address));
    let mut seen = std::collections::BTreeSet::new();
    let mut next = vec![format!("{root}/")];
    while let Some(address) = next.pop() {
        if !seen.insert(address.clone()) || seen.len() > 200 {
            continue;
        }
        let answer = get(&address);
        assert_eq!(answer.status, 200, "{address}: {}", answer.body);
        assert!(address.starts_with(&format!("{root}/")), "{address}");
        if !answer.headers["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/html")
        {
            continue;
        }
        let page = reqwest::Url::parse(&address).unwrap();
        for kind in [" href=\"", " src=\"", " action=\""] {
            for named in answer.body.split(kind).skip(1) {
                let named = named.split('"').next().unwrap().replace("&amp;", "&");
                let mut found = page.join(&named.replace("&#x2f;", "/")).unwrap();
                found.set_fragment(None);
                // Signing out changes something.
                if !found.path().ends_with("sign-out") {
                    next.push(found.to_string());
                }
            }
        }
    }
    for name in NAMES {
        let address = of("hosts", name);
        let host = get(&format!("{root}/{address}"));
        assert_eq!(host.status, 200, "{address}: {}", host.body);
    }
    assert!(seen.len() > 30, "{seen:?}");
    assert_eq!(get(&format!("{root}/hosts/nobody/at/all")).status, 404);
}

fn write_host(fixture: &Fixture, name: &str) {
    // A backslash stands for itself before what needs none.
    let tag = name.replace(' ', "\\ ").replace('=', "\\=");
    let time = crate::fixture::now() - 1_000_000_000;
    fixture.write(&format!(
        "system_metrics,host={tag},metric_type=cpu cpu_usage_percent=20 {time}\n"
    ));
}

/// A scene of the browser: a strange host's page by the link of the fleet, live, below a prefix.
pub(crate) fn by_hand(browser: &Browser) {
    let Some(fixture) = Fixture::start() else {
        return;
    };
    for name in NAMES {
        write_host(&fixture, name);
    }
    fixture.wait_for_host("web-1");
    let root = proxy(&fixture);
    for name in NAMES {
        browser.open(&format!("{root}/"));
        let script = name.replace('\\', "\\\\");
        browser.wait("the row", &format!("[...document.querySelectorAll('tbody th a')].some((link) => link.textContent === '{script}')"));
        browser.wait(
            "live",
            "document.getElementById('live').dataset.state === 'on'",
        );
        browser.run(&format!("[...document.querySelectorAll('tbody th a')].find((link) => link.textContent === '{script}').click()"));
        browser.wait(name, &format!("document.querySelector('h1')?.textContent === '{script}' && document.querySelector('[data-panel=cpu] .plot')?.dataset.drawn"));
        browser.wait(
            "its value",
            "document.querySelector('[data-panel=cpu] .legend b')?.textContent === '20.0 %'",
        );
        browser.wait(
            "live",
            "document.getElementById('live').dataset.state === 'on'",
        );
        let path = browser
            .run("return location.pathname")
            .as_str()
            .unwrap()
            .to_owned();
        assert!(path.starts_with("/mon/hosts"), "{path}");
    }
    for page in ["compare", "history", "alerts"] {
        browser.run(&format!(
            "document.querySelector('nav a[href$={page}]').click()"
        ));
        browser.wait(page, &format!("location.pathname === '/mon/{page}'"));
    }
    assert_eq!(
        browser.complaints(),
        "",
        "nothing is missing below the prefix"
    );
}

//! The ways in which a database fails, told apart: a server that answers by the host in the query.

use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::{Value, json};
use watchpost_service::config::Interval;
use watchpost_service::shutdown::Shutdown;
use watchpost_web::config::WebConfig;

use crate::fixture::serve;

/// What InfluxDB answers in each of these situations.
async fn answer(query: String) -> Response {
    let told = |status: u16, code: &str, message: &str| {
        let body = axum::Json(json!({ "code": code, "message": message }));
        (StatusCode::from_u16(status).unwrap(), body).into_response()
    };
    let is = |host: &str| query.contains(&format!("== \\\"{host}\\\""));
    let of_query = |message: &str| {
        let table = format!(
            "#datatype,string,string\r\n#group,true,true\r\n#default,,\r\n,error,reference\r\n,{message},\r\n\r\n"
        );
        ([("content-type", "text/csv")], table).into_response()
    };
    match () {
        () if is("unauthorized") => told(401, "unauthorized", "unauthorized access"),
        () if is("no-bucket") => told(
            404,
            "not found",
            "could not find bucket \"system_metrics_raw\"",
        ),
        () if is("busy") => told(429, "too many requests", "query queue is full"),
        () if is("gateway") => told(504, "", "upstream timed out"),
        () if is("broken") => told(500, "internal error", "it broke"),
        () if is("memory") => of_query("memory allocation limit reached"),
        () if is("slow") => {
            tokio::time::sleep(Duration::from_secs(30)).await;
            told(500, "", "")
        }
        () => ([("content-type", "text/csv")], "\r\n").into_response(),
    }
}

#[test]
fn each_failure_has_a_status_and_a_code_of_its_own() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap();
    let database = runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let routes = Router::new().route("/api/v2/query", post(answer));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        address
    });
    let config = |url: String| {
        let mut config = WebConfig::default();
        config.http.listen.set_port(0);
        config.influx.url = url;
        config.influx.timeout = Interval::seconds(1);
        config
    };
    let shutdown = Shutdown::new();
    let web = serve(&runtime, config(format!("http://{database}")), &shutdown);
    let dead = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let without = serve(&runtime, config(format!("http://{dead}")), &shutdown);
    let http = reqwest::Client::builder()
        .tls_backend_preconfigured(watchpost_client::tls::no_trust().unwrap())
        .build()
        .unwrap();
    let ask = |address, host: &str| {
        let url = format!("http://{address}/api/v1/series?metric=cpu_load_1m&host={host}&range=1h");
        runtime.block_on(async {
            let answer = http.get(url).send().await.unwrap();
            let status = answer.status().as_u16();
            let document: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
            let error = &document["error"];
            (
                status,
                error["code"].as_str().unwrap_or_default().to_owned(),
                error["message"].as_str().unwrap_or_default().to_owned(),
            )
        })
    };
    let expected = [
        ("unauthorized", 502, "database_refused"),
        ("no-bucket", 502, "database_refused"),
        ("busy", 422, "over_limit"),
        ("memory", 422, "over_limit"),
        ("gateway", 504, "database_too_slow"),
        ("slow", 504, "database_too_slow"),
        ("broken", 502, "database_failed"),
    ];
    for (host, status, code) in expected {
        let (found, named, message) = ask(web, host);
        assert_eq!((found, named.as_str()), (status, code), "{host}: {message}");
        assert!(
            message.contains("database") || message.contains("limit"),
            "{host}: {message}"
        );
    }
    let (status, code, _) = ask(without, "any");
    assert_eq!((status, code.as_str()), (503, "database_down"));
    assert_eq!(ask(web, "well").0, 200);
    let fleet = || {
        let page = http.get(format!("http://{without}/")).send();
        runtime.block_on(async { page.await.unwrap().text().await.unwrap() })
    };
    watchpost_testkit::wait::until("the fleet page tells", || {
        fleet().contains("No host is known yet").then_some(())
    });
    shutdown.request();
}

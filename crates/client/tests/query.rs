//! Queries: what is sent, tables as they arrive, errors in every place one can stand.

use std::time::Duration;

use proptest::prelude::*;
use watchpost_client::query::Query;
use watchpost_client::{Error, Result};
use watchpost_core::csv::Table;
use watchpost_testkit::cases;

use crate::scripted::{Answer, Scripted};

/// Two tables with a null and every type.
const ANSWER: &str = "#datatype,string,long,dateTime:RFC3339,double,long,boolean,string\r\n\
    #group,false,false,false,false,false,false,true\r\n#default,_result,,,,,,\r\n\
    ,result,table,_time,_value,n,ok,host\r\n\
    ,,0,2024-03-01T00:00:00Z,1.5,7,true,a\r\n,,0,2024-03-01T00:00:10Z,,,,a\r\n\
    ,,1,2024-03-01T00:00:00Z,2,-1,false,\"b, \"\"c\"\"\"\r\n\r\n";

fn shown(tables: &[Table]) -> String {
    let mut text = String::new();
    for table in tables {
        text.push_str(&format!("{} {}\n", table.result, table.id));
        for row in table.rows() {
            let cells = table.columns.iter().zip(row.values);
            let cells: Vec<_> = cells
                .map(|(c, value)| format!("{}={value:?}", c.label))
                .collect();
            text.push_str(&format!("  {}\n", cells.join(" ")));
        }
    }
    text
}

async fn ask(answer: Answer, query: &Query) -> Result<Vec<Table>> {
    Scripted::start(vec![answer])
        .await
        .client()
        .query(query)
        .await
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
}

#[test]
fn every_answer_is_tables_or_an_error() {
    cases::run("testdata/query.md", |case| {
        let answer = match case.optional("csv") {
            Some(csv) => Answer::Pieces(vec![csv.replace('\n', "\r\n").into_bytes()]),
            None => Answer::parse(case.input("answer")),
        };
        let query = Query::new("from(…)").row_limit(5).byte_limit(2000);
        match runtime().block_on(ask(answer, &query)) {
            Ok(tables) => shown(&tables),
            Err(error) => format!("error: {error}\n"),
        }
    });
}

#[tokio::test]
async fn what_is_sent() {
    let server = Scripted::start(vec![Answer::Pieces(vec![b"\r\n".to_vec()])]).await;
    let query = Query::new("from(bucket: params.bucket)")
        .param("bucket", "a\"b\\${x}")
        .param("hosts", vec!["a".to_owned(), "b".to_owned()])
        .param("level", 0.5)
        .param("n", 9_007_199_254_740_993_i64)
        .param("on", true)
        .param("every", Duration::from_secs(90))
        .now(1_709_251_200_000_000_000);
    assert_eq!(server.client().query(&query).await.unwrap(), []);
    let request = &server.requests()[0];
    assert_eq!(request.line, "POST /api/v2/query?org=my+org");
    let body: serde_json::Value = serde_json::from_str(&request.body).unwrap();
    assert_eq!(body["now"], "2024-03-01T00:00:00Z");
    assert_eq!(
        body["dialect"]["annotations"],
        serde_json::json!(["datatype", "group", "default"])
    );
    let assignment = &body["extern"]["body"][0]["assignment"];
    assert_eq!(assignment["id"]["name"], "params");
    let properties = assignment["init"]["properties"].as_array().unwrap();
    let value = |name: &str| {
        &properties
            .iter()
            .find(|property| property["key"]["name"] == name)
            .unwrap()["value"]
    };
    assert_eq!(value("bucket")["value"], "a\"b\\${x}");
    assert_eq!(value("hosts")["elements"][1]["value"], "b");
    assert_eq!(value("level")["value"], 0.5);
    assert_eq!(value("n")["value"], "9007199254740993");
    assert_eq!(value("on")["type"], "BooleanLiteral");
    assert_eq!(value("every")["values"][0]["magnitude"], 90_000_000_000_i64);
}

#[tokio::test]
async fn tables_come_while_the_answer_is_still_arriving() {
    let server = Scripted::start(vec![Answer::Broken(ANSWER.as_bytes().to_vec())]).await;
    let mut stream = server
        .client()
        .query_stream(&Query::new("q"))
        .await
        .unwrap();
    assert_eq!(stream.next_table().await.unwrap().unwrap().row_count(), 2);
    // The second is complete with the empty line; then the connection breaks.
    assert_eq!(
        stream
            .next_table()
            .await
            .unwrap()
            .unwrap()
            .row(0)
            .str("host"),
        Some("b, \"c\"")
    );
    let error = stream.next_table().await.unwrap_err();
    assert!(error.is_transient(), "{error}");
    assert_eq!(
        stream.next_table().await.unwrap(),
        None,
        "the stream is spent"
    );
}

#[tokio::test]
async fn a_query_may_have_its_own_timeout() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let config = watchpost_client::ClientConfig {
        url,
        ..Default::default()
    };
    let client = watchpost_client::Client::new(config).unwrap();
    let error = client
        .query(&Query::new("q").timeout(Duration::from_millis(50)))
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Connection { .. }), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn where_an_answer_is_cut_does_not_matter(cuts in prop::collection::vec(0..ANSWER.len(), 0..6)) {
        let mut cuts = cuts;
        cuts.sort_unstable();
        let (mut pieces, mut from) = (Vec::new(), 0);
        for cut in cuts.into_iter().chain([ANSWER.len()]) {
            pieces.push(ANSWER.as_bytes()[from..cut].to_vec());
            from = cut;
        }
        let tables = runtime().block_on(ask(Answer::Pieces(pieces), &Query::new("q"))).unwrap();
        let whole = watchpost_core::csv::read_tables(ANSWER.as_bytes(), 100).unwrap();
        prop_assert_eq!(tables, whole);
    }

    #[test]
    fn any_bytes_are_tables_or_an_error(bytes: Vec<u8>) {
        let _ = runtime().block_on(ask(Answer::Pieces(vec![bytes]), &Query::new("q")));
    }
}

//! Where the error of a query goes: a status of its own while nothing was sent, the end of the answer after that.

use crate::running::Running;

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_fails_is_refused_until_its_first_byte_was_sent() {
    let server = Running::set_up().await;
    let failing_after = |rows: usize| {
        format!(
            "import \"array\"\nimport \"generate\"\n\
             generate.from(count: {rows}, fn: (n) => n, start: 2024-01-01T00:00:00Z, stop: 2024-01-02T00:00:00Z)\n\
             |> yield(name: \"first\")\n\
             array.from(rows: [{{v: 0}}]) |> map(fn: (r) => ({{v: 1 / r.v}})) |> yield(name: \"second\")\n"
        )
    };
    let (status, text) = server.query(&failing_after(10)).await;
    assert_eq!(status, 400, "{text}");
    assert!(text.contains("\"code\":\"invalid\""), "{text}");
    assert!(text.contains("divi"), "{text}");

    let (status, text) = server.query(&failing_after(20_000)).await;
    assert_eq!(status, 200);
    assert!(text.contains("2024-01-01T00:00:00Z"), "the rows come first");
    let (_, error) = text
        .rsplit_once("error,reference")
        .expect("an error table at the end");
    assert!(error.contains("divi"), "{error}");
}

//! Documents of the page: kept over a restart, in order of names, within their limits.

use serde_json::{Value, json};
use watchpost_alerter::store::documents::{Documents, NAME_LIMIT, SIZE_LIMIT};
use watchpost_testkit::temp_folder;

fn names(found: Vec<(String, Value)>) -> Vec<String> {
    found.into_iter().map(|(name, _)| name).collect()
}

#[test]
fn they_are_kept_listed_by_name_and_removed() {
    let folder = temp_folder();
    let path = folder.path().join("documents.redb");
    let documents = Documents::open(&path).unwrap();
    for name in ["b", "a", "c"] {
        documents
            .put("notes", name, &json!({ "of": name }))
            .unwrap();
    }
    documents
        .put("notes", "b", &json!({ "of": "b, again" }))
        .unwrap();
    drop(documents);

    let documents = Documents::open(&path).unwrap();
    let list = |from: &str, to: &str| names(documents.list("notes", from, to).unwrap());
    assert_eq!(list("", ""), ["a", "b", "c"]);
    assert_eq!(list("b", ""), ["b", "c"]);
    assert_eq!(list("a", "c"), ["a", "b"]);
    assert_eq!(list("b", "a"), [""; 0]);
    let b = documents.list("notes", "b", "b\0").unwrap();
    assert_eq!(b, [("b".to_owned(), json!({ "of": "b, again" }))]);
    assert!(documents.list("boards", "", "").unwrap().is_empty());
    assert!(documents.remove("notes", "b").unwrap());
    assert!(!documents.remove("notes", "b").unwrap());
    assert_eq!(list("", ""), ["a", "c"]);
}

#[test]
fn what_is_too_large_or_unknown_is_refused() {
    let folder = temp_folder();
    let documents = Documents::open(&folder.path().join("documents.redb")).unwrap();
    let put = |collection: &str, name: &str, text: &str| {
        let error = documents.put(collection, name, &json!(text)).unwrap_err();
        error.to_string()
    };
    assert!(put("secrets", "a", "").contains("no collection \"secrets\""));
    assert!(put("notes", "", "").contains("name"));
    assert!(put("notes", &"n".repeat(NAME_LIMIT + 1), "").contains("name"));
    assert!(put("notes", "a", &"x".repeat(SIZE_LIMIT)).contains("bytes"));
    assert!(documents.list("notes", "", "").unwrap().is_empty());
}

//! Secret files: what is read, what is refused.

use watchpost_service::secret::{MASK, Secret};
use watchpost_testkit::temp_folder;

fn file(content: &[u8]) -> (watchpost_testkit::TempFolder, std::path::PathBuf) {
    let folder = temp_folder();
    let path = folder.path().join("token");
    std::fs::write(&path, content).unwrap();
    (folder, path)
}

#[test]
fn a_file_gives_its_text_without_white_space_around() {
    let (_folder, path) = file(b"  my-token\n");
    let secret = Secret::from_file(&path).unwrap();
    assert_eq!(secret.reveal(), "my-token");
    assert_eq!(format!("{secret:?} {secret}"), format!("{MASK} {MASK}"));
}

#[test]
fn what_cannot_be_a_secret_is_refused() {
    let refusal = |content: &[u8]| {
        let (_folder, path) = file(content);
        Secret::from_file(&path).unwrap_err().reason.into_owned()
    };
    assert_eq!(refusal(b" \n"), "is empty");
    assert!(refusal(&[0xff, 0xfe]).contains("UTF-8"));
    assert!(refusal(&[b'a'; 70_000]).contains("70000 bytes"));
}

#[cfg(unix)]
#[test]
fn a_file_that_others_may_write_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let (_folder, path) = file(b"t");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o606)).unwrap();
    let error = Secret::from_file(&path).unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("may be written by other users; run: chmod 0600"),
        "{error}"
    );
}

/// A role that takes a token from others takes no short one; one that brings it to others leaves that to them.
#[test]
fn a_token_to_check_others_by_is_long() {
    use watchpost_service::config::{Problems, check_secret_file, check_token_file};
    let (_folder, path) = file(b"fifteen-letters");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    let mut problems = Problems::default();
    check_secret_file(&path, "influx.token_file", &mut problems);
    assert!(problems.is_empty());
    check_token_file(&path, "api.token_file", &mut problems);
    let refused = problems.into_result().unwrap_err().to_string();
    assert!(refused.contains("at least 16"), "{refused}");
    std::fs::write(&path, "sixteen-letters!").unwrap();
    assert_eq!(
        Secret::token_from_file(&path).unwrap().reveal(),
        "sixteen-letters!"
    );
}

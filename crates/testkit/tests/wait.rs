//! Waiting ends with the first value.

use watchpost_testkit::wait;

#[test]
fn the_first_value_is_returned() {
    let mut looks = 0;
    let value = wait::until("the third look", || {
        looks += 1;
        (looks == 3).then_some(looks)
    });
    assert_eq!(value, 3);
}

#[test]
fn binaries_that_are_not_built_are_none() {
    assert_eq!(watchpost_testkit::binary("watchpost-nonesuch"), None);
}

//! Any bytes as the body of a write.
#![no_main]

#[path = "../../tests/write_route.rs"]
mod write_route;

use std::sync::LazyLock;

use write_route::WriteRoute;

static ROUTE: LazyLock<WriteRoute> = LazyLock::new(WriteRoute::new);

libfuzzer_sys::fuzz_target!(|input: &[u8]| ROUTE.check(input));

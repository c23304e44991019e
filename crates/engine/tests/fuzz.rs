//! The write route against changed line protocol, for a bounded number of rounds. `cargo xtask
//! fuzz --target engine_routes` goes on, with all routes.

use crate::write_route::WriteRoute;

const ROUNDS: usize = 2_000;

/// Bodies to begin with: every type, escapes, comments, several lines, gzip of nothing.
const CORPUS: [&[u8]; 7] = [
    b"m v=1",
    b"m,k=a\\ b,l=c v=1.5e3,n=-7i,u=8u,b=t,s=\"x \\\" y\" 1700000000",
    b"# comment\n\nm v=1 1\r\nm v=2 2\n",
    b"m\\,n,t\\=g=\xc3\xa9 f=\"a\nb\"",
    b"m,k= v=1\nm v=\nm v=1i,v=1 5",
    b"m,time=1 time=2 9223372036854775807",
    b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00",
];

/// What line protocol is made of: a changed byte becomes one of these as often as any.
const TELLING: &[u8] = b" ,=\"\\\n\r#iut-.0e9\x00\xff";

fn mutate(random: &mut fastrand::Rng, body: &mut Vec<u8>) {
    for _ in 0..random.usize(..6) {
        let place = random.usize(..=body.len());
        let byte = if random.bool() {
            TELLING[random.usize(..TELLING.len())]
        } else {
            random.u8(..)
        };
        match random.u8(..5) {
            0 => body.insert(place, byte),
            1 => body.truncate(place),
            2 => {
                let again = body[place..].to_vec();
                body.extend(again);
            }
            _ if place < body.len() => body[place] = byte,
            _ => body.push(byte),
        }
    }
}

#[test]
fn any_body_is_stored_or_refused() {
    let route = WriteRoute::new();
    let mut random = fastrand::Rng::with_seed(3);
    for _ in 0..ROUNDS {
        let mut input = vec![random.u8(..) & if random.u8(..8) == 0 { 0xff } else { 0x7f }];
        let mut body = CORPUS[random.usize(..CORPUS.len())].to_vec();
        mutate(&mut random, &mut body);
        input.extend(body);
        route.check(&input);
    }
}

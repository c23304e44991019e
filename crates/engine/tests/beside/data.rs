//! The points that both servers hold.

use std::fmt::Write;

/// When the points begin: 2023-11-14T22:10:00Z, seconds since 1970.
const START: i64 = 1_699_999_800;

/// When the clocks of Berlin went back in 2021, with half a day before it, seconds since 1970.
const AUTUMN: i64 = 1_635_595_200;

/// When the clocks of Berlin went forward in 2021, with half a day before it, seconds since 1970.
const SPRING: i64 = 1_616_846_400;

/// All of them.
pub(super) fn lines() -> String {
    let mut lines = String::new();
    let mut line = |text: std::fmt::Arguments<'_>, second: i64| {
        writeln!(lines, "{text} {}", second * 1_000_000_000).expect("a text takes it");
    };
    for turn in 0..40_i64 {
        for (place, host) in ["a", "b", "c"].iter().enumerate() {
            let place = place as i64;
            let region = ["eu", "us"][(place % 2) as usize];
            let second = START + turn * 15 + place;
            // Host b is silent for a while.
            if *host == "b" && (10..20).contains(&turn) {
                continue;
            }
            let v = ((turn * 7 + place * 13) % 23) as f64 + 0.25;
            let n = (turn * 5 + place * 3) % 17;
            line(
                format_args!(
                    "cpu,host={host},region={region} v={v},n={n}i,u={}u,s=\"{}\",b={}",
                    n + 2,
                    ["idle", "busy", "off"][(turn % 3) as usize],
                    turn % 2 == 0
                ),
                second,
            );
            if turn % 2 == 0 {
                line(
                    format_args!("mem,host={host} used={},v={n}i", n * 100 + place),
                    START + turn * 15,
                );
            }
        }
        line(
            format_args!("lone v={},w={}i", turn * turn, 40 - turn),
            START + turn * 20,
        );
    }
    for (turn, second) in [0, 4, 61, 62, 200, 540].into_iter().enumerate() {
        line(
            format_args!("sparse,kind=x v={}", turn * 3 + 1),
            START + second,
        );
        line(
            format_args!("sparse v={},w=\"t{turn}\"", turn * 2),
            START + second + 7,
        );
    }
    line(format_args!("both,loc=a loc=\"field\",v=1"), START);
    line(format_args!("both,loc=b loc=\"other\",v=2"), START + 60);
    for turn in 0..192 {
        line(format_args!("clock v={turn}"), AUTUMN + turn * 900);
        line(format_args!("clock v={turn}"), SPRING + turn * 900);
    }
    lines
}

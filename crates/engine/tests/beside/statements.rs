//! Random statements.

use super::Dice;

/// The hour that most points are in.
const HOUR: &str = "time >= '2023-11-14T22:10:00Z' AND time < '2023-11-14T22:21:00Z'";

/// A statement, and of which kind it is.
pub(super) fn statement(dice: &mut Dice) -> (&'static str, String) {
    match dice.below(100) {
        0..14 => ("rows", rows(dice)),
        14..30 => ("aggregate", aggregate(dice, "cpu", false)),
        30..48 => ("windows", aggregate(dice, "cpu", true)),
        48..60 => ("transformation", transformation(dice)),
        60..68 => ("subquery", subquery(dice)),
        68..75 => ("several measurements", several(dice)),
        75..81 => ("zone", zone(dice)),
        81..85 => ("casts", casts(dice)),
        85..96 => ("show", show(dice)),
        _ => ("refused", refused(dice)),
    }
}

fn field(dice: &mut Dice) -> &'static str {
    dice.of(&["v", "v", "v", "n", "n", "u", "s", "b", "w", "nope"])
}

fn number(dice: &mut Dice) -> &'static str {
    dice.of(&["v", "v", "v", "n", "n", "u"])
}

fn condition(dice: &mut Dice) -> String {
    let one = |dice: &mut Dice| {
        dice.of(&[
            "host = 'a'",
            "host != 'a'",
            "host =~ /a|b/",
            "host !~ /a/",
            "region = 'eu'",
            "v > 5",
            "n <= 8",
            "v > n",
            "s = 'busy'",
            "s =~ /^(idle|off)$/",
            "b = true",
            "host = ''",
            "nope = 'x'",
            "nope != 'x'",
            "v * 2 > 10",
            "u >= 4",
            "host = 'zz'",
            "n + 1 = 5",
            "v != 3.25",
            "region::tag = 'us'",
            "abs(v) > 4",
            "n % 2 = 0",
        ])
    };
    let mut text = one(dice).to_owned();
    for _ in 0..dice.below(3) {
        let operator = dice.of(&["AND", "AND", "OR"]);
        let next = one(dice);
        text = match dice.percent(30) {
            true => format!("({text}) {operator} {next}"),
            false => format!("{text} {operator} {next}"),
        };
    }
    text
}

fn times(dice: &mut Dice) -> &'static str {
    dice.of(&[
        HOUR,
        HOUR,
        "time >= 1699999800s AND time < 1700000100s",
        "time > '2023-11-14 22:11:00' AND time <= '2023-11-14T22:16:30Z'",
        "time >= 1699999807000000000 AND time < 1700000407s",
        "time >= '2023-11-14T22:00:00Z' AND time < '2023-11-14T22:12:00Z'",
        "time >= '2023-11-14T22:10:00Z' + 90s AND time < '2023-11-14T22:21:00Z' - 2m",
    ])
}

fn filter(dice: &mut Dice, always: bool) -> String {
    let with_times = always || dice.percent(70);
    match (with_times, dice.percent(45)) {
        (true, true) => format!(" WHERE {} AND ({})", times(dice), condition(dice)),
        (true, false) => format!(" WHERE {}", times(dice)),
        (false, true) => format!(" WHERE {}", condition(dice)),
        (false, false) => String::new(),
    }
}

fn tags(dice: &mut Dice) -> &'static str {
    dice.of(&[
        "host",
        "host",
        "region",
        "host, region",
        "*",
        "/ho/",
        "nope",
        "region, host",
    ])
}

fn window(dice: &mut Dice) -> &'static str {
    dice.of(&[
        "time(1m)",
        "time(1m)",
        "time(30s)",
        "time(2m)",
        "time(90s)",
        "time(5m)",
        "time(1h)",
        "time(1m, 10s)",
        "time(1m, -15s)",
        "time(1d)",
        "time(7s)",
    ])
}

fn grouping(dice: &mut Dice, windows: bool) -> String {
    match (windows, dice.percent(50)) {
        (true, true) => format!(" GROUP BY {}, {}", window(dice), tags(dice)),
        (true, false) => format!(" GROUP BY {}", window(dice)),
        (false, true) => format!(" GROUP BY {}", tags(dice)),
        (false, false) => String::new(),
    }
}

fn fill(dice: &mut Dice) -> &'static str {
    dice.of(&[
        "",
        "",
        " fill(none)",
        " fill(null)",
        " fill(previous)",
        " fill(linear)",
        " fill(0)",
        " fill(7)",
        " fill(1.5)",
        " fill(-1)",
    ])
}

fn ending(dice: &mut Dice) -> String {
    let mut text = String::new();
    if dice.percent(25) {
        text.push_str(dice.of(&[" ORDER BY time DESC", " ORDER BY time", " ORDER BY DESC"]));
    }
    for (word, share) in [("LIMIT", 25), ("OFFSET", 12)] {
        if dice.percent(share) {
            text.push_str(&format!(" {word} {}", dice.below(7)));
        }
    }
    if dice.percent(8) {
        text.push_str(&format!(" SLIMIT {}", 1 + dice.below(3)));
        if dice.percent(40) {
            text.push_str(&format!(" SOFFSET {}", dice.below(3)));
        }
    }
    text
}

fn rows(dice: &mut Dice) -> String {
    let columns = match dice.below(14) {
        0 => "*".to_owned(),
        1 => "*::field".to_owned(),
        2 => format!("*::tag, {}", field(dice)),
        3 => "/^[vn]$/".to_owned(),
        4 => format!("{} + {}", number(dice), number(dice)),
        5 => format!("{} * 2 - 1", number(dice)),
        6 => format!(
            "{}({})",
            dice.of(&[
                "abs", "ceil", "floor", "round", "sqrt", "ln", "exp", "sin", "atan"
            ]),
            field(dice)
        ),
        7 => format!("{} / {}", number(dice), number(dice)),
        8 => format!("n {} 3", dice.of(&["&", "|", "^", "%", "/", "+"])),
        9 => format!("{} AS x, host", field(dice)),
        10 => format!("host, region, {}", field(dice)),
        11 => format!("time, {}, {}", field(dice), field(dice)),
        12 => format!("pow({}, 2), ({} + 1) * 3", number(dice), number(dice)),
        _ => format!("{}, {}", field(dice), field(dice)),
    };
    let group = match dice.percent(30) {
        true => format!(" GROUP BY {}", tags(dice)),
        false => String::new(),
    };
    let measurement = dice.of(&[
        "cpu", "cpu", "cpu", "mem", "lone", "sparse", "both", "nothing",
    ]);
    let fill = dice.of(&["", "", "", "", " fill(previous)", " fill(0)"]);
    format!(
        "SELECT {columns} FROM {measurement}{}{group}{fill}{}",
        filter(dice, false),
        ending(dice)
    )
}

fn call(dice: &mut Dice) -> String {
    let field = field(dice);
    match dice.below(22) {
        0 => format!(
            "percentile({field}, {})",
            dice.of(&["50", "90", "99.5", "5", "0", "100"])
        ),
        1 => format!("top({field}, {})", 1 + dice.below(4)),
        2 => format!("bottom({field}, {})", 1 + dice.below(4)),
        3 => format!("top({field}, host, {})", 1 + dice.below(3)),
        4 => format!("count(distinct({field}))"),
        5 => format!("distinct({field})"),
        6 => format!("integral({field}{})", dice.of(&["", "", ", 1m", ", 10s"])),
        7 => "mean(*)".to_owned(),
        8 => "count(*)".to_owned(),
        9 => format!("{}(/^[vnw]$/)", dice.of(&["max", "sum", "first", "spread"])),
        10 => format!("bottom({field}, region, host, 2)"),
        _ => {
            let name = dice.of(&[
                "mean", "mean", "count", "sum", "min", "max", "first", "last", "median", "mode",
                "spread", "stddev",
            ]);
            format!("{name}({field})")
        }
    }
}

fn columns(dice: &mut Dice) -> String {
    match dice.below(12) {
        0 => format!("{}, {}", call(dice), call(dice)),
        1 => format!("{}, {}", call(dice), field(dice)),
        2 => format!("mean({}) * 2 + 1", number(dice)),
        3 => format!("max({0}) - min({0})", number(dice)),
        4 => format!("sum({}) / count({})", number(dice), number(dice)),
        5 => format!("{} AS x", call(dice)),
        6 => format!(
            "{}({}), host, s",
            dice.of(&["max", "min", "first", "last"]),
            number(dice)
        ),
        7 => format!("round(mean({}))", number(dice)),
        8 => format!(
            "mean({}), max({}), count({})",
            number(dice),
            number(dice),
            field(dice)
        ),
        _ => call(dice),
    }
}

fn aggregate(dice: &mut Dice, usual: &str, windows: bool) -> String {
    let measurement = match dice.percent(75) {
        true => usual,
        false => dice.of(&["mem", "lone", "sparse", "both"]),
    };
    let columns = columns(dice);
    let filter = filter(dice, windows);
    let grouping = grouping(dice, windows);
    let fill = if windows || dice.percent(5) {
        fill(dice)
    } else {
        ""
    };
    format!(
        "SELECT {columns} FROM {measurement}{filter}{grouping}{fill}{}",
        ending(dice)
    )
}

fn transformation(dice: &mut Dice) -> String {
    let windows = dice.percent(60);
    let inner = match windows {
        true => format!(
            "{}({})",
            dice.of(&["mean", "max", "sum", "last", "count", "first"]),
            number(dice)
        ),
        false => number(dice).to_owned(),
    };
    let one = |dice: &mut Dice, inner: &str| match dice.below(9) {
        0 => format!("derivative({inner}{})", dice.of(&["", ", 1s", ", 1m"])),
        1 => format!("non_negative_derivative({inner}, 10s)"),
        2 => format!("difference({inner})"),
        3 => format!("non_negative_difference({inner})"),
        4 => format!("cumulative_sum({inner})"),
        5 => format!("moving_average({inner}, {})", 2 + dice.below(3)),
        6 => format!("elapsed({inner}{})", dice.of(&["", ", 1s"])),
        7 => format!("abs(difference({inner}))"),
        _ => format!("derivative({inner}) * 2"),
    };
    let mut columns = one(dice, &inner);
    if dice.percent(15) {
        columns = format!("{columns}, {}", one(dice, &inner));
    }
    let measurement = dice.of(&["cpu", "cpu", "lone", "sparse", "mem"]);
    let filter = filter(dice, windows);
    let grouping = grouping(dice, windows);
    let fill = if windows { fill(dice) } else { "" };
    format!(
        "SELECT {columns} FROM {measurement}{filter}{grouping}{fill}{}",
        ending(dice)
    )
}

fn subquery(dice: &mut Dice) -> String {
    let inner_windows = dice.percent(60);
    let name = dice.of(&["mean", "max", "sum", "count", "last", "min"]);
    let inner_group = match (inner_windows, dice.below(3)) {
        (true, 0) => format!(" GROUP BY {}", window(dice)),
        (true, 1) => format!(" GROUP BY {}, host", window(dice)),
        (true, _) => format!(" GROUP BY {}, *", window(dice)),
        (false, 0) => String::new(),
        (false, 1) => " GROUP BY host".to_owned(),
        (false, _) => " GROUP BY *".to_owned(),
    };
    let inner = match dice.percent(75) {
        true => format!(
            "SELECT {name}({}) AS m FROM cpu WHERE {}{inner_group}",
            number(dice),
            times(dice)
        ),
        false => format!(
            "SELECT {} AS m, n FROM cpu WHERE {}",
            number(dice),
            times(dice)
        ),
    };
    let outer = dice.of(&[
        "m",
        "max(m)",
        "mean(m)",
        "sum(m)",
        "count(m)",
        "m * 2",
        "difference(m)",
        "top(m, 2)",
        "last(m)",
        "*",
        "m, host",
    ]);
    let filter = dice.of(&["", "", " WHERE m > 5", " WHERE host = 'a'"]);
    let group = dice.of(&["", "", " GROUP BY host", " GROUP BY region", " GROUP BY *"]);
    format!(
        "SELECT {outer} FROM ({inner}){filter}{group}{}",
        ending(dice)
    )
}

fn several(dice: &mut Dice) -> String {
    let from = dice.of(&[
        "cpu, mem",
        "mem, cpu",
        "/cpu|mem/",
        "/.*e.*/",
        "cpu, lone",
        "cpu, sparse",
        "/^[clm]/",
    ]);
    let windows = dice.percent(40);
    let columns = match dice.percent(60) {
        true => format!(
            "{}({})",
            dice.of(&["mean", "max", "count", "last", "first", "sum"]),
            dice.of(&["v", "v", "n", "*"])
        ),
        false if windows => "count(v)".to_owned(),
        false => dice.of(&["v", "*", "v, host", "v, n"]).to_owned(),
    };
    let filter = filter(dice, windows);
    let grouping = grouping(dice, windows);
    format!(
        "SELECT {columns} FROM {from}{filter}{grouping}{}",
        ending(dice)
    )
}

fn zone(dice: &mut Dice) -> String {
    let (range, zones): (&str, &[&str]) = match dice.below(2) {
        0 => (
            "time >= '2021-10-30T20:00:00Z' AND time < '2021-11-01T04:00:00Z'",
            &[
                "Europe/Berlin",
                "Europe/London",
                "Atlantic/Azores",
                "UTC",
                "Asia/Kolkata",
            ],
        ),
        _ => (
            "time >= '2021-03-27T20:00:00Z' AND time < '2021-03-29T04:00:00Z'",
            &[
                "Europe/Berlin",
                "Europe/London",
                "America/New_York",
                "Asia/Kathmandu",
            ],
        ),
    };
    let zone = dice.of(zones);
    let window = dice.of(&[
        "15m", "30m", "1h", "90m", "2h", "3h", "6h", "12h", "1d", "20m", "7m", "40m", "45m",
        "100m", "5h", "8h", "36h", "1h, 15m",
    ]);
    let call = dice.of(&[
        "count(v)",
        "mean(v)",
        "sum(v)",
        "first(v)",
        "last(v)",
        "min(v)",
        "max(v)",
        "percentile(v, 50)",
        "median(v)",
        "spread(v)",
        "max(v), last(v)",
    ]);
    let order = dice.of(&["", "", " ORDER BY time DESC"]);
    format!(
        "SELECT {call} FROM clock WHERE {range} GROUP BY time({window}){}{order} tz('{zone}')",
        fill(dice)
    )
}

fn casts(dice: &mut Dice) -> String {
    let of = dice.of(&[
        "v::integer",
        "n::float",
        "v::string",
        "u::integer",
        "host::tag",
        "loc::tag",
        "loc::field",
        "v::field",
        "v::unsigned",
    ]);
    let measurement = dice.of(&["cpu", "both", "lone"]);
    let columns = match dice.percent(60) {
        true => format!("{of}, v"),
        false => format!("{}({of})", dice.of(&["count", "sum", "max", "mean"])),
    };
    format!(
        "SELECT {columns} FROM {measurement}{}{}",
        filter(dice, false),
        ending(dice)
    )
}

fn show(dice: &mut Dice) -> String {
    let from = dice.of(&[
        "",
        " FROM cpu",
        " FROM cpu, mem",
        " FROM /e/",
        " FROM nothing",
    ]);
    let filter = dice.of(&[
        "",
        "",
        " WHERE host = 'a'",
        " WHERE host != 'a'",
        " WHERE region =~ /e/",
        " WHERE host = 'a' AND region = 'eu'",
        " WHERE host = 'b' OR kind = 'x'",
    ]);
    let mut ending = String::new();
    for word in ["LIMIT", "OFFSET"] {
        if dice.percent(25) {
            ending.push_str(&format!(" {word} {}", 1 + dice.below(3)));
        }
    }
    match dice.below(11) {
        8 => format!(
            "SHOW {} CARDINALITY{from}{filter}{ending}",
            dice.of(&[
                "SERIES",
                "SERIES EXACT",
                "MEASUREMENT EXACT",
                "TAG KEY",
                "FIELD KEY"
            ])
        ),
        9 => format!("SHOW TAG VALUES CARDINALITY{from} WITH KEY = host{filter}{ending}"),
        0 => format!(
            "SHOW MEASUREMENTS{}{filter}{ending}",
            dice.of(&["", " WITH MEASUREMENT = cpu", " WITH MEASUREMENT =~ /[cm]/"])
        ),
        1 => format!("SHOW TAG KEYS{from}{filter}{ending}"),
        2 => format!("SHOW TAG VALUES{from} WITH KEY = host{filter}{ending}"),
        3 => format!("SHOW TAG VALUES{from} WITH KEY IN (host, region){filter}{ending}"),
        4 => format!("SHOW TAG VALUES{from} WITH KEY =~ /o/{filter}{ending}"),
        5 => format!("SHOW FIELD KEYS{from}{ending}"),
        6 => format!("SHOW SERIES{from}{filter}{ending}"),
        7 => format!("SHOW TAG VALUES{from} WITH KEY != host{filter}{ending}"),
        _ => "SHOW RETENTION POLICIES".to_owned(),
    }
}

fn refused(dice: &mut Dice) -> String {
    dice.of(&[
        "SELECT mean(v), v FROM cpu",
        "SELECT v FROM cpu GROUP BY time(1m)",
        "SELECT difference(mean(v)) FROM cpu",
        "SELECT nope(v) FROM cpu",
        "SELECT max(v), min(v), host FROM cpu",
        "SELECT 1 FROM cpu",
        "SELECT v FROM cpu WHERE mean(v) > 1",
        "SELECT distinct(v), mean(v) FROM cpu",
        "SELECT top(v, 0) FROM cpu",
        "SELECT v FROM cpu ORDER BY v",
        "SELECT v FROM cpu tz('Nowhere/City')",
        "SELECT moving_average(v, 1) FROM cpu",
        "SELECT v FROM cpu fill(none)",
        "SELECT time FROM cpu",
        "SELECT v > 1 FROM cpu",
        "SELECT key FROM cpu",
        "SELECT n + u FROM cpu",
        "SELECT s + n FROM cpu",
        "SELECT abs(s) FROM cpu",
        "SELECT - - v FROM cpu",
        "SELECT v INTO other FROM cpu",
        "DROP SERIES FROM cpu",
        "CREATE DATABASE x",
        "SHOW SERIES CARDINALITY",
        "SHOW MEASUREMENTS WHERE time > 0",
        "EXPLAIN SELECT v FROM cpu",
        "SHOW USERS",
    ])
    .to_owned()
}

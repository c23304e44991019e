//! What a run may use, and that it ends cleanly when it wants more.

use watchpost_flux::effects::NoEffects;
use watchpost_flux::error::{Error, ErrorKind};
use watchpost_flux::program::STACK_BYTES;
use watchpost_flux::{Limits, Outcome, Program, Run};

use crate::memory_source::MemorySource;

/// Runs a text over a bucket `b` of 100 rows in two series; hands back the outcome and how many rows came.
fn run(
    text: &str,
    limits: Limits,
    check: &dyn Fn() -> Result<(), Error>,
) -> Result<(Outcome, usize), Error> {
    let source = MemorySource::default();
    for row in 0..50 {
        source.load(
            "b",
            format!(
                "m,host=a v={row} {}\nm,host=b v={row} {}",
                row * 10 + 1,
                row * 10 + 2
            )
            .as_bytes(),
        );
    }
    let program = Program::compile(text, None, 1_000)
        .map_err(|diagnostics| Error::invalid(&diagnostics[0]))?;
    let run = Run {
        source: &source,
        effects: &NoEffects,
        limits,
        check,
    };
    let mut rows = 0;
    let outcome = program.run(&run, &mut |_, table| {
        rows += table.rows;
        Ok(())
    })?;
    Ok((outcome, rows))
}

const ALL: &str =
    "from(bucket: \"b\") |> range(start: 1970-01-01T00:00:00Z, stop: 1970-01-01T00:00:01Z)";

fn refused(text: &str, limits: Limits) -> String {
    let error = run(text, limits, &|| Ok(())).expect_err("more than the limit");
    assert_eq!(error.kind, ErrorKind::Exhausted, "{error}");
    error.message
}

#[test]
fn rows() {
    let limits = Limits {
        rows: 60,
        ..Limits::default()
    };
    assert_eq!(refused(ALL, limits), "the answer has more than 60 rows");
    assert_eq!(
        run(&format!("{ALL} |> limit(n: 30)"), limits, &|| Ok(()))
            .expect("60 rows")
            .1,
        60
    );
}

/// Compiling takes far more than what is left of it: that is asked for before it begins.
#[test]
fn a_pattern_is_compiled_within_the_memory() {
    let limits = Limits {
        memory_bytes: 8 << 20,
        ..Limits::default()
    };
    let matching = |pattern: &str| format!("{ALL} |> filter(fn: (r) => r.host =~ /{pattern}/)");
    let names: Vec<_> = (0..2000).map(|n| format!("web-{n}.example.org")).collect();
    let long = matching(&names.join("|"));
    let message = refused(&long, limits);
    assert!(message.contains("memory"), "{message}");
    run(&long, Limits::default(), &|| Ok(())).expect("it is taken where there is memory");
    let (_, rows) = run(&matching("a|c"), limits, &|| Ok(())).expect("a short one");
    assert_eq!(rows, 50);
}

#[test]
fn tables() {
    let limits = Limits {
        tables: 1,
        ..Limits::default()
    };
    assert_eq!(refused(ALL, limits), "the answer has more than 1 tables");
}

#[test]
fn memory() {
    let limits = Limits {
        memory_bytes: 1_000,
        ..Limits::default()
    };
    let message = refused(&format!("{ALL} |> limit(n: 40) |> group()"), limits);
    assert!(message.contains("limit 1000 bytes"), "{message}");
}

#[test]
fn memory_is_one_for_all_steps() {
    // Two hundred rows of 16 bytes and what is beside them: each step alone fits, a join of two such streams does not.
    let half = format!("{ALL} |> map(fn: (r) => ({{_time: r._time, _value: r._value}}))");
    let two =
        format!("a = {half}\nb = {half}\nunion(tables: [a, b]) |> sort(columns: [\"_time\"])");
    let limits = |memory_bytes| Limits {
        memory_bytes,
        ..Limits::default()
    };
    let needs = |text: &str| {
        let fits = |bytes: &usize| run(text, limits(*bytes), &|| Ok(())).is_ok();
        (1..200)
            .map(|k| k * 500)
            .find(fits)
            .expect("some limit is enough")
    };
    let (one, both) = (needs(&half), needs(&two));
    assert!(both >= one * 3 / 2, "{one} for one, {both} for two");
    let message = refused(&two, limits(one));
    assert!(
        message.contains("memory allocation limit reached"),
        "{message}"
    );
    // What a step gave back is free for the next one.
    let chain = format!(
        "{half}{}",
        " |> map(fn: (r) => ({r with _value: r._value + 1.0}))".repeat(20)
    );
    assert!(
        needs(&chain) <= one * 3,
        "{one} for one step, {} for a chain",
        needs(&chain)
    );
}

/// Programs of a few lines whose values double, or grow by a function of the library: each ends at its limit, before it
/// takes the memory. Without the limit these would ask for terabytes.
#[test]
fn values_that_grow() {
    let twice = |first: &str, step: &str, last: &str| {
        let lines: String = (1..40)
            .map(|n| format!("s{n} = {}\n", step.replace('@', &format!("s{}", n - 1))))
            .collect();
        format!(
            "import \"strings\"\nimport \"array\"\nimport \"dict\"\nimport \"regexp\"\nimport \"json\"\nimport \"experimental/dynamic\"\ns0 = {first}\n{lines}x = {last}\n{ALL} |> limit(n: 1)"
        )
    };
    let long = "strings.repeat(v: \"a\", i: 100000)";
    let text = "\"abcdefgh\"";
    for program in [
        twice(text, "@ + @", "1"),
        twice(text, "\"${@}${@}\"", "1"),
        twice(text, "strings.joinStr(arr: [@, @], v: @)", "1"),
        twice(text, "strings.replaceAll(v: @, t: \"a\", u: \"aa\")+@", "1"),
        twice(text, "strings.repeat(v: @, i: 2)", "1"),
        twice(
            text,
            "regexp.replaceAllString(r: /.*/, v: @, t: \"$0$0\")",
            "1",
        ),
        twice("[1, 2]", "array.concat(arr: @, v: @)", "1"),
        twice(
            "[1, 2]",
            "array.map(arr: array.concat(arr: @, v: @), fn: (x) => x)",
            "1",
        ),
        twice("dynamic.dynamic(v: [1])", "dynamic.dynamic(v: [@, @])", "1"),
        twice("[1]", "[@, @]", "display(v: s30)"),
        twice("[1]", "[@, @]", "json.encode(v: s30)"),
        twice(long, "@", "strings.replaceAll(v: s0, t: \"a\", u: s0)"),
        twice(long, "@", "strings.replaceAll(v: s0, t: \"\", u: s0)"),
        twice(
            long,
            "@",
            "strings.joinStr(arr: strings.split(v: s0, t: \"\"), v: s0)",
        ),
        twice(long, "@", "regexp.replaceAllString(r: /a/, v: s0, t: s0)"),
        twice(
            long,
            "strings.toUpper(v: @) + \"a\"",
            "strings.repeat(v: s39, i: 1000)",
        ),
        format!(
            "import \"strings\"\nimport \"experimental/geo\"\nline = strings.repeat(v: \"1 1,\", i: 1000000) + \"1 1\"\nx = geo.stLength(geometry: {{linestring: line}}, units: {{distance: \"km\"}})\n{ALL}"
        ),
        format!(
            "{ALL} |> map(fn: (r) => {{\ns0 = r.host\n{}return {{x: s30}}}})",
            (1..=30)
                .map(|n| format!("s{n} = s{0} + s{0}\n", n - 1))
                .collect::<String>()
        ),
        format!(
            "{ALL} |> reduce(identity: {{s: \"a\"}}, fn: (r, accumulator) => ({{s: accumulator.s + accumulator.s}}))"
        ),
    ] {
        let limits = Limits {
            memory_bytes: 16 << 20,
            ..Limits::default()
        };
        let error = run(&program, limits, &|| Ok(())).map(|(outcome, _)| outcome);
        let error = error.expect_err(&program);
        assert_eq!(error.kind, ErrorKind::Exhausted, "{error}: {program}");
    }
}

/// What rows leave behind is given back: a program over many rows takes no more than one over few.
#[test]
fn values_of_rows_are_given_back() {
    let text = format!(
        "import \"strings\"\n{ALL} |> map(fn: (r) => ({{x: strings.toUpper(v: strings.repeat(v: r.host, i: 10000)) == \"\"}}))\n    |> reduce(identity: {{n: \"\"}}, fn: (r, accumulator) => ({{n: strings.repeat(v: \"a\", i: 20000)}}))"
    );
    let limits = Limits {
        memory_bytes: 1 << 20,
        ..Limits::default()
    };
    run(&text, limits, &|| Ok(()))
        .expect("a hundred rows of twenty kilobytes, one after the other");
}

/// Values whose types do not show how deep they are, and closures that hold closures, would be dropped by deep recursion.
#[test]
fn values_in_one_another_end_in_an_error() {
    let rows = "import \"generate\"\nimport \"experimental/dynamic\"\ngenerate.from(count: 20000, fn: (n) => n, start: 2024-01-01T00:00:00Z, stop: 2025-01-01T00:00:00Z)";
    for reduce in [
        "reduce(identity: {d: dynamic.dynamic(v: [1])}, fn: (r, accumulator) => ({d: dynamic.dynamic(v: [accumulator.d])}))",
        "reduce(identity: {f: () => 1}, fn: (r, accumulator) => ({f: () => accumulator.f() + 1}))",
    ] {
        run(
            &format!("{rows} |> {reduce}"),
            Limits::default(),
            &|| Ok(()),
        )
        .expect_err(reduce);
    }
}

/// A stream united with itself, forty times: 2^40 ways through forty steps.
#[test]
fn streams_united_with_themselves_are_walked_once() {
    let lines: String = (1..40)
        .map(|n| {
            format!(
                "s{n} = union(tables: [s{0} |> limit(n: 1), s{0}]) |> limit(n: 1)\n",
                n - 1
            )
        })
        .collect();
    let text = format!("s0 = {ALL} |> limit(n: 1)\n{lines}s39");
    let (_, rows) = run(&text, Limits::default(), &|| Ok(())).expect("an answer");
    assert_eq!(rows, 2);
}

#[test]
fn windows() {
    let message = refused(
        "from(bucket: \"b\") |> range(start: 1970-01-01T00:00:00Z, stop: 1970-01-02T00:00:00Z) |> aggregateWindow(every: 1ns, fn: mean)",
        Limits::default(),
    );
    assert!(message.contains("windows"), "{message}");
}

#[test]
fn cancellation() {
    let left = std::cell::Cell::new(3);
    let check = || {
        left.set(left.get() - 1);
        if left.get() < 0 {
            Err(Error::new(ErrorKind::Canceled, "killed"))
        } else {
            Ok(())
        }
    };
    let error = run(
        &format!("{ALL} |> map(fn: (r) => ({{r with x: 1}}))"),
        Limits::default(),
        &check,
    )
    .expect_err("killed");
    assert_eq!(
        (error.kind, error.message.ends_with("killed")),
        (ErrorKind::Canceled, true)
    );
}

#[test]
fn every_long_loop_asks_whether_it_may_go_on() {
    let ten = (0..10_000).map(|_| "0").collect::<Vec<_>>().join(", ");
    let rows = "import \"generate\"\ngenerate.from(count: 10000, fn: (n) => n, start: 2024-01-01T00:00:00Z, stop: 2025-01-01T00:00:00Z)";
    let loops = [
        rows.to_owned(),
        format!(
            "{rows} |> reduce(identity: {{n: 0}}, fn: (r, accumulator) => ({{n: accumulator.n + 1}}))"
        ),
        format!("a = {ALL}\nb = {ALL}\njoin(tables: {{a: a, b: b}}, on: [\"host\"])"),
        format!(
            "import \"array\"\nx = array.map(arr: [{ten}], fn: (x) => x + 1)\n{ALL} |> limit(n: x[0])"
        ),
        format!(
            "import \"strings\"\nimport \"experimental/geo\"\nline = (first) => ({{linestring: first + strings.repeat(v: \",1 1\", i: 600)}})\nx = geo.stDistance(region: line(first: \"2 2\"), geometry: line(first: \"3 3\"), units: {{distance: \"km\"}})\n{ALL}"
        ),
    ];
    for text in loops {
        let asked = std::cell::Cell::new(0);
        let count = || {
            asked.set(asked.get() + 1);
            Ok(())
        };
        run(&text, Limits::default(), &count).expect("an answer");
        // Far more often than there are nodes and tables.
        let all = asked.get();
        assert!(all >= 30, "{all} times only: {text}");
        for last in [all / 2, all] {
            asked.set(0);
            let check = || match asked.replace(asked.get() + 1) + 1 >= last {
                true => Err(Error::new(ErrorKind::Canceled, "killed")),
                false => Ok(()),
            };
            let error = run(&text, Limits::default(), &check).expect_err("killed");
            assert_eq!(error.kind, ErrorKind::Canceled, "{error}: {text}");
        }
    }
}

#[test]
fn tall_expressions_and_long_chains_fit_a_worker_thread() {
    let sums = format!(
        "x = {}\n{ALL} |> filter(fn: (r) => r._value > float(v: x))",
        vec!["1"; 200].join(" + ")
    );
    let chain = format!(
        "{ALL}{}",
        " |> map(fn: (r) => ({r with x: 1.0}))".repeat(100)
    );
    let calls: String = (1..90)
        .map(|n| format!("f{n} = (x) => f{}(x: x + 1)\n", n - 1))
        .collect();
    let calls = format!("f0 = (x) => x\n{calls}y = f89(x: 1)\n{ALL} |> limit(n: y)");
    for text in [sums, chain, calls] {
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
        let thread = thread.spawn(move || run(&text, Limits::default(), &|| Ok(())).map(|_| ()));
        thread
            .expect("a thread")
            .join()
            .expect("no overflow of the stack")
            .expect("an answer");
    }
}

#[test]
fn what_was_pushed_down_is_told() {
    let text = format!(
        "{ALL} |> filter(fn: (r) => r.host == \"a\" and r._value > 3.0) |> aggregateWindow(every: 1ns, fn: max, createEmpty: false)"
    );
    let (outcome, rows) = run(&text, Limits::default(), &|| Ok(())).expect("an answer");
    assert_eq!(rows, 46);
    assert_eq!(
        outcome.explain,
        [
            "read \"b\" [1970-01-01T00:00:00Z, 1970-01-01T00:00:01Z) where host == \"a\" and _value > 3.0; max every 1ns (over the rows)"
        ]
    );
}

/// A list that holds another one twice, and that one another: as few lines as it takes to write it are compared without end.
#[test]
fn lists_of_the_same_lists_are_not_compared_without_end() {
    let lines: String = (1..40)
        .map(|n| format!("a{n} = [a{0}, a{0}]\n", n - 1))
        .collect();
    for compared in ["a39 == a39", "a39 != a39"] {
        let text =
            format!("import \"array\"\na0 = [1, 1]\n{lines}array.from(rows: [{{b: {compared}}}])");
        refused(&text, Limits::default());
    }
    let small = "import \"array\"\na = [[1], [2]]\narray.from(rows: [{b: a == a}])";
    assert!(run(small, Limits::default(), &|| Ok(())).is_ok());
}

/// A byte of CSV becomes a cell, which takes more.
#[test]
fn csv_is_on_the_account_before_it_is_read() {
    let limits = Limits {
        memory_bytes: 32 << 20,
        ..Limits::default()
    };
    let cells = "strings.repeat(v: \",a\", i: 500000)";
    let raw = format!(
        "import \"csv\"\nimport \"strings\"\ncsv.from(csv: \"a\" + {cells} + \"\\n\" + {cells}, mode: \"raw\")"
    );
    refused(&raw, limits);
    let tables = "import \"csv\"\nimport \"strings\"\ncsv.from(csv: \"#datatype,string,long,string\\n#group,false,false,true\\n\
        #default,_result,,\\n,result,table,a\\n\" + strings.repeat(v: \",,0,a\\n,,1,b\\n\", i: 100000))";
    refused(tables, limits);
    let few = tables.replace("100000", "100");
    assert_eq!(run(&few, limits, &|| Ok(())).expect("it fits").1, 200);
}

/// What is meant for another server is neither read from this one nor written to it.
#[test]
fn another_host_is_refused() {
    let rows = "import \"array\" array.from(rows: [{_time: now(), _measurement: \"m\", _field: \"v\", _value: 1}])";
    for (text, function) in [
        ("buckets(host: \"http://other\")".to_owned(), "buckets"),
        (ALL.replace("\"b\"", "\"b\", host: \"http://other\""), "from"),
        (
            "import \"influxdata/influxdb\" influxdb.cardinality(bucket: \"b\", host: \"http://other\", start: -1h)".to_owned(),
            "cardinality",
        ),
        (format!("{rows} |> to(bucket: \"b\", host: \"http://other\")"), "to"),
        (format!("{rows} |> wideTo(bucket: \"b\", host: \"http://other\")"), "wideTo"),
    ] {
        let error = run(&text, Limits::default(), &|| Ok(())).expect_err("another host");
        let message = &error.message;
        assert!(
            message.contains(&format!("{function}: "))
                && message.contains("another host is not supported by this server"),
            "{text}: {message}"
        );
    }
}

//! What the profilers answer behind the results, as `influx query --profilers` and the clients read it.

use watchpost_flux::effects::NoEffects;
use watchpost_flux::error::Error;
use watchpost_flux::{Limits, Program, Run};

use crate::memory_source::MemorySource;

/// Result, key, labels and rows of each table.
fn tables(text: &str) -> Result<Vec<String>, Error> {
    let source = MemorySource::default();
    source.load("b", b"m,host=a v=1 1\nm,host=b v=2 2");
    let program = Program::compile(text, None, 1_000)
        .map_err(|diagnostics| Error::invalid(&diagnostics[0]))?;
    let run = Run {
        source: &source,
        effects: &NoEffects,
        limits: Limits::default(),
        check: &|| Ok(()),
    };
    let mut tables = Vec::new();
    program.run(&run, &mut |result, table| {
        let labels: Vec<&str> = table.labels().map(AsRef::as_ref).collect();
        let key: Vec<&str> = table
            .key
            .columns()
            .iter()
            .map(|(name, _)| &**name)
            .collect();
        tables.push(format!(
            "{result} {} rows by {}: {}",
            table.rows,
            key.join(","),
            labels.join(",")
        ));
        Ok(())
    })?;
    Ok(tables)
}

const QUERY: &str =
    "from(bucket: \"b\") |> range(start: 0) |> group() |> sum() |> keep(columns: [\"_value\"])";

#[test]
fn enabled_profilers_are_a_result_of_their_own() {
    let with = |names: &str| {
        tables(&format!(
            "import \"profiler\"\noption profiler.enabledProfilers = [{names}]\n{QUERY}"
        ))
    };
    let plain = "_result 1 rows by : _value";
    let query = "_profiler 1 rows by _measurement: _measurement,TotalDuration,CompileDuration,QueueDuration,PlanDuration,RequeueDuration,ExecuteDuration,Concurrency,MaxAllocated,TotalAllocated,RuntimeErrors,flux/query-plan,influxdb/scanned-bytes,influxdb/scanned-values";
    assert_eq!(tables(QUERY).expect("an answer"), [plain]);
    assert_eq!(with("\"\"").expect("an answer"), [plain]);
    // One that is not known is passed over.
    assert_eq!(with("\"none\"").expect("an answer"), [plain]);
    assert_eq!(
        with("\"none\", \"query\"").expect("an answer"),
        [plain, query]
    );
    assert_eq!(with("\"query\"").expect("an answer"), [plain, query]);
    let both = with("\"query\", \"operator\"").expect("an answer");
    assert_eq!(both[..2], [plain, query]);
    let (operator, rest) = both[2].split_once(" rows by ").expect("a table");
    assert!(operator.starts_with("_profiler "), "{operator}");
    assert_eq!(
        rest,
        "_measurement: _measurement,Type,Label,Count,MinDuration,MaxDuration,DurationSum,MeanDuration"
    );
    assert!(with("5").is_err());
}

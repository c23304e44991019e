//! Any text as a program: it is refused or answered, over no data, in bounded steps; never a panic. `tests/damaged_runs.rs`
//! does the same with damaged queries, on every machine.
#![no_main]

use std::cell::Cell;
use std::sync::Arc;

use watchpost_flux::effects::NoEffects;
use watchpost_flux::error::{Error, ErrorKind};
use watchpost_flux::source::{
    BucketInformation, PushedAggregate, ReadRequest, Scan, SchemaRequest, SeriesSink, Source,
};
use watchpost_flux::{Limits, Program, Run};

/// Steps that a program may take.
const STEPS: usize = 100_000;

/// Buckets of any name, all without rows.
struct Empty;

impl Source for Empty {
    fn can_aggregate(&self, _: &PushedAggregate) -> bool {
        true
    }

    fn read(&self, request: &ReadRequest, _: &mut SeriesSink<'_>) -> Result<Scan, Error> {
        Ok(match request.aggregate {
            Some(_) => Scan::Aggregated,
            None => Scan::Raw,
        })
    }

    fn tag_keys(&self, _: &SchemaRequest) -> Result<Vec<Arc<str>>, Error> {
        Ok(Vec::new())
    }

    fn tag_values(&self, _: &SchemaRequest, _: &str) -> Result<Vec<Arc<str>>, Error> {
        Ok(Vec::new())
    }

    fn buckets(&self) -> Result<Vec<BucketInformation>, Error> {
        Ok(Vec::new())
    }
}

libfuzzer_sys::fuzz_target!(|text: &str| {
    let Ok(program) = Program::compile(text, None, 0) else {
        return;
    };
    let steps = Cell::new(0);
    let run = Run {
        source: &Empty,
        effects: &NoEffects,
        limits: Limits {
            memory_bytes: 16 << 20,
            rows: 10_000,
            ..Limits::default()
        },
        check: &|| {
            steps.set(steps.get() + 1);
            if steps.get() > STEPS {
                return Err(Error::new(ErrorKind::Canceled, "enough"));
            }
            Ok(())
        },
    };
    // Refused or answered: both are well.
    let _ = program.run(&run, &mut |_, _| Ok(()));
});

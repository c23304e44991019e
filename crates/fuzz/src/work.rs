//! The worker: gives inputs to one target on a thread with a small stack, while another watches the time. Whatever is
//! wrong ends the process: the supervisor finds the input in the file that is written before each.

use std::collections::HashSet;
use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use fastrand::Rng;
use watchpost_engine::memory;

use crate::arguments::Arguments;
use crate::corpus;
use crate::mutate;
use crate::targets::{Check, Target};

/// Between two looks at the clock.
const LOOK: Duration = Duration::from_millis(50);

/// The longest that an input may take while other processes have the processor.
const PATIENCE: Duration = Duration::from_secs(120);

/// Inputs of new kinds that are kept to go on from, and the longest of them.
const POOL: usize = 4_000;
const POOL_BYTES: usize = 4_096;

/// Number and length before the input, in the file of the current one.
const HEAD: usize = 16;

/// What was done.
#[derive(Default)]
pub(crate) struct Report {
    pub(crate) inputs: u64,
    /// Of these were no errors.
    pub(crate) taken: u64,
    /// Different answers.
    pub(crate) kinds: u64,
}

impl Report {
    pub(crate) fn add(&mut self, other: &Report) {
        self.inputs += other.inputs;
        self.taken += other.taken;
        self.kinds = self.kinds.max(other.kinds);
    }
}

/// Three numbers with blanks between.
impl FromStr for Report {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let numbers: Vec<u64> = text
            .split_whitespace()
            .map(str::parse)
            .collect::<Result<_, _>>()?;
        let [inputs, taken, kinds] = numbers[..] else {
            anyhow::bail!("a worker said {text:?}");
        };
        Ok(Self {
            inputs,
            taken,
            kinds,
        })
    }
}

/// The file with the input that a worker is at.
pub(crate) fn current_file(folder: &Path, target: &Target) -> PathBuf {
    folder.join(format!("{}.current", target.name))
}

/// Number and bytes of the input that a worker was at.
pub(crate) fn read_current(file: &Path) -> Result<(u64, Vec<u8>)> {
    let bytes = fs::read(file)?;
    let number = |at: usize| {
        let eight = bytes.get(at..at + 8).context("it was at no input")?;
        anyhow::Ok(u64::from_le_bytes(eight.try_into()?))
    };
    let length = usize::try_from(number(8)?)?;
    let input = bytes
        .get(HEAD..HEAD + length)
        .context("it was at no input")?;
    Ok((number(0)?, input.to_vec()))
}

/// The number of the input that goes on; `u64::MAX` before the first.
type Progress = Arc<AtomicU64>;

/// Works until the inputs or the time are used up.
pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let target = *arguments
        .targets
        .first()
        .context("a worker needs a target")?;
    std::panic::set_hook(Box::new(|panic| {
        eprintln!("{panic}");
        std::process::abort();
    }));
    let pool = match &arguments.file {
        Some(file) => vec![fs::read(file)?],
        None => corpus::of(target)?,
    };
    let inputs = match arguments.file {
        Some(_) => 1,
        None => arguments.inputs,
    };
    let worker = Worker {
        target,
        current: File::create(current_file(&arguments.found, target))?,
        pool,
        kinds: HashSet::new(),
        report: Report::default(),
        progress: Arc::new(AtomicU64::new(u64::MAX)),
        buffer: Vec::new(),
    };
    let (progress, ended) = (
        Arc::clone(&worker.progress),
        Arc::new(AtomicBool::new(false)),
    );
    let (end, watcher) = (Arc::clone(&ended), thread::current());
    let (first, seed) = (arguments.first, arguments.seed);
    let until = arguments.time.map(|time| Instant::now() + time);
    let thread = thread::Builder::new()
        .stack_size(target.stack)
        .spawn(move || {
            let report = worker.work(first, inputs, seed, until);
            end.store(true, Ordering::Release);
            watcher.unpark();
            report
        })?;
    watch(target, &progress, &ended);
    let report = thread
        .join()
        .map_err(|_| anyhow::anyhow!("the worker panicked"))?;
    println!("{} {} {}", report.inputs, report.taken, report.kinds);
    Ok(ExitCode::SUCCESS)
}

/// Ends the process if an input takes too long.
fn watch(target: &Target, progress: &AtomicU64, ended: &AtomicBool) {
    let (mut number, mut began, mut used) = (u64::MAX, Instant::now(), processor_time());
    while !ended.load(Ordering::Acquire) {
        thread::park_timeout(LOOK);
        let now = progress.load(Ordering::Acquire);
        if now != number {
            (number, began, used) = (now, Instant::now(), processor_time());
            continue;
        }
        if number != u64::MAX
            && (processor_time().saturating_sub(used) > target.processor
                || began.elapsed() > PATIENCE)
        {
            eprintln!(
                "an input took {:?} of the processor, {:?} in all",
                processor_time().saturating_sub(used),
                began.elapsed()
            );
            std::process::exit(3);
        }
    }
}

/// What this process used of the processor, by `/proc/self/stat` (proc(5)): fields 14 and 15, in hundredths of a second.
fn processor_time() -> Duration {
    let text = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let behind_name = text.rsplit(')').next().unwrap_or_default();
    let fields = behind_name.split_whitespace().skip(11).take(2);
    let ticks: u64 = fields.filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

struct Worker {
    target: &'static Target,
    current: File,
    pool: Vec<Vec<u8>>,
    kinds: HashSet<u64>,
    report: Report,
    progress: Progress,
    /// What goes into the file, kept for its memory.
    buffer: Vec<u8>,
}

impl Worker {
    fn work(mut self, first: u64, inputs: u64, seed: u64, until: Option<Instant>) -> Report {
        let mut check = (self.target.make)();
        // Fails only if more is taken already, and then the first input shows it.
        let _ = memory::refuse_above(memory::allocated() + self.target.memory);
        let corpus = self.pool.len() as u64;
        for number in first..inputs {
            if until.is_some_and(|until| Instant::now() > until) {
                break;
            }
            let input = match usize::try_from(number) {
                Ok(place) if number < corpus => self.pool[place].clone(),
                _ => {
                    let mut random =
                        Rng::with_seed(seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
                    mutate::input(&mut random, self.target, &self.pool)
                }
            };
            self.give(&mut check, number, input);
        }
        self.report
    }

    fn give(&mut self, check: &mut Check, number: u64, input: Vec<u8>) {
        self.buffer.clear();
        self.buffer.extend_from_slice(&number.to_le_bytes());
        self.buffer
            .extend_from_slice(&(input.len() as u64).to_le_bytes());
        self.buffer.extend_from_slice(&input);
        // A disk that is full costs the finding, not the run.
        let _ = self.current.write_all_at(&self.buffer, 0);
        self.progress.store(number, Ordering::Release);
        let answer = check(&input);
        self.report.inputs += 1;
        self.report.taken += u64::from(answer.is_taken);
        if self.kinds.insert(answer.kind) {
            self.report.kinds += 1;
            if input.len() <= POOL_BYTES && self.pool.len() < POOL {
                self.pool.push(input);
            }
        }
    }
}

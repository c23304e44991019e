//! `watchpost-fuzz`: gives changed and random inputs to every parser and route, each under limits of stack, memory and
//! time, and keeps the inputs that pass one or end the process.
//!
//! It needs no other compiler and knows no coverage: an input whose answer is of a new kind is one to go on from. A worker
//! process does the work ([`work`]), so that an overflow of the stack ends that one alone; [`supervise`] starts it, finds
//! what it was doing, and goes on behind it. `cargo xtask fuzz` runs it.

mod arguments;
mod corpus;
mod mutate;
mod supervise;
mod targets;
mod work;

use std::process::ExitCode;

use arguments::Arguments;

fn main() -> ExitCode {
    let arguments = match Arguments::parse() {
        Ok(Some(arguments)) => arguments,
        Ok(None) => return ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("watchpost-fuzz: {error:#}");
            return ExitCode::from(64);
        }
    };
    let outcome = match arguments.is_worker {
        true => work::run(&arguments),
        false => supervise::run(&arguments),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("watchpost-fuzz: {error:#}");
        ExitCode::FAILURE
    })
}

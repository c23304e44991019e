//! Any bytes into the chunk decoder.
#![no_main]

#[path = "../../tests/chunk_decoder.rs"]
mod chunk_decoder;

libfuzzer_sys::fuzz_target!(|input: &[u8]| chunk_decoder::check(input));

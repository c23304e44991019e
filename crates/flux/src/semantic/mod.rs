//! What a program means before it runs: names, arguments and types, checked as Flux does.

//! Package functions: date (being written by the syntax/semantic helper).

//! Package functions: json (being written by the syntax/semantic helper).

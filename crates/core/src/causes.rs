//! An error with its causes in one line, for people: libraries name the outermost alone, and the reason is behind it.

use std::error::Error;

/// `message`, and each cause of `error` that it does not hold yet.
pub fn with_causes(mut message: String, error: &dyn Error) -> String {
    let mut source = error.source();
    while let Some(cause) = source {
        let text = cause.to_string();
        if !message.contains(&text) {
            message = format!("{message}: {text}");
        }
        source = cause.source();
    }
    message
}

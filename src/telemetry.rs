//! Sets up what the process says of itself on standard error: called once, by the shell.
//!
//! Spans carry identity (the environment, the run), events carry facts; a message is readable alone. Nothing that is logged
//! can hold a secret, since a secret has no way to be printed.

use std::io;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt as _;

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Whether text is coloured; JSON never is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// On a terminal without `NO_COLOR`.
    Yes,
    /// Anywhere else.
    No,
}

/// What is logged when nothing says otherwise.
pub const DEFAULT_FILTER: &str = "info";

/// Why logging could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter cannot be read.
    #[error("the log filter `{filter}` cannot be read: {reason}; write a level (`debug`) or `target=level,...`")]
    Filter {
        /// As it was given.
        filter: String,
        /// What the library says.
        reason: String,
    },
    /// It was set up already.
    #[error("logging is set up already")]
    Twice,
}

/// Sends events that pass `filter` (a level, or `target=level,...`) to standard error.
///
/// # Errors
/// When the filter cannot be read, or this was called before.
pub fn init(format: Format, filter: &str, colour: Colour) -> Result<(), TelemetryError> {
    let filter = read_filter(filter)?;
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(colour == Colour::Yes);
    let result = match format {
        Format::Text => subscriber.with_target(false).finish().try_init(),
        Format::Json => subscriber.json().flatten_event(true).finish().try_init(),
    };
    result.map_err(|_| TelemetryError::Twice)
}

fn read_filter(filter: &str) -> Result<EnvFilter, TelemetryError> {
    EnvFilter::builder()
        .parse(filter)
        .map_err(|error| TelemetryError::Filter {
            filter: filter.to_owned(),
            reason: error.to_string(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_that_cannot_be_read_is_named() {
        assert!(read_filter("driftless=debug,warn").is_ok());
        let message = read_filter("driftless=loudly")
            .map(drop)
            .map_err(|error| error.to_string());
        assert!(message.is_err_and(|message| message.contains("`driftless=loudly`")));
    }
}

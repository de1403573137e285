//! The log: to standard error, for people or for machines.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::config::{Config, LogFormat};

/// Starts logging for this process.
///
/// # Errors
/// When it was started before.
pub fn start(config: &Config) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    // Libraries log warnings and errors only.
    let ours = format!("warn,tagalong={}", config.log_level);
    let filter = EnvFilter::builder().with_default_directive(LevelFilter::WARN.into()).parse(ours)?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let terminal = std::io::stderr().is_terminal();
    match config.log_format {
        LogFormat::Human => builder.with_ansi(terminal).try_init(),
        LogFormat::Auto if terminal => builder.try_init(),
        LogFormat::Auto | LogFormat::Json => {
            builder.json().flatten_event(true).with_span_list(false).try_init()
        }
    }
}

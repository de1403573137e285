//! The command line, made from the declarations of settings.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Arg, ArgMatches, Command};
use clap_complete::Shell;

use crate::config::{Raw, Reference, SETTINGS, Setting};

/// The subcommand.
#[derive(Debug)]
pub enum Task {
    /// Run the server.
    Serve,
    /// Bring the database up to date.
    Migrate,
    /// Write the database's content to standard output.
    Export,
    /// Read such content from standard input into the database.
    Import,
    /// Print the settings in force.
    Config,
    /// Print the description of all settings.
    Reference(Reference),
    /// Ask a running server for its health.
    Health,
    /// Print the description of the REST API.
    OpenApi,
    /// Print the schema of the dashboard's state.
    DashboardSchema,
    /// Print the completions of a shell.
    Completions(Shell),
    /// Print the manual page.
    Man,
}

/// The command line, parsed.
#[derive(Debug)]
pub struct Invocation {
    pub task: Task,
    pub file: Option<PathBuf>,
    /// Settings given as flags.
    pub flags: Raw,
}

/// The command for clap, also for help and completions.
pub fn command() -> Command {
    Command::new("tagalong")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Self-hosted, real-time location sharing for groups")
        .long_about(
            "Self-hosted, real-time location sharing for groups.\n\n\
             Without a command it serves. Each setting is a flag, an environment variable, a line in .env, or a \
             key in tagalong.toml; the first of these that is given holds.",
        )
        .subcommand(Command::new("serve").about("Run the server (also the default)"))
        .subcommand(Command::new("migrate").about("Bring the database up to date, and exit"))
        .subcommand(Command::new("export").about("Write all sessions and participants of the database to standard output"))
        .subcommand(
            Command::new("import").about("Import the output of export from standard input into the database"),
        )
        .subcommand(
            Command::new("config").about("Print the settings in force and the source of each").arg(
                Arg::new("reference")
                    .long("reference")
                    .value_name("FORMAT")
                    .value_parser(clap::value_parser!(Reference))
                    .help("Print the description of every setting instead of its value"),
            ),
        )
        .subcommand(Command::new("health").about("Ask a running server whether it is ready (exit code 0 or 1)"))
        .subcommand(Command::new("openapi").about("Print the OpenAPI description of the REST API"))
        .subcommand(
            Command::new("dashboard-schema")
                .about("Print the OpenAPI schema of the dashboard's state, for the page's types")
                .hide(true),
        )
        .subcommand(
            Command::new("completions").about("Print completions for a shell").arg(
                Arg::new("shell").required(true).value_parser(clap::value_parser!(Shell)).help("Which shell"),
            ),
        )
        .subcommand(Command::new("man").about("Print the manual page, for packages").hide(true))
        .arg(
            Arg::new("config-file")
                .long("config")
                .value_name("FILE")
                .env("TAGALONG_CONFIG")
                .global(true)
                .value_parser(clap::value_parser!(PathBuf))
                .help("Configuration file [default: tagalong.toml, if it exists]"),
        )
        .args(SETTINGS.iter().map(argument))
}

fn argument(setting: &&'static Setting) -> Arg {
    let Setting { name, default, .. } = setting;
    let help = setting.help().replace('`', "");
    let default = if default.is_empty() { String::new() } else { format!(", default: {default}") };
    Arg::new(*name)
        .long(setting.flag())
        .value_name("VALUE")
        .global(true)
        .help_heading("Settings")
        .help(format!("{help}. Accepts {} [env: {name}{default}]", setting.accepts()))
}

/// Parses a command line.
///
/// # Errors
/// With clap's text to print; help and version are such "errors".
pub fn parse(arguments: impl Iterator<Item = OsString>) -> Result<Invocation, clap::Error> {
    let matches = command().try_get_matches_from(arguments)?;
    let task = match matches.subcommand() {
        None | Some(("serve", _)) => Task::Serve,
        Some(("migrate", _)) => Task::Migrate,
        Some(("export", _)) => Task::Export,
        Some(("import", _)) => Task::Import,
        Some(("config", matches)) => {
            matches.get_one("reference").copied().map_or(Task::Config, Task::Reference)
        }
        Some(("health", _)) => Task::Health,
        Some(("openapi", _)) => Task::OpenApi,
        Some(("dashboard-schema", _)) => Task::DashboardSchema,
        Some(("man", _)) => Task::Man,
        Some((_, matches)) => Task::Completions(matches.get_one("shell").copied().unwrap_or(Shell::Bash)),
    };
    Ok(Invocation { task, file: matches.get_one("config-file").cloned(), flags: flags(&matches) })
}

fn flags(matches: &ArgMatches) -> Raw {
    let mut raw = Raw::default();
    for setting in SETTINGS {
        if let Some(value) = matches.get_one::<String>(setting.name) {
            raw.set_flag(setting, value.clone());
        }
    }
    raw
}

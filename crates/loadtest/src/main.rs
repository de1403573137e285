//! The `tagalong-loadtest` command.

use std::process::ExitCode;

use clap::Parser;
use tagalong_loadtest::options::Options;
use tagalong_loadtest::scenario;

fn main() -> ExitCode {
    match scenario::run(&Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("tagalong-loadtest: {error}");
            ExitCode::FAILURE
        }
    }
}

//! The `tagalong` command.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use listenfd::ListenFd;
use tagalong::cli::{self, Invocation, Task};
use tagalong::config::Config;
use tagalong::{admin_token, app, http, probe, telemetry};
use tagalong_platform::clock::Clock;
use tagalong_realtime::open_files;
use tagalong_store::transfer;
use tokio::signal::unix::{SignalKind, signal};

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let invocation = match cli::parse(std::env::args_os()) {
        Ok(invocation) => invocation,
        Err(error) => error.exit(),
    };
    if matches!(invocation.task, Task::Serve) {
        open_files::make_room();
    }
    let started = runtime().map_err(Into::into).and_then(|runtime| runtime.block_on(run(invocation)));
    match started {
        Ok(code) => code,
        Err(error) => {
            eprintln!("tagalong: {error}");
            ExitCode::FAILURE
        }
    }
}

/// One thread for each processor.
fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        // A thread's own queue has 256 places; half of a full one moves to the shared queue, which is polled only once
        // in dozens of turns while there is other work. With 5,000 connections on a busy processor the moved tasks
        // waited for 600 ms, and most positions were superseded.
        .global_queue_interval(1)
        .build()
}

async fn run(invocation: Invocation) -> Result<ExitCode, Failure> {
    match invocation.task {
        Task::Completions(shell) => {
            clap_complete::generate(shell, &mut cli::command(), "tagalong", &mut std::io::stdout());
            return Ok(ExitCode::SUCCESS);
        }
        Task::Reference(reference) => {
            print!("{}", reference.text());
            return Ok(ExitCode::SUCCESS);
        }
        Task::OpenApi => {
            println!("{}", http::description().to_pretty_json()?);
            return Ok(ExitCode::SUCCESS);
        }
        Task::DashboardSchema => {
            println!("{}", http::dashboard_schema().to_pretty_json()?);
            return Ok(ExitCode::SUCCESS);
        }
        Task::Man => {
            clap_mangen::Man::new(cli::command()).render(&mut std::io::stdout())?;
            return Ok(ExitCode::SUCCESS);
        }
        _ => {}
    }
    let mut settings = invocation.flags;
    settings.read_all(&std::env::current_dir()?, invocation.file, std::env::vars())?;
    let config = Config::parse(&settings)?;
    match invocation.task {
        Task::Config => {
            print!("{}", settings.table());
            Ok(ExitCode::SUCCESS)
        }
        Task::Migrate => {
            app::open_store(&config, &Clock::system()).await?.close().await;
            println!("the database {} is up to date", config.database);
            Ok(ExitCode::SUCCESS)
        }
        Task::Export => {
            let store = app::open_store(&config, &Clock::system()).await?;
            let taken = transfer::export(&store, std::io::BufWriter::new(std::io::stdout().lock())).await?;
            store.close().await;
            eprintln!("exported {taken}");
            Ok(ExitCode::SUCCESS)
        }
        Task::Import => {
            let store = app::open_store(&config, &Clock::system()).await?;
            let taken = transfer::import(&store, std::io::stdin().lock()).await?;
            store.close().await;
            println!("imported {taken}");
            Ok(ExitCode::SUCCESS)
        }
        Task::Health => {
            let (ready, answer) = probe::ready(&config, &Clock::system()).await?;
            println!("{answer}");
            Ok(if ready { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Task::Serve
        | Task::Reference(_)
        | Task::Completions(_)
        | Task::OpenApi
        | Task::DashboardSchema
        | Task::Man => serve(config).await,
    }
}

/// Prints the dashboard's address once, on a terminal only. The part after `#` reaches no server, and so no log.
fn show_new_admin_token(running: &app::Running, url: &str) {
    let Some(token) = running.admin_token.as_ref().filter(|token| token.is_new) else { return };
    let file = admin_token::FILE;
    tracing::info!("a token for /dashboard and /metrics was generated and is kept as {file} in DATA_DIR");
    if std::io::stdout().is_terminal() {
        println!("Its dashboard: {url}/dashboard#token={}", token.secret.expose());
    }
}

async fn serve(config: Config) -> Result<ExitCode, Failure> {
    telemetry::start(&config)?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let public_url = config.public_url.clone();
    let scheme = config.scheme();
    let clock = Clock::system();
    let mut running = match ListenFd::from_env().take_tcp_listener(0)? {
        Some(inherited) => app::start_on(inherited, config, clock).await?,
        None => app::start(config, clock).await?,
    };
    let url = public_url.unwrap_or_else(|| format!("{scheme}://localhost:{}", running.address.port()));
    println!("Tagalong is ready: {url}");
    show_new_admin_token(&running, &url);
    std::io::stdout().flush()?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        () = running.crashed() => return Err("the server has ended by itself".into()),
    }
    tracing::info!("stopping");
    let stopped = running.stop();
    tokio::select! {
        in_time = stopped => Ok(if in_time { ExitCode::SUCCESS } else { ExitCode::FAILURE }),
        _ = terminate.recv() => Ok(ExitCode::FAILURE),
        _ = interrupt.recv() => Ok(ExitCode::FAILURE),
    }
}

//! The `tagalong` command.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use http_body_util::{BodyExt, Empty};
use hyper_util::rt::TokioIo;
use tagalong::cli::{self, Invocation, Task};
use tagalong::clock::Clock;
use tagalong::config::Config;
use tagalong::{app, http, telemetry};
use tokio::signal::unix::{SignalKind, signal};

/// How long a running server may take to say how it is.
const HEALTH_DEADLINE: Duration = Duration::from_secs(5);

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let invocation = match cli::parse(std::env::args_os()) {
        Ok(invocation) => invocation,
        Err(error) => error.exit(),
    };
    match run(invocation) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("tagalong: {error}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn run(invocation: Invocation) -> Result<ExitCode, Failure> {
    match invocation.task {
        Task::Completions(shell) => {
            clap_complete::generate(shell, &mut cli::command(), "tagalong", &mut std::io::stdout());
            return Ok(ExitCode::SUCCESS);
        }
        Task::OpenApi => {
            println!("{}", http::description().to_pretty_json()?);
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
            app::open_store(&config).await?.close().await;
            println!("the database {} is up to date", config.database.display());
            Ok(ExitCode::SUCCESS)
        }
        Task::Health => health(&config).await,
        Task::Serve | Task::Completions(_) | Task::OpenApi => serve(config).await,
    }
}

async fn serve(config: Config) -> Result<ExitCode, Failure> {
    telemetry::start(&config)?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let public_url = config.public_url.clone();
    let running = app::start(config, Clock::system()).await?;
    let url = public_url.unwrap_or_else(|| format!("http://localhost:{}", running.address.port()));
    println!("Tagalong is ready: {url}");
    std::io::stdout().flush()?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("stopping");
    let stopped = running.stop();
    tokio::select! {
        in_time = stopped => Ok(if in_time { ExitCode::SUCCESS } else { ExitCode::FAILURE }),
        _ = terminate.recv() => Ok(ExitCode::FAILURE),
        _ = interrupt.recv() => Ok(ExitCode::FAILURE),
    }
}

/// Asks the server of these settings, on this machine, whether it is ready.
async fn health(config: &Config) -> Result<ExitCode, Failure> {
    let ip = match config.bind {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    let address = SocketAddr::new(ip, config.port);
    let answer = tokio::time::timeout(HEALTH_DEADLINE, ask(address)).await;
    let answer = answer.map_err(|_| format!("{address} does not answer in time"))?;
    let (ready, body) = answer.map_err(|error| format!("{address}: {error}"))?;
    println!("{body}");
    Ok(if ready { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn ask(address: SocketAddr) -> Result<(bool, String), Failure> {
    let stream = tokio::net::TcpStream::connect(address).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let request = hyper::Request::get("/health/ready")
        .header("host", address.to_string())
        .body(Empty::<bytes::Bytes>::new())?;
    let answer = sender.send_request(request).await?;
    let ready = answer.status().is_success();
    let body = answer.into_body().collect().await?.to_bytes();
    Ok((ready, String::from_utf8_lossy(&body).into_owned()))
}

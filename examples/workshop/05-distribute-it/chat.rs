//! The chat, to be used by hand.

use std::io::BufRead;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use tokio::net::TcpListener;

use crate::exercise::{self, Result, Said};
use crate::peer;

/// A chat that is a log: lines of standard input are appended, and what anybody says is printed. Ends with Ctrl-C.
#[derive(Parser)]
#[command(name = "workshop-05 chat")]
struct Chat {
    /// Where the log is kept; made on first use
    folder: PathBuf,
    /// What to be called
    name: String,
    /// Accept connections at this port, of this machine only; ADDRESS:PORT for others, who can read all of it
    #[arg(long, value_name = "PORT")]
    listen: Vec<String>,
    /// Connect to somebody who listens
    #[arg(long, value_name = "HOST:PORT")]
    connect: Vec<String>,
}

pub(crate) fn run() -> ExitCode {
    match chat(Chat::parse_from(std::env::args_os().skip(1))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn chat(chat: Chat) -> Result<()> {
    let log = exercise::open(&chat.folder)?;
    let runtime = peer::runtime().map_err(|error| error.to_string())?;
    for address in chat.listen {
        let address = if address.contains(':') { address } else { format!("127.0.0.1:{address}") };
        let listener = runtime
            .block_on(TcpListener::bind(&address))
            .map_err(|error| format!("cannot listen at {address}: {error}"))?;
        runtime.spawn(exercise::accept(log.clone(), listener));
    }
    for address in chat.connect {
        runtime.spawn(exercise::connect(log.clone(), address));
    }
    let read = log.clone();
    let listening = runtime.spawn(async move { exercise::listen(&read, print).await });
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        if !line.trim().is_empty() {
            exercise::say(&log, &chat.name, line.trim())?;
        }
    }
    // Nothing more to say, but others have.
    runtime.block_on(listening)?
}

fn print(said: Said) {
    println!("{}: {}", tame(&said.username), tame(&said.message));
}

/// Others wrote this: nothing of it may command the terminal.
fn tame(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

//! The program `saga`: a chat in a terminal, on the whole screen, or through pipes.
//!
//! One `room` makes items of what comes and of what is typed; three front ends show them. The main thread waits for one
//! queue of `news`, and reads and writes the chat itself, which blocks for as long as the disk takes; the network and the
//! signals have threads of their own.

mod act;
mod args;
mod input;
mod item;
mod json;
mod line;
mod names;
mod news;
mod piped;
mod place;
mod room;
mod show;
mod stdin;
mod terminal;
mod tone;
mod tui;
mod wall;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::CommandFactory;
use clap::error::ErrorKind;
use saga::{Options, Saga, swarm};
use tokio::runtime::{Builder, Runtime};
use tracing_subscriber::filter::LevelFilter;

pub use args::Cli;

use crate::cli::say;
use crate::error::Failure;
use item::Item;
use news::News;
use place::Place;
use room::{Reader, Room};

/// How long what still runs may take once goodbye was said.
const LINGER: Duration = Duration::from_secs(1);

/// How the chat is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Front {
    Line,
    Piped,
    Tui,
}

impl Cli {
    /// Runs the chat.
    #[must_use]
    pub fn run(self) -> ExitCode {
        self.trace();
        let front = self.front();
        let ended = self.chat(front);
        // Whatever went wrong is told on the terminal as it was.
        terminal::restore();
        match ended {
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) if failure.is_broken_pipe() => ExitCode::SUCCESS,
            Err(failure) => {
                say(&format!("saga: {}", failure.line()));
                ExitCode::FAILURE
            }
        }
    }

    fn front(&self) -> Front {
        let terminals = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
        match (self.tui, terminals) {
            (true, true) => Front::Tui,
            (true, false) => misused("--tui takes the whole screen of a terminal, and here is none"),
            // One that can do nothing is as good as a pipe.
            (false, true) if !self.json && std::env::var_os("TERM").is_none_or(|term| term != "dumb") => {
                Front::Line
            }
            _ => Front::Piped,
        }
    }

    fn chat(self, front: Front) -> Result<(), Failure> {
        let name = saga::sanitize_name(&self.name).unwrap_or_else(|| misused(&saga::Error::Name.to_string()));
        let place = Place::of(self.dir.as_deref(), &name)?;
        let (saga, recovery) = self.open(&place, &name, front)?;
        let runtime =
            Builder::new_multi_thread().worker_threads(2).enable_all().build().map_err(Failure::Runtime)?;
        let reader = if front == Front::Piped { Reader::Program } else { Reader::Person };
        let mut room = Room::new(saga.clone(), reader)?;
        let mut news = News::of(&saga, runtime.handle());
        let addresses = runtime.block_on(saga.join(self.network()))?;
        let first = vec![room.banner(self.join.is_some(), recovery), Item::Listening(addresses)];
        let ended = match front {
            Front::Piped => {
                let company = !self.no_lan || !self.connect.is_empty();
                let way = piped::Way { json: self.json, from_start: self.from_start, company };
                piped::run(&mut room, &mut news, first, way)
            }
            Front::Line => {
                terminal::remember();
                line::run(&mut room, &mut news, first)
            }
            Front::Tui => {
                terminal::remember();
                tui::run(&mut room, &mut news, first)
            }
        };
        // From here on a signal ends it at once.
        terminal::begin_to_end();
        terminal::restore();
        goodbye(&saga, runtime);
        ended
    }

    /// Opens the channel that was asked for. Where the recovery key is, if it was founded just now.
    fn open(&self, place: &Place, name: &str, front: Front) -> Result<(Saga, Option<PathBuf>), Failure> {
        let known = match self.join {
            Some(key) => Some(key),
            None if self.new => None,
            None => place.last()?,
        };
        if known.is_none() && front == Front::Piped && self.door.is_none() {
            misused("--door is needed where nobody can be asked: open, ask or invite (see --help)");
        }
        let options = Options::default().door(self.door.unwrap_or_default());
        if let Some(key) = known {
            return Ok((place.open(key, name, options)?, None));
        }
        let key = place.found(name)?;
        Ok((place.open(key, name, options)?, Some(place.recovery(&key))))
    }

    fn network(&self) -> swarm::Options {
        let mut options = swarm::Options::default().lan(!self.no_lan);
        if !self.listen.is_empty() {
            options = options.listen(self.listen.iter().copied());
        }
        self.connect.iter().fold(options, swarm::Options::connect)
    }

    fn trace(&self) {
        let level = match self.verbose {
            0 => LevelFilter::OFF,
            1 => LevelFilter::INFO,
            2 => LevelFilter::DEBUG,
            _ => LevelFilter::TRACE,
        };
        // On a terminal it would write over what is shown there.
        if self.verbose > 0 && !std::io::stderr().is_terminal() {
            let traces = tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr);
            let _ = traces.with_ansi(false).log_internal_errors(false).try_init();
        }
    }
}

/// It was called in a way that makes no sense: says so, and ends with 2 as for any other wrong argument.
fn misused(why: &str) -> ! {
    Cli::command().error(ErrorKind::MissingRequiredArgument, why).exit()
}

/// Says goodbye to all who are here. Who does not answer is not waited for long.
fn goodbye(saga: &Saga, runtime: Runtime) {
    runtime.block_on(saga.leave());
    runtime.shutdown_timeout(LINGER);
}

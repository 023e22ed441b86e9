//! First marks: how fast a log is, how fast two are synced, and how fast views keep up, beside raw fjall on the very
//! same rows in the same run.
//!
//! `just bench`, or `cargo run --release -p examples --bin marks`. The rows that the log writes are recorded
//! once, and then written both by the log and straight to fjall, in turn, several rounds; the ratio is the
//! median of the rounds, which holds when the machine is noisy.
//!
//! Both write to a database that was closed and opened again, as every log is but in its very first moments:
//! fjall makes the journal of a new database 64 MiB long, and appends to the one of a reopened database, so
//! that a sync of the latter also writes the file's length.
#![expect(clippy::print_stdout, reason = "printing is what a program is for")]
#![expect(clippy::disallowed_methods, reason = "a benchmark looks at the clock and starts threads")]

mod chat;
mod figures;
mod logs;
mod raw;
mod sync;
mod views;
mod writers;

use std::error::Error;

use clap::Parser;
use hyperlog::Durability;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

#[derive(Debug, Parser)]
struct Cli {
    /// Rounds of each comparison
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Nodes of the largest log
    #[arg(long, default_value_t = 1_000_000)]
    nodes: usize,
    /// Only these: batch, buffered, synced, threads, open, sync, count, kv, writers, chat
    only: Vec<String>,
}

impl Cli {
    fn wants(&self, mark: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == mark)
    }
}

fn main() -> Result<()> {
    let cli = Cli::parse();
    println!("100-byte values, {} rounds, medians; raw is fjall with the same rows and settings", cli.rounds);
    type Mark = fn(&Cli) -> Result<()>;
    let marks: [(&str, Mark); 12] = [
        ("batch", logs::batches),
        ("buffered", |cli| logs::singles(cli, Durability::Buffered, 50_000)),
        ("synced", |cli| logs::singles(cli, Durability::Synced, 2_000)),
        ("threads", logs::threads),
        ("open", logs::opening),
        ("sync", sync::bulk),
        ("count", views::counting),
        ("kv", views::map),
        ("writers", writers::acts),
        ("writers", writers::data),
        ("chat", chat::writing),
        ("chat", chat::securing),
    ];
    marks.iter().filter(|(name, _)| cli.wants(name)).try_for_each(|(_, mark)| mark(&cli))
}

//! Imports the commit graph of a git repository into a hyperlog, and shows what came of it.
//!
//! `cargo run --release -p examples --bin git-graph -- [REPOSITORY] [LOG]`
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "printing is what a program is for")]
#![expect(clippy::disallowed_methods, reason = "an example may look at the clock")]

use std::collections::BTreeMap;
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use hyperlog::disk::Folder;
use hyperlog::{Hyperlog, Node, NodeId, Read, Utf8};

/// Imports the commit graph of a git repository: one node per commit, linked to its parents
#[derive(Debug, Parser)]
struct Cli {
    /// The repository
    #[arg(default_value = ".")]
    repository: PathBuf,
    /// Where the log goes; a new one each time when it is not given
    log: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("git-graph: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> Result<(), Box<dyn Error>> {
    let (commits, childless) = examples::git::count(&cli.repository)?;
    let dir = match &cli.log {
        Some(dir) => dir.clone(),
        None => tempfile::Builder::new().prefix("git-graph-").tempdir()?.keep(),
    };
    let folder = Folder::open(&dir)?;
    let log: Hyperlog = Hyperlog::open_in(&folder)?;
    if log.last().0 > 0 {
        return Err(format!("{} holds a log already: name a new folder", dir.display()).into());
    }

    let start = Instant::now();
    let done = examples::git::import(&log, &cli.repository, &mut |_| {})?;
    let seconds = start.elapsed().as_secs_f64();

    show_last(&log.with_encoding::<Utf8>())?;
    let checked = log.fsck()?;
    let heads = log.heads()?.len();
    println!();
    println!("commits  {commits:>8}  git rev-list --all --count");
    println!(
        "nodes    {:>8}  {} of them merges, in {seconds:.2} s with git's own time",
        log.last().0,
        done.merges
    );
    println!("heads    {heads:>8}  git counts {childless} commits that no commit names as parent");
    println!("fsck     {:>8}  problems; every hash and signature was checked again", checked.problems_total);
    println!();
    println!("The log is in {}. Look around in it:", dir.display());
    println!("  cargo run --release --bin hyperlog -- -d {} list --reverse --limit 5", dir.display());
    if log.last().0 == commits as u64 && heads == childless && checked.is_clean() {
        Ok(())
    } else {
        Err("the log and git do not agree".into())
    }
}

/// The last few nodes with what they link to, newest first.
fn show_last(log: &Hyperlog<Utf8>) -> Result<(), Box<dyn Error>> {
    let last: Vec<Node<String>> =
        log.changes(Read::all().reverse(true).limit(12)).collect::<Result<_, _>>()?;
    let names: BTreeMap<NodeId, String> = last.iter().map(|node| (node.id, short(&node.id))).collect();
    for node in &last {
        let links: Vec<String> =
            node.links.iter().map(|id| names.get(id).cloned().unwrap_or_else(|| short(id))).collect();
        let links = if links.is_empty() { "nothing".into() } else { links.join(" and ") };
        let value: String = node
            .value()
            .map(String::as_str)
            .unwrap_or_default()
            .chars()
            .filter(|c| !c.is_control())
            .take(100)
            .collect();
        println!("{} -> {links:<21} {value}", short(&node.id));
    }
    Ok(())
}

fn short(id: &NodeId) -> String {
    id.to_string().chars().take(8).collect()
}

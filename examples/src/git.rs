//! The commit graph of a git repository as a hyperlog: one node per commit, which links to the nodes of
//! the commit's parents.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use bytes::Bytes;
use hyperlog::{Doc, Hyperlog, Link, NodeId};

/// Commits in one batch.
const BATCH_COMMITS: usize = 10_000;

/// Why a repository could not be imported.
#[derive(Debug)]
pub enum ImportError {
    /// `git` could not be run.
    NoGit(std::io::Error),
    /// `git` ran and refused.
    Git {
        /// The repository.
        path: PathBuf,
        /// What git said.
        said: String,
    },
    /// A line that `git log` does not print.
    Line(String),
    /// The log refused.
    Log(hyperlog::Error),
}

impl std::fmt::Display for ImportError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoGit(error) => write!(f, "cannot run git: {error}"),
            Self::Git { path, said } => write!(f, "git cannot read {}: {}", path.display(), said.trim()),
            Self::Line(line) => write!(f, "git printed a line that is no commit: {line:?}"),
            Self::Log(error) => write!(f, "the log refused a commit: {error}"),
        }
    }
}

impl std::error::Error for ImportError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::NoGit(error) => Some(error),
            Self::Log(error) => Some(error),
            Self::Git { .. } | Self::Line(_) => None,
        }
    }
}

impl From<hyperlog::Error> for ImportError {
    fn from(error: hyperlog::Error) -> Self {
        Self::Log(error)
    }
}

/// What was imported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Commits, each a node.
    pub commits: usize,
    /// Those with more than one parent.
    pub merges: usize,
}

/// A commit as `git log` tells it.
struct Commit {
    hash: String,
    parents: Vec<String>,
    value: Bytes,
}

/// Imports all commits that any ref of the repository at `path` reaches, parents first. `progress` is told
/// the commits done. Memory: 150 bytes a commit, to find the nodes of parents.
///
/// # Errors
///
/// [`ImportError`]. Whole batches that came before it are stored.
pub fn import(log: &Hyperlog, path: &Path, progress: &mut dyn FnMut(usize)) -> Result<Imported, ImportError> {
    let mut git = Git::log(path)?;
    let mut done = Imported::default();
    let mut nodes = BTreeMap::new();
    loop {
        let commits = git.next_commits(BATCH_COMMITS)?;
        if commits.is_empty() {
            git.finish(path)?;
            return Ok(done);
        }
        done.commits += commits.len();
        done.merges += commits.iter().filter(|commit| commit.parents.len() > 1).count();
        add(log, commits, &mut nodes)?;
        progress(done.commits);
    }
}

/// Adds commits as one batch; a parent stands earlier in it, or was added before.
fn add(
    log: &Hyperlog,
    commits: Vec<Commit>,
    nodes: &mut BTreeMap<String, NodeId>,
) -> Result<(), ImportError> {
    let mut places = BTreeMap::new();
    let mut docs = Vec::with_capacity(commits.len());
    for (place, commit) in commits.iter().enumerate() {
        let link = |parent: &String| match places.get(parent) {
            Some(place) => Ok(Link::Doc(*place)),
            None => {
                nodes.get(parent).map(|id| Link::Node(*id)).ok_or_else(|| ImportError::Line(parent.clone()))
            }
        };
        let links = commit.parents.iter().map(link).collect::<Result<_, _>>()?;
        docs.push(Doc { links, value: commit.value.clone() });
        places.insert(commit.hash.clone(), place);
    }
    for (commit, node) in commits.into_iter().zip(log.batch(docs)?) {
        nodes.insert(commit.hash, node.id);
    }
    Ok(())
}

/// How many commits any ref reaches, and how many of those no commit names as its parent: what the log's
/// nodes and heads should be, counted by git and not by us.
///
/// # Errors
///
/// [`ImportError`] when git cannot say.
pub fn count(path: &Path) -> Result<(usize, usize), ImportError> {
    let listed = run(path, &["rev-list", "--all", "--parents"])?;
    let mut commits = std::collections::BTreeSet::new();
    let mut parents = std::collections::BTreeSet::new();
    for line in listed.lines() {
        let mut words = line.split(' ');
        commits.extend(words.next());
        parents.extend(words);
    }
    Ok((commits.len(), commits.difference(&parents).count()))
}

fn git(path: &Path) -> Command {
    let mut command = Command::new("git");
    // A repository of somebody else may be read; nothing in it is run.
    command.arg("-C").arg(path).args(["-c", "safe.directory=*"]).stdin(Stdio::null());
    command
}

fn run(path: &Path, args: &[&str]) -> Result<String, ImportError> {
    let output = git(path).args(args).output().map_err(ImportError::NoGit)?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(refused(path, &output.stderr))
    }
}

fn refused(path: &Path, stderr: &[u8]) -> ImportError {
    ImportError::Git { path: path.to_owned(), said: String::from_utf8_lossy(stderr).into_owned() }
}

/// A running `git log`.
struct Git {
    child: Child,
    lines: BufReader<ChildStdout>,
}

impl Git {
    fn log(path: &Path) -> Result<Self, ImportError> {
        // Hash, parents, author, date and subject; NUL between them, since a subject can hold anything else.
        let format = "--format=%H%x00%P%x00%an%x00%aI%x00%s";
        let mut command = git(path);
        command.args([
            "log",
            "--all",
            "--topo-order",
            "--reverse",
            "--no-color",
            "--no-show-signature",
            format,
        ]);
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(ImportError::NoGit)?;
        let lines = child.stdout.take().map(BufReader::new);
        let lines = lines.ok_or_else(|| ImportError::NoGit(std::io::ErrorKind::BrokenPipe.into()))?;
        Ok(Self { child, lines })
    }

    fn next_commits(&mut self, most: usize) -> Result<Vec<Commit>, ImportError> {
        let mut commits = Vec::new();
        let mut line = Vec::new();
        while commits.len() < most {
            line.clear();
            if self.lines.read_until(b'\n', &mut line).map_err(ImportError::NoGit)? == 0 {
                break;
            }
            let text = String::from_utf8_lossy(&line);
            let text = text.trim_end_matches('\n');
            commits.push(parse(text).ok_or_else(|| ImportError::Line(text.to_owned()))?);
        }
        Ok(commits)
    }

    fn finish(self, path: &Path) -> Result<(), ImportError> {
        let output = self.child.wait_with_output().map_err(ImportError::NoGit)?;
        if output.status.success() { Ok(()) } else { Err(refused(path, &output.stderr)) }
    }
}

fn parse(line: &str) -> Option<Commit> {
    let mut fields = line.splitn(5, '\0');
    let (hash, parents) = (fields.next()?, fields.next()?);
    let (author, date, subject) = (fields.next()?, fields.next()?, fields.next()?);
    let parents = parents.split(' ').filter(|parent| !parent.is_empty()).map(str::to_owned).collect();
    Some(Commit { hash: hash.to_owned(), parents, value: format!("{author}  {date}  {subject}").into() })
}

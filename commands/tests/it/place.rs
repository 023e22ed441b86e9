//! Folders with logs in them, and what the programs answered there.

use std::ffi::OsStr;
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;

use serde_json::Value;
use tempfile::TempDir;

/// A folder for the logs of one test. It goes with the test.
#[derive(Debug)]
pub(crate) struct Place(TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// The log in a folder, which need not be there yet.
    pub(crate) fn log(&self, name: &str) -> Log {
        Log(self.path().join(name))
    }
}

/// The folder of a log.
#[derive(Clone)]
pub(crate) struct Log(pub(crate) PathBuf);

impl Log {
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.arg("-d").arg(&self.0).env_remove("RUST_LOG");
        command
    }

    /// `hyperlog`, to be given arguments and pipes.
    pub(crate) fn hyperlog(&self) -> Command {
        self.command(env!("CARGO_BIN_EXE_hyperlog"))
    }

    pub(crate) fn hyperkv(&self) -> Command {
        self.command(env!("CARGO_BIN_EXE_hyperkv"))
    }

    pub(crate) fn scuttleup(&self) -> Command {
        self.command(env!("CARGO_BIN_EXE_scuttleup"))
    }

    /// What `hyperlog` answers.
    pub(crate) fn run<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Ran {
        run(self.hyperlog().args(args), b"")
    }

    /// What `hyperlog` answers when it goes well.
    pub(crate) fn does(&self, line: &str) -> String {
        self.run(line.split_whitespace()).done()
    }

    /// The line in which `hyperlog` says why not.
    pub(crate) fn fails(&self, line: &str) -> String {
        self.run(line.split_whitespace()).failed()
    }

    /// What `hyperlog` answers to what it reads.
    pub(crate) fn reads(&self, line: &str, input: impl AsRef<[u8]>) -> Ran {
        run(self.hyperlog().args(line.split_whitespace()), input.as_ref())
    }

    /// What `scuttleup` answers.
    pub(crate) fn scuttles<A: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = A>) -> Ran {
        run(self.scuttleup().args(args), b"")
    }

    /// Adds a node without links, and returns its id.
    pub(crate) fn add(&self, value: &str) -> String {
        self.run(["add", "--", value]).done().trim_end().to_owned()
    }

    /// Adds a node that links all heads, and returns its id.
    pub(crate) fn append(&self, value: &str) -> String {
        self.run(["append", "--", value]).done().trim_end().to_owned()
    }

    pub(crate) fn export(&self) -> Vec<u8> {
        let ran = self.run(["export"]);
        assert!(ran.status.success(), "{}", ran.stderr);
        ran.stdout
    }

    pub(crate) fn import(&self, bytes: impl AsRef<[u8]>) -> Ran {
        self.reads("import", bytes)
    }

    /// All nodes, as `list --json` tells them.
    pub(crate) fn nodes(&self) -> Vec<Value> {
        json_lines(&self.does("list --json"))
    }

    /// Ids of all nodes, in the order of ids.
    pub(crate) fn ids(&self) -> Vec<String> {
        let mut ids: Vec<String> =
            self.nodes().iter().map(|node| node["id"].as_str().unwrap().into()).collect();
        ids.sort_unstable();
        ids
    }

    pub(crate) fn heads(&self) -> Vec<String> {
        self.does("heads").lines().map(Into::into).collect()
    }

    pub(crate) fn info(&self) -> Value {
        serde_json::from_str(&self.does("info --json")).unwrap()
    }

    #[track_caller]
    pub(crate) fn is_sound(&self) {
        let ran = self.run(["fsck"]);
        assert!(ran.status.success(), "{}{}", String::from_utf8_lossy(&ran.stdout), ran.stderr);
        assert!(ran.stdout.starts_with(b"clean: "), "{}", String::from_utf8_lossy(&ran.stdout));
    }

    /// Copies everything in the folder, key and sidecar too, as `cp -r` does.
    pub(crate) fn clone_to(&self, to: &Self) {
        copy(&self.0, &to.0);
    }
}

/// Copies a file or a folder with all that is in it.
pub(crate) fn copy(from: &Path, to: &Path) {
    if !from.is_dir() {
        fs::copy(from, to).unwrap();
        return;
    }
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        copy(&entry.path(), &to.join(entry.file_name()));
    }
}

pub(crate) fn json_lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What a program answered.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
}

impl Ran {
    /// It went well: what it printed.
    #[track_caller]
    pub(crate) fn done(self) -> String {
        assert!(self.status.success(), "{}: {}", self.status, self.stderr);
        String::from_utf8(self.stdout).unwrap()
    }

    /// It failed in the one way that there is: exit 1, nothing printed, and one line, which is returned.
    #[track_caller]
    pub(crate) fn failed(self) -> String {
        assert_eq!(self.stdout, b"", "something on stdout: {self:?}");
        self.failed_after_printing()
    }

    /// As [`failed`](Self::failed), where something went well before.
    #[track_caller]
    pub(crate) fn failed_after_printing(self) -> String {
        assert_eq!(self.status.code(), Some(1), "{self:?}");
        let mut said: Vec<&str> =
            self.stderr.lines().filter(|line| !line.starts_with("new writer ")).collect();
        let line = said.pop().unwrap_or_else(|| panic!("no word of why"));
        assert!(said.is_empty(), "more than one line: {}", self.stderr);
        assert!(is_of_program(line), "{line}");
        line.to_owned()
    }

    /// It was called in a wrong way: exit 2, nothing printed, and what is wrong, which is returned.
    #[track_caller]
    pub(crate) fn misused(self) -> String {
        assert_eq!((self.status.code(), self.stdout.as_slice()), (Some(2), &b""[..]), "{self:?}");
        assert!(self.stderr.starts_with("error: "), "{}", self.stderr);
        self.stderr.lines().next().unwrap().to_owned()
    }
}

/// Whether it is a line in which a program says why it failed.
pub(crate) fn is_of_program(line: &str) -> bool {
    ["hyperlog: ", "scuttleup: ", "hyperkv: "].iter().any(|program| line.starts_with(program))
}

/// Runs a program, feeding it and reading it at the same time. A program that reads not all is no failure.
pub(crate) fn run(command: &mut Command, input: &[u8]) -> Ran {
    let mut child = spawn(command);
    let mut stdin = child.stdin.take().unwrap();
    let (mut stdout, mut stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    thread::scope(|scope| {
        scope.spawn(move || drop(stdin.write_all(input)));
        let said = scope.spawn(move || {
            let mut said = Vec::new();
            stderr.read_to_end(&mut said).unwrap();
            String::from_utf8_lossy(&said).into_owned()
        });
        let mut printed = Vec::new();
        stdout.read_to_end(&mut printed).unwrap();
        Ran { status: child.wait().unwrap(), stdout: printed, stderr: said.join().unwrap() }
    })
}

/// Starts a program with pipes at all its ends.
pub(crate) fn spawn(command: &mut Command) -> Child {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

//! What the checks share that start the learner's program in processes of its own.
#![expect(
    clippy::disallowed_methods,
    reason = "another process is read by a thread, and waited for by the clock"
)]

use std::ffi::OsStr;
use std::io::Read;
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::check::{self, Result, ensure};

/// How long a program may take that takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(4);

/// The whole of a program in a process of its own: says on standard error why it failed, or what is not done yet.
pub(crate) fn program(work: impl FnOnce() -> Result<()>) -> ExitCode {
    let mut code = ExitCode::SUCCESS;
    let missing = check::attempt(std::panic::AssertUnwindSafe(|| {
        if let Err(error) = work() {
            eprintln!("{}", check::chain(&*error));
            code = ExitCode::FAILURE;
        }
        Ok(())
    }));
    let Some(missing) = missing else { return code };
    eprintln!("{missing}");
    ExitCode::FAILURE
}

/// A program that runs. It does not outlive this.
pub(crate) struct Program {
    name: &'static str,
    child: Child,
    said: Option<JoinHandle<String>>,
}

/// A program that ended.
pub(crate) struct Ended {
    pub(crate) name: &'static str,
    pub(crate) succeeded: bool,
    /// What it said on standard error.
    pub(crate) said: String,
}

impl Program {
    /// Starts this very program once more, with other words.
    pub(crate) fn start(
        name: &'static str,
        words: &[&OsStr],
        reads: impl Into<Stdio>,
        writes: impl Into<Stdio>,
    ) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(words).stdin(reads).stdout(writes).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let said = child.stderr.take().map(|mut stderr| {
            thread::spawn(move || {
                let mut said = Vec::new();
                // What was read until an error is what it said.
                let _ = stderr.read_to_end(&mut said);
                String::from_utf8_lossy(&said).into_owned()
            })
        });
        Ok(Self { name, child, said })
    }

    fn said(&mut self) -> String {
        self.said.take().and_then(|said| said.join().ok()).unwrap_or_default()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // One that has ended already takes no harm.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until all have ended, shows what they said, and passes on what one of them says is not done yet.
pub(crate) fn wait<const N: usize>(mut programs: [Program; N]) -> Result<[Ended; N]> {
    let start = Instant::now();
    let mut statuses = [None; N];
    while statuses.contains(&None) && start.elapsed() < PATIENCE {
        thread::sleep(Duration::from_millis(5));
        for (program, status) in programs.iter_mut().zip(&mut statuses) {
            *status = program.child.try_wait()?;
        }
    }
    for program in &mut programs {
        let _ = program.child.kill();
    }
    let mut hung = Vec::new();
    let mut statuses = statuses.into_iter();
    let ended = programs.each_mut().map(|program| {
        let (name, said) = (program.name, program.said());
        said.lines().for_each(|line| println!("   {name}: {line}"));
        if let Some(at) = said.find("step ").filter(|at| said[*at..].contains(" is not done yet")) {
            check::is_missing(said[at..].trim_end().to_owned());
        }
        let status = statuses.next().flatten();
        if status.is_none() {
            hung.push(name);
        }
        Ended { name, succeeded: status.is_some_and(|status| status.success()), said }
    });
    ensure(
        hung.is_empty(),
        format!("{} had not ended after {} seconds", hung.join(" and "), PATIENCE.as_secs()),
    )?;
    Ok(ended)
}

impl Ended {
    /// That it succeeded.
    pub(crate) fn done(&self) -> Result<()> {
        ensure(self.succeeded, format!("{} failed: {}", self.name, self.said.trim_end()))
    }

    /// That it said this line, among others.
    pub(crate) fn says(&self, line: &str) -> Result<()> {
        let says = self.said.lines().any(|said| said == line);
        ensure(
            says,
            format!("{} did not say \"{line}\" on standard error\n  it said: {:?}", self.name, self.said),
        )
    }
}

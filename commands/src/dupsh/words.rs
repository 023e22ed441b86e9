//! A command line, split into words.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::process::Command;

/// A program and what it is given. In bytes, since the name of a file need not be text.
#[derive(Clone, Debug)]
pub(super) struct Words {
    program: OsString,
    args: Vec<OsString>,
}

impl Words {
    /// Splits where a shell does. What else a shell does with a line is not done.
    pub(super) fn split(line: &OsStr) -> Result<Self, &'static str> {
        let words = shlex::bytes::split(line.as_bytes());
        let words = words.ok_or("a quote is not closed, or nothing follows a backslash")?;
        let mut words = words.into_iter().map(OsString::from_vec);
        let program = words.next().ok_or("there is no program in it")?;
        Ok(Self { program, args: words.collect() })
    }

    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.args);
        command
    }

    /// The program, for people.
    pub(super) fn program(&self) -> String {
        self.program.to_string_lossy().into_owned()
    }
}

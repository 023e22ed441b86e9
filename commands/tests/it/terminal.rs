//! A terminal, and what a person sees on it.

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::thread;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

/// The end of a person, and that of a program.
pub(crate) fn terminal() -> (OwnedFd, File) {
    let person = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&person).unwrap();
    unlockpt(&person).unwrap();
    let size = Winsize { ws_row: 24, ws_col: 90, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&person, size).unwrap();
    let name = ptsname(&person, Vec::new()).unwrap().into_string().unwrap();
    (person, File::options().read(true).write(true).open(name).unwrap())
}

/// What a person sees of a command that goes well: all that it prints and says.
#[track_caller]
pub(crate) fn seen(command: &mut Command, stdin: impl Into<Stdio>) -> String {
    let (person, terminal) = terminal();
    command.env("TERM", "xterm").stdin(stdin).stdout(terminal.try_clone().unwrap()).stderr(terminal);
    let mut child = command.spawn().unwrap();
    // What the test itself held of the terminal, no end would be seen through.
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let seen = thread::spawn(move || {
        let (mut person, mut seen, mut some) = (File::from(person), Vec::new(), [0; 4096]);
        // The last program that leaves a terminal makes reading from it fail.
        while let Ok(len @ 1..) = person.read(&mut some) {
            seen.extend_from_slice(&some[..len]);
        }
        String::from_utf8_lossy(&seen).into_owned()
    });
    let status = child.wait().unwrap();
    let seen = seen.join().unwrap();
    assert!(status.success(), "{status}: {seen}");
    seen
}

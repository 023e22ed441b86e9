//! `nc`, played by the check: bytes copied both ways between a socket and two pipes.
#![expect(clippy::disallowed_methods, reason = "each way is copied by a thread")]

use std::io::{self, ErrorKind, PipeReader, PipeWriter, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command};
use std::thread;

use crate::check::Result;

/// Waits for one connection, as `nc -l` does. After `cut_after` bytes from the pipe the connection is cut.
pub(crate) fn listen(reads: PipeReader, writes: PipeWriter, cut_after: Option<u64>) -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        let (socket, _) = listener.accept()?;
        copy(socket, reads, writes, cut_after)
    });
    Ok(address)
}

/// The real `nc`, as long as it is needed.
pub(crate) struct Nc(Child);

/// Connects: with the real `nc`, or where there is none, or it is not to be `real`, as that does.
pub(crate) fn connect(
    address: SocketAddr,
    reads: PipeReader,
    writes: PipeWriter,
    real: bool,
) -> Result<Option<Nc>> {
    if real {
        let words = [address.ip().to_string(), address.port().to_string()];
        let (input, output) = (reads.try_clone()?, writes.try_clone()?);
        match Command::new("nc").args(words).stdin(input).stdout(output).spawn() {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            nc => return Ok(Some(Nc(nc?))),
        }
    }
    let socket = TcpStream::connect(address)?;
    thread::spawn(move || copy(socket, reads, writes, None));
    Ok(None)
}

impl Drop for Nc {
    fn drop(&mut self) {
        // One that has ended already takes no harm.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What can no longer be written is for nobody: whoever does not get it says so.
fn copy(socket: TcpStream, reads: PipeReader, writes: PipeWriter, cut_after: Option<u64>) -> io::Result<()> {
    let coming = socket.try_clone()?;
    thread::spawn(move || pump(coming, writes));
    let copied = pump(reads.take(cut_after.unwrap_or(u64::MAX)), &socket);
    socket.shutdown(if cut_after.is_some() { Shutdown::Both } else { Shutdown::Write })?;
    copied
}

/// Not `io::copy`: the system may move bytes by itself then, and keep a few back until there are more.
fn pump(mut from: impl Read, mut to: impl Write) -> io::Result<()> {
    let mut bytes = [0; 4096];
    loop {
        match from.read(&mut bytes)? {
            0 => return Ok(()),
            read => to.write_all(&bytes[..read])?,
        }
    }
}

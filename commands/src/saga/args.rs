//! How `saga` is called.

use std::net::{Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use clap::{ArgAction, Parser};
use saga::{ChannelKey, Door};

/// What the short help leaves out.
const MORE: &str = "\
Names are claims: what follows the ~ is the beginning of a key, and a ! says that somebody else has
the name, too. Messages that were written apart stand in an order that is the same for all, not by
the clock. /help lists the commands.

With pipes a line of input is a message, or a command; --door is needed to found a channel. What may
not be sent yet waits until the end of the input and ten seconds more. The program ends with 1 if
something was not sent.

Of the objects of --json each has a type: message (key, id, writer, name, fingerprint, text,
timestamp and shown in milliseconds, ambiguous, mine), join, leave, request (writer, name,
fingerprint), channel (key, writer), listening (addresses), waits and not_sent (text, why), error
(why), done, net, and others.";

/// A chat without a server. Who has the key of a channel can read it; who is let in by a member can write.
///
/// Opens the channel that was open last under this name, or founds the first one.
///
/// In a terminal it goes by lines, or with --tui on the whole screen; with pipes, by a message a line.
#[derive(Debug, Parser)]
#[command(name = "saga", version, after_long_help = MORE)]
pub struct Cli {
    /// What you are called; each name has its own channels and keys here
    #[arg(short, long)]
    pub(super) name: String,
    /// Join the channel with this key, or open it again
    #[arg(short, long, value_name = "KEY")]
    pub(super) join: Option<ChannelKey>,
    /// Found a channel, even if there is one already
    #[arg(long, conflicts_with = "join")]
    pub(super) new: bool,
    /// Connect to HOST:PORT, and go on trying; may be given again
    #[arg(short, long, value_name = "HOST:PORT")]
    pub(super) connect: Vec<String>,
    /// Listen on this address or port; may be given again [default: any port]
    #[arg(short, long, value_name = "ADDR", value_parser = address)]
    pub(super) listen: Vec<SocketAddr>,
    /// Neither look for others on the local network nor be found there
    #[arg(long)]
    pub(super) no_lan: bool,
    /// Who may write: open = all, ask = whom an admin lets in, invite = by key only
    #[arg(long, value_name = "DOOR")]
    pub(super) door: Option<Door>,
    /// Where channels are kept, instead of your data folder
    #[arg(short, long, value_name = "DIR")]
    pub(super) dir: Option<PathBuf>,
    /// Take the whole screen
    #[arg(long, conflicts_with = "json")]
    pub(super) tui: bool,
    /// Print one JSON object a line; each message once, also over restarts
    #[arg(long)]
    pub(super) json: bool,
    /// With pipes: print all messages again, not only new ones
    #[arg(long)]
    pub(super) from_start: bool,
    /// Say more on standard error, if that is no terminal; twice for even more
    #[arg(short, long, action = ArgAction::Count)]
    pub(super) verbose: u8,
}

/// An address, or a port of all of them.
fn address(text: &str) -> Result<SocketAddr, String> {
    if let Ok(port) = text.trim_start_matches(':').parse() {
        return Ok((Ipv6Addr::UNSPECIFIED, port).into());
    }
    text.parse().map_err(|_| "it takes a port, or ADDRESS:PORT such as 127.0.0.1:4000 or [::1]:4000".into())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_do_not_contradict_each_other() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_port_alone_is_one_of_all_addresses() {
        assert_eq!(address("4000").unwrap().to_string(), "[::]:4000");
        assert_eq!(address(":4000").unwrap().to_string(), "[::]:4000");
        assert_eq!(address("127.0.0.1:0").unwrap().to_string(), "127.0.0.1:0");
        assert!(address("localhost").is_err());
    }
}

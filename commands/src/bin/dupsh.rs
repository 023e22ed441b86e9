//! The program `dupsh`; see `dupsh --help`.

#[cfg(unix)]
fn main() -> std::process::ExitCode {
    use clap::Parser;

    commands::dupsh::Cli::parse().run()
}

/// It is made of what Unix has: pipes that are handed on, and signals.
#[cfg(not(unix))]
fn main() -> Result<(), &'static str> {
    Err("dupsh runs on Unix only")
}

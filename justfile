# What CI runs, and what takes longer. `just` lists the recipes.

default:
    @just --list

# The README's test command
test:
    cargo test --workspace

# Everything that must hold besides the tests
check: fmt clippy docs layers alone solutions

fmt:
    cargo fmt --all --check

clippy:
    cargo clippy --workspace --all-targets --all-features --quiet -- -D warnings

docs:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --all-features --no-deps --quiet

# No dependency points up
layers:
    cargo run --quiet -p examples --bin layers

# Each library builds by itself, with nothing switched on
alone:
    cargo check --quiet -p level
    cargo check --quiet -p scuttleup
    cargo check --quiet -p hyperlog

# The workshop's solutions solve it
solutions:
    cargo test --quiet -p examples --features solution

# First marks, beside raw fjall on the same rows in the same run
bench *ARGS:
    cargo run --release -p examples --bin marks -- {{ARGS}}

# The programs, killed at many more random moments than in the tests
torture ROUNDS="200":
    TORTURE_ROUNDS={{ROUNDS}} cargo test --release -p commands -- --nocapture kill

# Licences, advisories and doubled dependencies; needs cargo-deny and its database
deny:
    cargo deny check

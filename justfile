# What CI runs, and what takes longer. `just` lists the recipes.

default:
    @just --list

# The README's test command
test:
    cargo test --workspace

# Everything that must hold besides the tests
check: fmt clippy docs layers alone solutions histories

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
    cargo check --quiet -p replicate
    cargo check --quiet -p scuttleup
    cargo check --quiet -p hyperlog
    cargo check --quiet -p hyperlog-writers
    cargo check --quiet -p hyperlog-index
    cargo check --quiet -p hyperkv
    cargo check --quiet -p swarm
    cargo check --quiet -p saga

# The workshop's solutions solve it
solutions:
    cargo test --quiet -p examples --features solution

# Both of what follows, fewer of each, built together
histories:
    SIM_HISTORIES="${SIM_HISTORIES:-8000}" WRITERS_HISTORIES="${WRITERS_HISTORIES:-8000}" \
        cargo test --quiet --profile sim -p hyperlog -p hyperlog-writers --test sim --test histories -- --nocapture

# Machines that sync while everything goes wrong that can, from a seed: SIM_SEED and SIM_HISTORIES choose others
sim *ARGS:
    SIM_HISTORIES="${SIM_HISTORIES:-20000}" \
        cargo test --quiet --profile sim -p hyperlog --test sim -- --nocapture {{ARGS}}

# Channels with hostile writers in them, against the plain definition of who may write: WRITERS_SEED and WRITERS_HISTORIES
# choose others
writers *ARGS:
    WRITERS_HISTORIES="${WRITERS_HISTORIES:-20000}" \
        cargo test --quiet --profile sim -p hyperlog-writers --test histories -- --nocapture {{ARGS}}

# First marks, beside raw fjall on the same rows in the same run
bench *ARGS:
    cargo run --release -p examples --bin marks -- {{ARGS}}

# The programs killed, the power cut and the journal torn at other moments in every round; each prints its seed
torture ROUNDS="20":
    for round in $(seq {{ROUNDS}}); do \
        cargo test --quiet --release -p commands --test it killed -- --nocapture || exit 1; \
        cargo test --quiet --release -p level --test it crashes -- --nocapture || exit 1; \
        cargo test --quiet --release -p scuttleup --test it crashes -- --nocapture || exit 1; \
    done

# First syncs, each side up to a second late; sides killed in the middle; a hundred thousand nodes
syncs RUNS="200":
    REPLICATE_RUNS={{RUNS}} REPLICATE_KILLS=20 REPLICATE_LINES=100000 \
        cargo test --quiet --release -p commands --test it replicate -- --nocapture

# Licences, advisories and doubled dependencies; needs cargo-deny and its database
deny:
    cargo deny check

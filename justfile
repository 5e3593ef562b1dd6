# just --list

# Everything that CI runs, or the steps that are named: just test unit clippy
test *steps:
    scripts/test {{steps}}

# Three sandbox instances, a Git repository, the daemon and the dashboard
demo *flags:
    cargo run --release -- demo {{flags}}

# Format, and fix what can be fixed without thinking
fix:
    cargo fmt --all
    cargo clippy --workspace --all-targets --fix --allow-dirty

# The quick loop: the core alone
core:
    cargo test -p driftless-core

# Licences, bans, sources (cargo install cargo-deny)
deny:
    cargo deny check licenses bans sources

# The image, or its build commands where there is no container engine
image:
    scripts/check-image

//! Pull requests from the gate to the last word on the forge, in one process: the driver and the real adapters, over HTTP, against a
//! Datafold and a forge that keep what they are told.
//!
//! `matrix` breaks the way at each of its requests by each sort of fault, and ends the process at each of them; `scripts/faults` runs it and
//! says how. As a test beside the others it runs one cell in forty.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails where it stands")]
#![allow(clippy::print_stdout, reason = "the table is what this is read for")]

mod again;
mod bad_input;
mod good_way;
mod late;
mod matrix;
mod newer;
mod rig;
mod switches;

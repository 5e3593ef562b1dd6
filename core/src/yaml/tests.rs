#![allow(clippy::unwrap_used, clippy::expect_used)]
//! Tables and properties of the reader and the emitter together.

use super::*;

#[test]
fn it_reads_what_it_writes() {
    let parsed = parse(b"a: [1, yes, 012]\nb: &x {c: d}\ne:\n  <<: *x\n  f: g\n");
    println!("{parsed:#?}");
    assert_eq!(
        emit(&parsed.root.unwrap().to_value()),
        "a:\n- 1\n- true\n- 10\nb:\n  c: d\ne:\n  c: d\n  f: g\n"
    );
}

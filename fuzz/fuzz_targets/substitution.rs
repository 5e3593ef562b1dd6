//! Placeholders in documents: a value never becomes structure, and a secret never becomes a text that is shown.
#![no_main]

use driftless_core::substitute::substitute;
use driftless_core::value::Value;
use driftless_core::yaml::emit;
use driftless_fuzz::{SECRET, read, said_well, variables};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Ok(text) = std::str::from_utf8(input) else { return };
    if let Err(faults) = substitute(text, &variables()) {
        assert!(!faults.is_empty());
        for fault in faults {
            let (message, help) = fault.explain();
            assert!(!format!("{message}{help}").contains(SECRET));
        }
    }
    // As one scalar of a connection: whatever it comes to, it stays one scalar.
    let document = Value::Map(
        [
            ("name".to_owned(), Value::from("c")),
            ("type".to_owned(), Value::from("postgresql")),
            ("host".to_owned(), Value::from(text)),
            ("password".to_owned(), Value::from(text)),
        ]
        .into(),
    );
    let loaded = read(&[("base/connections/c.yaml", emit(&document).as_bytes())]);
    said_well(&loaded);
    for document in loaded.desired.documents.values() {
        for (field, value) in &document.spec {
            let scalar = !matches!(value, Value::Map(_) | Value::List(_));
            assert!(scalar || field == "parameters", "`{field}` has become structure");
            assert!(field != "password" || matches!(value, Value::Secret(_) | Value::Null));
        }
    }
});

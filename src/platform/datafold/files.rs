//! Files of Datafold as they are loaded: what each holds, and where its faults stand.

use std::collections::{BTreeMap, BTreeSet};

use driftless_core::load::{Layers, load};
use driftless_core::substitute::Variables;

use super::schema;
use super::testing::tree;

/// What loading says of files, and the keys of what it read.
fn loaded(files: &[(&str, &str)]) -> (Vec<String>, Vec<String>) {
    let tree = tree(files);
    let layers = Layers {
        base: "",
        overlays: &[],
    };
    let secrets = BTreeMap::from([
        ("PASSWORD".to_owned(), "s3cret".to_owned()),
        ("PORT".to_owned(), "5433".to_owned()),
    ]);
    let variables = Variables::new(secrets, BTreeSet::from(["PASSWORD".to_owned()]));
    let loaded = load(&tree, &layers, &variables, &[], schema());
    let keys = loaded.desired.documents.keys().map(ToString::to_string).collect();
    (loaded.diagnostics.iter().map(ToString::to_string).collect(), keys)
}

const SOURCE: &str = "name: warehouse\ntype: pg\noptions:\n  host: db.example.com\n  port: ${PORT}\n  dbname: shop\n  user: datafold\n  password: ${PASSWORD}\n";
const CI: &str = "name: shop\nci_config_id: 12\nrepository: acme/shop\ndata_connection: warehouse\nfiles_to_ignore: |\n  *\n  !dbt/*\nschema: pr_${PR_NUMBER}\n";

#[test]
fn a_data_source_takes_variables_and_a_ci_configuration_keeps_its_own() {
    let (told, keys) = loaded(&[("data_sources/warehouse.yaml", SOURCE), ("datafold/ci/shop.yaml", CI)]);
    assert_eq!(told, [""; 0]);
    assert_eq!(keys, ["ci_config/shop", "data_source/warehouse"]);
}

#[test]
fn a_fault_of_an_option_is_told_at_its_line() {
    let (told, _) = loaded(&[("data_sources/warehouse.yaml", &SOURCE.replace("  port", "  prot"))]);
    assert!(
        told.len() == 1
            && told[0].contains("data_sources/warehouse.yaml:5:3")
            && told[0].contains("did you mean `port`?"),
        "{told:#?}"
    );
}

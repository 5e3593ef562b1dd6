//! Where documents stand: the folders of a repository, or of its `datafold/` folder.

use driftless_core::key::Kind;
use driftless_core::nearest::nearest;
use driftless_core::schema::Location;

use super::kinds::{CI_CONFIG, DATA_SOURCE, MONITOR, MONITORS, SLUG};

/// The folder of a repository that everything may lie in.
const HOME: &str = "datafold";

/// The folders that documents lie in.
const TOP: [&str; 3] = ["data_sources", "monitors", "ci"];

/// What a path below the environment's folder holds.
pub(super) fn locate(path: &str) -> Location {
    let parts: Vec<&str> = path.split('/').collect();
    let hidden = |part: &&str| part.starts_with('.') && *part != ".yaml" && *part != ".yml";
    let Some((file, folders)) = parts.split_last() else {
        return Location::Ignored;
    };
    let ending = file.rsplit_once('.').map_or("", |(_, ending)| ending);
    if parts.iter().any(hidden) || !["yaml", "yml"].iter().any(|known| ending.eq_ignore_ascii_case(known)) {
        return Location::Ignored;
    }
    match folders {
        [HOME, below @ ..] => below_home(below, file, ending),
        folders => below_home(folders, file, ending),
    }
}

fn below_home(folders: &[&str], file: &str, ending: &str) -> Location {
    let document = |kind: Kind| match ending {
        "yaml" => Location::Document {
            kind,
            parents: Vec::new(),
            names_folder: None,
        },
        _ => misplaced("only files that end in `.yaml` are read: rename it"),
    };
    match folders {
        ["data_sources"] => document(DATA_SOURCE),
        ["ci"] => document(CI_CONFIG),
        // The vendor's own files, which end either way.
        ["monitors", ..] if matches!(ending, "yaml" | "yml") => Location::Collection {
            kind: MONITOR,
            field: MONITORS,
            identity: SLUG,
        },
        ["monitors", ..] => misplaced("only files that end in `.yaml` or `.yml` are read: rename it"),
        ["data_sources", ..] => misplaced("data sources are read from `data_sources/` itself: move it there"),
        ["ci", ..] => misplaced("CI configurations are read from `ci/` itself: move it there"),
        [top, ..] => match nearly(top) {
            Some(meant) => misplaced(&format!("they are read from the folder `{meant}/`: rename this one")),
            None => Location::Ignored,
        },
        // The vendor's own examples have all monitors in one file.
        [] if stem(file).eq_ignore_ascii_case("monitors") => {
            misplaced("monitors are read from the folder `monitors/`: move it there")
        }
        [] => Location::Ignored,
    }
}

fn stem(file: &str) -> &str {
    file.rsplit_once('.').map_or(file, |(stem, _)| stem)
}

fn misplaced(help: &str) -> Location {
    Location::Misplaced { help: help.to_owned() }
}

/// The folder of ours that the name of another is a slip of. `ci` is too short to be told from other words.
fn nearly(name: &str) -> Option<&'static str> {
    let letters = |text: &str| text.to_lowercase().chars().take(3).collect::<String>();
    let long = TOP.into_iter().filter(|top| top.len() > 3);
    nearest(name, long).filter(|meant| letters(name) == letters(meant))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_says_what_it_holds_below_the_root_and_below_its_datafold_folder() {
        let document = |kind| Location::Document {
            kind,
            parents: Vec::new(),
            names_folder: None,
        };
        let monitors = || Location::Collection {
            kind: MONITOR,
            field: "monitors",
            identity: "slug",
        };
        for (path, expected) in [
            ("data_sources/warehouse.yaml", document(DATA_SOURCE)),
            ("ci/shop.yaml", document(CI_CONFIG)),
            ("monitors/orders.yaml", monitors()),
            ("monitors/orders.yml", monitors()),
            ("monitors/sales/eu/orders.yaml", monitors()),
            ("diffs.yaml", Location::Ignored),
            ("diffs.json", Location::Ignored),
            ("README.md", Location::Ignored),
            ("models/orders.yaml", Location::Ignored),
            ("models/monitors.yaml", Location::Ignored),
            ("monitors/.drafts/orders.yaml", Location::Ignored),
            ("monitors/orders.sql", Location::Ignored),
        ] {
            assert_eq!(locate(path), expected, "{path}");
            assert_eq!(locate(&format!("datafold/{path}")), expected, "datafold/{path}");
        }
    }

    #[test]
    fn what_looks_meant_for_us_but_would_not_be_read_is_said_so() {
        for path in [
            "data_sources/warehouse.yml",
            "data_sources/eu/warehouse.yaml",
            "data-sources/warehouse.yaml",
            "monitor/orders.yaml",
            "monitors/orders.YAML",
            "monitors.yaml",
            "monitors.yml",
            "datafold/monitors.yaml",
            "ci/shop.yml",
            "ci/eu/shop.yaml",
            "datafold/data_source/warehouse.yaml",
        ] {
            assert!(matches!(locate(path), Location::Misplaced { .. }), "{path}");
        }
    }
}

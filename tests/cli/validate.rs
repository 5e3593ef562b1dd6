//! `validate`: all faults at once, offline, in every form.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::{CHECK, CONNECTION, Ran, Rig};

/// The folder of `tests/cases` in which all that can be wrong is wrong once.
const THIRTY: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/cases/thirty_faults_of_different_sorts_are_thirty_each_at_its_place"
);

/// Faults in three files.
async fn faulty() -> Rig {
    let rig = Rig::new().await;
    rig.write(&format!("cfg/{CONNECTION}"), "name: pg\ntype: postgresql\nhost: [\n");
    rig.edit(&format!("cfg/{CHECK}"), "notNull", "notNul");
    rig.write(
        "cfg/datastores/warehouse/checks/orders/x.yaml",
        "rule_type: notNull\nfields: [id]\n",
    );
    rig
}

#[tokio::test]
async fn a_sound_folder_is_counted_and_nothing_is_asked_of_anybody() {
    let rig = Rig::new().await;
    let mut command = rig.bare(&["validate", "cfg"]);
    command.env("PG_PASSWORD", "x");
    Ran::of(command).await.exits(0).shows(&["7 documents: no errors"]);
    let requests = rig.side("GET", "requests", serde_json::Value::Null).await;
    assert_eq!(requests["requests"].as_array().unwrap().len(), 0);
}

#[tokio::test]
async fn all_faults_come_at_once_with_line_column_and_help() {
    let rig = faulty().await;
    let ran = rig.run(&["validate", "cfg"]).await;
    ran.exits(1).shows(&[
        "connections/pg.yaml:",
        "error[unknown_rule]",
        "notnull__id.yaml:1:",
        "did you mean `notNull`?",
        "error[missing_field]: `container` is missing",
        "3 errors",
    ]);
}

#[tokio::test]
async fn programs_get_one_document_and_workflows_one_line_a_fault() {
    let rig = faulty().await;
    let json = rig.run(&["validate", "cfg", "--format", "json"]).await.exits(1).json();
    assert_eq!((&json["version"], &json["errors"]), (&1.into(), &3.into()));
    for diagnostic in json["diagnostics"].as_array().unwrap() {
        assert!(diagnostic["file"].as_str().unwrap().starts_with("cfg/"), "{diagnostic}");
        assert!(
            diagnostic["line"].is_u64() && diagnostic["column"].is_u64(),
            "{diagnostic}"
        );
    }
    let sarif = rig.run(&["validate", "cfg", "--format", "sarif"]).await.exits(1).json();
    assert_eq!(sarif["version"], "2.1.0");
    assert_eq!(sarif["runs"][0]["results"].as_array().unwrap().len(), 3);
    let github = rig.run(&["validate", "cfg", "--format", "github"]).await;
    github.exits(1);
    let errors: Vec<_> = github.out.lines().filter(|line| line.starts_with("::error ")).collect();
    assert_eq!(errors.len(), 3, "{}", github.out);
    assert!(
        errors
            .iter()
            .all(|line| line.contains("file=cfg/") && line.contains("line=")),
        "{}",
        github.out
    );
    // Without a fault each form is still whole.
    let sound = Rig::new().await;
    for format in ["json", "sarif"] {
        sound
            .run(&["validate", "cfg", "--format", format])
            .await
            .exits(0)
            .json();
    }
    assert_eq!(
        sound.run(&["validate", "cfg", "--format", "github"]).await.exits(0).out,
        ""
    );
}

#[tokio::test]
async fn overlays_are_validated_with_their_base() {
    let rig = Rig::new().await;
    rig.write(&format!("over/{CHECK}"), "rule_type: notNul\n");
    rig.run(&["validate", "cfg", "--overlay", "over"])
        .await
        .exits(1)
        .shows(&[&format!("over/{CHECK}:1:1")]);
}

#[tokio::test]
async fn nothing_to_validate_says_what_to_pass() {
    let rig = Rig::new().await;
    rig.run(&["validate"])
        .await
        .exits(1)
        .says(&["pass a folder, or --config FILE"]);
    rig.run(&["validate", "nowhere"]).await.exits(1).says(&["nowhere"]);
}

/// The places that the case expects: `connections/lake.yaml:4:1`.
fn expected_places() -> BTreeSet<String> {
    let text = std::fs::read_to_string(format!("{THIRTY}/validate.txt")).unwrap();
    text.lines()
        .map(|line| line.split(": ").next().unwrap().to_owned())
        .collect()
}

/// Files below `folder`, copied into the rig.
fn copy(rig: &Rig, from: &std::path::Path, to: &str) {
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let name = format!("{to}/{}", path.file_name().unwrap().to_str().unwrap());
        if path.is_dir() {
            copy(rig, &path, &name);
        } else {
            rig.write(&name, std::fs::read(&path).unwrap());
        }
    }
}

#[tokio::test]
async fn thirty_faults_are_thirty_in_every_form_each_at_its_place() {
    let rig = Rig::new().await;
    copy(&rig, std::path::Path::new(&format!("{THIRTY}/desired")), "wrong");
    let expected: BTreeSet<String> = expected_places().iter().map(|place| format!("wrong/{place}")).collect();
    assert_eq!(expected.len(), 30);
    let run = async |format: &str| {
        let ran = Ran::of(rig.bare(&["validate", "wrong", "--format", format])).await;
        ran.exits(1);
        assert_eq!(ran.err, "", "{format}");
        ran
    };

    let text = run("text").await.out;
    let places: BTreeSet<String> = text
        .lines()
        .filter_map(|line| line.trim_start().strip_prefix("--> ").map(str::to_owned))
        .collect();
    assert_eq!(places, expected, "{text}");
    assert!(text.ends_with("21 errors, 9 warnings\n"), "{text}");
    let heads = |word: &str| {
        text.lines()
            .filter(|line| line.starts_with(&format!("{word}[")))
            .count()
    };
    assert_eq!((heads("error"), heads("warning")), (21, 9), "{text}");
    assert_eq!(
        text.lines()
            .filter(|line| line.starts_with(" = help:") || line.starts_with("  = help:"))
            .count(),
        30
    );

    let json = run("json").await.json();
    assert_eq!((&json["errors"], &json["warnings"]), (&21.into(), &9.into()));
    let place = |fault: &Json| {
        format!(
            "{}:{}:{}",
            fault["file"].as_str().unwrap(),
            fault["line"],
            fault["column"]
        )
    };
    let found: Vec<String> = json["diagnostics"].as_array().unwrap().iter().map(place).collect();
    assert_eq!(found.len(), 30);
    assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), expected);
    // The line itself, and nothing of one that can hold a secret.
    let excerpt = |file: &str| {
        let all = json["diagnostics"].as_array().unwrap();
        let fault = all.iter().find(|fault| fault["file"].as_str().unwrap().ends_with(file));
        fault.unwrap()["excerpt"].clone()
    };
    assert_eq!(excerpt("checks/orders/wrong_type.yaml"), "  min: abc");
    assert_eq!(excerpt("connections/lake.yaml"), "role_arn: (hidden)");

    let sarif = run("sarif").await.json();
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    let rules = sarif["runs"][0]["tool"]["driver"]["rules"].as_array().unwrap();
    let found: Vec<String> = results
        .iter()
        .map(|result| {
            let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
            assert_eq!(rules[index]["id"], result["ruleId"]);
            assert!(!result["message"]["text"].as_str().unwrap().is_empty());
            let location = &result["locations"][0]["physicalLocation"];
            let region = &location["region"];
            let uri = location["artifactLocation"]["uri"].as_str().unwrap();
            format!("{uri}:{}:{}", region["startLine"], region["startColumn"])
        })
        .collect();
    assert_eq!(found.len(), 30);
    assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), expected);

    let github = run("github").await.out;
    let property = |line: &str, name: &str| {
        let (_, rest) = line.split_once(&format!("{name}=")).unwrap();
        rest.split([',', ':']).next().unwrap().to_owned()
    };
    let found: Vec<String> = github
        .lines()
        .map(|line| {
            format!(
                "{}:{}:{}",
                property(line, "file"),
                property(line, "line"),
                property(line, "col")
            )
        })
        .collect();
    assert_eq!(found.len(), 30, "{github}");
    assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), expected);
    assert_eq!(github.lines().filter(|line| line.starts_with("::error ")).count(), 21);
    assert_eq!(github.lines().filter(|line| line.starts_with("::warning ")).count(), 9);
}

#[tokio::test]
async fn what_the_official_client_exported_and_what_the_demo_declares_has_no_error() {
    let rig = Rig::new().await;
    let root = env!("CARGO_MANIFEST_DIR");
    let golden = format!("{root}/tests/golden/s/export");
    let json = Ran::of(rig.bare(&["validate", &golden, "--format", "json"])).await;
    let json = json.exits(0).json();
    // The password alone is told of: it is not in the repository.
    let codes: Vec<&Json> = json["diagnostics"]
        .as_array()
        .unwrap()
        .iter()
        .map(|fault| &fault["code"])
        .collect();
    assert_eq!(codes, ["unresolved_variable"]);

    let demo = format!("{root}/config/demo");
    for environment in driftless::cli::demo::environments::ENVIRONMENTS {
        let overlay = format!("{demo}/{}", environment.overlay);
        let base = format!("{demo}/{}", driftless::cli::demo::environments::BASE);
        let mut command = rig.bare(&["validate", &base, "--overlay", &overlay, "--format", "json"]);
        command.envs(environment.variables.iter().copied());
        let json = Ran::of(command).await.exits(0).json();
        assert_eq!(json["diagnostics"], serde_json::json!([]), "{}", environment.name);
    }
}

#[tokio::test]
async fn a_secret_need_not_be_known_to_validate_and_must_be_to_plan() {
    let rig = Rig::new().await;
    let validated = Ran::of(rig.bare(&["validate", "cfg"])).await;
    validated.exits(0).shows(&[
        "warning[unresolved_variable]: unresolved variable `PG_PASSWORD`",
        "0 errors, 1 warning",
        "7 documents: no errors",
    ]);
    let mut command = rig.command(&["plan", "--input", "cfg"]);
    command.env_remove("PG_PASSWORD");
    Ran::of(command).await.exits(1).says(&["error[unresolved_variable]"]);
}

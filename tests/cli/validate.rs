//! `validate`: all faults at once, offline, in every form.

use super::{CHECK, CONNECTION, Ran, Rig};

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

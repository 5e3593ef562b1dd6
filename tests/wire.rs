//! The Qualytics contract on the wire: exactly which requests are sent, and what is made of exactly which answers. The bodies are
//! typed from the platform's reference.
#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]

mod loopback;

use std::sync::Arc;
use std::time::Duration;

use driftless::platform::qualytics::kinds::{
    CHECK, COMPUTED_FIELD, CONNECTION, CONTAINER, CREATE_TAG, DATASTORE, LINK_ENRICHMENT, PROFILE, SYNC, TAG,
};
use driftless::platform::qualytics::schema;
use driftless::platform::{Done, Found, Ids, Job, Platform, Progress};
use driftless_core::document::{Document, Origin};
use driftless_core::field::FieldPath;
use driftless_core::key::{Key, Kind, RemoteId, Revision};
use driftless_core::normalize::normalize;
use driftless_core::plan::{Action, Change, Class, FieldChange, Operation, Removal, Step};
use driftless_core::report::{Failure, Meaning};
use driftless_core::schema::{Schema as _, Side};
use driftless_core::snapshot::{Authorship, Desired, Live, Presence, Scope};
use driftless_core::value::{Map, Secret, Value};
use loopback::{Answer, Asked, Patience, Server, qualytics_at};
use serde_json::{Value as Json, json};

const CONNECTIONS: &str = "GET /api/connections?sort_id=desc&page=1&size=100";
const DATASTORES: &str = "GET /api/datastores?sort_created=desc&page=1&size=100";
const ENRICHMENT: &str = "GET /api/datastores?sort_created=desc&enrichment_only=true&page=1&size=100";
const CHECKS: &str = "GET /api/quality-checks?datastore=7&archived=include&sort_created=desc&page=1&size=100";
const LISTING: &str = "GET /api/containers/listing?datastore=7";

const CONNECTION_BODY: &str = r#"{"created":"2026-01-05T08:00:00Z","id":3,"name":"prod-pg","type":"postgresql",
  "connection_type":"jdbc","datastores":[{"id":7,"name":"dw"}],"secrets_manager":null,"host":"db.example.com","port":5432,
  "username":"svc","parameters":null,"jdbc_fetch_size":1000,"max_parallelization":null,"product_name":"PostgreSQL",
  "product_version":"16.1","driver_name":"pg","driver_version":"42"}"#;

const DATASTORE_BODY: &str = r#"{"id":7,"name":"dw","type":"postgresql","store_type":"jdbc","database":"analytics",
  "schema":"public","connected":true,"favorite":true,"enrichment_only":false,"enrichment_prefix":"_dw",
  "enrichment_source_record_limit":10,"enrichment_remediation_strategy":"none","high_count_rollup_threshold":10,
  "description":null,"created":"2026-01-05T08:00:00Z","connection_id":3,"teams":[{"id":1,"name":"Public","permission":"Editor"}],
  "global_tags":[{"id":5,"name":"finance","color":"red"}],"enrich_datastore":{"id":8,"name":"dq"},"linked_datastores":[],
  "group":null,"latest_operation":null,"has_scheduled_operations":false,"metrics":{}}"#;

const CHECK_BODY: &str = r#"{"id":41,"created":"2026-01-05T08:00:00Z","last_updated":"2026-02-01T09:30:00Z",
  "last_editor":{"id":9,"name":"Somebody"},"created_by":{"id":9},"rule_type":"existsIn","inferred":false,
  "fields":[{"id":100,"name":"customer_id","type":"Integral"}],"description":"Customers exist","coverage":1.0,
  "filter":null,"properties":{"field_name":"id","ref_container_id":12,"ref_datastore_id":7,"pattern":null},
  "anomaly_message_field":null,"global_tags":[{"id":5,"name":"finance"}],
  "additional_metadata":{"_qualytics_check_uid":"orders__existsin__customer_id","team":"data"},"status":"Active",
  "owner":{"id":9,"name":"Somebody"},"is_template":false,"template":null,"is_new":false,"favorite":false,"weight":3,
  "anomaly_count":2,"deleted_at":null,"datastore":{"id":7,"name":"dw"},"container":{"id":11,"name":"orders"}}"#;

fn page(items: &[&str]) -> String {
    let (items, total) = (items.join(","), items.len());
    format!(r#"{{"items":[{items}],"total":{total},"page":1,"size":100,"pages":1}}"#)
}

fn map(json: &str) -> Map {
    driftless::codec::map_from_json(serde_json::from_str::<Json>(json).unwrap().as_object().unwrap())
}

fn normalised(kind: Kind, json: &str) -> Map {
    normalize(schema(), kind, Side::Desired, map(json))
}

fn step(action: Action, key: Key, write: Map) -> Step {
    let fields = write.iter().map(|(field, value)| FieldChange {
        path: FieldPath::top(field),
        class: Class::Pending,
        before: None,
        after: Some(value.clone()),
    });
    Step {
        change: Change {
            key,
            action,
            class: Class::Pending,
            fields: fields.collect(),
            place: None,
            edited: None,
        },
        after: Vec::new(),
        write,
        remote: None,
        base: None,
        agreement: None,
        moves: Vec::new(),
        closes: Vec::new(),
    }
}

fn create(kind: Kind, path: &[&str], json: &str) -> Step {
    step(
        Action::Create,
        Key::new(kind, path.iter().copied()),
        normalised(kind, json),
    )
}

/// An update of a live resource, in which `changed` are the fields that differ.
fn update(live: &Live, key: &Key, changed: &str) -> Step {
    let resource = &live.resources[key];
    let changed = map(changed);
    let mut step = step(Action::Update, key.clone(), changed.clone());
    step.write = resource.spec.clone();
    step.write.extend(changed);
    step.remote = Some(resource.id);
    step.base = resource.base.clone();
    step
}

fn operation(name: &'static str, subject: Key, arguments: &str) -> Step {
    let operation = Operation {
        name,
        subject: subject.clone(),
        arguments: map(arguments),
        reason: "a test wants it".to_owned(),
    };
    step(Action::Operation(operation), subject, Map::new())
}

fn ids() -> Ids {
    let ids = Ids::default();
    for (kind, path, id) in [
        (CONNECTION, vec!["prod-pg"], 3),
        (DATASTORE, vec!["dw"], 7),
        (DATASTORE, vec!["dq"], 8),
        (DATASTORE, vec!["crm"], 9),
        (CONTAINER, vec!["dw", "orders"], 11),
        (CONTAINER, vec!["dw", "customers"], 12),
        (CONTAINER, vec!["crm", "people"], 13),
    ] {
        ids.put(Key::new(kind, path), RemoteId(id));
    }
    ids
}

fn desired(documents: &[(Kind, &[&str], &str)]) -> Desired {
    let documents = documents.iter().map(|(kind, path, json)| {
        let key = Key::new(*kind, path.iter().copied());
        let spec = normalised(*kind, json);
        let document = Document {
            references: schema().references(&key, &spec),
            previous: None,
            protected: false,
            key: key.clone(),
            spec,
            origin: Origin::of("a file"),
            by_slug: Vec::new(),
        };
        (key, document)
    });
    Desired {
        revision: Revision("r".to_owned()),
        documents: documents.collect(),
        left_out: Vec::new(),
        broken: Vec::new(),
        misplaced: Vec::new(),
    }
}

fn warehouse() -> Desired {
    desired(&[(DATASTORE, &["dw"], r#"{"name":"dw"}"#)])
}

/// An instance with one connection, two datastores, four containers and the checks that are given.
async fn instance(checks: &[&str]) -> Server {
    let server = Server::start().await;
    let hidden = r#"{"id":8,"name":"dq","type":"postgresql","store_type":"jdbc","enrichment_only":true,"connection_id":3,
      "teams":[],"global_tags":[],"enrich_datastore":null}"#;
    let join = r#"{"id":14,"name":"order_customers","container_type":"computed_join","datastore":{"id":7,"name":"dw"},
      "left_container_id":11,"left_join_field_name":"customer_id","left_prefix":"left","right_datastore_id":7,
      "right_container_id":12,"right_join_field_name":"id","right_prefix":"right","join_type":"outer",
      "select_clause":"*","where_clause":"amount > 0","group_by_clause":null,"query":null,"sources":null,
      "global_tags":[],"additional_metadata":null,"volumetric_tracking_enabled":true,"freshness_tracking_enabled":false,
      "exclude_fields":null,"metrics":{},"computed_fields":[{"id":21,"created":"2026-01-05T08:00:00Z","name":"net",
      "source_fields":[{"id":101,"name":"amount"}],"transformation_type":"cast","properties":{"target_type":"bigint"},
      "container_id":14,"additional_metadata":null,"last_editor":null}]}"#;
    server
        .gives(CONNECTIONS, &page(&[CONNECTION_BODY]))
        .gives(DATASTORES, &page(&[DATASTORE_BODY]))
        .gives(ENRICHMENT, &page(&[hidden]))
        .gives(
            LISTING,
            r#"[{"id":11,"name":"orders","container_type":"table","deleted_at":null},
                {"id":12,"name":"customers","container_type":"table","deleted_at":null},
                {"id":14,"name":"order_customers","container_type":"computed_join","deleted_at":null},
                {"id":15,"name":"old","container_type":"table","deleted_at":"2026-01-06T00:00:00Z"}]"#,
        )
        .gives("GET /api/containers/14", join)
        .gives(CHECKS, &page(checks));
    server
}

async fn observed(server: &Server, desired: &Desired) -> Live {
    server.qualytics().observe(desired, &Scope::default()).await.unwrap()
}

async fn done(server: &Server, step: &Step) -> Option<RemoteId> {
    match server.qualytics().execute(step, &ids()).await {
        Ok(Progress::Done(done)) => done.remote,
        other => panic!("{other:?}"),
    }
}

async fn refused(server: &Server, step: &Step) -> Failure {
    server.qualytics().execute(step, &ids()).await.unwrap_err()
}

fn asked(line: &str, body: Json) -> Asked {
    Asked {
        line: line.to_owned(),
        body,
    }
}

#[tokio::test]
async fn an_instance_is_read_in_as_few_requests_as_it_takes_and_in_the_words_of_the_files() {
    let server = instance(&[CHECK_BODY]).await;
    let live = observed(&server, &warehouse()).await;
    let mut lines = server.lines();
    lines.sort();
    let mut expected = vec![
        CONNECTIONS,
        DATASTORES,
        ENRICHMENT,
        LISTING,
        "GET /api/containers/14",
        CHECKS,
    ];
    expected.sort_unstable();
    assert_eq!(lines, expected);
    assert_eq!(live.gaps, Vec::new());
    let spec = |kind, path: &[&str]| live.resources[&Key::new(kind, path.iter().copied())].spec.clone();
    assert_eq!(
        spec(CONNECTION, &["prod-pg"]),
        map(
            r#"{"name":"prod-pg","type":"postgresql","secrets_manager":null,"host":"db.example.com","port":5432,
                "username":"svc","parameters":null,"jdbc_fetch_size":1000,"max_parallelization":null}"#
        )
    );
    assert_eq!(
        spec(DATASTORE, &["dw"]),
        map(
            r#"{"connection_name":"prod-pg","enrich_datastore_name":"dq","name":"dw","database":"analytics","schema":"public",
                "enrichment_only":false,"enrichment_prefix":"_dw","enrichment_source_record_limit":10,
                "enrichment_remediation_strategy":"none","high_count_rollup_threshold":10,"description":null,
                "teams":["Public"],"tags":["finance"]}"#
        )
    );
    let join = spec(CONTAINER, &["dw", "order_customers"]);
    assert_eq!(join["left_container_name"], Value::from("orders"));
    assert_eq!(join["right_container_name"], Value::from("customers"));
    assert_eq!(join["join_type"], Value::from("outer"));
    assert!(!join.contains_key("right_datastore_name"));
    assert_eq!(
        spec(COMPUTED_FIELD, &["dw", "order_customers", "net"]),
        map(
            r#"{"name":"net","source_fields":["amount"],"transformation":"cast","properties":{"target_type":"bigint"},
                "additional_metadata":null}"#
        )
    );
    let check = &live.resources[&Key::new(CHECK, ["dw", "orders__existsin__customer_id"])];
    assert_eq!(
        check.spec,
        map(
            r#"{"rule_type":"existsIn","description":"Customers exist","container":"orders","fields":["customer_id"],
                "coverage":1.0,"filter":null,"anomaly_message_field":null,
                "properties":{"field_name":"id","ref_container_name":"customers"},"tags":["finance"],"status":"Active",
                "additional_metadata":{"team":"data"},"_qualytics_check_uid":"orders__existsin__customer_id"}"#
        )
    );
    assert_eq!(check.edited.as_deref(), Some("Somebody, 2026-02-01T09:30:00Z"));
    assert_eq!(live.discovered[&Key::new(CONTAINER, ["dw", "orders"])], RemoteId(11));
    assert_eq!(live.discovered[&Key::new(DATASTORE, ["dq"])], RemoteId(8));
    assert!(!live.discovered.contains_key(&Key::new(CONTAINER, ["dw", "old"])));
}

#[tokio::test]
async fn a_table_is_read_in_full_only_if_git_or_the_ledger_gives_it_a_computed_field() {
    let server = instance(&[]).await;
    server.gives(
        "GET /api/containers/11",
        r#"{"id":11,"name":"orders","container_type":"table","computed_fields":[]}"#,
    );
    let with_field = desired(&[
        (DATASTORE, &["dw"], r#"{"name":"dw"}"#),
        (
            COMPUTED_FIELD,
            &["dw", "orders", "f"],
            r#"{"name":"f","transformation":"cast"}"#,
        ),
    ]);
    observed(&server, &with_field).await;
    assert!(server.lines().contains(&"GET /api/containers/11".to_owned()));
    let scope = Scope {
        left_out: Vec::new(),
        owned: [(Key::new(COMPUTED_FIELD, ["dw", "orders", "f"]), None)].into(),
        ..Scope::default()
    };
    server.qualytics().observe(&desired(&[]), &scope).await.unwrap();
    assert!(server.lines().contains(&"GET /api/containers/11".to_owned()));
}

#[tokio::test]
async fn what_lies_in_other_datastores_is_not_read() {
    let server = instance(&[]).await;
    let live = observed(&server, &desired(&[])).await;
    assert_eq!(server.lines().len(), 3);
    assert_eq!(live.resources.len(), 1);
}

#[tokio::test]
async fn a_check_names_its_own_datastore_only_if_git_does() {
    let named = r#"{"rule_type":"existsIn","container":"orders","fields":["customer_id"],
      "properties":{"field_name":"id","ref_container_name":"customers","ref_datastore_name":"dw"}}"#;
    let server = instance(&[CHECK_BODY]).await;
    let wanted = desired(&[(CHECK, &["dw", "orders__existsin__customer_id"], named)]);
    let live = observed(&server, &wanted).await;
    let check = &live.resources[&Key::new(CHECK, ["dw", "orders__existsin__customer_id"])];
    let wanted = FieldPath::dotted("properties.ref_datastore_name");
    assert_eq!(wanted.get(&check.spec), Some(&Value::from("dw")));
}

#[tokio::test]
async fn checks_without_an_id_of_ours_and_checks_that_share_one_stay_apart() {
    let check = |id: i64, uid: &str, more: &str| {
        format!(
            r#"{{"id":{id},"rule_type":"notNull","fields":[{{"name":"id"}}],"status":"Active","container":{{"id":11,"name":"orders"}},
              "additional_metadata":{uid}{more}}}"#
        )
    };
    let stored = r#"{"_qualytics_check_uid":"u"}"#;
    let bodies = [
        check(5, stored, ""),
        check(4, stored, r#","deleted_at":"2026-01-01T00:00:00Z""#),
        check(6, stored, ""),
        check(7, "null", r#","inferred":true"#),
        check(8, "{}", ""),
    ];
    let bodies: Vec<&str> = bodies.iter().map(String::as_str).collect();
    let server = instance(&bodies).await;
    let live = observed(&server, &warehouse()).await;
    assert_eq!(live.resources[&Key::new(CHECK, ["dw", "u"])].id, RemoteId(5));
    let strangers: Vec<(String, i64)> = live
        .unidentified
        .iter()
        .map(|(key, resource)| (key.name().to_owned(), resource.id.0))
        .collect();
    assert_eq!(
        strangers,
        [
            ("u_2".to_owned(), 6),
            ("orders__notnull__id".to_owned(), 7),
            ("orders__notnull__id_2".to_owned(), 8)
        ]
    );
    assert!(matches!(live.unidentified[1].1.authorship, Authorship::Inferred { .. }));
}

#[tokio::test]
async fn an_archived_check_is_there_and_put_away() {
    let archived = CHECK_BODY.replace(r#""status":"Active""#, r#""status":"Discarded""#);
    let server = instance(&[&archived]).await;
    let live = observed(&server, &warehouse()).await;
    let check = &live.resources[&Key::new(CHECK, ["dw", "orders__existsin__customer_id"])];
    assert_eq!(check.presence, Presence::Archived);
}

#[tokio::test]
async fn connections_that_may_not_be_read_are_a_gap_and_the_rest_goes_on() {
    let server = instance(&[CHECK_BODY]).await;
    let second = Server::start().await;
    for (line, body) in [
        (DATASTORES, page(&[DATASTORE_BODY])),
        (ENRICHMENT, page(&[])),
        (LISTING, "[]".to_owned()),
        (CHECKS, page(&[CHECK_BODY])),
    ] {
        second.gives(line, &body);
    }
    drop(server);
    second.on(CONNECTIONS, Answer::json(403, r#"{"detail":"You must be a member"}"#));
    let live = observed(&second, &warehouse()).await;
    assert_eq!(live.gaps.len(), 1);
    assert_eq!(live.gaps[0].kind, CONNECTION);
    let message = &live.gaps[0].message;
    assert!(
        message.contains("You must be a member") && message.contains("the role Member (no team permission)"),
        "{message}"
    );
    assert_eq!(live.resources[&Key::new(DATASTORE, ["dw"])].unread, ["connection_name"]);
    assert!(live.resources.keys().any(|key| key.kind == CHECK));
}

#[tokio::test]
async fn a_datastore_that_cannot_be_read_is_a_gap_below_it() {
    let server = Server::start().await;
    server
        .gives(CONNECTIONS, &page(&[]))
        .gives(DATASTORES, &page(&[DATASTORE_BODY]))
        .gives(ENRICHMENT, &page(&[]))
        .on(LISTING, Answer::json(500, r#"{"detail":"boom"}"#))
        .on(
            CHECKS,
            Answer::json(
                403,
                r#"{"detail":"You must have reporter permission in at least one of these teams: ['Data']"}"#,
            ),
        );
    let live = observed(&server, &warehouse()).await;
    let below = Some(Key::new(DATASTORE, ["dw"]));
    let gaps: Vec<_> = live.gaps.iter().map(|gap| (gap.kind, gap.below.clone())).collect();
    assert_eq!(
        gaps,
        [
            (CONTAINER, below.clone()),
            (COMPUTED_FIELD, below.clone()),
            (CHECK, below)
        ]
    );
    assert!(live.gaps[2].message.contains("the team permission Reporter") && live.gaps[2].message.contains("['Data']"));
}

#[tokio::test]
async fn a_token_that_is_refused_altogether_is_no_gap() {
    let server = Server::start().await;
    for line in [CONNECTIONS, DATASTORES, ENRICHMENT] {
        server.on(
            line,
            Answer::json(401, r#"{"detail":"Could not validate credentials"}"#),
        );
    }
    let failure = server
        .qualytics()
        .observe(&warehouse(), &Scope::default())
        .await
        .unwrap_err();
    assert_eq!(failure.meaning, Meaning::Unauthorized);
    assert!(
        failure.message.contains("give this target a valid one"),
        "{}",
        failure.message
    );
}

#[tokio::test]
async fn every_creation_sends_what_the_platform_takes() {
    let cases: Vec<(Step, &str, Json)> = vec![
        (
            {
                let mut step = create(
                    CONNECTION,
                    &["pg"],
                    r#"{"name":"pg","type":"postgresql","host":"h","port":5432}"#,
                );
                step.write
                    .insert("password".to_owned(), Value::Secret(Secret::new("hunter2")));
                step
            },
            "POST /api/connections",
            json!({"name":"pg","type":"postgresql","host":"h","port":5432,"password":"hunter2"}),
        ),
        (
            create(
                DATASTORE,
                &["new"],
                r#"{"connection_name":"prod-pg","name":"new","database":"d","schema":"s","teams":["Public"],"tags":["b","a"],
                    "enrichment_prefix":"New","trigger_sync":true}"#,
            ),
            "POST /api/datastores",
            json!({"name":"new","database":"d","schema":"s","teams":["Public"],"tags":["b","a"],"enrichment_prefix":"New",
                   "connection_id":3}),
        ),
        (
            create(
                CONTAINER,
                &["dw", "sum"],
                r#"{"name":"sum","container_type":"computed_table","query":"select 1","additional_metadata":null,"datastore_name":"dw"}"#,
            ),
            "POST /api/containers",
            json!({"name":"sum","container_type":"computed_table","query":"select 1","datastore_id":7}),
        ),
        (
            create(
                CONTAINER,
                &["dw", "f"],
                r#"{"source_container_name":"orders","name":"f","container_type":"computed_file","select_clause":"*","where_clause":null}"#,
            ),
            "POST /api/containers",
            json!({"source_container_id":11,"name":"f","container_type":"computed_file","select_clause":"*","datastore_id":7}),
        ),
        (
            create(
                CONTAINER,
                &["dw", "j"],
                r#"{"left_container_name":"orders","right_container_name":"people","right_datastore_name":"crm","name":"j",
                    "container_type":"computed_join","left_join_field_name":"a","right_join_field_name":"b","select_clause":"*",
                    "join_type":"left"}"#,
            ),
            "POST /api/containers",
            json!({"left_container_id":11,"right_container_id":13,"name":"j","container_type":"computed_join",
                   "left_join_field_name":"a","right_join_field_name":"b","select_clause":"*","join_type":"left",
                   "datastore_id":7}),
        ),
        (
            create(
                CONTAINER,
                &["dw", "q"],
                r#"{"name":"q","container_type":"computed_join","query":"select 1","description":"d",
                    "sources":[{"alias":"o","container_name":"orders"},{"alias":"p","container_name":"people","datastore_name":"crm"}]}"#,
            ),
            "POST /api/containers",
            json!({"name":"q","container_type":"computed_join","query":"select 1","description":"d",
                   "sources":[{"alias":"o","container_id":11},{"alias":"p","container_id":13}],"datastore_id":7}),
        ),
        (
            create(
                COMPUTED_FIELD,
                &["dw", "orders", "net"],
                r#"{"name":"net","transformation":"cast","source_fields":["amount"],"properties":{"target_type":"bigint"}}"#,
            ),
            "POST /api/computed-fields",
            json!({"name":"net","transformation":"cast","source_fields":["amount"],"properties":{"target_type":"bigint"},
                   "container_id":11}),
        ),
        (
            create(
                CHECK,
                &["dw", "orders__existsin__customer_id"],
                r#"{"rule_type":"existsIn","description":null,"container":"orders","fields":["customer_id"],"coverage":1.0,
                    "filter":null,"anomaly_message_field":null,
                    "properties":{"field_name":"id","ref_container_name":"people","ref_datastore_name":"crm"},
                    "tags":["finance"],"status":"Active","additional_metadata":{"team":"data"}}"#,
            ),
            "POST /api/quality-checks",
            json!({"description":"existsIn quality check","fields":["customer_id"],"coverage":1.0,"filter":null,
                   "anomaly_message_field":null,"properties":{"field_name":"id","ref_container_id":13,"ref_datastore_id":9},
                   "tags":["finance"],"status":"Active",
                   "additional_metadata":{"_qualytics_check_uid":"orders__existsin__customer_id","team":"data"},
                   "container_id":11,"rule":"existsIn"}),
        ),
        (
            create(
                CHECK,
                &["dw", "u"],
                r#"{"rule_type":"satisfiesExpression","container":"orders","fields":["a"],"properties":{"expression":"a > 0"},
                    "additional_metadata":{"_qualytics_check_uid":"u"}}"#,
            ),
            "POST /api/quality-checks",
            json!({"properties":{"expression":"a > 0"},"additional_metadata":{"_qualytics_check_uid":"u"},
                   "description":"satisfiesExpression quality check","fields":["a"],"container_id":11,
                   "rule":"satisfiesExpression"}),
        ),
    ];
    for (step, line, body) in cases {
        let server = Server::start().await;
        server.on(line, Answer::json(201, r#"{"id":77,"description":"d"}"#));
        assert_eq!(done(&server, &step).await, Some(RemoteId(77)));
        assert_eq!(server.asked(), [asked(line, body)], "{}", step.change.key);
    }
}

#[tokio::test]
async fn what_the_creation_of_a_container_does_not_take_is_written_after_it() {
    let server = Server::start().await;
    server
        .on(
            "POST /api/containers",
            Answer::json(201, r#"{"id":77,"volumetric_tracking_enabled":true}"#),
        )
        .gives("PATCH /api/containers", "[]")
        .gives("PUT /api/containers/77", "{}");
    let tagged =
        r#"{"name":"s","container_type":"computed_table","query":"q","tags":["a"],"volumetric_tracking_enabled":true}"#;
    done(&server, &create(CONTAINER, &["dw", "s"], tagged)).await;
    assert_eq!(
        server.asked()[1..],
        [asked("PATCH /api/containers", json!([{"id":77,"tags":["a"]}]))]
    );
    let described = r#"{"name":"s","container_type":"computed_table","query":"q","tags":["a"],"description":"d"}"#;
    done(&server, &create(CONTAINER, &["dw", "s"], described)).await;
    assert_eq!(
        server.asked()[1..],
        [asked(
            "PUT /api/containers/77",
            json!({"name":"s","container_type":"computed_table","query":"q","tags":["a"],"description":"d"})
        )]
    );
}

#[tokio::test]
async fn a_container_that_was_made_in_part_is_to_be_looked_up_before_it_is_made_again() {
    let server = Server::start().await;
    server
        .on("POST /api/containers", Answer::json(201, r#"{"id":77}"#))
        .on("PATCH /api/containers", Answer::json(503, r#"{"detail":"busy"}"#));
    let tagged = r#"{"name":"s","container_type":"computed_table","query":"q","tags":["a"]}"#;
    let failure = refused(&server, &create(CONTAINER, &["dw", "s"], tagged)).await;
    assert_eq!(failure.meaning, Meaning::Lost);
}

#[tokio::test]
async fn an_update_says_everything_so_that_nothing_is_cleared_by_what_it_leaves_out() {
    let server = instance(&[CHECK_BODY]).await;
    let live = observed(&server, &warehouse()).await;
    server.asked();
    let cases = [
        (
            Key::new(CONNECTION, ["prod-pg"]),
            r#"{"port":5433}"#,
            "PUT /api/connections/3",
            json!({"name":"prod-pg","type":"postgresql","secrets_manager":null,"host":"db.example.com","port":5433,
                   "username":"svc","parameters":null,"jdbc_fetch_size":1000,"max_parallelization":null}),
        ),
        (
            Key::new(DATASTORE, ["dw"]),
            r#"{"description":"d"}"#,
            "PUT /api/datastores/7",
            json!({"name":"dw","database":"analytics","schema":"public","enrichment_only":false,"enrichment_prefix":"_dw",
                   "enrichment_source_record_limit":10,"enrichment_remediation_strategy":"none",
                   "high_count_rollup_threshold":10,"description":"d","teams":["Public"],"tags":["finance"],
                   "connection_id":3,"favorite":true}),
        ),
        (
            Key::new(CONTAINER, ["dw", "order_customers"]),
            r#"{"description":"d"}"#,
            "PUT /api/containers/14",
            json!({"name":"order_customers","container_type":"computed_join","left_join_field_name":"customer_id",
                   "left_prefix":"left","right_join_field_name":"id","right_prefix":"right","join_type":"outer",
                   "select_clause":"*","where_clause":"amount > 0","tags":[],"exclude_fields":[],
                   "volumetric_tracking_enabled":true,"freshness_tracking_enabled":false,"description":"d"}),
        ),
        (
            Key::new(COMPUTED_FIELD, ["dw", "order_customers", "net"]),
            r#"{"properties":{"target_type":"int"}}"#,
            "PUT /api/computed-fields/21",
            json!({"name":"net","source_fields":["amount"],"transformation":"cast","properties":{"target_type":"int"},
                   "additional_metadata":null}),
        ),
        (
            Key::new(CHECK, ["dw", "orders__existsin__customer_id"]),
            r#"{"coverage":0.9}"#,
            "PUT /api/quality-checks/41",
            json!({"description":"Customers exist","fields":["customer_id"],"coverage":0.9,"filter":null,
                   "anomaly_message_field":null,"properties":{"field_name":"id","ref_container_id":12},
                   "tags":["finance"],"status":"Active",
                   "additional_metadata":{"_qualytics_check_uid":"orders__existsin__customer_id","team":"data"}}),
        ),
    ];
    for (key, changed, line, body) in cases {
        server.gives(line, "{}");
        done(&server, &update(&live, &key, changed)).await;
        assert_eq!(server.asked(), [asked(line, body)], "{key}");
    }
}

#[tokio::test]
async fn a_check_that_was_put_away_comes_back_in_use_and_keeps_what_the_platform_put_into_it() {
    let archived = CHECK_BODY
        .replace(r#""status":"Active""#, r#""status":"Discarded""#)
        .replace(r#""team":"data""#, r#""from quality check id":3"#)
        .replace("existsIn\"", "between\"")
        .replace(r#""pattern":null"#, r#""is_element_context":true"#);
    let server = instance(&[&archived]).await;
    let live = observed(&server, &warehouse()).await;
    let key = Key::new(CHECK, ["dw", "orders__existsin__customer_id"]);
    server.gives("PUT /api/quality-checks/41", "{}");
    server.asked();
    done(&server, &update(&live, &key, "{}")).await;
    let body = &server.asked()[0].body;
    assert_eq!(body["status"], "Active");
    assert_eq!(body["properties"]["is_element_context"], true);
    assert_eq!(body["additional_metadata"]["from quality check id"], 3);
}

#[tokio::test]
async fn a_secret_is_sent_only_if_the_step_has_it() {
    let server = instance(&[]).await;
    let live = observed(&server, &warehouse()).await;
    server.gives("PUT /api/connections/3", "{}").asked();
    let mut step = update(&live, &Key::new(CONNECTION, ["prod-pg"]), "{}");
    step.write
        .insert("password".to_owned(), Value::Secret(Secret::new("hunter2")));
    done(&server, &step).await;
    assert_eq!(server.asked()[0].body["password"], "hunter2");
}

#[tokio::test]
async fn a_name_that_the_instance_does_not_have_is_said_before_anything_is_sent() {
    let server = Server::start().await;
    let step = create(DATASTORE, &["x"], r#"{"connection_name":"nowhere","name":"x"}"#);
    let failure = refused(&server, &step).await;
    assert_eq!(failure.meaning, Meaning::NotFound);
    assert!(
        failure.message.contains("`connection_name` names connection `nowhere`"),
        "{}",
        failure.message
    );
    assert_eq!(server.asked(), []);
}

#[tokio::test]
async fn a_link_is_made_and_unmade_by_number() {
    let server = Server::start().await;
    server
        .gives("PATCH /api/datastores/7/enrichment/8", "{}")
        .on("DELETE /api/datastores/7/enrichment", Answer::json(204, ""));
    let dw = Key::new(DATASTORE, ["dw"]);
    done(
        &server,
        &operation(LINK_ENRICHMENT, dw.clone(), r#"{"enrich_datastore_name":"dq"}"#),
    )
    .await;
    done(
        &server,
        &operation(LINK_ENRICHMENT, dw, r#"{"enrich_datastore_name":null}"#),
    )
    .await;
    assert_eq!(
        server.lines(),
        [
            "PATCH /api/datastores/7/enrichment/8",
            "DELETE /api/datastores/7/enrichment"
        ]
    );
}

#[tokio::test]
async fn a_tag_is_made_by_name_and_one_that_is_taken_is_there() {
    let server = Server::start().await;
    let line = "POST /api/global-tags";
    let name = "pii / Kundendaten ä%";
    let step = operation(CREATE_TAG, Key::new(TAG, [name]), "{}");
    server
        .on(
            line,
            Answer::json(201, r#"{"id":5,"type":"global","name":"pii / Kundendaten ä%"}"#),
        )
        .on(
            line,
            Answer::json(409, r#"{"detail":"A tag with the name already exists"}"#),
        )
        .on(line, Answer::json(403, r#"{"detail":"You must be a manager"}"#));
    done(&server, &step).await;
    done(&server, &step).await;
    let failure = refused(&server, &step).await;
    assert_eq!(failure.meaning, Meaning::Forbidden);
    assert!(failure.message.contains("the role Manager"), "{}", failure.message);
    let body = json!({ "type": "global", "name": name });
    assert_eq!(server.asked(), [line; 3].map(|line| asked(line, body.clone())));
}

/// What is known of the tags `finance` (which the datastore bears) and `pii`, and of the team `Data`, and what was asked for it.
async fn mentioned(answers: &[(&str, Answer)]) -> (Vec<String>, Vec<String>, Vec<String>) {
    let server = instance(&[]).await;
    for (line, answer) in answers {
        server.on(line, answer.clone());
    }
    let desired = desired(&[(
        DATASTORE,
        &["dw"],
        r#"{"name":"dw","tags":["finance","pii"],"teams":["Public","Data"]}"#,
    )]);
    let live = observed(&server, &desired).await;
    let lines = server.lines().into_iter();
    let about = lines.filter(|line| line.contains("tags") || line.contains("teams"));
    (
        live.named.iter().map(ToString::to_string).collect(),
        live.unlisted.iter().map(ToString::to_string).collect(),
        about.collect(),
    )
}

#[tokio::test]
async fn tags_and_teams_are_listed_once_where_git_has_one_that_nothing_bears() {
    const TAGS: &str = "GET /api/global-tags/listing";
    const TAGS_BY_PAGE: &str = "GET /api/global-tags?page=1&size=100";
    const TEAMS: &str = "GET /api/teams/listing";
    const TEAMS_BY_PAGE: &str = "GET /api/teams?page=1&size=100";
    let pii = r#"{"id":6,"type":"global","name":"pii","color":"red"}"#;
    let data = r#"{"id":2,"name":"Data","permission":"Editor","users":[]}"#;
    let list = |item: &str| Answer::json(200, &format!("[{item}]"));
    let paged = |item: &str| Answer::json(200, &page(&[item]));
    let missing = || Answer::json(404, r#"{"detail":"Tag 'listing' not found"}"#);
    let invalid = || Answer::json(422, r#"{"detail":[{"loc":["path","id"],"msg":"not a number"}]}"#);
    let forbidden = || Answer::json(403, r#"{"detail":"You must be a manager"}"#);
    let (all, none): (&[&str], &[&str]) = (&["tag/finance", "tag/pii", "team/Data", "team/Public"], &[]);
    let seen: &[&str] = &["tag/finance", "team/Public"];
    let (light, both) = (&[TAGS, TEAMS][..], &[TAGS, TEAMS, TAGS_BY_PAGE, TEAMS_BY_PAGE][..]);
    for (tags, teams, named, unlisted, lines) in [
        (vec![(TAGS, list(pii))], vec![(TEAMS, list(data))], all, none, light),
        (vec![(TAGS, list(""))], vec![(TEAMS, list(""))], seen, none, light),
        // A route that is missing is read as that of one tag, or of one team.
        (
            vec![(TAGS, missing()), (TAGS_BY_PAGE, paged(pii))],
            vec![(TEAMS, invalid()), (TEAMS_BY_PAGE, paged(data))],
            all,
            none,
            both,
        ),
        (
            vec![(TAGS, Answer::json(200, pii)), (TAGS_BY_PAGE, paged(pii))],
            vec![(TEAMS, missing()), (TEAMS_BY_PAGE, forbidden())],
            &["tag/finance", "tag/pii", "team/Public"],
            &["team"],
            both,
        ),
        (
            vec![(TAGS, forbidden())],
            vec![(TEAMS, Answer::json(500, "{}"))],
            seen,
            &["tag", "team"],
            light,
        ),
    ] {
        let (found, unknown, mut asked) = mentioned(&[tags, teams].concat()).await;
        assert_eq!(found, named);
        assert_eq!(unknown, unlisted);
        let mut lines = lines.to_vec();
        lines.sort_unstable();
        asked.sort_unstable();
        assert_eq!(asked, lines);
    }
}

#[tokio::test]
async fn a_list_of_tags_that_breaks_off_is_said_and_one_that_may_not_be_read_is_not() {
    for (answer, said) in [
        (Answer::json(403, r#"{"detail":"You must be a manager"}"#), None),
        (
            Answer::html(502, "<html>"),
            Some("the tags could not be read: GET /global-tags/listing"),
        ),
    ] {
        let server = instance(&[]).await;
        server.on("GET /api/global-tags/listing", answer);
        let desired = desired(&[(DATASTORE, &["dw"], r#"{"name":"dw","tags":["pii"]}"#)]);
        let live = observed(&server, &desired).await;
        let gaps: Vec<&str> = live.gaps.iter().map(|gap| gap.message.as_str()).collect();
        match said {
            Some(said) => assert!(matches!(gaps[..], [gap] if gap.starts_with(said)), "{gaps:?}"),
            None => assert_eq!(gaps, [] as [&str; 0]),
        }
        // Either way the write is tried: the platform says whether there is such a tag.
        assert_eq!(
            live.unlisted.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["tag"]
        );
    }
}

fn running(progress: Progress) -> Job {
    match progress {
        Progress::Running(job) => job,
        Progress::Done(_) => panic!("it was to be running"),
    }
}

#[tokio::test]
async fn a_sync_is_asked_for_by_its_older_name_too_and_teaches_the_tables_that_it_found() {
    let server = Server::start().await;
    server
        .on(
            "POST /api/operations/run",
            Answer::json(422, r#"{"detail":[{"loc":["body","type"],"msg":"unknown"}]}"#),
        )
        .gives(
            "POST /api/operations/run",
            r#"{"id":50,"type":"catalog","end_time":null,"result":"queued"}"#,
        )
        .gives(
            "GET /api/operations/50",
            r#"{"id":50,"end_time":null,"result":"running"}"#,
        )
        .gives(
            "GET /api/operations/50",
            r#"{"id":50,"end_time":"2026-01-05T08:00:00Z","result":"SUCCESS","message":null}"#,
        )
        .gives(
            LISTING,
            r#"[{"id":31,"name":"fresh","container_type":"table","deleted_at":null}]"#,
        );
    let qualytics = server.qualytics();
    let step = operation(SYNC, Key::new(DATASTORE, ["dw"]), "{}");
    let job = running(qualytics.execute(&step, &ids()).await.unwrap());
    let job = running(qualytics.poll(&job, &ids()).await.unwrap());
    let Progress::Done(done) = qualytics.poll(&job, &ids()).await.unwrap() else {
        panic!("it was to be done");
    };
    assert_eq!(done.learned, [(Key::new(CONTAINER, ["dw", "fresh"]), RemoteId(31))]);
    let bodies: Vec<Json> = server
        .asked()
        .into_iter()
        .map(|asked| asked.body)
        .filter(|body| !body.is_null())
        .collect();
    assert_eq!(
        bodies,
        [
            json!({"type":"sync","datastore_id":7,"prune":false,"recreate":false}),
            json!({"type":"catalog","datastore_id":7,"prune":false,"recreate":false})
        ]
    );
}

#[tokio::test]
async fn a_failed_operation_says_why() {
    let server = Server::start().await;
    server.gives(
        "POST /api/operations/run",
        r#"{"id":50,"end_time":"2026-01-05T08:00:00Z","result":"failure","message":"no route to host"}"#,
    );
    let failure = refused(&server, &operation(SYNC, Key::new(DATASTORE, ["dw"]), "{}")).await;
    assert_eq!(failure.meaning, Meaning::Conflict);
    assert!(failure.message.contains("no route to host"), "{}", failure.message);
}

const RUNNING_PROFILES: &str = "GET /api/operations?datastore=7&container=11&operation_type=profile&finished=false&\
                                sort_created=desc&page=1&size=10";

#[tokio::test]
async fn no_profile_is_run_where_no_field_is_missing() {
    let server = Server::start().await;
    server.gives(
        "GET /api/containers/11/fields",
        r#"[{"id":1,"name":"net","status":"active"}]"#,
    );
    let step = operation(PROFILE, Key::new(CONTAINER, ["dw", "orders"]), r#"{"fields":["net"]}"#);
    done(&server, &step).await;
    assert_eq!(server.lines(), ["GET /api/containers/11/fields"]);
}

#[tokio::test]
async fn a_profile_under_way_is_awaited_and_one_that_began_too_early_is_followed_by_one_of_our_own() {
    let server = Server::start().await;
    let fields = "GET /api/containers/11/fields";
    server
        .gives(fields, r#"[{"id":1,"name":"net","status":"missing"}]"#)
        .gives(fields, "[]")
        .gives(fields, r#"[{"id":1,"name":"net","status":"active"}]"#)
        .gives(
            RUNNING_PROFILES,
            &page(&[r#"{"id":60,"type":"profile","end_time":null}"#]),
        )
        .gives(
            "GET /api/operations/60",
            r#"{"id":60,"end_time":"2026-01-05T08:00:00Z","result":"success"}"#,
        )
        .gives("POST /api/operations/run", r#"{"id":61,"end_time":null}"#)
        .gives(
            "GET /api/operations/61",
            r#"{"id":61,"end_time":"2026-01-05T08:00:00Z","result":"success"}"#,
        );
    let qualytics = server.qualytics();
    let step = operation(PROFILE, Key::new(CONTAINER, ["dw", "orders"]), r#"{"fields":["net"]}"#);
    let job = running(qualytics.execute(&step, &ids()).await.unwrap());
    assert_eq!(job.id, RemoteId(60));
    let job = running(qualytics.poll(&job, &ids()).await.unwrap());
    assert_eq!(job.id, RemoteId(61));
    assert!(matches!(qualytics.poll(&job, &ids()).await.unwrap(), Progress::Done(_)));
    let run = server
        .asked()
        .into_iter()
        .find(|asked| asked.line.starts_with("POST"))
        .unwrap();
    assert_eq!(
        run.body,
        json!({"type":"profile","datastore_id":7,"container_names":["orders"]})
    );
}

const FIND_CHECK: &str =
    "GET /api/quality-checks?datastore=7&container=11&archived=include&sort_created=desc&page=1&size=100";

#[tokio::test]
async fn a_write_whose_answer_was_lost_is_looked_up_by_its_key() {
    let write = r#"{"rule_type":"existsIn","description":"Customers exist","container":"orders","fields":["customer_id"],
      "coverage":1,"properties":{"field_name":"id","ref_container_name":"customers"},"tags":["finance"],
      "additional_metadata":{"team":"data","_qualytics_check_uid":"orders__existsin__customer_id"}}"#;
    let step = create(CHECK, &["dw", "orders__existsin__customer_id"], write);
    let other = CHECK_BODY.replace("Customers exist", "Something else");
    for (found, expected) in [
        (vec![], Found::Absent),
        (vec![CHECK_BODY], Found::Done(RemoteId(41))),
        (vec![other.as_str()], Found::Partly(RemoteId(41))),
    ] {
        let server = Server::start().await;
        server.gives(FIND_CHECK, &page(&found));
        assert_eq!(server.qualytics().find(&step, &ids()).await.unwrap(), expected);
        assert_eq!(server.lines(), [FIND_CHECK]);
    }
}

#[tokio::test]
async fn a_deletion_took_effect_when_the_platform_says_that_the_number_is_gone() {
    let key = Key::new(CONNECTION, ["prod-pg"]);
    let mut step = step(Action::Delete(Removal::Erase), key, Map::new());
    step.remote = Some(RemoteId(3));
    let line = "GET /api/connections/3";
    let server = Server::start().await;
    server
        .on(line, Answer::json(404, r#"{"detail":"Connection id: 3 not found"}"#))
        .on(line, Answer::html(404, "<html>nothing here</html>"))
        .gives(line, CONNECTION_BODY);
    let qualytics = server.qualytics();
    assert_eq!(qualytics.find(&step, &ids()).await.unwrap(), Found::Done(RemoteId(3)));
    let failure = qualytics.find(&step, &ids()).await.unwrap_err();
    assert_eq!(failure.meaning, Meaning::Broken, "a proxy's page is no absence");
    assert_eq!(qualytics.find(&step, &ids()).await.unwrap(), Found::Partly(RemoteId(3)));
}

#[tokio::test]
async fn every_refusal_has_its_meaning_and_says_what_to_do() {
    let check = || {
        create(
            CHECK,
            &["dw", "u"],
            r#"{"rule_type":"notNull","container":"orders","fields":["id"],"properties":{"min":1}}"#,
        )
    };
    let line = "POST /api/quality-checks";
    let cases = [
        (
            Answer::json(401, r#"{"detail":"Expired"}"#),
            Meaning::Unauthorized,
            "Expired: the token is missing, wrong or expired",
        ),
        (
            Answer::json(
                403,
                r#"{"detail":"You must have author permission in at least one of these teams: ['Data Platform']"}"#,
            ),
            Meaning::Forbidden,
            "['Data Platform']: the token may not do this; it takes the role Member and the team permission Author",
        ),
        (
            Answer::json(404, r#"{"detail":"Container id: 11 not found"}"#),
            Meaning::NotFound,
            "Container id: 11 not found",
        ),
        (
            Answer::json(409, r#"{"detail":"A check like it exists"}"#),
            Meaning::Conflict,
            "A check like it exists",
        ),
        (
            Answer::json(400, r#"{"message":"no such column"}"#),
            Meaning::Invalid,
            "no such column",
        ),
        (
            Answer::json(422, r#"{"detail":"fields are missing"}"#),
            Meaning::Invalid,
            "the content is refused: fields are missing",
        ),
        (
            Answer::html(414, "<html>"),
            Meaning::Invalid,
            "the address is longer than the proxy takes",
        ),
        (
            Answer::json(415, r#"{"detail":"JSON only"}"#),
            Meaning::Invalid,
            "JSON only",
        ),
        (Answer::html(429, "<html>"), Meaning::RateLimited, "too many requests"),
        (
            Answer::html(500, "<html>secret things</html>"),
            Meaning::Lost,
            "answered 500: the platform failed; it may have taken effect",
        ),
        (
            Answer::html(503, "<html>"),
            Meaning::Lost,
            "answered 503: the platform is not available; it may have taken effect",
        ),
        (Answer::html(504, "<html>"), Meaning::Lost, "it may have taken effect"),
        (Answer::html(302, ""), Meaning::Broken, "it points elsewhere"),
        (
            Answer::html(200, "<html>log in</html>"),
            Meaning::Lost,
            "the answer is HTML, not JSON",
        ),
        (
            Answer::json(200, r#"{"id":4"#),
            Meaning::Lost,
            "the answer is not whole JSON",
        ),
        (Answer::json(200, "{}"), Meaning::Lost, "has no id"),
    ];
    for (answer, meaning, says) in cases {
        let server = Server::start().await;
        server.on(line, answer.clone());
        let failure = refused(&server, &check()).await;
        assert_eq!(failure.meaning, meaning, "{answer:?}");
        assert!(failure.message.contains(says), "{}", failure.message);
        assert!(!failure.message.contains("secret things"));
        assert_eq!(server.asked().len(), 1, "a write is never sent again here");
    }
}

#[tokio::test]
async fn a_refusal_by_field_names_the_fields_of_the_file() {
    let server = Server::start().await;
    server.on(
        "POST /api/quality-checks",
        Answer::json(
            422,
            r#"{"detail":[{"loc":["body","rule"],"msg":"unknown rule","type":"value_error"},
                {"loc":["body","fields",0],"msg":"no such field","type":"value_error"},
                {"loc":["body","properties","ref_container_id"],"msg":"not found","type":"value_error"},
                {"loc":["body","container_id"],"msg":"is archived","type":"value_error"}]}"#,
        ),
    );
    let step = create(
        CHECK,
        &["dw", "u"],
        r#"{"rule_type":"notNull","container":"orders","fields":["id"],"properties":{}}"#,
    );
    let failure = refused(&server, &step).await;
    let fields: Vec<String> = failure
        .fields
        .iter()
        .map(|(path, message)| format!("{path}: {message}"))
        .collect();
    assert_eq!(
        fields,
        [
            "rule_type: unknown rule",
            "fields: no such field",
            "properties.ref_container_name: not found",
            "container: is archived"
        ]
    );
    let server = Server::start().await;
    server.on(
        "POST /api/containers",
        Answer::json(
            422,
            r#"{"detail":[{"loc":["body","computed_table","query"],"msg":"syntax error","type":"x"}]}"#,
        ),
    );
    let step = create(
        CONTAINER,
        &["dw", "s"],
        r#"{"name":"s","container_type":"computed_table","query":"selec"}"#,
    );
    let failure = refused(&server, &step).await;
    assert_eq!(failure.fields, [(FieldPath::top("query"), "syntax error".to_owned())]);
}

#[tokio::test]
async fn a_wait_that_is_asked_for_is_passed_on() {
    let server = Server::start().await;
    server.on(
        "POST /api/connections",
        Answer::html(429, "").header("retry-after", "17"),
    );
    let failure = refused(
        &server,
        &create(CONNECTION, &["pg"], r#"{"name":"pg","type":"postgresql"}"#),
    )
    .await;
    assert_eq!(failure.retry_after, Some(Duration::from_secs(17)));
}

#[tokio::test]
async fn a_secret_that_the_platform_quotes_is_not_repeated() {
    let server = Server::start().await;
    server.on(
        "POST /api/connections",
        Answer::json(
            422,
            r#"{"detail":[{"loc":["body","password"],"msg":"'hunter2' is too short for token-of-a-test","type":"x"}]}"#,
        ),
    );
    let mut step = create(CONNECTION, &["pg"], r#"{"name":"pg","type":"postgresql"}"#);
    step.write
        .insert("password".to_owned(), Value::Secret(Secret::new("hunter2")));
    let shown = format!("{:?}", refused(&server, &step).await);
    assert!(
        !shown.contains("hunter2") && !shown.contains("token-of-a-test"),
        "{shown}"
    );
    assert!(shown.contains("'(secret)' is too short for (secret)"), "{shown}");
}

#[tokio::test]
async fn a_taken_name_that_was_not_to_be_seen_is_said_to_be_one() {
    let server = Server::start().await;
    server.on(
        "POST /api/datastores",
        Answer::json(409, r#"{"detail":"Datastore name already exists"}"#),
    );
    let step = create(DATASTORE, &["x"], r#"{"connection_name":"prod-pg","name":"x"}"#);
    let failure = refused(&server, &step).await;
    assert!(
        failure.message.contains("lies outside of the teams of this token"),
        "{}",
        failure.message
    );
}

#[tokio::test]
async fn a_taken_name_is_looked_up_once_and_is_not_visible_or_was_made_since() {
    let visible = DATASTORE_BODY;
    for (found, said) in [
        (None, "`datastore/dw` is not visible"),
        (Some(visible), "was made since"),
    ] {
        let server = Server::start().await;
        server
            .on(
                "POST /api/datastores",
                Answer::json(409, r#"{"detail":"Datastore name already exists"}"#),
            )
            .gives("GET /api/datastores?name=dw&page=1&size=100", &page(found.as_slice()))
            .gives(
                "GET /api/datastores?name=dw&enrichment_only=true&page=1&size=100",
                &page(&[]),
            );
        let step = create(DATASTORE, &["dw"], r#"{"connection_name":"prod-pg","name":"dw"}"#);
        let failure = refused(&server, &step).await;
        assert_eq!(failure.meaning, Meaning::Conflict, "it is not tried again");
        assert!(failure.message.contains(said), "{}", failure.message);
        let writes = server.lines().into_iter().filter(|line| line.starts_with("POST"));
        assert_eq!(writes.count(), 1);
    }
}

fn connections(ids: std::ops::Range<usize>, total: usize, number: usize) -> String {
    let items: Vec<String> = ids
        .map(|id| format!(r#"{{"id":{id},"name":"c{id}","type":"mysql"}}"#))
        .collect();
    format!(
        r#"{{"items":[{}],"total":{total},"page":{number},"size":100,"pages":3}}"#,
        items.join(",")
    )
}

fn connections_line(number: usize) -> String {
    format!("GET /api/connections?sort_id=desc&page={number}&size=100")
}

/// Reads an instance that has connections alone.
async fn read_connections(server: &Server, patience: u32) -> Live {
    server.gives(DATASTORES, &page(&[])).gives(ENRICHMENT, &page(&[]));
    let qualytics = server.qualytics_with(Arc::new(Patience(patience)));
    qualytics.observe(&desired(&[]), &Scope::default()).await.unwrap()
}

#[tokio::test]
async fn every_page_is_read_once_and_the_first_one_again_at_the_end() {
    let server = Server::start().await;
    server
        .gives(&connections_line(1), &connections(0..100, 205, 1))
        .gives(&connections_line(2), &connections(100..200, 205, 2))
        .gives(&connections_line(3), &connections(200..205, 205, 3))
        .gives(&connections_line(1), &connections(0..100, 205, 1));
    let live = read_connections(&server, 0).await;
    assert_eq!((live.resources.len(), live.gaps.len()), (205, 0));
    assert_eq!(server.lines().len(), 6);
}

#[tokio::test]
async fn a_row_that_slips_between_pages_while_another_is_made_is_missed_by_no_total_and_found_by_a_second_look() {
    let server = Server::start().await;
    // Newest first. While the pages are read, 0 is made and one of the last is deleted: the total says nothing of it.
    server
        .gives(&connections_line(1), &connections(1..101, 150, 1))
        .gives(&connections_line(2), &connections(101..151, 150, 2))
        .gives(&connections_line(1), &connections(0..100, 150, 1))
        .gives(&connections_line(1), &connections(0..100, 150, 1))
        .gives(&connections_line(2), &connections(100..150, 150, 2))
        .gives(&connections_line(1), &connections(0..100, 150, 1));
    let live = read_connections(&server, 0).await;
    assert_eq!((live.resources.len(), live.gaps.len()), (150, 0));
    assert!(live.resources.contains_key(&Key::new(CONNECTION, ["c0"])));
}

#[tokio::test]
async fn a_list_that_never_holds_still_is_read_three_times_and_is_a_gap() {
    let server = Server::start().await;
    for round in 0..3 {
        server
            .gives(&connections_line(1), &connections(round..100 + round, 150, 1))
            .gives(&connections_line(2), &connections(100 + round..150 + round, 150, 2))
            .gives(&connections_line(1), &connections(round + 1..101 + round, 150, 1));
    }
    let live = read_connections(&server, 0).await;
    assert!(live.resources.is_empty());
    assert_eq!(live.gaps.len(), 1);
    assert!(
        live.gaps[0].message.contains("3 times in a row"),
        "{}",
        live.gaps[0].message
    );
}

#[tokio::test]
async fn a_list_that_does_not_hold_what_its_total_says_is_an_error_and_never_an_absence() {
    let cases = [
        ("too few", vec![connections(0..2, 3, 1)]),
        ("empty where more are said", vec![connections(0..0, 3, 1)]),
        (
            "an empty second page",
            vec![connections(0..100, 150, 1), connections(0..0, 150, 2)],
        ),
        (
            "a row twice",
            vec![connections(0..100, 150, 1), connections(50..100, 150, 2)],
        ),
        (
            "a total that moves",
            vec![connections(0..100, 101, 1), connections(100..102, 102, 2)],
        ),
        ("more than are said", vec![connections(0..3, 2, 1)]),
        (
            "a short page before the end",
            vec![
                connections(0..100, 250, 1),
                connections(100..150, 250, 2),
                connections(150..250, 250, 3),
            ],
        ),
        (
            "a row twice, and as many as are said",
            vec![connections(0..100, 150, 1), connections(99..150, 150, 2)],
        ),
        ("no page", vec![r#"{"detail":"hello"}"#.to_owned()]),
        ("half a page", vec![r#"{"items":[{"id":1,"name":"a"#.to_owned()]),
    ];
    for (what, pages) in cases {
        let server = Server::start().await;
        for (index, body) in pages.iter().enumerate() {
            server.gives(&connections_line(index + 1), body);
        }
        let live = read_connections(&server, 0).await;
        assert_eq!(live.gaps.len(), 1, "{what}");
        assert_eq!(live.gaps[0].kind, CONNECTION, "{what}");
        assert!(live.resources.is_empty(), "{what}");
    }
}

#[tokio::test]
async fn a_read_is_sent_again_as_the_gate_says() {
    let server = Server::start().await;
    server
        .on(&connections_line(1), Answer::html(502, "<html>"))
        .gives(&connections_line(1), &connections(0..1, 2, 1))
        .gives(&connections_line(1), &connections(0..2, 2, 1));
    let live = read_connections(&server, 1).await;
    assert_eq!((live.resources.len(), live.gaps.len()), (2, 0));
}

#[tokio::test]
async fn nothing_at_the_address_is_unavailable_for_reads_and_writes_alike() {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let qualytics = qualytics_at(&url, Arc::new(Patience(0)));
    let read = qualytics.observe(&warehouse(), &Scope::default()).await.unwrap_err();
    assert_eq!(read.meaning, Meaning::Unavailable);
    let step = create(CONNECTION, &["pg"], r#"{"name":"pg","type":"postgresql"}"#);
    let write = qualytics.execute(&step, &ids()).await.unwrap_err();
    assert_eq!(write.meaning, Meaning::Unavailable);
    assert!(write.message.contains("nothing was sent"), "{}", write.message);
}

#[tokio::test]
async fn a_connection_that_breaks_off_leaves_a_write_open_and_a_read_to_be_tried_again() {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let task = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let _ = stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{\"id\":")
                .await;
        }
    });
    let qualytics = qualytics_at(&url, Arc::new(Patience(0)));
    let step = create(CONNECTION, &["pg"], r#"{"name":"pg","type":"postgresql"}"#);
    let write = qualytics.execute(&step, &ids()).await.unwrap_err();
    assert_eq!(write.meaning, Meaning::Lost, "{}", write.message);
    let read = qualytics.observe(&warehouse(), &Scope::default()).await.unwrap_err();
    assert_eq!(read.meaning, Meaning::Unavailable, "{}", read.message);
    task.abort();
}

#[tokio::test]
async fn a_check_points_at_containers_elsewhere_by_name_at_one_list_each() {
    let elsewhere = CHECK_BODY.replace(
        r#""ref_container_id":12,"ref_datastore_id":7"#,
        r#""ref_container_id":90,"ref_datastore_id":9"#,
    );
    let server = instance(&[&elsewhere]).await;
    let second = DATASTORE_BODY.replace(r#""id":7,"name":"dw""#, r#""id":9,"name":"crm""#);
    let server = {
        let fresh = Server::start().await;
        fresh
            .gives(CONNECTIONS, &page(&[CONNECTION_BODY]))
            .gives(DATASTORES, &page(&[DATASTORE_BODY, &second]))
            .gives(ENRICHMENT, &page(&[]))
            .gives(LISTING, r#"[{"id":11,"name":"orders","container_type":"table"}]"#)
            .gives(
                "GET /api/containers/listing?datastore=9",
                r#"[{"id":90,"name":"people","container_type":"table"}]"#,
            )
            .gives(CHECKS, &page(&[&elsewhere]));
        drop(server);
        fresh
    };
    let live = observed(&server, &warehouse()).await;
    let properties = &live.resources[&Key::new(CHECK, ["dw", "orders__existsin__customer_id"])].spec["properties"];
    assert_eq!(
        properties,
        &Value::Map(map(
            r#"{"field_name":"id","ref_container_name":"people","ref_datastore_name":"crm"}"#
        ))
    );
    assert_eq!(server.lines().len(), 6);
}

/// A step that removes what has this number.
fn removing(removal: Removal, kind: Kind, path: &[&str], id: i64) -> Step {
    let mut step = step(
        Action::Delete(removal),
        Key::new(kind, path.iter().copied()),
        Map::new(),
    );
    (step.agreement, step.remote) = (None, Some(RemoteId(id)));
    step
}

#[tokio::test]
async fn every_kind_is_removed_by_its_number_and_a_check_keeps_its_anomalies() {
    let check = "DELETE /api/quality-checks/41?archive=";
    for (removal, kind, path, id, line) in [
        (
            Removal::Archive,
            CHECK,
            &["dw", "u"][..],
            41,
            format!("{check}true&status=Discarded&delete_anomalies=false"),
        ),
        (
            Removal::Erase,
            CHECK,
            &["dw", "u"],
            41,
            format!("{check}false&delete_anomalies=false"),
        ),
        (
            Removal::Erase,
            COMPUTED_FIELD,
            &["dw", "orders", "f"],
            31,
            "DELETE /api/computed-fields/31".to_owned(),
        ),
        (
            Removal::Erase,
            CONTAINER,
            &["dw", "paid"],
            21,
            "DELETE /api/containers/21".to_owned(),
        ),
        (
            Removal::Erase,
            DATASTORE,
            &["dw"],
            7,
            "DELETE /api/datastores/7".to_owned(),
        ),
        (
            Removal::Erase,
            CONNECTION,
            &["prod-pg"],
            3,
            "DELETE /api/connections/3".to_owned(),
        ),
    ] {
        let step = removing(removal, kind, path, id);
        let done = Progress::Done(Done {
            remote: Some(RemoteId(id)),
            learned: Vec::new(),
        });
        let server = Server::start().await;
        server
            .on(&line, Answer::json(204, ""))
            .on(&line, Answer::json(404, r#"{"detail":"not found"}"#))
            .on(&line, Answer::html(404, "<html>nothing here</html>"))
            .on(&line, Answer::json(409, r#"{"detail":"it is in use"}"#));
        let qualytics = server.qualytics();
        assert_eq!(qualytics.execute(&step, &ids()).await.unwrap(), done);
        assert_eq!(
            qualytics.execute(&step, &ids()).await.unwrap(),
            done,
            "what is gone is gone"
        );
        let page = qualytics.execute(&step, &ids()).await.unwrap_err();
        assert_eq!(page.meaning, Meaning::Broken, "a proxy's page is no absence");
        let refused = qualytics.execute(&step, &ids()).await.unwrap_err();
        assert_eq!(refused.meaning, Meaning::Conflict);
        assert!(refused.message.contains("it is in use"), "{}", refused.message);
        assert_eq!(server.lines(), [line.as_str(); 4]);
    }
}

#[tokio::test]
async fn a_check_that_is_put_away_already_took_effect_where_it_was_to_be_archived() {
    let line = "GET /api/quality-checks/41";
    let away = CHECK_BODY.replace(r#""status":"Active""#, r#""status":"Discarded""#);
    for (removal, expected) in [
        (Removal::Archive, Found::Done(RemoteId(41))),
        (Removal::Erase, Found::Partly(RemoteId(41))),
    ] {
        let server = Server::start().await;
        server.gives(line, &away);
        let step = removing(removal, CHECK, &["dw", "u"], 41);
        assert_eq!(server.qualytics().find(&step, &ids()).await.unwrap(), expected);
    }
}

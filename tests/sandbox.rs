//! The contract of the sandbox's controlplane: what a client may rely on, and what it must expect.
#![expect(clippy::unwrap_used, reason = "a test fails where it stands")]
#![expect(clippy::expect_used, reason = "a test fails where it stands")]

use std::sync::Once;
use std::time::Duration;

use driftless::sandbox::qualytics::{Put, PutReading, Switches, example_seed};
use driftless::sandbox::{Options, Sandbox};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// A server, and somebody who calls it.
struct Bench {
    sandbox: Sandbox,
    client: reqwest::Client,
    token: String,
}

impl Bench {
    async fn start(options: Options) -> Self {
        static PROVIDER: Once = Once::new();
        PROVIDER.call_once(|| rustls::crypto::ring::default_provider().install_default().unwrap());
        let sandbox = Sandbox::start(options).await.unwrap();
        let token = sandbox.token().to_owned();
        Self {
            sandbox,
            client: reqwest::Client::new(),
            token,
        }
    }

    async fn seeded() -> Self {
        Self::start(Options {
            seed: Some(seed()),
            ..Options::default()
        })
        .await
    }

    async fn switched(switches: Switches) -> Self {
        Self::start(Options {
            seed: Some(seed()),
            switches,
            ..Options::default()
        })
        .await
    }

    fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        self.client
            .request(method, format!("{}{path}", self.sandbox.url()))
            .bearer_auth(&self.token)
    }

    async fn call(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let mut request = self.request(method, path);
        if !body.is_null() {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        (
            status,
            if text.is_empty() {
                Value::Null
            } else {
                serde_json::from_str(&text).unwrap()
            },
        )
    }

    async fn api(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        self.call(method, &format!("/api/{path}"), body).await
    }

    async fn get(&self, path: &str) -> Value {
        let (status, body) = self.api("GET", path, Value::Null).await;
        assert_eq!(status, 200, "GET {path}: {body}");
        body
    }

    async fn side(&self, method: &str, path: &str, body: Value) -> Value {
        let (status, body) = self.call(method, &format!("/_sandbox/{path}"), body).await;
        assert_eq!(status, 200, "{method} {path}: {body}");
        body
    }

    async fn call_as(&self, token: &str, method: &str, path: &str, body: Value) -> (u16, Value) {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self
            .client
            .request(method, format!("{}/api/{path}", self.sandbox.url()))
            .bearer_auth(token);
        if !body.is_null() {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        (status, response.json().await.unwrap_or_default())
    }

    async fn token(&self, body: Value) -> String {
        self.side("POST", "tokens", body).await["token"]
            .as_str()
            .unwrap()
            .to_owned()
    }
}

fn seed() -> Value {
    json!({
        "warehouse": {
            "an|public": [
                {"name": "orders", "kind": "table", "fields": [["id", "Integral"], ["amount", "Fractional"], ["note", "String"]]},
                {"name": "customers", "kind": "view", "fields": [["id", "Integral"], ["name", "String"]]},
            ],
        },
        "tags": ["gold", "silver"],
        "teams": ["Data", "Others"],
        "connections": [{
            "name": "pg", "type": "postgresql", "host": "db.example.com", "port": 5432, "username": "svc",
            "password": "s3cret", "parameters": {"b": 1, "a": 2},
            "secrets_manager": {"secret_url": "https://vault.example.com/x", "credentials_payload": "hidden"},
        }],
        "datastores": [
            {"name": "sales", "connection_name": "pg", "database": "an", "schema": "public", "teams": ["Data"],
             "tags": ["gold"], "description": "first"},
            {"name": "enrich", "connection_name": "pg", "database": "dq", "schema": "e", "teams": ["Data"],
             "enrichment_only": true},
        ],
        "containers": [{
            "datastore": "sales", "container_type": "computed_table", "name": "big orders",
            "query": "SELECT id, amount AS paid FROM orders WHERE amount > 10",
        }],
        "checks": [{
            "datastore": "sales", "container": "orders", "rule": "notNull", "fields": ["id"], "description": "id is there",
            "coverage": 0.9, "filter": "amount > 0", "tags": ["gold"], "additional_metadata": {"z": 1, "a": 2},
        }],
    })
}

fn check(rule: &str, field: &str, properties: Value) -> Value {
    json!({
        "container_id": 1, "rule": rule, "description": "x", "fields": [field], "properties": properties,
    })
}

fn messages(body: &Value) -> Vec<String> {
    let faults = body["detail"].as_array().expect("a list of faults");
    faults
        .iter()
        .map(|fault| format!("{}: {}", fault["loc"], fault["type"].as_str().unwrap()))
        .collect()
}

#[tokio::test]
async fn a_page_says_how_many_rows_there_are_and_holds_at_most_a_hundred() {
    let bench = Bench::start(Options {
        seed: Some(example_seed(1, 10, 250)),
        ..Options::default()
    })
    .await;
    let first = bench.get("quality-checks?datastore=2&size=100").await;
    assert_eq!(
        (&first["total"], &first["page"], &first["size"], &first["pages"]),
        (&json!(250), &json!(1), &json!(100), &json!(3))
    );
    let mut ids: Vec<i64> = Vec::new();
    for page in 1..=3 {
        let page = bench
            .get(&format!("quality-checks?datastore=2&size=100&page={page}"))
            .await;
        ids.extend(
            page["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|row| row["id"].as_i64().unwrap()),
        );
    }
    ids.dedup();
    assert_eq!(ids.len(), 250);
    assert_eq!(bench.get("quality-checks?datastore=2").await["size"], 50);
    for wrong in ["size=101", "size=0", "page=0", "page=x"] {
        let (status, body) = bench.api("GET", &format!("quality-checks?{wrong}"), Value::Null).await;
        assert_eq!(
            (status, body["detail"][0]["loc"][0].as_str()),
            (422, Some("query")),
            "{wrong}"
        );
    }
}

#[tokio::test]
async fn health_needs_no_token_and_everything_else_does() {
    let bench = Bench::seeded().await;
    let plain = |path: &str| {
        reqwest::Client::new()
            .get(format!("{}/api/{path}", bench.sandbox.url()))
            .send()
    };
    assert_eq!(plain("health").await.unwrap().status(), 204);
    assert_eq!(plain("connections").await.unwrap().status(), 401);
    let (status, body) = bench.call_as("a.b.c", "GET", "users/me", Value::Null).await;
    assert_eq!((status, body["detail"].as_str()), (401, Some("Invalid token")));
    let expired = bench.token(json!({"role": "Admin", "expires_at": 1_000_000})).await;
    let (status, body) = bench.call_as(&expired, "GET", "users/me", Value::Null).await;
    assert_eq!((status, body["detail"].as_str()), (401, Some("Token has expired")));
}

#[tokio::test]
async fn a_team_failure_names_the_permission_and_the_teams() {
    let bench = Bench::seeded().await;
    let reporter = bench
        .token(json!({"role": "Member", "teams": {"Data": "Reporter"}}))
        .await;
    let drafter = bench
        .token(json!({"role": "Member", "teams": {"Data": "Drafter"}}))
        .await;
    let author = bench
        .token(json!({"role": "Member", "teams": {"Data": "Author"}}))
        .await;
    let stranger = bench.token(json!({"role": "Manager", "teams": ["Others"]})).await;
    let draft = || {
        let mut body = check("unique", "id", json!({}));
        body["status"] = json!("Draft");
        body
    };
    let active = || check("unique", "note", json!({}));
    let table =
        json!({"container_type": "computed_table", "datastore_id": 1, "name": "t", "query": "select id from orders"});
    let cases = [
        (
            &reporter,
            "POST",
            "quality-checks",
            draft(),
            403,
            "drafter permission in at least one of these teams: ['Data']",
        ),
        (
            &drafter,
            "POST",
            "quality-checks",
            active(),
            403,
            "author permission in at least one of these teams: ['Data']",
        ),
        (
            &author,
            "POST",
            "containers",
            table.clone(),
            403,
            "editor permission in at least one of these teams: ['Data']",
        ),
        (
            &author,
            "POST",
            "operations/run",
            json!({"type": "sync", "datastore_id": 1}),
            403,
            "editor permission",
        ),
        (&author, "POST", "connections", json!({"type": "mysql"}), 403, "Manager"),
        (&stranger, "DELETE", "datastores/1", Value::Null, 403, "Admin"),
        (
            &stranger,
            "GET",
            "datastores/1",
            Value::Null,
            404,
            "Datastore id: 1 not found",
        ),
        (
            &stranger,
            "GET",
            "containers/1",
            Value::Null,
            404,
            "Container id: 1 not found",
        ),
        (
            &stranger,
            "GET",
            "quality-checks/1",
            Value::Null,
            404,
            "Quality check id: 1 not found",
        ),
        (&stranger, "POST", "containers", table, 404, "Datastore id: 1 not found"),
    ];
    for (token, method, path, body, status, detail) in cases {
        let (got, body) = bench.call_as(token, method, path, body).await;
        let text = body["detail"].as_str().unwrap_or_default();
        assert!(got == status && text.contains(detail), "{method} {path}: {got} {body}");
    }
    assert_eq!(bench.call_as(&drafter, "POST", "quality-checks", draft()).await.0, 201);
    assert_eq!(bench.call_as(&author, "POST", "quality-checks", active()).await.0, 201);
    for list in ["datastores", "containers", "quality-checks"] {
        assert_eq!(
            bench.call_as(&stranger, "GET", list, Value::Null).await.1["total"],
            0,
            "{list}"
        );
    }
    let taken = json!({"name": "sales", "connection_id": 1, "database": "x", "schema": "y"});
    assert_eq!(
        bench.call_as(&stranger, "POST", "datastores", taken).await.0,
        409,
        "the name is taken by what is not seen"
    );
}

#[tokio::test]
async fn an_organisational_edit_needs_less_than_a_new_definition() {
    let bench = Bench::seeded().await;
    let drafter = bench
        .token(json!({"role": "Member", "teams": {"Data": "Drafter"}}))
        .await;
    let same = json!({"description": "other words", "fields": ["id"], "coverage": 0.9, "filter": "amount > 0",
        "properties": {}, "tags": ["silver"], "status": "Active"});
    assert_eq!(
        bench.call_as(&drafter, "PUT", "quality-checks/1", same.clone()).await.0,
        200
    );
    let mut other = same;
    other["coverage"] = json!(0.5);
    assert_eq!(bench.call_as(&drafter, "PUT", "quality-checks/1", other).await.0, 403);
}

#[tokio::test]
async fn a_refused_body_lists_every_fault_with_its_place() {
    let bench = Bench::seeded().await;
    let cases = [
        (
            "connections",
            json!({"port": "x", "role_arn": "r"}),
            vec![
                r#"["body","port"]: int_type"#,
                r#"["body","role_arn"]: extra_forbidden"#,
            ],
        ),
        (
            "connections",
            json!({"name": "c", "type": "paper"}),
            vec![r#"["body","type"]: enum"#],
        ),
        (
            "datastores",
            json!({"connection_id": 1, "database": "d"}),
            vec![r#"["body","name"]: missing"#],
        ),
        (
            "datastores",
            json!({"name": "n", "database": "d"}),
            vec![r#"["body"]: value_error"#],
        ),
        (
            "datastores",
            json!({"name": "n", "connection_id": 1, "connection": {"type": "mysql"}}),
            vec![r#"["body"]: value_error"#],
        ),
        (
            "datastores",
            json!({"name": "n", "connection_id": 1, "database": "d", "tags": ["none"]}),
            vec![r#"["body","tags"]: value_error"#],
        ),
        (
            "containers",
            json!({"container_type": "computed_table", "name": "t"}),
            vec![r#"["body","datastore_id"]: missing"#, r#"["body","query"]: missing"#],
        ),
        (
            "containers",
            json!({"container_type": "table", "name": "t"}),
            vec![r#"["body","container_type"]: union_tag_invalid"#],
        ),
        (
            "quality-checks",
            json!({"rule": "notNull"}),
            vec![
                r#"["body","container_id"]: missing"#,
                r#"["body","description"]: missing"#,
            ],
        ),
        (
            "quality-checks",
            check("isNotNull", "id", json!({})),
            vec![r#"["body","rule"]: union_tag_invalid"#],
        ),
        (
            "quality-checks",
            check("notNull", "ghost", json!({})),
            vec![r#"["body","fields"]: value_error"#],
        ),
        (
            "quality-checks",
            check("between", "amount", json!({"min": 1})),
            vec![
                r#"["body","properties","inclusive_min"]: missing"#,
                r#"["body","properties","max"]: missing"#,
                r#"["body","properties","inclusive_max"]: missing"#,
            ],
        ),
        (
            "quality-checks",
            check("existsIn", "id", json!({"field_name": "ghost", "ref_container_id": 2})),
            vec![r#"["body","properties","field_name"]: value_error"#],
        ),
        (
            "computed-fields",
            json!({"container_id": 1, "name": "f", "transformation": "cast", "source_fields": ["id"]}),
            vec![r#"["body","properties","target_type"]: missing"#],
        ),
        (
            "global-tags",
            json!({"name": "t", "weight_modifier": 11}),
            vec![
                r#"["body","type"]: missing"#,
                r#"["body","weight_modifier"]: less_than_equal"#,
            ],
        ),
        (
            "operations/run",
            json!({"type": "catalogue", "datastore_id": 1}),
            vec![r#"["body","type"]: union_tag_invalid"#],
        ),
    ];
    for (path, body, faults) in cases {
        let (status, answer) = bench.api("POST", path, body.clone()).await;
        assert_eq!(
            (status, messages(&answer)),
            (422, faults.iter().map(ToString::to_string).collect()),
            "{path} {body}"
        );
    }
    let (_, ghost) = bench
        .api("POST", "quality-checks", check("notNull", "ghost", json!({})))
        .await;
    assert!(ghost["detail"][0]["msg"].as_str().unwrap().contains("'ghost'"));
    let text = bench
        .request("POST", "/api/connections")
        .header("content-type", "text/plain")
        .body("x")
        .send()
        .await;
    assert_eq!(text.unwrap().status(), 415);
    let broken = bench
        .request("POST", "/api/connections")
        .header("content-type", "application/json")
        .body("{")
        .send();
    assert_eq!(broken.await.unwrap().status(), 422);
    assert_eq!(bench.api("POST", "users/me", Value::Null).await.0, 405);
    assert_eq!(bench.api("GET", "nowhere", Value::Null).await.0, 404);
    assert_eq!(bench.api("GET", "connections/x", Value::Null).await.0, 422);
    assert_eq!(
        bench.api("GET", "connections/99", Value::Null).await.1["detail"],
        "Connection id: 99 not found"
    );
}

#[tokio::test]
async fn what_is_in_use_or_taken_is_a_conflict() {
    let bench = Bench::seeded().await;
    let computed = json!({"container_type": "computed_table", "datastore_id": 1, "name": "big orders", "query": "select id from orders"});
    let cases = [
        ("POST", "connections", json!({"name": "pg", "type": "mysql"})),
        ("DELETE", "connections/1", Value::Null),
        (
            "POST",
            "datastores",
            json!({"name": "sales", "connection_id": 1, "database": "x"}),
        ),
        ("POST", "containers", computed),
        ("PATCH", "datastores/2/enrichment/2", Value::Null),
        ("PATCH", "datastores/1/enrichment/1", Value::Null),
        ("POST", "global-tags", json!({"type": "global", "name": "gold"})),
    ];
    for (method, path, body) in cases {
        let (status, answer) = bench.api(method, path, body).await;
        assert!(
            status == 409 && answer["detail"].is_string(),
            "{method} {path}: {status} {answer}"
        );
    }
}

#[tokio::test]
async fn secrets_go_in_and_never_come_out() {
    let bench = Bench::seeded().await;
    let text = bench.get("connections/1").await.to_string();
    assert!(
        !text.contains("s3cret") && !text.contains("hidden") && !text.contains("password"),
        "{text}"
    );
    let stored = bench.side("GET", "state", Value::Null).await;
    let before = stored["connections"][0]["secrets"].clone();
    assert!(before["password"].as_str().unwrap().starts_with("sha256:"));
    let keep =
        json!({"name": "pg", "type": "postgresql", "secrets_manager": {"secret_url": "https://vault.example.com/y"}});
    assert_eq!(bench.api("PUT", "connections/1", keep).await.0, 200);
    assert_eq!(
        bench.side("GET", "state", Value::Null).await["connections"][0]["secrets"],
        before,
        "omitted secrets stay"
    );
    let change = json!({"name": "pg", "type": "postgresql", "password": "new"});
    let (_, read) = bench.api("PUT", "connections/1", change).await;
    assert_eq!(
        (&read["host"], &read["secrets_manager"]),
        (&json!("db.example.com"), &Value::Null)
    );
    assert_ne!(
        bench.side("GET", "state", Value::Null).await["connections"][0]["secrets"],
        before
    );
    let log = bench.side("GET", "requests", Value::Null).await.to_string();
    assert!(!log.contains("new") && log.contains("/api/connections/1"));
}

#[tokio::test]
async fn fields_of_a_computed_container_exist_only_after_its_profile() {
    let held: Switches = serde_json::from_value(json!({"operations": "held"})).unwrap();
    let bench = Bench::switched(held).await;
    let body = json!({"container_type": "computed_table", "datastore_id": 1, "name": "new one",
        "query": "SELECT o.*, amount * 2 AS twice FROM orders o"});
    let (status, made) = bench.api("POST", "containers", body).await;
    assert_eq!(
        (status, made["name"].as_str()),
        (201, Some("new_one")),
        "white space becomes underscores"
    );
    let id = made["id"].as_i64().unwrap();
    let check = json!({"container_id": id, "rule": "notNull", "description": "x", "fields": ["twice"]});
    assert_eq!(bench.api("POST", "quality-checks", check.clone()).await.0, 422);
    let running = bench
        .get(&format!(
            "operations?container={id}&operation_type=profile&sort_created=desc&size=1"
        ))
        .await;
    assert_eq!(
        (&running["items"][0]["result"], &running["items"][0]["end_time"]),
        (&json!("queued"), &Value::Null)
    );
    bench.side("POST", "operations/finish", Value::Null).await;
    let fields = bench.get(&format!("containers/{id}/fields")).await;
    let names: Vec<&str> = fields
        .as_array()
        .unwrap()
        .iter()
        .map(|field| field["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["id", "amount", "note", "twice"]);
    assert_eq!(bench.api("POST", "quality-checks", check).await.0, 201);
    let update = json!({"container_type": "computed_table", "name": "new_one", "query": "SELECT id FROM orders"});
    let (status, refused) = bench.api("PUT", &format!("containers/{id}"), update.clone()).await;
    assert!(status == 409 && refused["detail"].as_str().unwrap().contains("twice"));
    let mut forced = update;
    forced["force_drop_fields"] = json!(true);
    assert_eq!(bench.api("PUT", &format!("containers/{id}"), forced).await.0, 200);
}

#[tokio::test]
async fn a_sync_discovers_tables_and_a_profile_computed_fields() {
    let bench = Bench::start(Options::default()).await;
    bench
        .side("POST", "seed", json!({"warehouse": seed()["warehouse"]}))
        .await;
    bench
        .api("POST", "connections", json!({"name": "pg", "type": "postgresql"}))
        .await;
    let store = json!({"name": "Sales Data", "connection_id": 1, "database": "an", "schema": "public"});
    let (_, store) = bench.api("POST", "datastores", store).await;
    assert_eq!(
        (&store["enrichment_prefix"], &store["teams"][0]["name"]),
        (&json!("_sales_data"), &json!("Public"))
    );
    assert_eq!(bench.get("containers/listing?datastore=1").await, json!([]));
    let (status, run) = bench
        .api("POST", "operations/run", json!({"type": "sync", "datastore_id": 1}))
        .await;
    assert_eq!((status, &run["result"]), (200, &json!("queued")));
    let done = bench.get(&format!("operations/{}", run["id"])).await;
    assert_eq!(done["result"], "success");
    let rows = bench.get("containers/listing?datastore=1").await;
    assert_eq!(
        (&rows[1]["name"], &rows[1]["table_type"]),
        (&json!("customers"), &json!("view"))
    );
    let field = json!({"container_id": 1, "name": "whole", "transformation": "cast", "source_fields": ["amount"], "properties": {"target_type": "int"}});
    assert_eq!(bench.api("POST", "computed-fields", field).await.0, 201);
    assert_eq!(
        bench
            .api("POST", "quality-checks", check("notNull", "whole", json!({})))
            .await
            .0,
        422
    );
    bench
        .api(
            "POST",
            "operations/run",
            json!({"type": "profile", "datastore_id": 1, "container_names": ["orders"]}),
        )
        .await;
    assert_eq!(
        bench
            .api("POST", "quality-checks", check("notNull", "whole", json!({})))
            .await
            .0,
        201
    );
    let container = bench.get("containers/1").await;
    assert_eq!(container["computed_fields"][0]["transformation_type"], "cast");
    assert!(
        bench.get("containers?datastore=1").await["items"][0]
            .get("computed_fields")
            .is_none()
    );
}

#[tokio::test]
async fn a_put_clears_or_keeps_what_it_omits_as_the_switch_says() {
    let cases = [
        (Put::Full, Value::Null, json!([])),
        (Put::Partial, json!("first"), json!(["gold"])),
    ];
    for (put, description, tags) in cases {
        let bench = Bench::switched(Switches {
            put: PutReading::all(put),
            ..Switches::default()
        })
        .await;
        let body = json!({"name": "sales", "connection_id": 1, "database": "an", "schema": "public"});
        let (status, store) = bench.api("PUT", "datastores/1", body).await;
        let names: Vec<&Value> = store["global_tags"]
            .as_array()
            .unwrap()
            .iter()
            .map(|tag| &tag["name"])
            .collect();
        assert_eq!(
            (status, &store["description"], json!(names)),
            (200, &description, tags.clone()),
            "{put:?}"
        );
        let body = json!({"description": "id is there", "fields": ["id"], "coverage": 0.9, "properties": {}});
        let (status, check) = bench.api("PUT", "quality-checks/1", body).await;
        let kept = put == Put::Partial;
        assert_eq!(
            (
                status,
                check["filter"].is_null(),
                check["additional_metadata"].is_null()
            ),
            (200, !kept, !kept),
            "{put:?}"
        );
        let (_, connection) = bench
            .api("PUT", "connections/1", json!({"name": "pg", "type": "postgresql"}))
            .await;
        assert_eq!(connection["host"].is_null(), !kept, "{put:?}");
    }
    let documented = Bench::seeded().await;
    let off = json!({"container_type": "table", "volumetric_tracking_enabled": false, "partition_field": "id", "tags": ["gold"]});
    documented.api("PUT", "containers/1", off).await;
    let (_, table) = documented
        .api("PUT", "containers/1", json!({"container_type": "table"}))
        .await;
    assert_eq!(
        (
            &table["volumetric_tracking_enabled"],
            &table["partition_field"],
            &table["global_tags"][0]["name"]
        ),
        (&json!(true), &Value::Null, &json!("gold"))
    );
}

#[tokio::test]
async fn one_check_at_full_coverage_and_one_below_is_all_a_place_takes() {
    let refusing = Bench::seeded().await;
    let at = |coverage: f64| {
        let mut body = check("notNull", "amount", json!({}));
        body["coverage"] = json!(coverage);
        body
    };
    assert_eq!(refusing.api("POST", "quality-checks", at(1.0)).await.0, 201);
    assert_eq!(refusing.api("POST", "quality-checks", at(0.5)).await.0, 201);
    assert_eq!(refusing.api("POST", "quality-checks", at(0.7)).await.0, 409);
    let mut filtered = at(0.7);
    filtered["filter"] = json!("id > 1");
    assert_eq!(refusing.api("POST", "quality-checks", filtered).await.0, 201);
    refusing
        .side("PUT", "switches", json!({"duplicate_checks": "accept"}))
        .await;
    assert_eq!(refusing.api("POST", "quality-checks", at(0.7)).await.0, 201);
}

#[tokio::test]
async fn an_archived_check_hides_and_comes_back_by_a_put() {
    let bench = Bench::seeded().await;
    let (status, body) = bench
        .api(
            "DELETE",
            "quality-checks/1?archive=true&status=Invalid&delete_anomalies=false",
            Value::Null,
        )
        .await;
    assert_eq!((status, body), (204, Value::Null));
    assert_eq!(bench.get("quality-checks?datastore=1").await["total"], 0);
    let archived = bench.get("quality-checks?datastore=1&archived=only").await;
    assert_eq!(
        (&archived["total"], &archived["items"][0]["status"]),
        (&json!(1), &json!("Invalid"))
    );
    assert!(archived["items"][0]["deleted_at"].is_string());
    let again = json!({"container_id": 1, "rule": "notNull", "description": "x", "fields": ["id"], "coverage": 0.9, "filter": "amount > 0"});
    let (status, again) = bench.api("POST", "quality-checks", again).await;
    assert_eq!(status, 201, "an archived check is in nobody's way");
    let restore = json!({"description": "id is there", "fields": ["id"], "coverage": 0.9, "filter": "amount > 0", "status": "Active"});
    assert_eq!(
        bench.api("PUT", "quality-checks/1", restore.clone()).await.0,
        409,
        "now it would overlap"
    );
    let path = format!("quality-checks/{}?archive=false", again["id"]);
    assert_eq!(bench.api("DELETE", &path, Value::Null).await.0, 204);
    let (status, restored) = bench.api("PUT", "quality-checks/1", restore).await;
    assert_eq!(
        (status, &restored["status"], &restored["deleted_at"]),
        (200, &json!("Active"), &Value::Null)
    );
    assert_eq!(
        bench
            .api("DELETE", "quality-checks", json!([{"id": 1, "archive": false}]))
            .await
            .0,
        204
    );
    assert_eq!(bench.get("quality-checks?archived=include").await["total"], 0);
}

#[tokio::test]
async fn an_inferred_check_becomes_authored_when_its_definition_changes() {
    let mut seed = seed();
    seed["checks"][0]["inferred"] = json!(true);
    let bench = Bench::start(Options {
        seed: Some(seed),
        ..Options::default()
    })
    .await;
    let mut body = json!({"description": "words", "fields": ["id"], "coverage": 0.9, "filter": "amount > 0"});
    assert_eq!(
        bench.api("PUT", "quality-checks/1", body.clone()).await.1["inferred"],
        true
    );
    body["filter"] = Value::Null;
    assert_eq!(bench.api("PUT", "quality-checks/1", body).await.1["inferred"], false);
}

#[tokio::test]
async fn rules_give_defaults_and_calculate_fields() {
    let bench = Bench::seeded().await;
    let mut body = check(
        "satisfiesExpression",
        "id",
        json!({"expression": "amount > 0 OR NOTE IS NULL"}),
    );
    body["fields"] = json!([]);
    let (_, made) = bench.api("POST", "quality-checks", body).await;
    let names: Vec<&Value> = made["fields"]
        .as_array()
        .unwrap()
        .iter()
        .map(|field| &field["name"])
        .collect();
    assert_eq!(
        (json!(names), &made["coverage"]),
        (json!(["amount", "note"]), &json!(1.0))
    );
    let (_, made) = bench
        .api(
            "POST",
            "quality-checks",
            check(
                "existsIn",
                "id",
                json!({"field_name": "id", "ref_container_id": 2, "unheard": 1}),
            ),
        )
        .await;
    assert_eq!(
        made["properties"],
        json!({"field_name": "id", "ref_container_id": 2, "ref_datastore_id": 1})
    );
    let mut body = check("freshness", "id", json!({"value": 5}));
    body["coverage"] = json!(1.0);
    let (_, made) = bench.api("POST", "quality-checks", body).await;
    assert_eq!((&made["fields"], &made["coverage"]), (&json!([]), &Value::Null));
    let (_, made) = bench
        .api(
            "POST",
            "quality-checks",
            check("isReplicaOf", "id", json!({"ref_container_id": 2})),
        )
        .await;
    assert_eq!(made["rule_type"], "dataDiff");
    bench
        .side(
            "PUT",
            "switches",
            json!({"replica_alias": "off", "numbers": "float", "null_properties": "present"}),
        )
        .await;
    let read = bench.get(&format!("quality-checks/{}", made["id"])).await;
    assert_eq!(
        (&read["rule_type"], read["properties"].as_object().unwrap().len()),
        (&json!("isReplicaOf"), 39)
    );
    let listed = bench.get("quality-checks?rule_type=freshness").await;
    assert_eq!(listed["items"][0]["properties"]["value"].to_string(), "5.0");
}

#[tokio::test]
async fn enrichment_is_linked_and_hidden_and_unlinked() {
    let bench = Bench::seeded().await;
    let (status, linked) = bench.api("PATCH", "datastores/1/enrichment/2", Value::Null).await;
    assert_eq!((status, &linked["enrich_datastore"]["name"]), (200, &json!("enrich")));
    assert_eq!(bench.get("datastores?name=enrich").await["total"], 0);
    assert_eq!(
        bench.get("datastores?name=enrich&enrichment_only=true").await["total"],
        1
    );
    bench
        .side("PUT", "switches", json!({"enrichment_listing": "shown"}))
        .await;
    assert_eq!(bench.get("datastores?name=enrich").await["total"], 1);
    assert_eq!(bench.api("DELETE", "datastores/1/enrichment", Value::Null).await.0, 204);
    assert_eq!(bench.get("datastores/1").await["enrich_datastore"], Value::Null);
}

#[tokio::test]
async fn volatile_values_move_between_two_reads_and_configuration_does_not() {
    let bench = Bench::seeded().await;
    let (first, second) = (bench.get("datastores/1").await, bench.get("datastores/1").await);
    assert_ne!(first["metrics"], second["metrics"]);
    assert_eq!(
        (&first["name"], &first["created"]),
        (&second["name"], &second["created"])
    );
    let (first, second) = (
        bench.side("GET", "state", Value::Null).await,
        bench.side("GET", "state", Value::Null).await,
    );
    assert_eq!(first, second);
    assert!(!first.to_string().contains("\"id\":"));
}

#[tokio::test]
async fn a_change_by_hand_bumps_the_editor_and_keeps_the_rest() {
    let bench = Bench::seeded().await;
    let before = bench.get("quality-checks/1").await;
    let edit = json!({"kind": "check", "where": {"datastore": "sales", "container": "orders", "rule": "notNull", "fields": ["id"]},
        "set": {"coverage": 0.4}});
    bench.side("POST", "edit", edit).await;
    let after = bench.get("quality-checks/1").await;
    assert_eq!(
        (&after["coverage"], &after["filter"], &after["global_tags"]),
        (&json!(0.4), &before["filter"], &before["global_tags"])
    );
    assert_ne!(after["last_editor"], before["last_editor"]);
    assert_ne!(after["last_updated"], before["last_updated"]);
    let history = bench.get("quality-checks/1/history").await;
    assert_eq!(history["versions"][1]["changeset"]["coverage"], json!([0.9, 0.4]));
    bench
        .side(
            "POST",
            "edit",
            json!({"kind": "check", "where": {"id": 1}, "delete": true}),
        )
        .await;
    assert_eq!(bench.api("GET", "quality-checks/1", Value::Null).await.0, 404);
    assert_eq!(
        bench.side("GET", "writes", Value::Null).await["count"],
        0,
        "the side door is no client"
    );
}

#[tokio::test]
async fn faults_hit_the_request_they_name() {
    let bench = Bench::seeded().await;
    let set = |rules: Value| bench.side("PUT", "faults", rules);
    set(json!([{"method": "GET", "path_prefix": "/connections", "nth": 2, "kind": "status", "status": 429, "retry_after": 3}])).await;
    let mut seen = Vec::new();
    for _ in 0..3 {
        let response = bench.request("GET", "/api/connections").send().await.unwrap();
        seen.push((
            response.status().as_u16(),
            response
                .headers()
                .get("retry-after")
                .map(|value| value.to_str().unwrap().to_owned()),
        ));
    }
    assert_eq!(seen, [(200, None), (429, Some("3".to_owned())), (200, None)]);
    let send = || bench.request("GET", "/api/connections").send();
    set(json!([{"kind": "html"}])).await;
    assert!(send().await.unwrap().text().await.unwrap().contains("<html>"));
    set(json!([{"kind": "invalid_json"}])).await;
    assert!(send().await.unwrap().json::<Value>().await.is_err());
    set(json!([{"kind": "truncate"}])).await;
    assert!(send().await.unwrap().text().await.is_err());
    set(json!([{"kind": "wrong_total"}])).await;
    assert_eq!(bench.get("connections").await["total"], 2);
    set(json!([{"kind": "empty_page"}])).await;
    let page = bench.get("connections").await;
    assert_eq!((&page["total"], &page["items"]), (&json!(1), &json!([])));
    set(json!([{"kind": "slow_drip", "delay_ms": 1}])).await;
    assert_eq!(bench.get("connections").await["total"], 1);
    set(json!([{"kind": "timeout", "delay_ms": 1}])).await;
    assert_eq!(send().await.unwrap().status(), 504);
}

#[tokio::test]
async fn a_reset_before_has_no_effect_and_a_reset_after_has() {
    let bench = Bench::seeded().await;
    for (kind, name, exists) in [("reset_before", "one", 0), ("reset_after", "two", 1)] {
        bench
            .side("PUT", "faults", json!([{"method": "POST", "kind": kind}]))
            .await;
        let body = json!({"name": name, "type": "mysql"});
        assert!(
            bench
                .request("POST", "/api/connections")
                .json(&body)
                .send()
                .await
                .is_err(),
            "{kind}"
        );
        assert_eq!(
            bench.get(&format!("connections?name={name}")).await["total"],
            exists,
            "{kind}"
        );
    }
    bench
        .side(
            "PUT",
            "faults",
            json!([{"method": "POST", "kind": "status", "status": 502, "after": true}]),
        )
        .await;
    let response = bench
        .request("POST", "/api/connections")
        .json(&json!({"name": "three", "type": "mysql"}))
        .send();
    assert_eq!(response.await.unwrap().status(), 502);
    assert_eq!(bench.get("connections?name=three").await["total"], 1);
}

#[tokio::test]
async fn a_request_completes_although_its_client_has_hung_up() {
    let bench = Bench::start(Options {
        seed: Some(seed()),
        latency: Duration::from_millis(50),
        ..Options::default()
    })
    .await;
    let address = bench.sandbox.url().replace("http://", "");
    let body = r#"{"name":"left behind","type":"mysql"}"#;
    let mut stream = tokio::net::TcpStream::connect(&address).await.unwrap();
    let request = format!(
        "POST /api/connections HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        bench.token,
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    // The log shows that the request has been read, long before its effect.
    while bench.side("GET", "requests", Value::Null).await["requests"]
        .as_array()
        .unwrap()
        .is_empty()
    {}
    drop(stream);
    let mut found = json!(0);
    for _ in 0..100 {
        found = bench.get("connections?name=left%20behind").await["total"].clone();
        if found == 1 {
            break;
        }
    }
    assert_eq!(found, 1);
}

#[tokio::test]
async fn a_stopped_sandbox_answers_nobody() {
    let bench = Bench::seeded().await;
    let address = bench.sandbox.url().replace("http://", "");
    let mut kept = tokio::net::TcpStream::connect(&address).await.unwrap();
    bench.sandbox.stop().await;
    let request = format!("GET /api/health HTTP/1.1\r\nhost: {address}\r\n\r\n");
    let _ = kept.write_all(request.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = kept.read_to_end(&mut answer).await;
    assert!(answer.is_empty());
    assert!(tokio::net::TcpStream::connect(&address).await.is_err());
}

#[tokio::test]
async fn the_same_example_is_the_same_seed_and_loads_whole() {
    assert_eq!(example_seed(2, 3, 40), example_seed(2, 3, 40));
    let bench = Bench::start(Options {
        seed: Some(example_seed(5, 10, 1000)),
        ..Options::default()
    })
    .await;
    let state = bench.side("GET", "state?full=1", Value::Null).await;
    assert_eq!(
        (&state["counts"]["checks"], &state["counts"]["datastores"]),
        (&json!(5000), &json!(6))
    );
    let rules: std::collections::BTreeSet<&str> = state["checks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["rule"].as_str().unwrap())
        .collect();
    assert!(rules.len() >= 15, "{rules:?}");
    let uids: std::collections::BTreeSet<String> = state["checks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            format!(
                "{} {}",
                row["datastore"], row["additional_metadata"]["_qualytics_check_uid"]
            )
        })
        .collect();
    assert_eq!(uids.len(), 5000);
    for at in [1, 25, 999] {
        let row = bench.get(&format!("quality-checks/{at}")).await;
        let names: Vec<&Value> = row["fields"]
            .as_array()
            .unwrap()
            .iter()
            .map(|field| &field["name"])
            .collect();
        let body = json!({"description": row["description"], "fields": names, "coverage": row["coverage"], "filter": row["filter"],
            "properties": row["properties"], "tags": [], "status": row["status"]});
        assert_eq!(
            bench.api("PUT", &format!("quality-checks/{at}"), body).await.0,
            200,
            "no check overlaps another"
        );
    }
}

#[tokio::test]
async fn a_seed_that_does_not_hold_together_says_where() {
    let broken = json!({"datastores": [{"name": "x", "connection_name": "nobody"}]});
    let refused = Sandbox::start(Options {
        seed: Some(broken.clone()),
        ..Options::default()
    })
    .await;
    assert!(
        refused
            .err()
            .unwrap()
            .to_string()
            .contains("datastores[0]: no connection 'nobody'")
    );
    let bench = Bench::seeded().await;
    assert_eq!(bench.call("POST", "/_sandbox/seed", broken).await.0, 400);
    assert_eq!(
        bench.get("quality-checks").await["total"],
        1,
        "a broken seed replaces nothing"
    );
}

#[tokio::test]
async fn every_switch_shows_in_what_it_is_about() {
    let bench = Bench::seeded().await;
    let set = |switches: Value| bench.side("PUT", "switches", switches);
    let stored = bench.get("connections/1").await["parameters"].to_string();
    set(json!({"key_order": "canonical", "create_status": 200, "unknown_tags": "create", "unknown_teams": "create"}))
        .await;
    let body = json!({"name": "other", "type": "mysql", "parameters": {"b": 1, "a": 2}});
    let (status, sorted) = bench.api("POST", "connections", body).await;
    assert_eq!(
        (stored.as_str(), status, sorted["parameters"].to_string().as_str()),
        (r#"{"b":1,"a":2}"#, 200, r#"{"a":2,"b":1}"#)
    );
    let body = json!({"name": "more", "connection_id": 1, "database": "an", "tags": ["fresh"], "teams": ["New"]});
    let (status, made) = bench.api("POST", "datastores", body).await;
    assert_eq!(
        (status, &made["teams"][0]["name"], &made["global_tags"][0]["name"]),
        (200, &json!("New"), &json!("fresh"))
    );
    assert!(made["connection_id"] == 1 && made.get("updated").is_none());
    set(json!({"datastore_connection": "nested", "leaked_volatile": "on", "connection_secrets_manager_omitted": "keep"})).await;
    let made = bench.get("datastores/1").await;
    assert!(made.get("connection_id").is_none() && made["connection"]["name"] == "pg" && made["updated"].is_string());
    let (_, kept) = bench
        .api("PUT", "connections/1", json!({"name": "pg", "type": "postgresql"}))
        .await;
    assert_eq!(kept["secrets_manager"]["token_header_name"], "X-Vault-Token");
    set(json!({"unsupported": "refuse", "list_computed_fields": "on", "container_profile": "manual"})).await;
    let mut body = check("freshness", "id", json!({"value": 5}));
    body["coverage"] = json!(1.0);
    assert_eq!(bench.api("POST", "quality-checks", body).await.0, 422);
    assert_eq!(
        bench.get("containers?datastore=1").await["items"][0]["computed_fields"],
        json!([])
    );
    let body = json!({"container_type": "computed_table", "datastore_id": 1, "name": "quiet", "query": "select id from orders"});
    bench.api("POST", "containers", body).await;
    assert_eq!(bench.get("operations").await["total"], 0, "nobody profiles it");
    let (status, wrong) = bench
        .call("PUT", "/_sandbox/switches", json!({"put": "sometimes"}))
        .await;
    assert!(status == 400 && wrong["error"].as_str().unwrap().starts_with("switches: "));
}

#[tokio::test]
async fn files_and_joins_yield_the_columns_of_their_clauses() {
    let seed = json!({
        "warehouse": {"s3://lake|/raw": [
            {"name": "events.csv", "kind": "file", "fields": [["id", "Integral"], ["at", "Timestamp"]]},
            {"name": "users.csv", "kind": "file", "fields": [["id", "Integral"], ["name", "String"]]},
        ]},
        "connections": [{"name": "lake", "type": "s3", "uri": "s3://lake", "access_key": "reader", "secret_key": "k"}],
        "datastores": [{"name": "lake", "connection_name": "lake", "root_path": "/raw"}],
        "containers": [
            {"datastore": "lake", "container_type": "computed_file", "name": "late", "source_container_name": "events.csv",
             "select_clause": "id, at AS moment", "where_clause": "id > 1"},
            {"datastore": "lake", "container_type": "computed_join", "name": "pairs", "left_container_name": "events.csv",
             "left_join_field_name": "id", "right_container_name": "users.csv", "right_join_field_name": "id",
             "select_clause": "*", "right_prefix": "u"},
            {"datastore": "lake", "container_type": "computed_join", "name": "written",
             "query": "SELECT e.id, u.name AS who FROM e JOIN u ON e.id = u.id",
             "sources": [{"container_name": "events.csv", "alias": "e"}, {"container_name": "users.csv", "alias": "u"}]},
        ],
    });
    let bench = Bench::start(Options {
        seed: Some(seed),
        ..Options::default()
    })
    .await;
    for (id, wanted) in [
        (3, json!(["id", "moment"])),
        (4, json!(["left_id", "left_at", "u_id", "u_name"])),
        (5, json!(["id", "who"])),
    ] {
        let fields = bench.get(&format!("containers/{id}/fields")).await;
        let names: Vec<&Value> = fields.as_array().unwrap().iter().map(|field| &field["name"]).collect();
        assert_eq!(json!(names), wanted);
    }
    let file = bench.get("containers/3").await;
    assert_eq!(
        (&file["source_container"]["name"], file.get("source_container_id")),
        (&json!("events.csv"), None)
    );
    let update = json!({"container_type": "computed_file", "name": "late", "select_clause": "id, at AS moment"});
    assert_eq!(
        bench.api("PUT", "containers/3", update).await.1["where_clause"],
        Value::Null,
        "omitted clauses are cleared"
    );
    let join = bench.get("containers/5").await;
    assert_eq!(
        join["sources"][1],
        json!({"container_id": 2, "datastore_id": 1, "alias": "u", "where_clause": null, "ordinal": 1})
    );
    let started = bench.get("operations?container=5").await["total"].clone();
    let label = json!({"container_type": "computed_join", "name": "written", "description": "a label"});
    let (_, labelled) = bench.api("PUT", "containers/5", label).await;
    assert_eq!(
        (&labelled["query"], &bench.get("operations?container=5").await["total"]),
        (&join["query"], &started)
    );
    let same = json!({"container_type": "computed_join", "name": "written", "sources": [
        {"container_id": 1, "alias": "e"}, {"container_id": 2, "alias": "u"}]});
    bench.api("PUT", "containers/5", same).await;
    assert_eq!(
        bench.get("operations?container=5").await["total"],
        1,
        "sources that are sent again are profiled again"
    );
    assert_eq!(
        bench.api("DELETE", "containers/1", Value::Null).await.0,
        409,
        "three containers read it"
    );
    let validate = json!({"container": {"container_type": "computed_file", "datastore_id": 1, "name": "x", "source_container_id": 1, "select_clause": "id,, at"}});
    let (status, refused) = bench.api("POST", "containers/validate", validate).await;
    assert!(status == 400 && refused["detail"].as_str().unwrap().contains("Invalid query"));
}

#[tokio::test]
async fn excluding_a_field_archives_its_checks_and_a_profile_moves_inferred_ones() {
    let mut seed = seed();
    seed["checks"]
        .as_array_mut()
        .unwrap()
        .push(json!({"datastore": "sales", "container": "orders", "rule": "maxValue",
        "fields": ["amount"], "properties": {"value": 7}, "inferred": true}));
    let bench = Bench::start(Options {
        seed: Some(seed),
        ..Options::default()
    })
    .await;
    bench
        .api("POST", "operations/run", json!({"type": "profile", "datastore_id": 1}))
        .await;
    assert_eq!(bench.get("quality-checks/2").await["properties"]["value"], 8);
    let exclude = json!({"container_type": "table", "exclude_fields": ["id"]});
    assert_eq!(bench.api("PUT", "containers/1", exclude).await.0, 200);
    assert_eq!(bench.get("quality-checks/1").await["status"], "Discarded");
    assert_eq!(bench.get("containers/1/fields").await.as_array().unwrap().len(), 2);
    assert_eq!(
        bench
            .api("POST", "quality-checks", check("unique", "id", json!({})))
            .await
            .0,
        422
    );
}

#[tokio::test]
async fn tags_of_many_rows_are_patched_at_once() {
    let bench = Bench::seeded().await;
    let (status, rows) = bench
        .api("PATCH", "containers", json!([{"id": 1, "tags": ["silver", "gold"]}]))
        .await;
    assert_eq!((status, &rows[0]["global_tags"][0]["name"]), (200, &json!("gold")));
    let (status, rows) = bench
        .api("PATCH", "quality-checks", json!([{"id": 1, "tags": ["silver"]}]))
        .await;
    assert_eq!(
        (status, &rows[0]["global_tags"][0]["name"], &rows[0]["coverage"]),
        (200, &json!("silver"), &json!(0.9))
    );
    assert_eq!(bench.get("quality-checks?tag=gold").await["total"], 0);
    assert_eq!(bench.api("DELETE", "global-tags/silver", Value::Null).await.0, 204);
    assert_eq!(bench.get("quality-checks/1").await["global_tags"], json!([]));
}

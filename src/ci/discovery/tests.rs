//! What changed SQL files create, and which keys belong to it.

use proptest::prelude::*;

use super::*;
use crate::ci::create::{Head, Lasts};

fn discovery() -> Discovery {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    Discovery {
        files: vec!["models/**/*.sql".to_owned()],
        production: vec![pair("s", "CORE"), pair("same", "X")],
        pull_request: vec![pair("s", "${PR_SCHEMA}"), pair("same", "X")],
    }
}

fn placeholders() -> Placeholders {
    Placeholders::new([("PR_SCHEMA".to_owned(), "PR_6".to_owned())])
}

fn changed(path: &str) -> ChangedFile {
    ChangedFile {
        path: path.to_owned(),
        previous: None,
        change: FileChange::Written,
    }
}

fn whole(text: &str) -> FileContent {
    FileContent::Whole(text.as_bytes().to_vec())
}

fn found(text: &str) -> Asked {
    found_in(&[("models/a.sql", text)])
}

fn found_in(files: &[(&str, &str)]) -> Asked {
    let changed: Vec<ChangedFile> = files.iter().map(|(path, _)| changed(path)).collect();
    let texts = files
        .iter()
        .map(|(path, text)| ((*path).to_owned(), whole(text)))
        .collect();
    let circumstances = Circumstances {
        placeholders: &placeholders(),
        columns_to_ignore: &[],
        data_source_type: None,
    };
    discover(&discovery(), &changed, &texts, &circumstances)
}

/// The names of a text's tables, `~` before those of a session.
fn heads(text: &str) -> Vec<String> {
    let (pieces, _) = pieces(text, None);
    pieces
        .into_iter()
        .filter_map(|piece| match piece {
            Piece::Creates(Head { name, lasts, .. }) => {
                let sign = if lasts == Lasts::Session { "~" } else { "" };
                Some(format!("{sign}{}", name.unwrap_or_else(|| "?".to_owned())))
            }
            Piece::Comment { .. } | Piece::Other | Piece::End => None,
        })
        .collect()
}

fn codes(asked: &Asked) -> Vec<String> {
    let line = |said: &Diagnostic| said.place.as_ref().map_or(0, |place| place.line);
    asked
        .diagnostics
        .iter()
        .map(|said| format!("{} {} {}", line(said), said.severity.word(), said.code))
        .collect()
}

#[test]
fn tables_of_the_references_table_are_found_by_their_names() {
    let table: &[(&str, &[&str])] = &[
        ("create or replace table a.${s}.t as (", &["a.${s}.t"]),
        ("CREATE TABLE IF NOT EXISTS a.b (", &["a.b"]),
        ("create table foo(id int)", &["foo"]),
        ("create or replace view v as select 1", &["v"]),
        ("create temp table x as select 1", &["~x"]),
        ("create transient table x (id int)", &["x"]),
        ("create  or\treplace\n table   x as select 1", &["x"]),
        (
            "-- create table docs here\ncreate table real_one (id int)",
            &["real_one"],
        ),
    ];
    for (text, expected) in table {
        assert_eq!(heads(text), *expected, "{text}");
    }
}

#[test]
fn every_way_to_create_a_table_or_view_is_found() {
    let table: &[(&str, &[&str])] = &[
        ("create materialized view if not exists a.mv as select 1", &["a.mv"]),
        ("create external table s.e location 'x'", &["s.e"]),
        ("create or replace temporary view v as select 1", &["~v"]),
        ("create global temporary table g (id int)", &["~g"]),
        ("create table #t (id int)", &["~#t"]),
        (
            "create or replace dynamic table d target_lag = '1 minute' as select 1",
            &["d"],
        ),
        ("create table \"My DB\".\"T.x\" as select 1", &["\"My DB\".\"T.x\""]),
        ("create table [dbo].[my table] (id int)", &["[dbo].[my table]"]),
        ("create table `p-x.ds.t` as select 1", &["`p-x.ds.t`"]),
        ("create table p-x.ds.t as select 1", &["p-x.ds.t"]),
        ("create table a.t_${s}_x (id int)", &["a.t_${s}_x"]),
        ("create table ${s}.t (id int)", &["${s}.t"]),
        (
            "create table {{ target.schema }}.t as select 1",
            &["{{ target.schema }}.t"],
        ),
        ("create table identifier('a.b') as select 1", &["a.b"]),
        ("create table identifier($name) as select 1", &["?"]),
        ("create table {schema}.orders as select 1", &["?"]),
        ("create table :schema.orders as select 1", &["?"]),
        ("create table &schema..orders as select 1", &["?"]),
        ("create table $schema.orders as select 1", &["?"]),
        (
            "create table a.b as select 1; create view c as select 2;",
            &["a.b", "c"],
        ),
        ("create table a as select 1\ncreate view c as select 2", &["a", "c"]),
        ("begin create table a as select 1; end;", &["a"]),
        ("create table a clone b", &["a"]),
        ("create or replace table a.b copy grants as select 1", &["a.b"]),
    ];
    for (text, expected) in table {
        assert_eq!(heads(text), *expected, "{text}");
    }
}

#[test]
fn what_only_speaks_of_creating_creates_nothing() {
    let table = [
        "-- create table docs here",
        "/* create table docs\n   create table more */ select 1",
        "select 'create table x';",
        "select 'it''s; create table x'",
        "grant create table on schema s to r",
        "grant\n  create table, \n create view on schema s to r",
        "insert into x select 1",
        "drop table x; alter table y add z int;",
        "execute immediate $$ create table x (id int) $$",
        "create index i on t (a)",
        "create table function ds.f(x int64) as select 1",
        "create procedure p() as begin create table x (id int); end;",
        "{# create table x (id int) #} select 1",
        "",
    ];
    for text in table {
        assert_eq!(heads(text), Vec::<String>::new(), "{text}");
    }
}

#[test]
fn what_comes_behind_a_routine_is_found() {
    let text = "create procedure p() as begin if x then create table y (id int); end if; select case when 1 then 2 end; end;\n\
                create table z (id int);";
    assert_eq!(heads(text), ["z"]);
}

#[test]
fn a_statement_that_cannot_be_read_does_not_lose_the_others() {
    let table: &[(&str, &[&str])] = &[
        ("selec frm (((;\ncreate table a (id int);", &["a"]),
        (
            "{% if x %}create table a as select {{ col }} from y{% endif %};",
            &["a"],
        ),
        (
            "create table a as select 'it\\'s' as x;\ncreate table b (id int);",
            &["a", "b"],
        ),
        (
            "create table a (id int);\nselect 'open;\ncreate table b (id int);",
            &["a", "b"],
        ),
        ("# don't\ncreate table a (id int);", &["a"]),
        ("create table a (\ncreate table b (id int);", &["a"]),
    ];
    for (text, expected) in table {
        assert_eq!(heads(text), *expected, "{text}");
    }
    let open = found("create table a.${s}.t (id int);\nselect 'open;\n");
    assert_eq!(
        (open.diffs.len(), codes(&open)),
        (
            1,
            vec!["1 warning no_primary_key".to_owned(), "2 warning unread_sql".to_owned()]
        )
    );
}

#[test]
fn a_table_is_compared_between_production_and_the_pull_request() {
    let asked = found("-- datafold: pk=id, day include=a exclude=b\ncreate table db.${s}.\"Orders\" as select 1;");
    let strings = |items: &[&str]| -> Vec<String> { items.iter().map(|item| (*item).to_owned()).collect() };
    assert_eq!(asked.diagnostics, []);
    assert_eq!(
        asked.diffs,
        [crate::platform::data_diffs::DiffRequest {
            production: "db.CORE.Orders".to_owned(),
            pull_request: "db.PR_6.Orders".to_owned(),
            primary_key: strings(&["id", "day"]),
            include_columns: strings(&["a"]),
            exclude_columns: strings(&["b"]),
        }]
    );
}

#[test]
fn an_annotation_belongs_to_the_statement_that_follows_or_the_one_it_stands_in() {
    let table: &[(&str, &[&str])] = &[
        (
            "-- datafold: pk=x\ncreate table ${s}.a as select 1;\n-- datafold: pk=y\ncreate table ${s}.b as select 1;",
            &["x", "y"],
        ),
        (
            "create table ${s}.a as select 1; /* datafold: pk=y*/ create table ${s}.b as select 1;",
            &["", "y"],
        ),
        (
            "create table ${s}.a as ( -- datafold: pk=x\nselect 1);\ncreate table ${s}.b as select 1;",
            &["x", ""],
        ),
        (
            "-- datafold: pk=x\nset y = 1;\ncreate table ${s}.a as select 1;",
            &["x"],
        ),
        (
            "create table ${s}.a as select 1\n-- datafold: pk=y\ncreate table ${s}.b as select 1",
            &["", "y"],
        ),
        ("create table ${s}.a as select 1;\n-- datafold: pk=x;\n", &["x"]),
    ];
    for (text, expected) in table {
        let asked = found(text);
        let keys: Vec<String> = asked.diffs.iter().map(|diff| diff.primary_key.join(",")).collect();
        assert_eq!(keys, *expected, "{text}: {:?}", asked.diagnostics);
    }
    let table = [
        (
            "-- datafold: pk=x\n-- datafold: pk=y\ncreate table ${s}.a as select 1;",
            "1 error unbound_annotation",
        ),
        (
            "-- datafold: pk=x\ncreate table ${s}.a as select -- datafold: pk=y\n1;",
            "2 error unbound_annotation",
        ),
        ("-- datafold: pk=x\nselect 1;", "1 error unbound_annotation"),
        (
            "-- datafold: pk=x,\ncreate table ${s}.a as select 1;",
            "1 error annotation",
        ),
        (
            "-- datafold: pk=x,x\ncreate table ${s}.a as select 1;",
            "1 error duplicate_column",
        ),
    ];
    for (text, expected) in table {
        let asked = found(text);
        assert!(
            codes(&asked).iter().any(|code| code == expected),
            "{text}: {:?}",
            codes(&asked)
        );
        assert!(asked.diffs.is_empty(), "{text}");
    }
}

#[test]
fn what_is_not_compared_is_said_with_its_line() {
    let table = [
        ("\ncreate table ${t}.a (id int);", "2 error unresolved_placeholder"),
        ("\ncreate table {{ x }}.a (id int);", "2 error unread_name"),
        ("\ncreate table identifier($x) (id int);", "2 error unread_name"),
        ("create table ${s}.\"a.b\" (id int);", "1 error unread_name"),
        ("create temp table ${s}.a (id int);", "1 warning temporary_table"),
        ("create table ${same}.a (id int);", "1 warning same_table"),
        ("select 1;", "1 warning creates_nothing"),
    ];
    for (text, expected) in table {
        let asked = found(text);
        assert!(
            codes(&asked).iter().any(|code| code.starts_with(expected)),
            "{text}: {:?}",
            codes(&asked)
        );
        assert!(asked.diffs.is_empty(), "{text}");
    }
}

#[test]
fn a_table_of_several_statements_is_compared_once_and_not_with_two_keys() {
    let same = found("create table ${s}.a (id int); create or replace table ${s}.a (id int);");
    assert_eq!(same.diffs.len(), 1);
    let key = |name: &str| format!("-- datafold: pk={name}\ncreate table ${{s}}.a (id int);");
    let other = found_in(&[("models/a.sql", &key("x")), ("models/b.sql", &key("y"))]);
    assert_eq!(codes(&other), ["2 error duplicate_diff"]);
    assert!(
        other.diagnostics[0]
            .message
            .ends_with("are compared already, at models/a.sql:2:14"),
        "{}",
        other.diagnostics[0].message
    );
}

#[test]
fn renamed_files_are_read_deleted_ones_are_said_and_others_are_left_alone() {
    let moved = ChangedFile {
        previous: Some("models/old.sql".to_owned()),
        ..changed("models/new.sql")
    };
    let away = ChangedFile {
        previous: Some("models/was.sql".to_owned()),
        ..changed("attic/was.sql")
    };
    let deleted = |path: &str| ChangedFile {
        change: FileChange::Deleted,
        ..changed(path)
    };
    let files = [
        moved,
        away,
        deleted("models/gone.sql"),
        deleted("docs/gone.md"),
        changed("README.md"),
    ];
    assert_eq!(
        files_to_read(&discovery(), &files).as_deref(),
        Ok(&["models/new.sql".to_owned()][..])
    );
    let texts = BTreeMap::from([(
        "models/new.sql".to_owned(),
        whole("-- datafold: pk=i\ncreate table ${s}.n (i int)"),
    )]);
    let circumstances = Circumstances {
        placeholders: &placeholders(),
        columns_to_ignore: &[],
        data_source_type: None,
    };
    let asked = discover(&discovery(), &files, &texts, &circumstances);
    let said: Vec<String> = asked.diagnostics.iter().map(ToString::to_string).collect();
    assert_eq!(asked.diffs.len(), 1);
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(
        said[0].starts_with("models/gone.sql:1:1: warning[deleted_file]: the file is deleted"),
        "{said:?}"
    );
    assert!(
        said[1].starts_with("models/was.sql:1:1: warning[deleted_file]: the file is now `attic/was.sql`"),
        "{said:?}"
    );
}

#[test]
fn a_file_that_cannot_be_read_is_an_error_and_not_passed_over() {
    let circumstances = Circumstances {
        placeholders: &placeholders(),
        columns_to_ignore: &[],
        data_source_type: None,
    };
    let files = [changed("models/a.sql"), changed("models/b.sql")];
    let texts = BTreeMap::from([("models/a.sql".to_owned(), FileContent::Whole(vec![0xff]))]);
    assert_eq!(
        codes(&discover(&discovery(), &files, &texts, &circumstances)),
        ["1 error encoding", "1 error unread_file"]
    );
    let exact = FileContent::Whole(vec![b'\n'; MAX_BYTES + 1]);
    for (content, said) in [
        (FileContent::Larger, "the file has more than 1048576 bytes"),
        (exact, "the file has 1048577 bytes; 1048576 is the limit"),
    ] {
        let texts = BTreeMap::from([("models/a.sql".to_owned(), content)]);
        let asked = discover(&discovery(), &files[..1], &texts, &circumstances);
        assert_eq!(codes(&asked), ["1 error large_file"]);
        assert!(asked.diagnostics[0].message.starts_with(said), "{asked:?}");
    }
    let bad = Discovery {
        files: vec!["[z-a]".to_owned()],
        ..discovery()
    };
    assert_eq!(
        codes(&discover(&bad, &files, &texts, &circumstances)),
        ["0 error invalid_glob"]
    );
    let unknown = Discovery {
        pull_request: vec![("s".to_owned(), "${PR}".to_owned())],
        ..discovery()
    };
    assert_eq!(
        codes(&discover(&unknown, &files, &texts, &circumstances)),
        ["0 error unknown_placeholder"]
    );
}

#[test]
fn a_long_hostile_text_takes_no_long_time() {
    let started = std::time::Instant::now();
    for text in [
        "'\n",
        "{{",
        "${",
        "/*",
        "create table [",
        "(",
        "create ",
        "\"\n",
        "$$\n",
        "-- datafold: pk=a,\n",
        "[a ",
    ] {
        heads(&text.repeat(200_000 / text.len()));
    }
    assert!(
        started.elapsed() < std::time::Duration::from_secs(30),
        "{:?}",
        started.elapsed()
    );
}

proptest! {
    #[test]
    fn no_text_is_too_much(
        text in "(create |table |view |if not exists |\\$\\{s\\}|\\.|\"|'|`|\\[|\\]|;|--|/\\*|\\*/|datafold: pk=a|\\{\\{|\\}\\}|\n|\\(|\\)|#|a|.){0,40}",
        kind in prop::sample::select(vec![None, Some("snowflake"), Some("bigquery"), Some("mysql"), Some("pg"), Some("mssql"), Some("databricks"), Some("redshift")]),
    ) {
        let texts = BTreeMap::from([("models/a.sql".to_owned(), whole(&text))]);
        let circumstances = Circumstances { placeholders: &placeholders(), columns_to_ignore: &[], data_source_type: kind };
        let asked = discover(&discovery(), &[changed("models/a.sql")], &texts, &circumstances);
        prop_assert!(!asked.is_broken() || asked.diffs.is_empty());
    }

    #[test]
    fn comments_around_a_statement_change_nothing_of_it(comment in "[a-z ;'\"]{0,20}", name in "[a-z]{1,8}") {
        let text = format!("-- {comment}\ncreate /* {comment} */ table ${{s}}.{name}_ (id int) -- {comment}\n;");
        prop_assert_eq!(heads(&text), [format!("${{s}}.{name}_")]);
    }
}

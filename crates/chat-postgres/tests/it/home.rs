//! Where the tables are made, where they are left, and where they are refused.

use chat_engines::Database;
use chat_postgres::{OpenError, Options, Postgres, schema_of};

/// A table and a view of somebody else.
const RECIPES: &str =
    "CREATE TABLE recipes (id int PRIMARY KEY); CREATE VIEW cheap AS SELECT id FROM recipes";
/// The schemas that have tables, each with how many.
const SCHEMAS: &str = "SELECT schemaname, count(*) FROM pg_tables
                       WHERE schemaname NOT IN ('pg_catalog', 'information_schema') GROUP BY 1 ORDER BY 1";
/// What a release before schemas of its own would have made, for all that it matters here.
const EARLIER: &str = include_str!("../../migrations/0001_initial.sql");
const EARLIER_VERSION: &str = "CREATE TABLE schema_version (only_row bigint PRIMARY KEY CHECK (only_row = 1), \
                               version bigint NOT NULL, works_from bigint NOT NULL); \
                               INSERT INTO schema_version VALUES (1, 1, 1)";

fn new_database() -> Database {
    chat_engines::shared().database().unwrap_or_else(|error| panic!("no PostgreSQL: {error:#}"))
}

fn options(database: &Database) -> Options {
    Options { url: database.url(), readers: 1, ..Options::default() }
}

fn in_schema(database: &Database, schema: &str) -> Options {
    Options { schema: Some(schema.into()), ..options(database) }
}

#[track_caller]
fn opens(options: &Options) -> bool {
    Postgres::prepare(options).unwrap_or_else(|error| panic!("{error}")).is_new
}

/// Refused, with a sentence that says this, and nothing is changed.
#[track_caller]
fn is_refused(database: &Database, options: &Options, says: &str) {
    let before = database.execute(SCHEMAS).unwrap();
    let error = Postgres::prepare(options).err().expect("it was opened").to_string();
    assert!(error.contains(says) && !error.contains('\n'), "{error}");
    assert_eq!(database.execute(SCHEMAS).unwrap(), before);
}

fn has_tables(database: &Database, schema: &str) -> bool {
    database.execute(SCHEMAS).unwrap().lines().any(|line| line.split('|').next() == Some(schema))
}

/// As an earlier release does at its start: its path leads to `public`.
fn an_earlier_release_makes_its_tables(database: &Database) {
    database.execute(&format!("SET search_path = public; {EARLIER_VERSION}; {EARLIER}")).unwrap();
}

#[test]
fn a_new_database_gets_a_schema_of_its_own() {
    let database = new_database();
    assert_eq!(schema_of(&options(&database)).unwrap(), None);
    assert!(opens(&options(&database)));
    assert!(!opens(&options(&database)), "it is found again");
    assert_eq!(schema_of(&options(&database)).unwrap().as_deref(), Some("chatserver"));
    assert!(has_tables(&database, "chatserver"));
}

/// Else a node of an earlier release would begin a second log in the same database.
#[test]
fn earlier_releases_are_told_that_they_are_too_old() {
    let database = new_database();
    assert!(opens(&options(&database)));
    // What they look at before they do anything: with a later `works_from` than they know, they refuse.
    let mark = "SELECT works_from > 1000 FROM public.schema_version";
    assert_eq!(database.execute(mark).unwrap(), "t");
    let alone = "SELECT string_agg(tablename, ',') FROM pg_tables WHERE schemaname = 'public'";
    assert_eq!(database.execute(alone).unwrap(), "schema_version");
    is_refused(&database, &in_schema(&database, "public"), "leave DATABASE_SCHEMA unset");
    // A dump of the schema alone has no mark; it comes back.
    database.execute("DROP TABLE public.schema_version").unwrap();
    assert!(!opens(&options(&database)));
    assert_eq!(database.execute(mark).unwrap(), "t");
}

#[test]
fn tables_that_an_earlier_release_made_are_used_where_they_are() {
    let database = new_database();
    an_earlier_release_makes_its_tables(&database);
    database.execute("UPDATE public.log SET epoch = 4711").unwrap();
    // Somebody else's were always possible there.
    database.execute(&format!("SET search_path = public; {RECIPES}")).unwrap();
    assert!(!opens(&options(&database)));
    let prepared = Postgres::prepare(&options(&database)).unwrap();
    assert_eq!(prepared.epoch().0, 4711);
    assert!(!has_tables(&database, "chatserver"));
    assert_eq!(schema_of(&options(&database)).unwrap().as_deref(), Some("public"));
    assert!(!opens(&in_schema(&database, "public")));
    is_refused(&database, &in_schema(&database, "chatserver"), "in the schema public");
}

#[test]
fn the_schema_can_be_named() {
    let database = new_database();
    assert!(opens(&in_schema(&database, "talk")));
    assert!(!opens(&in_schema(&database, "talk")));
    assert!(has_tables(&database, "talk") && !has_tables(&database, "chatserver"));
    is_refused(&database, &in_schema(&database, "Talk"), "DATABASE_SCHEMA");
    let database = new_database();
    assert!(opens(&in_schema(&database, "public")), "an empty one is as good as any");
}

#[test]
fn a_schema_with_somebody_elses_tables_is_refused() {
    let database = new_database();
    database.execute(&format!("CREATE SCHEMA chatserver; SET search_path = chatserver; {RECIPES}")).unwrap();
    is_refused(&database, &options(&database), "the schema chatserver");
    is_refused(&database, &options(&database), "another program");
    database.execute("DROP SCHEMA chatserver CASCADE; CREATE SCHEMA chatserver").unwrap();
    assert!(opens(&options(&database)), "one that was made for us is not");
}

#[test]
fn somebody_elses_schema_is_left_alone() {
    let database = new_database();
    database.execute(&format!("SET search_path = public; {RECIPES}")).unwrap();
    is_refused(&database, &in_schema(&database, "public"), "another program");
    assert!(opens(&options(&database)));
    let tables = "SELECT string_agg(tablename, ',') FROM pg_tables WHERE schemaname = 'public'";
    assert_eq!(database.execute(tables).unwrap(), "recipes", "no mark among the tables of others");
    // So an earlier release can begin a second log; then nobody guesses which one is meant.
    an_earlier_release_makes_its_tables(&database);
    let error = Postgres::prepare(&options(&database)).err().unwrap();
    assert!(matches!(error, OpenError::TwoHomes { .. }) && error.to_string().contains("DATABASE_SCHEMA"));
    assert!(!opens(&in_schema(&database, "chatserver")));
}

#[test]
fn an_address_that_was_only_found_leads_to_nothing_of_others() {
    let database = new_database();
    database.execute(&format!("CREATE SCHEMA app; SET search_path = app; {RECIPES}")).unwrap();
    let found = Options { is_found: true, ..options(&database) };
    is_refused(&database, &found, ".env");
    // By whoever is told that it is meant it can be used; and from then on it is known.
    assert!(opens(&options(&database)));
    assert!(!opens(&found));
    let empty = new_database();
    assert!(opens(&Options { is_found: true, ..options(&empty) }));
}

#[test]
fn one_who_may_not_make_a_schema_is_told_who_may() {
    let database = new_database();
    let name = database.name().to_owned();
    let role = format!("guest_{name}");
    database
        .execute(&format!("CREATE ROLE {role} LOGIN; REVOKE CREATE ON DATABASE {name} FROM PUBLIC"))
        .unwrap();
    let (scheme, rest) = database.url().split_once("://").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    let host = rest.rsplit_once('@').map_or(rest.as_str(), |(_, host)| host);
    let guest = Options { url: format!("{scheme}://{role}@{host}"), readers: 1, ..Options::default() };
    is_refused(&database, &guest, "CREATE SCHEMA chatserver");
    database.execute(&format!("CREATE SCHEMA chatserver AUTHORIZATION {role}")).unwrap();
    assert!(opens(&guest));
    database.execute(&format!("DROP OWNED BY {role} CASCADE; DROP ROLE {role}")).unwrap();
}

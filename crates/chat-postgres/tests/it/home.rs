//! Where the tables are created, where existing ones are used, and where they are refused.

use chat_engines::Database;
use chat_postgres::{OpenError, Options, Postgres, schema_of};

/// A table and a view of another program.
const RECIPES: &str =
    "CREATE TABLE recipes (id int PRIMARY KEY); CREATE VIEW cheap AS SELECT id FROM recipes";
/// The schemas that have tables, each with their number.
const SCHEMAS: &str = "SELECT schemaname, count(*) FROM pg_tables
                       WHERE schemaname NOT IN ('pg_catalog', 'information_schema') GROUP BY 1 ORDER BY 1";
/// The tables of an early release without a schema of its own, as far as they matter here.
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

/// Checks that the database is refused with this text and that nothing is changed.
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

/// Creates tables as an earlier release does at its start: its search path leads to `public`.
fn create_tables_of_an_earlier_release(database: &Database) {
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

/// Otherwise a node of an earlier release would begin a second log in the same database.
#[test]
fn earlier_releases_refuse_the_database() {
    let database = new_database();
    assert!(opens(&options(&database)));
    // Earlier releases check this first: they refuse a database with a later `works_from` than they know.
    let mark = "SELECT works_from > 1000 FROM public.schema_version";
    assert_eq!(database.execute(mark).unwrap(), "t");
    let alone = "SELECT string_agg(tablename, ',') FROM pg_tables WHERE schemaname = 'public'";
    assert_eq!(database.execute(alone).unwrap(), "schema_version");
    is_refused(&database, &in_schema(&database, "public"), "leave DATABASE_SCHEMA unset");
    // A dump of the schema `chatserver` alone has no marker table; it is created again.
    database.execute("DROP TABLE public.schema_version").unwrap();
    assert!(!opens(&options(&database)));
    assert_eq!(database.execute(mark).unwrap(), "t");
}

#[test]
fn tables_of_an_earlier_release_are_used_where_they_are() {
    let database = new_database();
    create_tables_of_an_earlier_release(&database);
    database.execute("UPDATE public.log SET epoch = 4711").unwrap();
    // Tables of another program could always be there.
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
fn a_schema_with_tables_of_another_program_is_refused() {
    let database = new_database();
    database.execute(&format!("CREATE SCHEMA chatserver; SET search_path = chatserver; {RECIPES}")).unwrap();
    is_refused(&database, &options(&database), "the schema chatserver");
    is_refused(&database, &options(&database), "another program");
    database.execute("DROP SCHEMA chatserver CASCADE; CREATE SCHEMA chatserver").unwrap();
    assert!(opens(&options(&database)), "one that was made for us is not");
}

#[test]
fn a_schema_of_another_program_is_left_alone() {
    let database = new_database();
    database.execute(&format!("SET search_path = public; {RECIPES}")).unwrap();
    is_refused(&database, &in_schema(&database, "public"), "another program");
    assert!(opens(&options(&database)));
    let tables = "SELECT string_agg(tablename, ',') FROM pg_tables WHERE schemaname = 'public'";
    assert_eq!(database.execute(tables).unwrap(), "recipes", "no mark among the tables of others");
    // So an earlier release can begin a second log; then the choice between them is left to the operator.
    create_tables_of_an_earlier_release(&database);
    let error = Postgres::prepare(&options(&database)).err().unwrap();
    assert!(matches!(error, OpenError::TwoHomes { .. }) && error.to_string().contains("DATABASE_SCHEMA"));
    assert!(!opens(&in_schema(&database, "chatserver")));
}

#[test]
fn a_found_address_never_leads_to_another_programs_database() {
    let database = new_database();
    database.execute(&format!("CREATE SCHEMA app; SET search_path = app; {RECIPES}")).unwrap();
    let found = Options { is_found: true, ..options(&database) };
    is_refused(&database, &found, ".env");
    // An operator who configures the address can use it; from then on the database is known.
    assert!(opens(&options(&database)));
    assert!(!opens(&found));
    let empty = new_database();
    assert!(opens(&Options { is_found: true, ..options(&empty) }));
}

#[test]
fn without_the_right_to_create_a_schema_the_error_names_the_statement() {
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

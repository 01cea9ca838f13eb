//! Reasons why a database cannot be served, as sentences for the operator. Every part of the adapter may use
//! this module; it uses only `fault.rs`.

use crate::fault::Fault;

/// Reason why a database cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The address is malformed.
    #[error("DATABASE_URL is invalid: {0}; it should look like postgres://user:password@host:5432/database")]
    Address(String),
    /// An encryption option of the address cannot be used; the text is a sentence.
    #[error("DATABASE_URL: {0}")]
    Encryption(String),
    /// The address's list of hosts cannot be used; the text is a sentence.
    #[error("DATABASE_URL: {0}")]
    Hosts(String),
    /// Encryption cannot be set up.
    #[error("cannot set up encryption: {0}")]
    Tls(rustls::Error),
    /// The database cannot be reached, or refuses the connection.
    #[error("the database {name} cannot be used: {reason}; check DATABASE_URL and that PostgreSQL runs")]
    Unreachable {
        /// Name and hosts of the database.
        name: String,
        /// Reason, in the driver's words.
        reason: String,
    },
    /// The server is older than version 14.
    #[error("the PostgreSQL server has version {0}; at least 14 is needed")]
    OldServer(String),
    /// A pooler lends its sessions for one transaction at a time only.
    #[error(
        "the pooler between this node and the database {0} pools by transaction or statement, and a node needs its own sessions; use session pooling (PgBouncer: pool_mode = session), or put PostgreSQL's own address into DATABASE_URL"
    )]
    Pooled(String),
    /// The server is a standby.
    #[error(
        "the server of the database {0} is a standby, which accepts no writes; put the primary into DATABASE_URL, or all hosts: postgres://user:password@one:5432,other:5432/database"
    )]
    Standby(String),
    /// The database is set to read only.
    #[error(
        "the database {0} is set to be read only; remove default_transaction_read_only from the database, the user of DATABASE_URL or the server"
    )]
    ReadOnly(String),
    /// The database's encoding cannot store every text.
    #[error(
        "the database {name} has the encoding {encoding}, which cannot store every text; create one with: CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0"
    )]
    Encoding {
        /// Name and hosts of the database.
        name: String,
        /// Its encoding.
        encoding: String,
    },
    /// The user may not create or change the tables.
    #[error(
        "the user of DATABASE_URL may not create or change tables in the schema {schema} of the database {name} ({reason}); make it the owner of the schema and its tables, or first start a node of this release as their owner"
    )]
    MayNotMigrate {
        /// Name and hosts of the database.
        name: String,
        /// Name of the schema.
        schema: String,
        /// Reason, in the server's words.
        reason: String,
    },
    /// The user may not read or write the tables.
    #[error(
        "the user of DATABASE_URL may not use the schema {schema} of the database {name} ({what}); have its owner run: GRANT USAGE ON SCHEMA {schema} TO that user; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO that user"
    )]
    MayNotUse {
        /// Name and hosts of the database.
        name: String,
        /// Name of the schema.
        schema: String,
        /// The object that the user may not use.
        what: String,
    },
    /// The server may lose writes that it has acknowledged.
    #[error("PostgreSQL runs with {0}: an acknowledged message would not survive a crash; turn it on")]
    NotDurable(&'static str),
    /// A later release has changed the database in a way that this one cannot work with.
    #[error("the database has version {version} and this release knows {known}; start a newer release")]
    Newer {
        /// Version of the database.
        version: i64,
        /// Newest version that this release knows.
        known: i64,
    },
    /// The database has not been migrated to this release yet.
    #[error("the database {0} is of an earlier release; start a node of this release on it first")]
    Outdated(String),
    /// `DATABASE_SCHEMA` is a name that would need quotes.
    #[error(
        "DATABASE_SCHEMA is {0:?}; it may contain only lower-case letters, digits and _, and must not begin with a digit or pg_"
    )]
    SchemaName(String),
    /// The schema contains tables of another program.
    #[error(
        "the schema {schema} of the database {name} contains objects of another program ({table}); nothing was changed: set DATABASE_SCHEMA to an empty or new schema, or use another database"
    )]
    Foreign {
        /// Name and hosts of the database.
        name: String,
        /// Name of the schema.
        schema: String,
        /// One of the objects in it.
        table: String,
    },
    /// The schema is marked as closed, because the tables are in another one.
    #[error(
        "the schema {schema} of the database {name} is marked: ChatServer's tables are in another one; leave DATABASE_SCHEMA unset, or drop {schema}.schema_version if they are gone"
    )]
    Marked {
        /// Name and hosts of the database.
        name: String,
        /// Name of the schema.
        schema: String,
    },
    /// The tables are in another schema than the configured one.
    #[error(
        "the database {name} has ChatServer's tables in the schema {schema}; leave DATABASE_SCHEMA unset to continue with them, or use another database to start empty"
    )]
    Settled {
        /// Name and hosts of the database.
        name: String,
        /// Schema that contains the tables.
        schema: String,
    },
    /// The database has two installations, and `DATABASE_SCHEMA` names neither.
    #[error(
        "the database {name} has ChatServer's tables in two schemas, {one} and {other}; choose one with DATABASE_SCHEMA"
    )]
    TwoHomes {
        /// Name and hosts of the database.
        name: String,
        /// Schema where an earlier release looks for its tables.
        one: String,
        /// The default schema of this release.
        other: String,
    },
    /// The schema does not exist and cannot be created.
    #[error(
        "the database {name} has no schema {schema}, and the user of DATABASE_URL may not create one; ask its owner to run: CREATE SCHEMA {schema} AUTHORIZATION that user"
    )]
    NoSchema {
        /// Name and hosts of the database.
        name: String,
        /// Name of the schema.
        schema: String,
    },
    /// The address comes from a file that may belong to another program.
    #[error(
        "the database {0} contains objects of another program, and its address comes from the file .env in this directory, which may belong to that program; if the database is meant for ChatServer, set DATABASE_URL in the environment, else start in another directory"
    )]
    FoundForeign(String),
    /// The database has no ChatServer tables.
    #[error("the database {0} has no ChatServer tables; check DATABASE_URL and DATABASE_SCHEMA")]
    NoTables(String),
    /// A migration from another store into this database is incomplete.
    #[error(
        "the database {0} is being filled from a SQLite file and is incomplete; run `chatserver migrate` to its end, with that file's server stopped"
    )]
    Unfinished(String),
    /// The database is not empty, so nothing can be migrated into it.
    #[error(
        "ChatServer's schema in the database {0} is not empty; use an empty schema or another database for the migration"
    )]
    NotEmpty(String),
    /// This store was already migrated into the database.
    #[error(
        "this file was already moved to the database {0}, and servers may have changed it since; nothing was done"
    )]
    AlreadyMoved(String),
    /// Another store is being migrated into the database.
    #[error(
        "the database {0} is being filled from another SQLite file; run this with that file, or create an empty database"
    )]
    OtherSource(String),
    /// Another process works on the database.
    #[error("{who} on the database {name}; stop it first")]
    Busy {
        /// Name and hosts of the database.
        name: String,
        /// The process, as the subject of the sentence.
        who: &'static str,
    },
    /// A statement failed.
    #[error("cannot prepare the database: {0}")]
    Database(String),
    /// A statement was refused for lack of permissions.
    #[error("the user of DATABASE_URL lacks permissions that a node needs: {0}")]
    MayNot(String),
    /// A thread could not be started.
    #[error("cannot start a thread: {0}")]
    Thread(std::io::Error),
}

impl From<Fault> for OpenError {
    fn from(fault: Fault) -> Self {
        match fault.lacks_rights() {
            true => Self::MayNot(fault.reason()),
            false => Self::Database(fault.reason()),
        }
    }
}

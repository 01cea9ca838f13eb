//! Private PostgreSQL and NATS servers for tests, the benchmark and the torture.

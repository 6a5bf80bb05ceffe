//! PostgreSQL for fapilog: events written by COPY into a table that the sink creates and migrates.

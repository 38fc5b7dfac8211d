//! The conformance suite on PostgreSQL: each test has its own database, created on the server in `RIG_POSTGRES`.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

#[path = "release/mod.rs"]
mod last_release;
#[path = "postgres/pgbouncer.rs"]
mod pgbouncer;
#[path = "postgres/standby.rs"]
mod standby;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use fulfillment_domain::clock::FixedClock;
use fulfillment_store::conformance::Backend;
use fulfillment_store::conformance::fixtures::issued;
use fulfillment_store::conformance::overview as statements;
use fulfillment_store::postgres::PgStore;
use fulfillment_store::{Installation, RefundRules, Settings, Store, StoreError};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, PgPool};

const SCHEMA: &str = "bc_fulfillment";

struct Postgres {
    store: Arc<PgStore>,
    pool: PgPool,
    settings: Settings,
}

/// The URL of a new database.
#[expect(clippy::disallowed_methods, reason = "the rig tells by the environment where its server is")]
async fn database() -> String {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let server = std::env::var("RIG_POSTGRES").expect("RIG_POSTGRES is not set: run scripts/test");
    let name = format!("store_{}_{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
    let mut db = PgConnection::connect(&server).await.unwrap();
    for sql in [format!("DROP DATABASE IF EXISTS {name}"), format!("CREATE DATABASE {name}")] {
        sqlx::query(AssertSqlSafe(sql)).execute(&mut db).await.unwrap();
    }
    let (rest, _) = server.rsplit_once('/').unwrap();
    format!("{rest}/{name}")
}

async fn unmigrated() -> Postgres {
    let settings = Settings {
        url: database().await,
        schema: SCHEMA.into(),
        max_connections: 4,
        connect_timeout: Duration::from_secs(30),
        refunds: RefundRules::default(),
    };
    let pool =
        PgPool::connect(&format!("{}?options=-c%20search_path%3D{SCHEMA}", settings.url)).await.unwrap();
    Postgres { store: Arc::new(PgStore::connect(&settings).await.unwrap()), pool, settings }
}

async fn open() -> Postgres {
    let backend = unmigrated().await;
    backend.store.migrate().await.unwrap();
    backend
}

#[async_trait]
impl Backend for Postgres {
    fn store(&self) -> Arc<dyn Store> {
        self.store.clone()
    }

    async fn another(&self) -> Arc<dyn Store> {
        let clock = FixedClock("2000-01-01T00:00:00Z".parse().unwrap());
        fulfillment_store::open(&self.settings, Arc::new(clock)).await.unwrap()
    }

    async fn with_refunds(&self, refunds: RefundRules) -> Arc<dyn Store> {
        let settings = Settings { refunds, ..self.settings.clone() };
        Arc::new(PgStore::connect(&settings).await.unwrap())
    }

    async fn execute(&self, sql: &str) {
        sqlx::query(AssertSqlSafe(sql.to_owned())).execute(&self.pool).await.unwrap();
    }

    async fn refuses(&self, sql: &str) -> bool {
        sqlx::query(AssertSqlSafe(sql.to_owned())).execute(&self.pool).await.is_err()
    }

    async fn number(&self, sql: &str) -> i64 {
        sqlx::query_scalar(AssertSqlSafe(format!("SELECT ({sql})::bigint")))
            .fetch_one(&self.pool)
            .await
            .unwrap()
    }
}

fulfillment_store::conformance_suite!(open);

#[tokio::test]
async fn schemas_are_apart_and_plainly_named() {
    let one = open().await;
    let other = Settings { schema: "another".into(), ..one.settings.clone() };
    let other = PgStore::connect(&other).await.unwrap();
    assert!(!other.migrate().await.unwrap().applied.is_empty());
    assert_eq!(one.number("SELECT count(*) FROM pg_class WHERE relname = 'fulfillment_migrations'").await, 2);
    for bad in ["", "a\"b", "Upper", "pg_x", "a b"] {
        let settings = Settings { schema: bad.into(), ..one.settings.clone() };
        assert!(
            matches!(PgStore::connect(&settings).await.err(), Some(StoreError::Incompatible(_))),
            "{bad:?}"
        );
    }
}

#[tokio::test]
async fn a_server_that_is_not_there() {
    let settings = Settings {
        url: "postgres://nobody@127.0.0.1:1/nothing".into(),
        schema: SCHEMA.into(),
        max_connections: 1,
        connect_timeout: Duration::from_secs(1),
        refunds: RefundRules::default(),
    };
    assert!(matches!(PgStore::connect(&settings).await.err(), Some(StoreError::Unavailable(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn positions_follow_commits_under_one_lock() {
    let backend = open().await;
    let store = backend.store();
    // The first id, but the last commit.
    let mut late = backend.pool.begin().await.unwrap();
    let sql = "INSERT INTO outbox (event_id, kind, sequence, value, headers, created_at) \
               VALUES (gen_random_uuid(), 'ticket-issued', 1, 'x', '[]', now())";
    sqlx::query(sql).execute(&mut *late).await.unwrap();
    issued(&*store, 2, 1).await;
    let lock =
        "SELECT pg_advisory_xact_lock(hashtextextended('fulfillment sequencer ' || current_schema(), 0))";
    sqlx::query(lock).execute(&mut *late).await.unwrap();
    let waiting = {
        let store = backend.another().await;
        tokio::spawn(async move { store.sequence_events(10).await.unwrap() })
    };
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!waiting.is_finished(), "one sequencer at a time");
    late.commit().await.unwrap();
    assert_eq!(waiting.await.unwrap(), 3, "what was committed while it waited is seen");

    let mut late = backend.pool.begin().await.unwrap();
    sqlx::query(sql).execute(&mut *late).await.unwrap();
    backend.execute(sql).await;
    assert_eq!(store.sequence_events(10).await.unwrap(), 4);
    late.commit().await.unwrap();
    assert_eq!(store.sequence_events(10).await.unwrap(), 5);
    assert_eq!(
        backend.number("SELECT position - id FROM outbox WHERE position = 5").await,
        1,
        "late, at the end"
    );
    let positions: Vec<_> = store.events_after(0, 10).await.unwrap().iter().map(|e| e.position).collect();
    assert_eq!(positions, [1, 2, 3, 4, 5]);
}

/// What the migration of codes made, undone.
const BEFORE_CODES: [&str; 2] =
    ["ALTER TABLE ticket_revisions DROP COLUMN cti", "DROP INDEX tickets_withdrawn"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_migration_gives_way_and_is_tried_again() {
    let backend = open().await;
    for sql in BEFORE_CODES {
        backend.execute(sql).await;
    }
    backend.execute("DELETE FROM fulfillment_migrations WHERE version IN (15, 18, 19)").await;
    // A report that reads the table for a while.
    let mut report = backend.pool.begin().await.unwrap();
    sqlx::query("SELECT count(*) FROM ticket_revisions").execute(&mut *report).await.unwrap();
    let store = Arc::clone(&backend.store);
    let migrating = tokio::spawn(async move { store.migrate().await });
    let mut longest = Duration::ZERO;
    let began = std::time::Instant::now();
    while began.elapsed() < Duration::from_secs(5) {
        let asked = std::time::Instant::now();
        backend.execute("SELECT count(*) FROM ticket_revisions").await;
        longest = longest.max(asked.elapsed());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(!migrating.is_finished(), "the report goes on");
    assert!(longest > Duration::from_millis(100), "the migration never waited for its lock");
    assert!(longest < Duration::from_secs(4), "others waited for {longest:?}");
    report.rollback().await.unwrap();
    let applied = migrating.await.unwrap().unwrap().applied;
    assert_eq!(applied, ["0015_codes", "0018_former_codes", "0019_withdrawn_tickets"]);
}

#[tokio::test]
async fn an_unfinished_index_is_built_again() {
    let backend = open().await;
    let invalid = "SELECT count(*) FROM pg_index WHERE NOT indisvalid";
    backend
        .execute("UPDATE pg_index SET indisvalid = FALSE WHERE indexrelid = 'tickets_withdrawn'::regclass")
        .await;
    backend.execute("DELETE FROM fulfillment_migrations WHERE version = 19").await;
    assert_eq!(backend.number(invalid).await, 1);
    assert_eq!(backend.store.migrate().await.unwrap().applied, ["0019_withdrawn_tickets"]);
    assert_eq!(backend.number(invalid).await, 0);
}

/// A search does not read through the people of other orders.
#[tokio::test]
async fn a_person_is_found_by_an_index() {
    let backend = open().await;
    for sql in [
        "INSERT INTO people (order_id, letter_id, hash, alike) SELECT gen_random_uuid(), 0, \
         decode(md5(i::text), 'hex'), decode(md5(i::text), 'hex') FROM generate_series(1, 20000) AS i",
        "ANALYZE",
    ] {
        backend.execute(sql).await;
    }
    let sql = format!("EXPLAIN {}", fulfillment_store::conformance::people::SEARCH);
    let plan: Vec<String> = sqlx::query_scalar(AssertSqlSafe(sql))
        .bind([0_u8; 16].as_slice())
        .fetch_all(&backend.pool)
        .await
        .unwrap();
    let plan = plan.join("\n");
    assert!(plan.contains("people_alike") && !plan.contains("Seq Scan on people"), "{plan}");
}

/// A search by words reads a range of one index.
#[tokio::test]
async fn words_are_found_by_an_index() {
    let backend = open().await;
    for sql in [
        "INSERT INTO search_words (term, place, ticket) SELECT 'n' || i, i, 0 FROM generate_series(1, 20000) AS i",
        "INSERT INTO search_orders (order_id, received_at) \
         SELECT gen_random_uuid(), now() FROM generate_series(1, 20000)",
        "ANALYZE",
    ] {
        backend.execute(sql).await;
    }
    let sql = format!("EXPLAIN {}", fulfillment_store::conformance::lists::WORDS);
    let sql = sql
        .replace("$1", "'n17'")
        .replace("$2", "0")
        .replace("$3", "0")
        .replace("$4", "'n18'")
        .replace("$5", "100");
    let plan: Vec<String> = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(&backend.pool).await.unwrap();
    let plan = plan.join("\n");
    assert!(plan.contains("Scan using search_words_pkey on search_words"), "{plan}");
    assert!(!plan.contains("Seq Scan"), "{plan}");
}

/// The retention does not read through the tickets of events to come, however many they are.
#[tokio::test]
async fn past_events_are_found_by_an_index() {
    let backend = open().await;
    let mut db = backend.pool.acquire().await.unwrap();
    // Of an empty table the planner reads everything; of a large one it takes the index, if it can be used.
    for setting in
        ["SET enable_seqscan = off", "SET enable_sort = off", "SET plan_cache_mode = force_custom_plan"]
    {
        sqlx::query(setting).execute(&mut *db).await.unwrap();
    }
    let sql = format!("EXPLAIN {}", PgStore::RETENTION);
    let long_ago = "timestamptz '2001-01-01T00:00:00Z'";
    let sql = sql.replace("$1", long_ago).replace("$2", long_ago).replace("$3", "500");
    let plan: Vec<String> = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(&mut *db).await.unwrap();
    let plan = plan.join("\n");
    assert!(plan.contains("Scan using tickets_past on tickets t"), "{plan}");
    assert!(plan.contains("Index Cond: (LEAST("), "{plan}");
}

/// Makes many of the one order, ticket and event that there are, all finished.
const FINISHED: [&str; 6] = [
    "INSERT INTO orders SELECT (jsonb_populate_record(o, jsonb_build_object('order_id', gen_random_uuid()))).* \
     FROM orders o, generate_series(1, 20000)",
    "INSERT INTO tickets SELECT (jsonb_populate_record(t, jsonb_build_object('id', gen_random_uuid(), \
     'ticket_number', i, 'line', i))).* FROM tickets t, generate_series(1, 20000) AS i",
    "INSERT INTO outbox OVERRIDING SYSTEM VALUE SELECT (jsonb_populate_record(o, jsonb_build_object('id', 1000 + i, \
     'event_id', gen_random_uuid(), 'position', 1000 + i))).* FROM outbox o, generate_series(1, 20000) AS i",
    "INSERT INTO outbox_delivery SELECT (jsonb_populate_record(d, jsonb_build_object('outbox_id', 1000 + i, \
     'state', 'sent'))).* FROM outbox_delivery d, generate_series(1, 20000) AS i",
    "UPDATE outbox SET created_at = '2001-01-01T00:00:00Z'",
    "ANALYZE",
];

/// The status does not read through what is finished, however much it is.
#[tokio::test]
async fn open_work_is_found_by_indexes() {
    let backend = open().await;
    issued(&*backend.store, 1, 1).await;
    for sql in FINISHED {
        backend.execute(sql).await;
    }
    let mut db = backend.pool.acquire().await.unwrap();
    // Of an empty table the planner reads everything; of a large one it takes the index, if it can be used.
    sqlx::query("SET enable_seqscan = off").execute(&mut *db).await.unwrap();
    for (sql, indexes) in [
        (
            statements::OPEN,
            &["orders_state", "tickets_unfinished", "tickets_seat_conflict", "withdrawals_open"][..],
        ),
        (statements::UNFINISHED, &["tickets_unfinished"]),
        (statements::DELIVERIES, &["outbox_delivery_due", "outbox_delivery_parked"]),
        (statements::EVENTS, &[]),
    ] {
        let moment = "timestamptz '2001-01-01T00:00:00Z'";
        let sql =
            sql.replace("@now", moment).replace("@strpos", "strpos").replace("@any($4)", "= ANY('{1}')");
        let is_open = sql.contains("'unissued'");
        let (second, third) = if is_open { (moment, moment) } else { ("50", "0") };
        let sql = sql.replace("$1", "10000").replace("$2", second).replace("$3", third);
        let plan: Vec<String> =
            sqlx::query_scalar(AssertSqlSafe(format!("EXPLAIN {sql}"))).fetch_all(&mut *db).await.unwrap();
        let plan = plan.join("\n");
        for table in
            ["tickets", "orders", "withdrawals", "dead_letters", "outbox_delivery", "outbox", "check_ins"]
        {
            let scans = plan.lines().filter(|line| line.contains(&format!("Seq Scan on {table}")));
            assert_eq!(scans.count(), 0, "{table}: {plan}");
        }
        assert!(indexes.iter().all(|index| plan.contains(index)), "{indexes:?}: {plan}");
    }
}

#[tokio::test]
async fn a_store_of_the_last_release_is_taken_over() {
    let backend = unmigrated().await;
    // The dump changes the settings of its connection.
    let mut db = PgConnection::connect(&backend.settings.url).await.unwrap();
    sqlx::raw_sql(include_str!("release/postgres.sql")).execute(&mut db).await.unwrap();
    db.close().await.unwrap();
    last_release::is_taken_over(&*backend.store).await;
}

//! The conformance suite on SQLite, and guarantees that only SQLite gives.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use fulfillment_domain::Clock;
use fulfillment_store::conformance::Backend;
use fulfillment_store::conformance::admissions::{DELTA, NUMBERS};
use fulfillment_store::conformance::erasures::FILES_DUE;
use fulfillment_store::conformance::fixtures::{LONG, ingest, issued, payment};
use fulfillment_store::conformance::overview as statements;
use fulfillment_store::conformance::records::SUMMARY;
use fulfillment_store::sqlite::SqliteStore;
use fulfillment_store::{Installation, OrderQueue, RefundRules, Store, StoreError};
use jiff::Timestamp;
use sqlx::{AssertSqlSafe, Row as _, SqlitePool};

#[path = "release/mod.rs"]
mod last_release;

struct MachineClock;

impl Clock for MachineClock {
    #[expect(clippy::disallowed_methods, reason = "the test's clock")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

struct Sqlite {
    store: Arc<SqliteStore>,
    pool: SqlitePool,
    path: PathBuf,
    _folder: tempfile::TempDir,
}

async fn at(path: &std::path::Path) -> SqliteStore {
    SqliteStore::open(path, Arc::new(MachineClock)).await.unwrap()
}

async fn unmigrated() -> Sqlite {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fulfillment.db");
    let store = Arc::new(at(&path).await);
    let pool = SqlitePool::connect(&format!("sqlite://{}", path.display())).await.unwrap();
    Sqlite { store, pool, path, _folder: folder }
}

async fn open() -> Sqlite {
    let backend = unmigrated().await;
    backend.store.migrate().await.unwrap();
    backend
}

#[async_trait]
impl Backend for Sqlite {
    fn store(&self) -> Arc<dyn Store> {
        self.store.clone()
    }

    async fn another(&self) -> Arc<dyn Store> {
        Arc::new(at(&self.path).await)
    }

    async fn with_refunds(&self, refunds: RefundRules) -> Arc<dyn Store> {
        Arc::new(at(&self.path).await.with_refunds(refunds))
    }

    async fn execute(&self, sql: &str) {
        sqlx::query(AssertSqlSafe(sql.to_owned())).execute(&self.pool).await.unwrap();
    }

    async fn refuses(&self, sql: &str) -> bool {
        sqlx::query(AssertSqlSafe(sql.to_owned())).execute(&self.pool).await.is_err()
    }

    async fn number(&self, sql: &str) -> i64 {
        sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(&self.pool).await.unwrap()
    }
}

fulfillment_store::conformance_suite!(open);

/// The same in memory.
mod in_memory {
    use super::*;

    struct Memory(Arc<SqliteStore>);

    async fn open() -> Memory {
        let store = SqliteStore::in_memory(Arc::new(MachineClock)).await.unwrap();
        store.migrate().await.unwrap();
        Memory(Arc::new(store))
    }

    #[async_trait]
    impl Backend for Memory {
        fn store(&self) -> Arc<dyn Store> {
            self.0.clone()
        }

        async fn another(&self) -> Arc<dyn Store> {
            self.store()
        }

        async fn with_refunds(&self, refunds: RefundRules) -> Arc<dyn Store> {
            Arc::new(self.0.another().with_refunds(refunds))
        }

        async fn execute(&self, sql: &str) {
            sqlx::query(AssertSqlSafe(sql.to_owned())).execute(self.0.pool()).await.unwrap();
        }

        async fn refuses(&self, sql: &str) -> bool {
            sqlx::query(AssertSqlSafe(sql.to_owned())).execute(self.0.pool()).await.is_err()
        }

        async fn number(&self, sql: &str) -> i64 {
            sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(self.0.pool()).await.unwrap()
        }
    }

    fulfillment_store::conformance_suite!(open);
}

#[tokio::test]
async fn one_server_a_file() {
    let backend = open().await;
    backend.store.begin_serving().await.unwrap();
    let second = at(&backend.path).await;
    assert!(matches!(second.begin_serving().await, Err(StoreError::InUse(_))));
    let link = backend.path.with_file_name("link.db");
    std::os::unix::fs::symlink(&backend.path, &link).unwrap();
    let by_link = at(&link).await;
    assert!(matches!(by_link.begin_serving().await, Err(StoreError::InUse(_))), "another name of the file");
    drop(by_link);
    issued(&*backend.store, 1, 1).await;
    assert_eq!(backend.store().claim_deliveries("kafka", 1, LONG).await.unwrap().len(), 1);
    ingest(&*backend.store, &[payment(9, 9, "1")]).await;
    assert_eq!(backend.store.claim("w", 1, LONG).await.unwrap().len(), 1);
    backend.store.close().await;
    second.begin_serving().await.unwrap();
    let second: Arc<dyn Store> = Arc::new(second);
    let lent = second.claim_deliveries("kafka", 1, LONG).await.unwrap();
    assert_eq!((lent.len(), lent[0].attempts), (1, 2), "the dead server's leases are free");
    let claims = second.claim("w", 1, LONG).await.unwrap();
    let seen = (claims.len(), claims[0].attempts, claims[0].deaths);
    assert_eq!(seen, (1, 2, 1), "and its death counts as a try");
}

#[tokio::test]
async fn a_file_that_is_no_database() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.db");
    std::fs::write(&path, "not a database, but long enough to be taken for one".repeat(50)).unwrap();
    let opened = SqliteStore::open(&path, Arc::new(MachineClock)).await;
    assert!(matches!(opened.err(), Some(StoreError::Incompatible(_))));
    let nowhere = SqliteStore::open(&folder.path().join("no/x.db"), Arc::new(MachineClock)).await;
    assert!(matches!(nowhere.err(), Some(StoreError::Unavailable(_))));
}

struct SteppedClock(std::sync::Mutex<Timestamp>);

impl Clock for SteppedClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

#[tokio::test]
async fn what_waits_does_not_wait_for_a_clock_that_was_set_back() {
    let backend = open().await;
    let noon: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
    let clock = Arc::new(SteppedClock(std::sync::Mutex::new(noon)));
    let store = SqliteStore::open(&backend.path, clock.clone()).await.unwrap();
    assert!(store.claim("w", 1, LONG).await.unwrap().is_empty());
    ingest(&store, &[payment(1, 1, "1")]).await;
    *clock.0.lock().unwrap() = "2026-11-22T11:00:00Z".parse().unwrap();
    assert_eq!(store.claim("w", 1, LONG).await.unwrap().len(), 1, "at once");
    ingest(&store, &[payment(2, 2, "1")]).await;
    drop(store);
    // Set back once more, while no process sees it.
    *clock.0.lock().unwrap() = "2026-11-22T10:00:00Z".parse().unwrap();
    let store = SqliteStore::open(&backend.path, clock).await.unwrap();
    store.begin_serving().await.unwrap();
    assert_eq!(store.claim("w", 9, LONG).await.unwrap().len(), 2, "the held one and the waiting one");
}

/// SQLite leaves copies of moved rows in the unused part of pages, whatever `secure_delete` says.
#[tokio::test]
async fn cleared_files_have_no_copies_of_deleted_rows() {
    let backend = open().await;
    let mut db = backend.pool.acquire().await.unwrap();
    let mut changes: Vec<String> = [
        "PRAGMA secure_delete = on",
        "CREATE TABLE moved (id INTEGER PRIMARY KEY, name TEXT, rest TEXT)",
        "INSERT INTO moved WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 4000) \
         SELECT i, 'person-' || i || '-', hex(zeroblob(i * 7919 % 250)) FROM n",
    ]
    .map(str::to_owned)
    .into();
    // Rows that grow, shrink and go, as those of tickets do.
    for round in 1..=6 {
        changes.push(format!(
            "UPDATE moved SET rest = hex(zeroblob((id * {round} * 104729) % 450)) WHERE id % 3 = {round} % 3"
        ));
        changes.push(format!("UPDATE moved SET name = '', rest = '' WHERE id % 11 = {round}"));
    }
    changes.push("UPDATE moved SET name = '', rest = ''".to_owned());
    changes.push("PRAGMA wal_checkpoint(TRUNCATE)".to_owned());
    for sql in changes {
        sqlx::query(AssertSqlSafe(sql)).execute(&mut *db).await.unwrap();
    }
    let copies = |path: &std::path::Path| {
        let content = std::fs::read(path).unwrap();
        content.windows(7).filter(|w| *w == b"person-").count()
    };
    assert!(copies(&backend.path) > 0, "the fault that this test is about");
    assert!(!backend.store().clear_files().await.unwrap().needs_vacuum);
    assert_eq!(copies(&backend.path), 0);
    let sound: String = sqlx::query_scalar("PRAGMA integrity_check").fetch_one(&backend.pool).await.unwrap();
    assert_eq!(sound, "ok");
    assert_eq!(backend.number("SELECT count(*) FROM moved").await, 4000);
}

/// The steps that the database takes for a query.
async fn plan(backend: &Sqlite, sql: &str) -> Vec<String> {
    let sql = format!("EXPLAIN QUERY PLAN {sql}");
    let plan = sqlx::query(AssertSqlSafe(sql)).fetch_all(&backend.pool).await.unwrap();
    plan.iter().map(|step| step.get("detail")).collect()
}

/// The retention does not read through the tickets of events to come, however many they are.
#[tokio::test]
async fn past_events_are_found_by_an_index() {
    let backend = open().await;
    issued(&*backend.store, 40, 2).await;
    for analyzed in ["SELECT 1", "ANALYZE"] {
        backend.execute(analyzed).await;
        let steps = plan(&backend, SqliteStore::RETENTION).await;
        assert!(
            steps.iter().any(|step| step.starts_with("SEARCH t USING INDEX tickets_past (<expr>")),
            "{steps:?}"
        );
        // The rows of the inner query are the few that were found.
        assert!(
            steps.iter().all(|step| !step.starts_with("SCAN t") && !step.starts_with("SCAN o")),
            "{steps:?}"
        );
        let files = FILES_DUE.replace("@greatest", "max");
        let steps = plan(&backend, &files).await;
        assert!(steps.iter().any(|s| s.contains("INDEX erased_files_due (due_at<?)")), "{steps:?}");
        assert!(steps.iter().all(|step| !step.starts_with("SCAN t")), "{steps:?}");
    }
}

/// A scanner that asks who was admitted since does not make the store read through all check-ins or tickets.
#[tokio::test]
async fn who_was_admitted_since_is_found_by_indexes() {
    let backend = open().await;
    issued(&*backend.store, 40, 2).await;
    for analyzed in ["SELECT 1", "ANALYZE"] {
        backend.execute(analyzed).await;
        for sql in DELTA {
            let records =
                "FROM (SELECT value ->> 'low' AS low, value ->> 'high' AS high FROM json_each($1)) AS n";
            let sql = sql
                .replace("@any($2)", "IN (SELECT value FROM json_each($2))")
                .replace("FROM @records(low text, high text)", records)
                .replace("@unhex", "unhex");
            let steps = plan(&backend, &sql).await;
            let reads = |table: &str| steps.iter().any(|s| s.starts_with(&format!("SCAN {table}")));
            assert!(!reads("c") && !reads("t"), "{steps:?}");
        }
        let steps = plan(&backend, NUMBERS).await;
        assert!(
            steps.len() == 1 && steps[0].contains("INDEX tickets_of_event (event_number=?)"),
            "{steps:?}"
        );
    }
}

/// A search by words reads a range of one index.
#[tokio::test]
async fn words_are_found_by_an_index() {
    let backend = open().await;
    let sql = "INSERT INTO search_words (term, place, ticket) \
               WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 20000) \
               SELECT 'n' || i, i, 0 FROM n";
    backend.execute(sql).await;
    for analyzed in ["SELECT 1", "ANALYZE"] {
        backend.execute(analyzed).await;
        let steps = plan(&backend, fulfillment_store::conformance::lists::WORDS).await;
        let range = "SEARCH search_words USING PRIMARY KEY ((term,place,ticket)>(?,?,?) AND term<?)";
        assert!(steps.iter().any(|step| step == range), "{steps:?}");
        assert!(!steps.iter().any(|step| step.starts_with("SCAN o")), "{steps:?}");
    }
}

/// A search does not read through the people of other orders.
#[tokio::test]
async fn a_person_is_found_by_an_index() {
    let backend = open().await;
    let sql = "INSERT INTO people (order_id, letter_id, hash, alike) \
               WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 20000) \
               SELECT 'order ' || i, 0, randomblob(16), randomblob(16) FROM n";
    backend.execute(sql).await;
    for analyzed in ["SELECT 1", "ANALYZE"] {
        backend.execute(analyzed).await;
        let steps = plan(&backend, fulfillment_store::conformance::people::SEARCH).await;
        assert!(steps[0].contains("INDEX people_alike (alike=?)"), "{steps:?}");
        assert!(steps.iter().all(|step| step.starts_with("SEARCH")), "{steps:?}");
    }
}

/// Indexes of open work.
const OPEN_WORK: [&str; 8] = [
    "tickets_unfinished",
    "tickets_seat_conflict",
    "withdrawals_open",
    "dead_letters_open",
    "order_attention_open",
    "event_counts_conflicts",
    "outbox_delivery_due",
    "outbox_delivery_parked",
];
/// Names of inner queries, and the table of events, which is read from its end on.
const READ_BEFORE: [&str; 10] =
    ["q", "few", "n", "w", "p", "waiting", "parked", "events", "json_each", "CONSTANT"];

/// The status and the gauges do not read through what is finished, however much it is.
#[tokio::test]
async fn open_work_is_found_by_indexes() {
    let backend = open().await;
    issued(&*backend.store, 40, 2).await;
    backend.execute("UPDATE outbox_delivery SET state = 'sent' WHERE outbox_id > 3").await;
    for analyzed in ["SELECT 1", "ANALYZE"] {
        backend.execute(analyzed).await;
        let status = [statements::OPEN, statements::UNFINISHED, statements::DELIVERIES, statements::EVENTS];
        for sql in status.into_iter().chain(SUMMARY) {
            let sql = sql.replace("@now", "'2026'").replace("@strpos", "instr");
            let sql = sql.replace("@any($4)", "IN (SELECT value FROM json_each($4))");
            let steps = plan(&backend, &sql).await;
            // A partial index that has open work only, or what was read before.
            let is_bounded = |step: &&String| {
                let Some(scan) = step.strip_prefix("SCAN ") else { return true };
                let table = scan.split_whitespace().next().unwrap_or_default();
                OPEN_WORK.iter().any(|index| scan.contains(index)) || READ_BEFORE.contains(&table)
            };
            let unbounded: Vec<_> = steps.iter().filter(|step| !is_bounded(step)).collect();
            assert!(unbounded.is_empty(), "{unbounded:?} in {steps:#?}");
            let orders: Vec<_> = steps.iter().filter(|step| step.starts_with("SEARCH orders")).collect();
            // Those with a time to be tried at are open work too.
            let is_open =
                |step: &&&String| step.contains("orders_state (state=?") || step.contains("orders_due (");
            assert!(orders.iter().all(|step| is_open(&step)), "{orders:?}");
        }
    }
}

#[tokio::test]
async fn a_store_of_the_last_release_is_taken_over() {
    let backend = unmigrated().await;
    sqlx::raw_sql(include_str!("release/sqlite.sql")).execute(&backend.pool).await.unwrap();
    last_release::is_taken_over(&*backend.store).await;
}

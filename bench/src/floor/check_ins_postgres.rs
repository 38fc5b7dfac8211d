//! The floor of check-ins on `PostgreSQL`: the statements of `crates/store/src/sql/check_ins`, with parameters of the same
//! types, which are ready before the time begins.

use std::time::Instant;

use anyhow::{Context, Result};
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, PgConnection, Postgres, Row as _};
use uuid::Uuid;

use super::check_ins::statements;

const INPUTS: &str = include_str!("check_ins_inputs.sql");
const STATEMENTS: &str = include_str!("check_ins.sql");

/// The inputs of one transaction.
struct Batch {
    number: i64,
    nonces: String,
    codes: String,
    subjects: Vec<String>,
    /// When the first scan was, less the time within which a scan is a repeat.
    since: String,
    rows: String,
    counts: String,
    history: String,
    sequence: i64,
    ids: Vec<Uuid>,
    kinds: Vec<String>,
    places: Vec<i64>,
    keys: Vec<Vec<u8>>,
    contents: Vec<Vec<u8>>,
    headers: Vec<Vec<u8>>,
}

impl Batch {
    fn read(row: &PgRow) -> sqlx::Result<Self> {
        Ok(Self {
            number: row.try_get("number")?,
            nonces: row.try_get("nonces")?,
            codes: row.try_get("codes")?,
            subjects: row.try_get("subjects")?,
            since: row.try_get("since")?,
            rows: row.try_get("rows")?,
            counts: row.try_get("counts")?,
            history: row.try_get("history")?,
            sequence: row.try_get("sequence")?,
            ids: row.try_get("ids")?,
            kinds: row.try_get("kinds")?,
            places: row.try_get("places")?,
            keys: row.try_get("keys")?,
            contents: row.try_get("contents")?,
            headers: row.try_get("headers")?,
        })
    }
}

type Bind = for<'q> fn(Query<'q, Postgres, PgArguments>, &'q Batch) -> Query<'q, Postgres, PgArguments>;

/// How a statement's input is named, and what it is.
const NAMED: [(&str, Bind); 15] = [
    (":number:", |query, batch| query.bind(batch.number)),
    (":nonces:", |query, batch| query.bind(&batch.nonces)),
    (":codes:", |query, batch| query.bind(&batch.codes)),
    (":subjects:", |query, batch| query.bind(&batch.subjects)),
    (":since:", |query, batch| query.bind(&batch.since)),
    (":rows:", |query, batch| query.bind(&batch.rows)),
    (":counts:", |query, batch| query.bind(&batch.counts)),
    (":history:", |query, batch| query.bind(&batch.history)),
    (":sequence:", |query, batch| query.bind(batch.sequence)),
    (":ids:", |query, batch| query.bind(&batch.ids)),
    (":kinds:", |query, batch| query.bind(&batch.kinds)),
    (":places:", |query, batch| query.bind(&batch.places)),
    (":keys:", |query, batch| query.bind(&batch.keys)),
    (":contents:", |query, batch| query.bind(&batch.contents)),
    (":headers:", |query, batch| query.bind(&batch.headers)),
];

/// Scans per second of a loop over whole transactions of the rows of `feed_check_ins`, and how many scans there were.
pub(super) async fn bare_loop(db: &mut PgConnection, rows: usize) -> Result<(f64, usize)> {
    // As the service has them: a plan that is kept from when `check_ins` was empty reads all of it later.
    let settings = "SET random_page_cost = 1.1; SET plan_cache_mode = force_custom_plan";
    sqlx::raw_sql(settings).execute(&mut *db).await?;
    let inputs = INPUTS.replace("@ROWS@", &rows.to_string());
    let batches: Vec<_> = sqlx::query(AssertSqlSafe(inputs))
        .try_map(|row| Batch::read(&row))
        .fetch_all(&mut *db)
        .await
        .context("the inputs")?;
    let statements: Vec<_> = statements(STATEMENTS).into_iter().map(numbered).collect();
    let begun = Instant::now();
    for batch in &batches {
        for (sql, inputs) in &statements {
            let query = sqlx::query(AssertSqlSafe(sql.as_str()));
            let query = inputs.iter().fold(query, |query, bind| bind(query, batch));
            query.fetch_all(&mut *db).await.with_context(|| sql.clone())?;
        }
    }
    let scans = batches.len() * rows;
    Ok((scans as f64 / begun.elapsed().as_secs_f64(), scans))
}

/// A statement with its inputs as `$1`, `$2` and so on, and what these are.
fn numbered(mut sql: String) -> (String, Vec<Bind>) {
    let mut inputs = Vec::new();
    for (name, bind) in NAMED {
        if sql.contains(name) {
            inputs.push(bind);
            sql = sql.replace(name, &format!("${}", inputs.len()));
        }
    }
    (sql, inputs)
}

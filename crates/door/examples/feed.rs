//! Prints how large the feed of a large event is, and how long one core works on it.
//!
//! `cargo run --release -p fulfillment-door --example feed [TICKETS [PERCENT OF VOIDS]]` (200,000 and 2). Times are the
//! thread's CPU time as Linux counts it; time per ticket stays the same with more tickets, because all of it is linear.

use std::hint::black_box;
use std::time::Duration;

use fulfillment_credential::{Claims, Cti, KeySet, SigningKey, Standing};
use fulfillment_door::feed::{
    Admitted, Delta, Digest, Direction, Document, Head, HeldFeed, Keys, Name, Names, Numbers, Origin,
    Outcome, Snapshot, StillGood, StillGoodCode, number_tag, read, sign,
};

type Failure = Box<dyn std::error::Error>;

const MADE_AT: i64 = 1_800_000_000;
const EVENT: u32 = 4_711;
const VOID: Standing = Standing { lowest_good_generation: 0, voided: true };

/// The CPU time of this thread.
fn on_core() -> Result<Duration, Failure> {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    Ok(Duration::from_nanos(stat.split(' ').next().unwrap_or_default().parse()?))
}

/// Runs it for a tenth of a second and prints the mean: the kernel counts in steps of milliseconds.
fn timed<T>(
    name: &str,
    size: Option<usize>,
    mut run: impl FnMut() -> Result<T, Failure>,
) -> Result<T, Failure> {
    let (begun, mut runs) = (on_core()?, 0);
    loop {
        let result = black_box(run()?);
        runs += 1;
        let taken = on_core()?.saturating_sub(begun);
        if taken >= Duration::from_millis(100) {
            let size = size.map(|size| size.to_string()).unwrap_or_default();
            println!("{name:<40} {size:>12} {:>12.3}", taken.as_secs_f64() * 1e3 / f64::from(runs));
            return Ok(result);
        }
    }
}

/// Unguessable ids are spread; these are, too.
fn cti(n: u32) -> Cti {
    let mut id = [1; 10];
    id[..4].copy_from_slice(&n.wrapping_mul(0x9e37_79b1).to_be_bytes());
    id[4..8].copy_from_slice(&n.to_be_bytes());
    id
}

fn main() -> Result<(), Failure> {
    let mut args = std::env::args().skip(1);
    let tickets: u32 = args.next().map_or(Ok(200_000), |text| text.parse())?;
    let percent: u32 = args.next().map_or(Ok(2), |text| text.parse())?;
    let voids = usize::try_from(u64::from(tickets) * u64::from(percent) / 100)?;
    let key = SigningKey::from_seed(&[7; 32]);
    let accepted = KeySet::from_keys([key.public()])?;
    let mut all: Vec<Cti> = (0..tickets).map(cti).collect();
    let mut deviations: Vec<_> = all.iter().take(voids.max(1)).map(|cti| (*cti, VOID)).collect();
    all.sort_unstable();
    deviations.sort_unstable_by_key(|(cti, _)| *cti);
    let origin = |version| Origin { event: EVENT, epoch: 1, version, made_at: MADE_AT };
    let Some((last, before)) = deviations.split_last() else { return Err("no tickets".into()) };

    println!("{tickets} tickets, {} voids\n{:<40} {:>12} {:>12}", deviations.len(), "", "bytes", "ms");
    let snapshot = Document::Snapshot(Snapshot {
        origin: origin(1),
        event_id: "concert".to_owned(),
        fresh_until: MADE_AT + 1_200,
        head: Head { name: Some("Concert".to_owned()), ..Head::default() },
        keys: Keys { accepted: accepted.clone(), revoked: KeySet::new() },
        deviations: before.to_vec(),
    });
    let bytes = sign(&key, &snapshot)?;
    timed("sign a snapshot", Some(bytes.len()), || Ok(sign(&key, &snapshot)?))?;
    let mut held = timed("read and hold a snapshot", None, || {
        Ok(HeldFeed::begin(read(&bytes, &accepted)?, "concert")?)
    })?;
    let delta = Document::Delta(Delta {
        origin: origin(2),
        from: 1,
        fresh_until: MADE_AT + 1_200,
        head: None,
        keys: None,
        deviations: vec![*last],
        digest: Digest::of_list(&deviations),
    });
    let bytes = sign(&key, &delta)?;
    timed("count and hash of all deviations", None, || Ok(Digest::of_list(&deviations)))?;
    timed("sign a delta of one void", Some(bytes.len()), || Ok(sign(&key, &delta)?))?;
    timed("read and apply it", None, || match held.apply(read(&bytes, &accepted)?)? {
        Outcome::Applied => Ok(()),
        other => Err(format!("the delta was not applied: {other:?}").into()),
    })?;
    let claims =
        Claims { expires_at: MADE_AT + 1, cti: cti(tickets), event: EVENT, category: 1, generation: 0 };
    let code = fulfillment_credential::sign(&key, &claims)?;
    timed("judge a code", None, || Ok(held.verify(&code, MADE_AT)))?;

    let codes = all.iter().map(|cti| StillGoodCode {
        cti: *cti,
        generation: 0,
        category: 1,
        expires_at: MADE_AT + 30_000_000,
    });
    let mut numbers: Vec<_> =
        (0_u32..).zip(&all).map(|(n, cti)| (number_tag(&[5; 32], &format!("{n:010}")), *cti)).collect();
    numbers.sort_unstable();
    let names = all.iter().map(|cti| Name {
        cti: *cti,
        holder: "Maria Musterfrau".into(),
        seat: "Row 12, 34".into(),
    });
    let mut gone: Vec<_> =
        all.iter().map(|[a, b, c, d, e, ..]| ([*a, *b, *c, *d, *e], Direction::In, MADE_AT)).collect();
    gone.dedup_by_key(|(prefix, ..)| *prefix);
    for (name, part) in [
        (
            "still good",
            Document::StillGood(StillGood { origin: origin(2), kid: key.kid(), codes: codes.collect() }),
        ),
        ("numbers", Document::Numbers(Numbers { origin: origin(2), tickets: numbers })),
        ("names", Document::Names(Names { origin: origin(2), tickets: names.collect() })),
        ("admitted, everybody", Document::Admitted(Admitted { origin: origin(2), from: 0, tickets: gone })),
    ] {
        let bytes = sign(&key, &part)?;
        timed(&format!("sign {name}"), Some(bytes.len()), || Ok(sign(&key, &part)?))?;
        timed(&format!("read and hold {name}"), None, || Ok(held.apply(read(&bytes, &accepted)?)?))?;
    }
    Ok(())
}

//! Benchmark: how fast codes are signed, verified and read back from their modules on one core, beside the bare
//! signature and rqrr, a scanner's decoder, in the same run.
//!
//! `scripts/bench credential` builds and runs it; `--json FILE` writes the figures too, `--quick` runs briefly. Times
//! are the thread's CPU time as Linux counts it, so that other load on the machine affects them little.

use std::hint::black_box;
use std::time::Duration;

use coset::{CoseSign1, TaggedCborSerializable as _};
use ed25519_dalek::{Signature, Signer as _};
use fast_qr::{ECL, QRBuilder};
use fulfillment_credential::{Claims, DoorFeed, KeySet, PREFIX, SigningKey, VerifyOptions, sign, verify};
use fulfillment_qr::text_of_modules;
use serde_json::{Value, json};

type Failure = Box<dyn std::error::Error>;

const SEED: [u8; 32] = [7; 32];
/// How many codes are used in turn, so that no result comes from a cache of the last one.
const CODES: u16 = 500;
const NOW: i64 = 1_800_000_000;

/// A code, the bytes its signature covers, the signature, and its symbol as on tickets.
struct Sample {
    claims: Claims,
    code: String,
    signed: Vec<u8>,
    signature: Signature,
    modules: Vec<Vec<bool>>,
}

fn sample(number: u16, key: &SigningKey) -> Result<Sample, Failure> {
    let [high, low] = number.to_be_bytes();
    let claims = Claims {
        expires_at: NOW + 1 + i64::from(number),
        cti: [high, low, 2, 3, 4, 5, 6, 7, 8, 9],
        event: 4_711,
        category: number % 7,
        generation: 1,
    };
    let code = sign(key, &claims)?;
    let message = CoseSign1::from_tagged_slice(&base45::decode(&code[PREFIX.len()..])?)?;
    let signature = Signature::from_slice(&message.signature)?;
    let symbol = QRBuilder::new(code.as_str()).ecl(ECL::Q).build().map_err(|e| e.to_string())?;
    let row = |y: usize| symbol[y].iter().map(|module| module.value()).collect();
    let modules = (0..symbol.size).map(row).collect();
    Ok(Sample { claims, code, signed: message.tbs_data(&[]), signature, modules })
}

/// The CPU time of this thread.
fn on_core() -> Result<Duration, Failure> {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds = stat.split(' ').next().unwrap_or_default().parse()?;
    Ok(Duration::from_nanos(nanoseconds))
}

/// One operation on a sample that is measured.
struct Contender<'a> {
    name: &'static str,
    run: Box<dyn Fn(&Sample) -> bool + 'a>,
    /// Runs per second, one entry for each round.
    rates: Vec<f64>,
}

impl Contender<'_> {
    fn median(&self) -> f64 {
        let mut sorted = self.rates.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied().unwrap_or_default()
    }

    fn round(&mut self, samples: &[Sample], least: Duration) -> Result<(), Failure> {
        let (begun, mut done) = (on_core()?, 0_u32);
        let taken = loop {
            for sample in samples {
                if !(self.run)(black_box(sample)) {
                    return Err(format!("{}: {} came out wrong", self.name, sample.code).into());
                }
            }
            done += u32::from(CODES);
            let taken = on_core()?.saturating_sub(begun);
            if taken >= least {
                break taken;
            }
        };
        self.rates.push(f64::from(done) / taken.as_secs_f64());
        Ok(())
    }
}

fn main() -> Result<(), Failure> {
    let mut args = std::env::args().skip(1);
    let (mut file, mut rounds, mut least) = (None, 21, Duration::from_millis(200));
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--json" => file = Some(args.next().ok_or("--json needs a file")?),
            "--quick" => (rounds, least) = (3, Duration::from_millis(50)),
            other => {
                return Err(format!("there is no option '{other}'; there are --json FILE and --quick").into());
            }
        }
    }

    let key = SigningKey::from_seed(&SEED);
    let (bare, bare_public) = {
        let secret = ed25519_dalek::SigningKey::from_bytes(&SEED);
        let public = secret.verifying_key();
        (secret, public)
    };
    let keys = KeySet::from_keys([key.public(), SigningKey::from_seed(&[8; 32]).public()])?;
    let samples = (0..CODES).map(|number| sample(number, &key)).collect::<Result<Vec<_>, _>>()?;
    // The scanner of a large event: its feed has 10,000 other credentials and a tenth of these.
    let mut feed = DoorFeed::new();
    for n in 0..10_000_u16 {
        let [high, low] = n.to_be_bytes();
        feed.supersede([high, low, 0xff, 0, 0, 0, 0, 0, 0, 0], 1);
    }
    samples.iter().step_by(10).for_each(|sample| feed.supersede(sample.claims.cti, 1));
    let at_door = VerifyOptions { event: Some(4_711), feed: Some(&feed), revoked: None };

    // Floors first; each of our operations names its floor by index.
    let mut contenders = [
        contender("ed25519-dalek verify_strict", |s| {
            bare_public.verify_strict(&s.signed, &s.signature).is_ok()
        }),
        contender("ed25519-dalek sign", |s| bare.sign(&s.signed) == s.signature),
        contender("rqrr", |s| {
            let grid = rqrr::SimpleGrid::from_func(s.modules.len(), |x, y| s.modules[y][x]);
            rqrr::Grid::new(grid).decode().is_ok_and(|(_, text)| text == s.code)
        }),
        contender("verify", |s| verify(&s.code, &keys, NOW, &VerifyOptions::default()).is_valid()),
        contender("verify at a door with its feed", |s| verify(&s.code, &keys, NOW, &at_door).is_valid()),
        contender("sign", |s| sign(&key, &s.claims).is_ok_and(|code| code == s.code)),
        contender("refuse a code cut short", |s| {
            !verify(&s.code[..s.code.len() - 3], &keys, NOW, &VerifyOptions::default()).is_valid()
        }),
        contender("read back from its modules", |s| {
            text_of_modules(s.modules.len(), |x, y| s.modules[y][x]).as_ref() == Ok(&s.code)
        }),
    ];
    let floors = [None, None, None, Some(0), Some(0), Some(1), None, Some(2)];
    // Interleaved, so that other load slows all of them equally.
    for _ in 0..rounds {
        for contender in &mut contenders {
            contender.round(&samples, least)?;
        }
    }

    println!("{:<32} {:>10} {:>10} {:>6}", "one core", "a second", "floor", "ratio");
    let mut figures = Vec::new();
    for (contender, floor) in contenders.iter().zip(floors) {
        let value = contender.median();
        let floor = floor.map(|at: usize| contenders[at].median());
        let shown = |value: Option<f64>, digits| value.map_or("-".into(), |v| format!("{v:.digits$}"));
        let ratio = floor.map(|floor| value / floor);
        let name = contender.name;
        println!("{name:<32} {value:>10.0} {:>10} {:>6}", shown(floor, 0), shown(ratio, 2));
        figures.push(json!({ "name": name, "value": value, "unit": "1/s", "floor": floor, "ratio": ratio }));
    }
    if let Some(file) = file {
        std::fs::write(file, format!("{:#}\n", Value::Array(figures)))?;
    }
    Ok(())
}

fn contender<'a>(name: &'static str, run: impl Fn(&Sample) -> bool + 'a) -> Contender<'a> {
    Contender { name, run: Box::new(run), rates: Vec::new() }
}

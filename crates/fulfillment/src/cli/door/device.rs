//! The command `fulfillment door device`: makes, lists and revokes the devices of doors.

use std::collections::BTreeSet;

use clap::Subcommand;
use fulfillment_config::{Config, token_hash};
use fulfillment_domain::Clock as _;
use fulfillment_pipeline::clock::SystemClock;
use fulfillment_pipeline::keyring::random;
use fulfillment_store::{AddedDevice, DeviceRecord, DeviceRole, NewDevice, Store};
use jiff::Timestamp;
use serde::Serialize;

use super::super::Context;
use super::code;
use crate::error::CliError;
use crate::terminal;

/// The longest name of a device and of a gate.
const LONGEST: usize = 64;
const LONGEST_GATE: usize = 100;

#[derive(Debug, Subcommand)]
pub(super) enum Device {
    /// Make a device and print the code that enrols it, once and within 15 minutes
    ///
    /// The QR code is a URL with the one-time code in its fragment, which browsers send to nobody. The device exchanges it
    /// for a token that is bound to this event, these gates and this role, and that expires 12 hours after the event. Needs
    /// `http.public_url`, the address at which devices reach the service.
    #[command(after_help = "Examples:
  fulfillment door device new --event EVENT --gate North --role steward
  fulfillment door device new --event EVENT --role supervisor --name desk
  fulfillment door device new --event EVENT --gate North --gate South --role steward --json | jq -r .url
A steward has verdicts and the feed; a supervisor also names, overrides and the list of check-ins.
Exit code: 1 when there is no such event, it is over, or the name is in use; 2 without http.public_url.")]
    New {
        /// The event's id
        #[arg(long)]
        event: String,
        /// A gate that it is for, as the event's rules name it; repeat it for several [default: every gate]
        #[arg(long)]
        gate: Vec<String>,
        /// What its holder may do
        #[arg(long, value_parser = role_parser())]
        role: DeviceRole,
        /// Its name in check-ins and in the list: letters, digits, ., _ and - [default: its role and a random number]
        #[arg(long)]
        name: Option<String>,
    },
    /// List devices: last contact, version, scans to upload, feed version, clock difference
    #[command(after_help = "Examples:
  fulfillment door device list
  fulfillment door device list --event EVENT --all
  fulfillment door device list --json | jq '.[] | select(.queue > 0)'
Exit code: 1 when there is no such event.")]
    List {
        /// Only of this event
        #[arg(long)]
        event: Option<String>,
        /// Also those that were revoked or have expired
        #[arg(long)]
        all: bool,
    },
    /// Revoke a device: every server refuses it within five seconds
    ///
    /// For thirty days it may upload what it scanned without a network, and nothing else. What it scanned after its
    /// revocation is recorded and listed as a conflict.
    #[command(after_help = "Example:
  fulfillment door device revoke steward-3fa9c2
Exit code: 1 when there is no such device, or it was revoked before.")]
    Revoke {
        /// Its name, as `door device list` shows it
        name: String,
    },
}

fn role_parser() -> impl clap::builder::TypedValueParser<Value = DeviceRole> {
    use clap::builder::TypedValueParser as _;
    clap::builder::PossibleValuesParser::new(DeviceRole::ALL.iter().map(|role| role.as_str()))
        .try_map(|word| word.parse::<DeviceRole>())
}

/// A device that was made.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Made {
    name: String,
    event_id: String,
    gates: Vec<String>,
    role: &'static str,
    url: String,
    code_expires_at: Timestamp,
    expires_at: Timestamp,
}

/// A device as it is listed.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    name: String,
    event_id: String,
    gates: Vec<String>,
    role: &'static str,
    state: State,
    created_at: Timestamp,
    code_expires_at: Timestamp,
    enrolled_at: Option<Timestamp>,
    expires_at: Timestamp,
    revoked_at: Option<Timestamp>,
    last_contact_at: Option<Timestamp>,
    app_version: Option<String>,
    queue: Option<u32>,
    feed_version: Option<u64>,
    clock_offset_ms: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    /// Its code is good.
    Waiting,
    /// Its code was not used in time.
    Lapsed,
    Enrolled,
    Expired,
    Revoked,
}

#[derive(Serialize)]
struct Revoked {
    name: String,
    revoked: bool,
}

impl Device {
    pub(super) async fn run(
        self,
        context: &Context,
        config: &Config,
        store: &dyn Store,
    ) -> Result<(), CliError> {
        match self {
            Self::New { event, gate, role, name } => {
                let made = make(context, config, store, event, gate, role, name).await?;
                if !context.global.json {
                    code::print(&made.url)?;
                }
                context.answer(&made, describe)
            }
            Self::List { event, all } => {
                if let Some(event) = &event {
                    super::super::known_event(store, event, false).await?;
                }
                let now = SystemClock.now();
                let devices = store.devices(event.as_deref()).await?.into_iter().map(|d| listed(d, now));
                let shown = |device: &Listed| {
                    all || matches!(device.state, State::Waiting | State::Enrolled)
                        || device.queue.is_some_and(|queue| queue > 0)
                };
                let devices: Vec<_> = devices.filter(shown).collect();
                context.answer(&devices, |devices| table(devices))
            }
            Self::Revoke { name } => {
                if !store.revoke_device(&name, &context.actor()).await? {
                    return Err(CliError::failed(format!(
                        "there is no device {name:?} to revoke; `fulfillment door device list --all` shows those there are"
                    )));
                }
                context.answer(&Revoked { name, revoked: true }, |revoked| {
                    format!("{} is revoked; every server refuses it within five seconds", revoked.name)
                })
            }
        }
    }
}

async fn make(
    context: &Context,
    config: &Config,
    store: &dyn Store,
    event: String,
    gates: Vec<String>,
    role: DeviceRole,
    name: Option<String>,
) -> Result<Made, CliError> {
    let Some(base) = &config.http.public_url else {
        return Err(CliError::misuse(
            "devices must know where the service is: set http.public_url (FULFILLMENT_HTTP_PUBLIC_URL) to the address at \
             which they reach it, like https://tickets.example",
        ));
    };
    check_gates(&gates)?;
    let name = name.unwrap_or_else(|| format!("{role}-{}", hex::encode(random::<3>())));
    check_name(&name)?;
    let code = hex::encode(random::<16>());
    let new = NewDevice { name, event_id: event, gates, role, code_sha256: token_hash(&code) };
    let device = match store.add_device(&new, &context.actor()).await? {
        AddedDevice::Added(device) => *device,
        AddedDevice::NoSuchEvent => {
            return Err(CliError::failed(format!(
                "there is no event {}; `fulfillment event list` shows those there are",
                new.event_id
            )));
        }
        AddedDevice::NameInUse => {
            return Err(CliError::failed(format!(
                "a device with the name {name} is in use: choose another name, or revoke that one by `fulfillment door \
                 device revoke {name}`",
                name = new.name
            )));
        }
        AddedDevice::EventIsOver(at) => {
            return Err(CliError::failed(format!(
                "the event is over, and its devices expired at {at:.0}; `fulfillment event set` corrects its dates"
            )));
        }
    };
    let rules = store.door_rules(&device.event_id).await?.unwrap_or_default();
    for gate in device.gates.iter().filter(|gate| !rules.gates.is_empty() && !rules.gates.contains_key(*gate))
    {
        eprintln!(
            "fulfillment: the event's rules have no gate {}: it leads to no area",
            terminal::lines([format!("{gate:?}")])
        );
    }
    let DeviceRecord { name, event_id, gates, code_expires_at, expires_at, .. } = device;
    let url = format!("{}/door#{code}", base.as_str());
    Ok(Made { name, event_id, gates, role: role.as_str(), url, code_expires_at, expires_at })
}

/// As the gates of scans.
fn check_gates(gates: &[String]) -> Result<(), CliError> {
    for gate in gates {
        if !(1..=LONGEST_GATE).contains(&gate.chars().count())
            || gate.trim() != gate
            || gate.chars().any(char::is_control)
        {
            return Err(CliError::misuse(format!(
                "--gate {gate:?}: a gate has 1 to {LONGEST_GATE} characters, no control characters, and no space at its \
                 ends"
            )));
        }
    }
    if gates.iter().collect::<BTreeSet<_>>().len() < gates.len() {
        return Err(CliError::misuse("--gate names a gate twice"));
    }
    Ok(())
}

fn check_name(name: &str) -> Result<(), CliError> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    if name.is_empty() || name.len() > LONGEST || !name.bytes().all(plain) {
        return Err(CliError::misuse(format!(
            "a device's name must be at most {LONGEST} letters, digits, ., _ and -"
        )));
    }
    Ok(())
}

fn describe(made: &Made) -> String {
    format!(
        "{}\n\n{} ({}) for {}, {}\nScan it with the device before {:.0}; it is good once. The device's token expires at \
         {:.0}, and moves with the event.",
        made.url,
        made.name,
        made.role,
        made.event_id,
        gates(&made.gates),
        made.code_expires_at,
        made.expires_at,
    )
}

fn gates(gates: &[String]) -> String {
    if gates.is_empty() { "every gate".to_owned() } else { format!("gates {}", gates.join(", ")) }
}

fn listed(device: DeviceRecord, now: Timestamp) -> Listed {
    let state = match (device.revoked_at, device.enrolled_at) {
        (Some(_), _) => State::Revoked,
        (None, None) if device.code_expires_at <= now => State::Lapsed,
        (None, None) => State::Waiting,
        (None, Some(_)) if device.expires_at <= now => State::Expired,
        (None, Some(_)) => State::Enrolled,
    };
    Listed {
        state,
        role: device.role.as_str(),
        name: device.name,
        event_id: device.event_id,
        gates: device.gates,
        created_at: device.created_at,
        code_expires_at: device.code_expires_at,
        enrolled_at: device.enrolled_at,
        expires_at: device.expires_at,
        revoked_at: device.revoked_at,
        last_contact_at: device.contact_at,
        app_version: device.state.app_version,
        queue: device.state.queued,
        feed_version: device.state.feed_version,
        clock_offset_ms: device.state.clock_offset_ms,
    }
}

fn table(devices: &[Listed]) -> String {
    if devices.is_empty() {
        return "there is no such device; `fulfillment door device new` makes one".to_owned();
    }
    let width = devices.iter().map(|device| device.name.len()).max().unwrap_or_default();
    terminal::lines(devices.iter().map(|device| {
        let state = match device.state {
            State::Waiting => format!("waits to be enrolled until {:.0}", device.code_expires_at),
            State::Lapsed => "was not enrolled in time".to_owned(),
            State::Enrolled => format!("expires {:.0}", device.expires_at),
            State::Expired => format!("EXPIRED {:.0}", device.expires_at),
            State::Revoked => {
                device.revoked_at.map_or_else(|| "revoked".to_owned(), |at| format!("revoked {at:.0}"))
            }
        };
        let mut parts = vec![format!(
            "{:width$}  {}, {}, {}, {state}",
            device.name,
            device.event_id,
            device.role,
            gates(&device.gates)
        )];
        parts.extend(device.last_contact_at.map(|at| format!("last contact {at:.0}")));
        parts.extend(device.app_version.as_ref().map(|version| format!("version {version}")));
        parts.extend(device.queue.map(|queue| format!("{queue} to upload")));
        parts.extend(device.feed_version.map(|version| format!("feed {version}")));
        parts.extend(device.clock_offset_ms.map(|offset| format!("clock {offset:+} ms")));
        parts.join(", ")
    }))
}

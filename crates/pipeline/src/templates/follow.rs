//! Reloads templates that change while the service runs.
//!
//! The settings and every file are read again periodically and compared by content: any change counts, however it was
//! made, and a half-written one counts when it is complete.

use std::sync::Arc;
use std::time::Duration;

use fulfillment_config::Config;
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use super::{TemplateRegistry, Templates};
use crate::runtime::Runtime;

/// Interval between two reads.
const EVERY: Duration = Duration::from_secs(2);

impl Templates {
    /// Loads changes until `stop`. What cannot be used changes nothing, and is logged once.
    pub async fn follow(
        self: Arc<Self>,
        config: Config,
        environment: Vec<(String, String)>,
        runtime: Arc<dyn Runtime>,
        stop: CancellationToken,
    ) {
        let mut said = String::new();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = runtime.sleep(EVERY) => {}
            }
            let (config, environment) = (config.clone(), environment.clone());
            let read = spawn_blocking(move || read_again(&config, environment)).await;
            let trouble = match read.unwrap_or_else(|error| Err(error.to_string())) {
                Ok(registry) if registry.says_the_same(&self.registry()) => String::new(),
                Ok(registry) => match self.turn_to(registry).await {
                    Ok(()) => {
                        info!("changed templates loaded; they apply to new tickets");
                        String::new()
                    }
                    Err(error) => error.to_string(),
                },
                Err(trouble) => trouble,
            };
            if trouble != said && !trouble.is_empty() {
                error!("changed templates cannot be loaded; new tickets use the previous ones: {trouble}");
            }
            said = trouble;
        }
    }
}

/// The templates that a start would load now.
fn read_again(config: &Config, environment: Vec<(String, String)>) -> Result<TemplateRegistry, String> {
    let config = match &config.file {
        Some(file) => Config::load(Some(file), environment).map_err(|error| error.to_string())?,
        None => config.clone(),
    };
    TemplateRegistry::read(&config).map_err(|unusable| {
        unusable.iter().map(|(name, why)| format!("{name}: {why}")).collect::<Vec<_>>().join("; ")
    })
}

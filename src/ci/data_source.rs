//! What the platform says of the data source that both tables of a diff are read in.

use std::time::Duration;

use tokio::time::timeout;
use tracing::debug;

use super::config::CiConfig;
use crate::platform::data_diffs::DataDiffs;

/// How long the platform has to say it: without it names and SQL are read less closely, and the platform judges them itself.
const SOON: Duration = Duration::from_secs(10);

/// The type of the data source of a CI configuration, in the platform's word (`snowflake`). `None`: the configuration names none, or the
/// platform does not say; a key need not be allowed to see it.
pub async fn data_source_type(platform: &dyn DataDiffs, config: &CiConfig) -> Option<String> {
    if config.data_connection.is_empty() {
        return None;
    }
    let why = match timeout(SOON, platform.data_source_type(&config.data_connection)).await {
        Ok(Ok(found)) => return found,
        Ok(Err(failure)) => failure.message,
        Err(_) => "there is no answer".to_owned(),
    };
    debug!(
        "the type of the data source `{}` is not known: {why}",
        config.data_connection
    );
    None
}

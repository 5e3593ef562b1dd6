//! Reads what is live: the data sources in one request, the monitors by pages and number, CI configurations by whether they are there.

use driftless_core::report::Failure;
use driftless_core::snapshot::{Desired, Live, Scope};
use driftless_core::value::Value;

use super::Datafold;
use super::data_sources::collect_secrets;
use super::kinds::{CI_CONFIG, DATA_SOURCE, MONITOR};
use super::sight::gap;
use crate::platform::Platform as _;

impl Datafold {
    pub(super) async fn observed(&self, desired: &Desired, scope: &Scope) -> Result<Live, Failure> {
        let mut secrets = Vec::new();
        for document in desired.documents.values() {
            let values = document.spec.values();
            values.for_each(|value: &Value| collect_secrets(value, &mut secrets));
        }
        self.http.hide(secrets);
        if self.organization.is_some() {
            self.reach().await?;
        }
        self.desk.clear();
        let mut live = Live::default();
        live.by_hand.insert(DATA_SOURCE, self.sources_settings());
        live.by_hand.insert(CI_CONFIG, self.ci_settings());
        let with_monitors = !scope.left_out.contains(&MONITOR);
        let (sources, monitors) = futures::join!(self.listed_sources(), async {
            match with_monitors {
                true => Some(self.listed_monitors().await),
                false => None,
            }
        });
        if let (Err(failure), Some(Err(_)) | None) = (&sources, &monitors) {
            return Err(failure.clone());
        }
        let names = match sources {
            Ok(listed) => self.put_sources(listed, desired, scope, &mut live).await?,
            Err(failure) => {
                live.gaps.push(gap(DATA_SOURCE, None, failure, "the data sources")?);
                std::collections::BTreeMap::new()
            }
        };
        match monitors {
            Some(Ok(listed)) => self.put_monitors(listed, desired, scope, &names, &mut live).await?,
            Some(Err(failure)) => live.gaps.push(gap(MONITOR, None, failure, "the monitors")?),
            None => {}
        }
        self.put_ci_configs(desired, scope, &mut live).await?;
        Ok(live)
    }
}

//! CI configurations: no request reads or writes one. All that can be told is whether one of that number is there
//! (`reference` 4.4).

use driftless_core::key::{Key, RemoteId};
use driftless_core::report::{Failure, Meaning};
use driftless_core::snapshot::{Desired, Gap, GapReason, Live, Scope};
use driftless_core::value::{Map, Value};
use futures::stream::{self, StreamExt as _};

use super::Datafold;
use super::calls::LIST_RUNS;
use super::ci_config_form::OURS;
use super::kinds::CI_CONFIG;
use super::sight::{AT_ONCE, gap};
use super::wire;
use crate::platform::failures::failure;
use crate::platform::http::Request;

/// The field with its number.
const ID: &str = "ci_config_id";

/// The number of a CI configuration.
pub(super) fn number(spec: &Map) -> Option<i64> {
    spec.get(ID).and_then(Value::as_i64)
}

/// What no form of the platform has is in effect as Git says it.
fn as_in_git(spec: &mut Map, git: &Map) {
    for field in OURS {
        match git.get(field) {
            Some(value) => spec.insert(field.to_owned(), value.clone()),
            None => spec.shift_remove(field),
        };
    }
}

impl Datafold {
    /// Looks for each that is declared or owned. One that is there is what was agreed: what it says over there is not known.
    pub(super) async fn put_ci_configs(
        &self,
        desired: &Desired,
        scope: &Scope,
        live: &mut Live,
    ) -> Result<(), Failure> {
        if scope.left_out.contains(&CI_CONFIG) {
            return Ok(());
        }
        let declared = desired
            .documents
            .values()
            .filter(|document| document.key.kind == CI_CONFIG);
        let mut wanted: Vec<(Key, i64)> = declared
            .filter_map(|document| Some((document.key.clone(), number(&document.spec)?)))
            .collect();
        for (key, spec) in scope.agreed.iter().filter(|(key, _)| key.kind == CI_CONFIG) {
            if !desired.documents.contains_key(key)
                && let Some(id) = number(spec)
            {
                wanted.push((key.clone(), id));
            }
        }
        let asked: Vec<_> = stream::iter(wanted)
            .map(|(key, id)| async move { (key, id, self.has_ci_config(id).await) })
            .buffered(AT_ONCE)
            .collect()
            .await;
        for (key, id, is_there) in asked {
            match is_there {
                Ok(true) => {
                    let bare = || {
                        [
                            ("name".to_owned(), Value::from(key.name())),
                            (ID.to_owned(), Value::from(id)),
                        ]
                        .into()
                    };
                    let mut spec = scope.agreed.get(&key).cloned().unwrap_or_else(bare);
                    if let Some(document) = desired.documents.get(&key) {
                        as_in_git(&mut spec, &document.spec);
                    }
                    let resource = wire::resource(CI_CONFIG, id, spec);
                    live.resources.insert(key, resource);
                }
                Ok(false) => {}
                Err(failure) if failure.meaning == Meaning::Forbidden => live.gaps.push(Gap {
                    kind: CI_CONFIG,
                    message: format!("`{key}` is not visible: {}", failure.message),
                    below: Some(key),
                    reason: GapReason::NotVisible,
                }),
                Err(failure) => {
                    let what = format!("whether `{key}` is there");
                    live.gaps.push(gap(CI_CONFIG, Some(key), failure, &what)?);
                }
            }
        }
        Ok(())
    }

    /// Whether there is a CI configuration of this number.
    pub(super) async fn has_ci_config(&self, id: i64) -> Result<bool, Failure> {
        let request = Request::new(&LIST_RUNS, &[id]).query("limit", 1);
        match self.http.fetch(&request).await {
            Ok(_) => Ok(true),
            Err(failure) if failure.meaning == Meaning::NotFound => Ok(false),
            Err(failure) => Err(failure),
        }
    }

    /// Looks whether a person has made it.
    pub(super) async fn ci_config_by_hand(&self, key: &Key, spec: &Map) -> Result<RemoteId, Failure> {
        let Some(id) = number(spec) else {
            return Err(failure(Meaning::Invalid, format!("{key} has no `{ID}`")));
        };
        match self.has_ci_config(id).await? {
            true => Ok(RemoteId(id)),
            false => {
                let message = format!(
                    "{key}: there is no CI configuration {id}: make it at {}, and write its number into the document",
                    self.ci_settings()
                );
                Err(failure(Meaning::NotFound, message))
            }
        }
    }
}

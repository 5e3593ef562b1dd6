//! Provisioning: what the files say of one slug, carried out or only planned.

use serde_json::{Value, json};

use super::monitor::{Kind, Managed, Monitor, Notices};
use super::monitor_spec::{From, kept};
use super::organisation::Organisation;
use super::switches::{Elements, ResultErrors, Switches, Unchanged};
use super::wildcard::{Unit, units};
use super::wire::Refusal;
use crate::sandbox::table::Id;

/// Whether anything is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Dry,
    Real,
}

/// What to do with monitors of files that no file names any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dangling {
    Ignore,
    Pause,
    Delete,
}

impl Dangling {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Ignore => "ignore",
            Self::Pause => "pause",
            Self::Delete => "delete",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        [Self::Ignore, Self::Pause, Self::Delete]
            .into_iter()
            .find(|strategy| strategy.name() == text)
    }
}

/// A monitor, as a result names it.
#[derive(Clone)]
pub(super) struct Named {
    /// Absent for what a dry run would make.
    id: Option<Id>,
    slug: String,
    name: Option<String>,
}

impl Named {
    fn of(monitor: &Monitor) -> Self {
        Self {
            id: Some(monitor.id),
            slug: monitor.slug().unwrap_or_default().to_owned(),
            name: monitor.name().map(str::to_owned),
        }
    }

    fn render(&self, elements: Elements) -> Value {
        match elements {
            Elements::Objects => json!({ "id": self.id, "slug": self.slug, "name": self.name }),
            Elements::Names => json!(self.name.as_deref().unwrap_or(&self.slug)),
            Elements::Slugs => json!(self.slug),
            Elements::Ids => json!(self.id),
        }
    }
}

/// What a provisioning came to.
#[derive(Clone, Default)]
pub(super) struct Outcome {
    created: Vec<Named>,
    updated: Vec<Named>,
    unchanged: Vec<Named>,
    deleted: Vec<Named>,
    paused: Vec<Named>,
    /// Slugs, each with what is wrong.
    errors: Vec<(String, String)>,
}

impl Outcome {
    pub(super) fn render(&self, switches: &Switches) -> Value {
        let list = |rows: &[Named]| -> Value { rows.iter().map(|row| row.render(switches.elements)).collect() };
        let errors: Value = self
            .errors
            .iter()
            .map(|(slug, message)| match switches.result_errors {
                ResultErrors::Texts => json!(format!("{slug}: {message}")),
                ResultErrors::Objects => json!({ "slug": slug, "message": message }),
            })
            .collect();
        let mut out = json!({
            "created_monitors": list(&self.created),
            "updated_monitors": list(&self.updated),
        });
        if switches.unchanged == Unchanged::Listed {
            out["unchanged_monitors"] = list(&self.unchanged);
        }
        out["deleted_monitors"] = list(&self.deleted);
        out["paused_monitors"] = list(&self.paused);
        out["errors"] = errors;
        out
    }
}

impl Organisation {
    /// Provisions one slug.
    pub(super) fn provision(&mut self, slug: &str, spec: &Value, mode: Mode, outcome: &mut Outcome) {
        if let Err(message) = self.try_provision(slug, spec, mode, outcome) {
            outcome.errors.push((slug.to_owned(), message));
        }
    }

    fn try_provision(&mut self, slug: &str, spec: &Value, mode: Mode, outcome: &mut Outcome) -> Result<(), String> {
        let body = spec.as_object().ok_or("a monitor should be a mapping")?;
        let word = body.get("type").and_then(Value::as_str);
        let kind = word.and_then(Kind::parse);
        let kind = kind.ok_or("type should be one of diff, metric, test, schema")?;
        let kept = kept(kind, From::Code, body).map_err(|refusal| told(&refusal))?;
        self.unknown_connections(&kept).map_err(|refusal| told(&refusal))?;
        let pinned = match body.get("id") {
            None | Some(Value::Null) => None,
            Some(id) => Some(id.as_i64().ok_or("id should be a whole number")?),
        };
        let units = units(self, kind, kept)?;
        let own: Vec<Id> = self
            .monitors
            .iter()
            .filter(|row| row.slug() == Some(slug))
            .map(|row| row.id)
            .collect();
        if own
            .iter()
            .any(|id| self.monitors.get(*id).is_some_and(|row| row.kind != kind))
        {
            return Err("the type of a monitor cannot be changed".to_owned());
        }
        if let Some(id) = pinned {
            self.check_pinned(slug, id, kind, &own, &units)?;
        }
        let mut met = Vec::new();
        for unit in units {
            let known = own
                .iter()
                .copied()
                .find(|id| self.has_table(*id, unit.table.as_deref()));
            met.extend(known);
            self.provision_unit(slug, kind, unit, known.or(pinned), mode, outcome);
        }
        for id in own.into_iter().filter(|id| !met.contains(id)) {
            self.drop_monitor(id, mode, outcome);
        }
        Ok(())
    }

    /// Whether the monitor that a file manages is the one of this table.
    fn has_table(&self, id: Id, table: Option<&str>) -> bool {
        self.monitors.get(id).is_some_and(|row| match &row.managed {
            Managed::ByCode { table: own, .. } => own.as_deref() == table,
            Managed::ByHand => false,
        })
    }

    /// Refuses a pinned id that cannot be adopted.
    fn check_pinned(&self, slug: &str, id: Id, kind: Kind, own: &[Id], units: &[Unit]) -> Result<(), String> {
        if units.iter().any(|unit| unit.table.is_some()) {
            return Err("a wildcard has no id".to_owned());
        }
        let row = self
            .monitors
            .get(id)
            .ok_or_else(|| format!("monitor {id} does not exist"))?;
        if row.kind != kind {
            return Err(format!("monitor {id} is of type {}", row.kind.name()));
        }
        match row.slug() {
            Some(other) if other != slug => Err(format!("monitor {id} is managed as {other}")),
            None if !own.is_empty() => Err(format!("{slug} is another monitor than {id} already")),
            _ => Ok(()),
        }
    }

    fn provision_unit(
        &mut self,
        slug: &str,
        kind: Kind,
        unit: Unit,
        known: Option<Id>,
        mode: Mode,
        outcome: &mut Outcome,
    ) {
        let managed = Managed::ByCode {
            slug: slug.to_owned(),
            table: unit.table,
        };
        let name = unit.spec.get("name").and_then(Value::as_str).map(str::to_owned);
        let mut named = Named {
            id: known,
            slug: slug.to_owned(),
            name,
        };
        let Some(id) = known else {
            if mode == Mode::Real {
                named.id = Some(self.add_monitor(kind, managed, unit.spec));
            }
            outcome.created.push(named);
            return;
        };
        let now = self.clock.precise();
        let Some(row) = self.monitors.get_mut(id) else { return };
        if row.managed == managed && row.spec == unit.spec && row.notices == Notices::Sent {
            outcome.unchanged.push(named);
            return;
        }
        if mode == Mode::Real {
            row.managed = managed;
            row.spec = unit.spec;
            row.notices = Notices::Sent;
            row.modified = now;
        }
        outcome.updated.push(named);
    }

    fn drop_monitor(&mut self, id: Id, mode: Mode, outcome: &mut Outcome) {
        let named = self.monitors.get(id).map(Named::of);
        outcome.deleted.extend(named);
        if mode == Mode::Real {
            self.monitors.remove(id);
        }
    }

    /// Does with the monitors of files that none of `slugs` names what the strategy says. Those of people are not touched.
    pub(super) fn dangle(&mut self, slugs: &[&str], strategy: Dangling, mode: Mode, outcome: &mut Outcome) {
        let dangling: Vec<Id> = self
            .monitors
            .iter()
            .filter(|row| row.slug().is_some_and(|slug| !slugs.contains(&slug)))
            .map(|row| row.id)
            .collect();
        for id in dangling {
            match strategy {
                Dangling::Ignore => {}
                Dangling::Delete => self.drop_monitor(id, mode, outcome),
                Dangling::Pause => {
                    let Some(row) = self.monitors.get_mut(id) else { continue };
                    if row.notices == Notices::Paused {
                        continue;
                    }
                    outcome.paused.push(Named::of(row));
                    if mode == Mode::Real {
                        row.notices = Notices::Paused;
                    }
                }
            }
        }
    }
}

/// A refusal in one line.
fn told(refusal: &Refusal) -> String {
    let faults = refusal.body.get("detail").and_then(Value::as_array);
    let lines: Vec<String> = faults
        .into_iter()
        .flatten()
        .map(|fault| {
            let place: Vec<&str> = fault["loc"]
                .as_array()
                .into_iter()
                .flatten()
                .skip(1)
                .filter_map(Value::as_str)
                .collect();
            format!("{}: {}", place.join("."), fault["msg"].as_str().unwrap_or_default())
        })
        .collect();
    lines.join("; ")
}

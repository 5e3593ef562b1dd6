//! What sync and profile find out: containers, their fields, and the fields of what is computed.

use serde_json::json;

use super::state::{Container, ContainerType, FieldStatus, Id, Instance};
use super::warehouse::PhysicalKind;

impl Instance {
    /// Makes what the warehouse holds known: new containers and fields appear, lost fields are marked.
    pub(super) fn sync(&mut self, datastore: Id, prune: bool) {
        let Some(row) = self.datastores.get(datastore) else {
            return;
        };
        let physical = self.warehouse.at(&self.place(row)).to_vec();
        for found in &physical {
            let known = self
                .container_named(datastore, &found.name)
                .map(|row| (row.meta.id, row.kind));
            let id = match known {
                Some((_, kind)) if kind.computed() => continue,
                Some((id, _)) => id,
                None => {
                    let id = self.containers.reserve();
                    let meta = self.born(id, 1);
                    let kind = match found.kind {
                        PhysicalKind::Table | PhysicalKind::View => ContainerType::Table,
                        PhysicalKind::File => ContainerType::File,
                    };
                    let mut spec = super::container_definition::defaults(kind);
                    match found.kind {
                        PhysicalKind::Table | PhysicalKind::View => {
                            spec.insert("table_type".to_owned(), json!(found.kind.name()));
                        }
                        PhysicalKind::File => {
                            spec.insert("file_name".to_owned(), json!(found.name));
                            spec.insert("relative_path".to_owned(), json!(format!("/{}", found.name)));
                            let extension = found.name.rsplit_once('.').map(|(_, extension)| extension);
                            spec.insert("extension".to_owned(), json!(extension));
                            spec.insert("file_format".to_owned(), json!(extension));
                        }
                    }
                    self.add_container(Container {
                        meta,
                        datastore,
                        kind,
                        name: found.name.clone(),
                        spec,
                        tags: Vec::new(),
                        fields: indexmap::IndexMap::new(),
                        computed_fields: Vec::new(),
                        profiles: 0,
                    });
                    id
                }
            };
            self.columns_become(id, &found.fields);
        }
        let gone: Vec<Id> = self
            .containers_in(datastore)
            .filter(|row| !row.kind.computed() && !physical.iter().any(|found| found.name == row.name))
            .map(|row| row.meta.id)
            .collect();
        for id in gone {
            if prune {
                self.remove_container(id);
            } else if let Some(row) = self.containers.get_mut(id) {
                row.fields
                    .values_mut()
                    .for_each(|field| field.status = FieldStatus::Missing);
            }
        }
    }

    /// Makes the fields of a container known: those of its query, and its computed fields.
    pub(super) fn profile(&mut self, container: Id) {
        let Some(row) = self.containers.get(container) else {
            return;
        };
        if row.kind.computed() {
            // A definition that cannot be read any more yields what it did before.
            if let Ok(columns) = self.derive(row.datastore, row.kind, &row.spec) {
                self.columns_become(container, &columns);
            }
        }
        let Some(row) = self.containers.get(container) else {
            return;
        };
        let computed: Vec<(String, String)> = row
            .computed_fields
            .iter()
            .filter_map(|id| self.computed_fields.get(*id))
            .map(|field| (field.name.clone(), field.field_type().to_owned()))
            .collect();
        let stale: Vec<String> = row
            .fields
            .iter()
            .filter(|(name, field)| field.computed && !computed.iter().any(|known| known.0 == **name))
            .map(|(name, _)| name.clone())
            .collect();
        for name in stale {
            self.lose_field(container, &name);
        }
        for (name, kind) in computed {
            self.add_field(container, &name, &kind, true);
        }
        if let Some(row) = self.containers.get_mut(container) {
            row.profiles += 1;
        }
        self.learn(container);
    }

    /// Gives a container these columns, and takes those it had besides.
    fn columns_become(&mut self, container: Id, columns: &[(String, String)]) {
        let stale: Vec<String> = self
            .containers
            .get(container)
            .into_iter()
            .flat_map(|row| &row.fields)
            .filter(|(name, field)| !field.computed && !columns.iter().any(|column| column.0 == **name))
            .map(|(name, _)| name.clone())
            .collect();
        for name in stale {
            self.lose_field(container, &name);
        }
        for (name, kind) in columns {
            self.add_field(container, name, kind, false);
        }
    }

    /// Moves the bounds of the checks that the platform manages itself, as every profile does.
    fn learn(&mut self, container: Id) {
        let inferred: Vec<Id> = self
            .checks_on(container)
            .filter(|check| check.inferred)
            .map(|check| check.meta.id)
            .collect();
        for id in inferred {
            let stamp = self.clock.stamp();
            let Some(check) = self.checks.get_mut(id) else { continue };
            for key in ["max", "value"] {
                let Some(bound) = check.definition.properties.get_mut(key) else {
                    continue;
                };
                if let Some(number) = bound.as_i64() {
                    *bound = json!(number.saturating_add(1));
                    check.meta.updated.clone_from(&stamp);
                }
            }
        }
    }
}

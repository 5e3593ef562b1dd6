//! Single steps, as a plan would have them.

use driftless::platform::datafold::Datafold;
use driftless::platform::{Done, Ids, Platform as _, Progress};
use driftless_core::document::Document;
use driftless_core::field::FieldPath;
use driftless_core::key::Key;
use driftless_core::plan::{Action, Change, Class, FieldChange, Step};
use driftless_core::report::Failure;
use driftless_core::value::Map;

pub(crate) fn create(document: &Document) -> Step {
    write(Action::Create, document.key.clone(), document.spec.clone())
}

/// A step that writes all that it changes.
pub(crate) fn write(action: Action, key: Key, write: Map) -> Step {
    let fields = write.iter().map(|(field, value)| FieldChange {
        path: FieldPath::top(field),
        class: Class::Pending,
        before: None,
        after: Some(value.clone()),
    });
    Step {
        change: Change {
            key,
            action,
            class: Class::Pending,
            fields: fields.collect(),
            place: None,
            edited: None,
        },
        after: Vec::new(),
        write,
        remote: None,
        base: None,
        agreement: None,
        moves: Vec::new(),
        closes: Vec::new(),
    }
}

pub(crate) async fn done(datafold: &Datafold, step: &Step, ids: &Ids) -> Result<Done, Failure> {
    let mut progress = datafold.execute(step, ids).await?;
    for _ in 0..100 {
        match progress {
            Progress::Done(done) => return Ok(done),
            Progress::Running(job) => progress = datafold.poll(&job, ids).await?,
        }
    }
    panic!("it never ends");
}

//! Group commit of monitors: steps that come while none is under way go together in one provisioning, and those that come meanwhile
//! wait for the next one. An organization has one provisioning at a time.
//!
//! Nobody works here by himself: each step that looks after its own ticket does what is next to be done for all.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use driftless_core::key::{Key, RemoteId};
use driftless_core::plan::Operation;
use driftless_core::report::{Failure, Meaning};
use driftless_core::value::{Map, Value};
use serde_json::Value as Json;

use super::Datafold;
use super::live_monitors::{below_slug, is_blamed};
use super::provisioning::{Config, Ended, Mode, Rehearsal, Started};
use super::results::{Extent, Known, Said};
use crate::platform::failures::failure;
use crate::platform::{Done, Job, Progress};

/// The operation that a monitor's step waits for.
const PROVISION: &str = "provision";
/// The argument of it with the number of its ticket.
const TICKET: &str = "ticket";

/// Turns that a step gives to others that come at the same moment, before it goes without them.
const COURTESY: usize = 8;

/// The monitors that are to be written, and the provisioning that is under way.
#[derive(Default)]
pub struct Desk {
    papers: Mutex<Papers>,
    turn: tokio::sync::Mutex<Turn>,
}

#[derive(Default)]
struct Papers {
    last: i64,
    tickets: BTreeMap<i64, Arc<Ticket>>,
    /// The numbers of all monitors that were there when the instance was last read.
    seen: BTreeSet<i64>,
}

/// What only one at a time may do.
#[derive(Default)]
struct Turn {
    running: Option<Batch>,
    /// Whether the last start was refused since somebody else provisions.
    is_busy: bool,
    /// How often the platform was asked about what is awaited: whoever has not heard the last answer is told that one.
    asked: u64,
}

struct Batch {
    job: String,
    tickets: Vec<Arc<Ticket>>,
}

/// A monitor that is to be written.
pub(super) struct Paper {
    /// Its key.
    pub(super) key: Key,
    /// How an element of a result may name it.
    pub(super) known: Known,
    /// Its type.
    pub(super) sort: Option<String>,
    /// What is sent.
    pub(super) spec: Json,
}

struct Ticket {
    number: i64,
    paper: Paper,
    state: Mutex<State>,
}

struct State {
    became: Became,
    /// Whether it goes without company, since something in its company was refused.
    is_alone: bool,
    heard: u64,
}

enum Became {
    Waiting,
    Sent,
    Ended(Result<Done, Failure>),
}

impl Ticket {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ends(&self, result: Result<Done, Failure>) {
        self.state().became = Became::Ended(result);
    }

    fn waits(&self) -> bool {
        matches!(self.state().became, Became::Waiting)
    }

    fn ended(&self) -> Option<Result<Done, Failure>> {
        match &self.state().became {
            Became::Ended(result) => Some(result.clone()),
            Became::Waiting | Became::Sent => None,
        }
    }

    fn slug(&self) -> &str {
        self.paper.key.name()
    }
}

impl Desk {
    /// Forgets what was left of an earlier pass: what nobody waits for is not sent any more.
    pub(super) fn clear(&self) {
        self.papers().tickets.clear();
    }

    /// Remembers which monitors are there.
    pub(super) fn remember(&self, ids: impl Iterator<Item = i64>) {
        self.papers().seen = ids.collect();
    }

    fn papers(&self) -> MutexGuard<'_, Papers> {
        self.papers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hand_in(&self, paper: Paper) -> Arc<Ticket> {
        let mut papers = self.papers();
        papers.last += 1;
        let ticket = Arc::new(Ticket {
            number: papers.last,
            paper,
            state: Mutex::new(State {
                became: Became::Waiting,
                is_alone: false,
                heard: 0,
            }),
        });
        papers.tickets.insert(ticket.number, ticket.clone());
        ticket
    }

    fn forget(&self, ticket: &Ticket) {
        self.papers().tickets.remove(&ticket.number);
    }

    /// Whether anybody is still to be told how a provisioning ends.
    fn awaits(&self, batch: &Batch) -> bool {
        let papers = self.papers();
        batch
            .tickets
            .iter()
            .any(|ticket| papers.tickets.contains_key(&ticket.number))
    }

    /// The tickets that wait and may go together with `ticket`.
    fn together(&self, ticket: &Arc<Ticket>) -> Vec<Arc<Ticket>> {
        if ticket.state().is_alone {
            return vec![ticket.clone()];
        }
        let papers = self.papers();
        let mut slugs = BTreeSet::new();
        let waiting = papers.tickets.values().filter(|ticket| {
            let state = ticket.state();
            matches!(state.became, Became::Waiting) && !state.is_alone
        });
        waiting
            .filter(|ticket| slugs.insert(ticket.slug().to_owned()))
            .cloned()
            .collect()
    }
}

impl Datafold {
    /// Hands a monitor in, and goes ahead with it if nothing is under way.
    pub(super) async fn hand_in(&self, paper: Paper) -> Result<Progress, Failure> {
        let ticket = self.desk.hand_in(paper);
        for _ in 0..COURTESY {
            tokio::task::yield_now().await;
        }
        let job = Job {
            id: RemoteId(0),
            operation: Operation {
                name: PROVISION,
                subject: ticket.paper.key.clone(),
                arguments: [(TICKET.to_owned(), Value::from(ticket.number))].into(),
                reason: "monitors are written by provisioning".to_owned(),
            },
        };
        let progress = self.look_after(&ticket, job.clone()).await;
        if ticket.ended().is_some() {
            self.desk.forget(&ticket);
        }
        match progress {
            // What went wrong is the look at a job: this monitor may be part of it by now, and is not handed in once more.
            Err(_) if ticket.ended().is_none() => Ok(Progress::Running(job)),
            progress => progress,
        }
    }

    /// How a monitor that was handed in is doing.
    pub(super) async fn looked_after(&self, job: &Job) -> Result<Progress, Failure> {
        let number = job.operation.arguments.get(TICKET).and_then(Value::as_i64);
        let ticket = number.and_then(|number| self.desk.papers().tickets.get(&number).cloned());
        let Some(ticket) = ticket else {
            let message = format!("the provisioning of {} is not known any more", job.operation.subject);
            return Err(failure(Meaning::NotFound, message));
        };
        let progress = self.look_after(&ticket, job.clone()).await;
        match ticket.ended() {
            Some(Ok(_)) => self.desk.forget(&ticket),
            // Whoever polls asks again, and it was not taken: it is sent once more, with what waits then.
            Some(Err(failure)) if had_no_effect(&failure) => ticket.state().became = Became::Waiting,
            // Whoever asks again is told the same.
            Some(Err(_)) | None => {}
        }
        progress
    }

    async fn look_after(&self, ticket: &Arc<Ticket>, mut job: Job) -> Result<Progress, Failure> {
        let mut turn = self.desk.turn.lock().await;
        if ticket.ended().is_none() {
            self.advance(&mut turn, ticket).await?;
        }
        let Some(result) = ticket.ended() else {
            if let Some(number) = turn.running.as_ref().and_then(|batch| batch.job.parse().ok()) {
                job.id = RemoteId(number);
            }
            return Ok(Progress::Running(job));
        };
        result.map(Progress::Done)
    }

    /// Does what is next to be done for `ticket`, unless somebody else has just done it.
    async fn advance(&self, turn: &mut Turn, ticket: &Arc<Ticket>) -> Result<(), Failure> {
        let awaits = turn.running.is_some() || turn.is_busy;
        let last = turn.asked;
        if awaits && std::mem::replace(&mut ticket.state().heard, last) < last {
            return Ok(());
        }
        if let Some(batch) = &turn.running {
            turn.asked += 1;
            ticket.state().heard = turn.asked;
            let is_awaited = self.desk.awaits(batch);
            let ended = match self.provisioned(&batch.job).await {
                Ok(None) if is_awaited => return Ok(()),
                // Whether it still runs says the platform, which refuses a second one.
                Ok(None) => None,
                Ok(Some(ended)) => Some(ended),
                Err(failure) if failure.meaning.is_transient() && is_awaited => return Err(failure),
                // What became of the monitors can be told without the job.
                Err(unknown) => Some(Ended {
                    failed: Some(unknown.message),
                    result: Default::default(),
                }),
            };
            if let (Some(batch), Some(ended)) = (turn.running.take(), ended) {
                self.conclude(&batch.tickets, &ended).await;
            }
        }
        while turn.running.is_none() && ticket.waits() {
            let batch = self.desk.together(ticket);
            if !self.start(turn, batch).await {
                ticket.state().heard = turn.asked;
                break;
            }
        }
        Ok(())
    }

    /// Starts a provisioning. `false`: somebody else has one under way, and these wait on.
    async fn start(&self, turn: &mut Turn, batch: Vec<Arc<Ticket>>) -> bool {
        let config: Config = batch
            .iter()
            .map(|ticket| (ticket.slug().to_owned(), ticket.paper.spec.clone()))
            .collect();
        turn.is_busy = false;
        match self.provision(&config, Mode::Apply).await {
            Ok(Started::Job(job)) => {
                for ticket in &batch {
                    ticket.state().became = Became::Sent;
                }
                turn.running = Some(Batch { job, tickets: batch });
            }
            Ok(Started::Ended(ended)) => self.conclude(&batch, &ended).await,
            Ok(Started::Missing(missing)) => {
                let message = format!("{}; monitors cannot be written here", missing.message);
                end_all(&batch, &Failure { message, ..missing });
            }
            Err(busy) if busy.meaning == Meaning::Conflict => {
                turn.is_busy = true;
                turn.asked += 1;
                return false;
            }
            Err(refused) if refused.meaning == Meaning::Invalid && batch.len() > 1 => {
                let (blamed, others): (Vec<_>, Vec<_>) =
                    batch.into_iter().partition(|ticket| is_blamed(&refused, ticket.slug()));
                for ticket in &blamed {
                    ticket.ends(Err(own_part(&refused, ticket.slug())));
                }
                if blamed.is_empty() {
                    // Which of them it is shows when each goes by itself.
                    for ticket in others {
                        ticket.state().is_alone = true;
                    }
                }
            }
            Err(failure) => {
                for ticket in &batch {
                    ticket.ends(Err(own_part(&failure, ticket.slug())));
                }
            }
        }
        true
    }

    /// Tells each ticket what became of it: by the result where it can be read, else by a dry run of what was sent, which has
    /// nothing to do for a monitor that was written.
    async fn conclude(&self, batch: &[Arc<Ticket>], ended: &Ended) {
        let handed_in = batch
            .iter()
            .map(|ticket| (ticket.slug().to_owned(), ticket.paper.known.clone()))
            .collect();
        let said = ended.result.of_each(&handed_in);
        let mut made: Vec<(Arc<Ticket>, Option<i64>)> = Vec::new();
        let mut open: Vec<Arc<Ticket>> = Vec::new();
        for ticket in batch {
            match said.get(ticket.slug()) {
                Some((Said::Created | Said::Updated | Said::Unchanged, id)) if ended.failed.is_none() => {
                    made.push((ticket.clone(), *id));
                }
                Some((Said::Refused(why), _)) if ended.failed.is_none() => {
                    ticket.ends(Err(not_written(why)));
                }
                _ => open.push(ticket.clone()),
            }
        }
        if !open.is_empty() {
            let errors = ended.result.errors();
            let why = match &ended.failed {
                Some(why) if errors.is_empty() => why.clone(),
                Some(why) => format!("{why}; {errors}"),
                None => errors,
            };
            made.extend(self.looked_up(open, &said, &why).await);
        }
        self.number(made).await;
    }

    /// Those of `open` that were written all the same; the others end.
    async fn looked_up(
        &self,
        open: Vec<Arc<Ticket>>,
        said: &BTreeMap<String, (Said, Option<i64>)>,
        why: &str,
    ) -> Vec<(Arc<Ticket>, Option<i64>)> {
        let config: Config = open
            .iter()
            .map(|ticket| (ticket.slug().to_owned(), ticket.paper.spec.clone()))
            .collect();
        let handed_in = open
            .iter()
            .map(|ticket| (ticket.slug().to_owned(), ticket.paper.known.clone()))
            .collect();
        let unknown = |other: &str| {
            failure(
                Meaning::Lost,
                format!("its effect is unknown: the provisioning failed: {why}; and it cannot be looked up: {other}"),
            )
        };
        let now = match self.rehearse(&config).await {
            Ok(Rehearsal::Told(results)) => results.of_each(&handed_in),
            Ok(Rehearsal::Busy(other) | Rehearsal::Missing(other) | Rehearsal::Refused(other)) | Err(other) => {
                end_all(&open, &unknown(&other.message));
                return Vec::new();
            }
        };
        let mut made = Vec::new();
        for ticket in open {
            match now.get(ticket.slug()) {
                Some((Said::Unchanged, id)) => made.push((ticket, *id)),
                Some((Said::Created | Said::Updated | Said::Refused(_), _)) => {
                    let own = match said.get(ticket.slug()) {
                        Some((Said::Refused(own), _)) => own,
                        _ => why,
                    };
                    ticket.ends(Err(not_written(own)));
                }
                Some((Said::Unknown, _)) | None => ticket.ends(Err(unknown("no dry run says which monitor it means"))),
            }
        }
        made
    }

    /// Ends the tickets of what was written, each with its number: the one that it had, the one that the result says, or that of the
    /// one monitor that was not there before and has its name and type. Where none of that tells, it has none.
    async fn number(&self, made: Vec<(Arc<Ticket>, Option<i64>)>) {
        let lacks = |(ticket, id): &(Arc<Ticket>, Option<i64>)| id.or(ticket.paper.known.id).is_none();
        let listed = match made.iter().any(lacks) {
            true => self.listed_monitors().await.unwrap_or_default(),
            false => Vec::new(),
        };
        let seen = self.desk.papers().seen.clone();
        let new: Vec<_> = listed.iter().filter(|monitor| !seen.contains(&monitor.id)).collect();
        for (ticket, said) in made {
            let known = &ticket.paper.known;
            let name = known.name.as_deref().unwrap_or(ticket.slug());
            let mut fitting = new.iter().filter(|monitor| {
                let is_sort = monitor.sort.is_none() || monitor.sort == ticket.paper.sort;
                is_sort && monitor.name.as_deref() == Some(name)
            });
            let only = match (fitting.next(), fitting.next()) {
                (Some(monitor), None) => Some(monitor.id),
                _ => None,
            };
            // Of many, the one that was known may be gone, and the result says one that is not.
            let id = match known.extent {
                Extent::One => known.id.or(said).or(only),
                Extent::Many => said.or(known.id).or(only),
            };
            if let Some(id) = id {
                self.desk.papers().seen.insert(id);
            }
            ticket.ends(Ok(Done {
                remote: id.map(RemoteId),
                learned: Vec::new(),
            }));
        }
    }
}

/// Whether a request to provision was certainly not taken, and may be the next time. (`Lost` may have been.)
fn had_no_effect(failure: &Failure) -> bool {
    matches!(
        failure.meaning,
        Meaning::RateLimited | Meaning::Unavailable | Meaning::NotSent
    )
}

fn end_all(batch: &[Arc<Ticket>], failure: &Failure) {
    for ticket in batch {
        ticket.ends(Err(failure.clone()));
    }
}

fn not_written(why: &str) -> Failure {
    let why = match why.is_empty() {
        true => "the platform does not say why",
        false => why,
    };
    failure(Meaning::Conflict, format!("provisioning did not write it: {why}"))
}

/// What a refusal says of one monitor, in the words of its file.
fn own_part(refused: &Failure, slug: &str) -> Failure {
    let own = refused.fields.iter().filter_map(|(path, said)| {
        let mut rest = below_slug(path, slug)?.iter();
        let first = driftless_core::field::FieldPath::top(rest.next()?);
        Some((rest.fold(first, |path, key| path.child(key)), said.clone()))
    });
    Failure {
        fields: own.collect(),
        ..refused.clone()
    }
}

/// What a monitor's step hands in.
pub(super) fn paper(key: &Key, write: &Map, id: Option<RemoteId>, spec: Json) -> Paper {
    let own = |field: &str| write.get(field).and_then(Value::as_str).map(str::to_owned);
    Paper {
        key: key.clone(),
        known: Known {
            name: own("name"),
            id: id.map(|id| id.0),
            extent: Extent::of(write),
        },
        sort: own("type"),
        spec,
    }
}

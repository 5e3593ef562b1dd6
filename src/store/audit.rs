//! The audit as values: what a record says, how records are chained, and how a chain is verified. Without IO: an export is verified
//! by the same code as a store.

use serde_json::{Map, Value as Json};
use sha2::{Digest as _, Sha256};

/// What is said of one write, at one point of it. Texts as they are kept, so that what is verified is what was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Note {
    /// When, in RFC 3339 with nanoseconds, UTC: by the machine's clock, which the order of records does not follow.
    pub at: String,
    /// The environment's name in the config; `None` on a bare instance.
    pub environment: Option<String>,
    /// The instance.
    pub target: String,
    /// The run; `None` on the command line.
    pub run: Option<String>,
    /// Why the run was started.
    pub trigger: String,
    /// The commit that says so; `None` where a folder was applied.
    pub revision: Option<String>,
    /// The author of that commit, as it says itself.
    pub author: Option<String>,
    /// The digest of the plan.
    pub digest: String,
    /// Who let the plan through, where somebody had to.
    pub approver: Option<String>,
    /// The resource.
    pub key: String,
    /// What was to be done.
    pub action: String,
    /// What the platform was asked for, as one JSON object: places and digests, no values.
    pub request: String,
    /// What became of it: see [`Became`].
    pub result: String,
    /// How often it had been sent by then.
    pub attempts: u32,
}

/// What became of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Became {
    /// It is about to be tried. Without a later record of its key, the process died in it.
    Intended,
    /// It took effect.
    Applied,
    /// It took none.
    Failed(String),
    /// Nobody knows; it is looked up before it is written again.
    Unknown(String),
    /// What looking at the instance told of a write that an earlier process was about to try.
    LookedUp(String),
    /// It is none of the platform's: the file was put together again, and this is what was lost.
    Rebuilt(String),
}

impl Became {
    /// The text of a record's `result`: a stable word, and after a colon what there is to say.
    pub fn text(&self) -> String {
        match self {
            Became::Intended => "intended".to_owned(),
            Became::Applied => "applied".to_owned(),
            Became::Failed(why) => format!("failed: {}", short(why)),
            Became::Unknown(why) => format!("unknown: {}", short(why)),
            Became::LookedUp(what) => format!("looked_up: {}", short(what)),
            Became::Rebuilt(what) => format!("rebuilt: {what}"),
        }
    }
}

/// Characters that are kept of a message: enough for its first sentences, and a bound for the file, which only grows.
const MESSAGE: usize = 500;

fn short(message: &str) -> String {
    match message.char_indices().nth(MESSAGE) {
        Some((end, _)) => format!("{}…", &message[..end]),
        None => message.to_owned(),
    }
}

/// The names of a note's fields, in the order in which they are hashed, stored and exported.
pub const FIELDS: [&str; 14] = [
    "at",
    "environment",
    "target",
    "run",
    "trigger",
    "revision",
    "author",
    "digest",
    "approver",
    "key",
    "action",
    "request",
    "result",
    "attempts",
];

impl Note {
    /// The values of [`FIELDS`].
    pub fn values(&self) -> [Option<String>; 14] {
        let said = |text: &String| Some(text.clone());
        [
            said(&self.at),
            self.environment.clone(),
            said(&self.target),
            self.run.clone(),
            said(&self.trigger),
            self.revision.clone(),
            self.author.clone(),
            said(&self.digest),
            self.approver.clone(),
            said(&self.key),
            said(&self.action),
            said(&self.request),
            said(&self.result),
            Some(self.attempts.to_string()),
        ]
    }

    /// The note of such values; `None` where one that must be there is not.
    pub fn of(values: [Option<String>; 14]) -> Option<Self> {
        let [
            at,
            environment,
            target,
            run,
            trigger,
            revision,
            author,
            digest,
            approver,
            key,
            action,
            request,
            result,
            attempts,
        ] = values;
        Some(Self {
            at: at?,
            environment,
            target: target?,
            run,
            trigger: trigger?,
            revision,
            author,
            digest: digest?,
            approver,
            key: key?,
            action: action?,
            request: request?,
            result: result?,
            attempts: attempts?.parse().ok()?,
        })
    }
}

/// Where a chain ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The number of its last record; 0 when there is none.
    pub sequence: u64,
    /// The hash of that record.
    pub hash: String,
}

impl Head {
    /// Of a chain without records.
    pub fn start() -> Self {
        Self {
            sequence: 0,
            hash: "0".repeat(64),
        }
    }

    /// The record that `note` makes at this end.
    pub fn follow(&self, note: Note) -> Record {
        let sequence = self.sequence + 1;
        Record {
            hash: hash(sequence, &note, &self.hash),
            sequence,
            note,
            previous: self.hash.clone(),
        }
    }
}

/// One link of the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its number, from 1, without a gap.
    pub sequence: u64,
    /// What it says.
    pub note: Note,
    /// The hash of the record before it.
    pub previous: String,
    /// Its own.
    pub hash: String,
}

/// What the hashed text begins with: a second form would begin with another word.
const FORM: &str = "driftless-audit-1";

/// SHA-256 in hexadecimal over netstrings (`<bytes>:<text>,`, and `-,` for what is absent) of: the form, the sequence, the
/// fields in order, the previous hash. No two records have one text.
fn hash(sequence: u64, note: &Note, previous: &str) -> String {
    let mut hasher = Sha256::new();
    let mut add = |value: Option<&str>| match value {
        Some(text) => {
            hasher.update(format!("{}:", text.len()));
            hasher.update(text);
            hasher.update(",");
        }
        None => hasher.update("-,"),
    };
    add(Some(FORM));
    add(Some(&sequence.to_string()));
    for value in note.values() {
        add(value.as_deref());
    }
    add(Some(previous));
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Record {
    /// Where a chain ends that ends with this record.
    pub fn head(&self) -> Head {
        Head {
            sequence: self.sequence,
            hash: self.hash.clone(),
        }
    }

    /// The record as one line of JSON, without a line break.
    pub fn json(&self) -> String {
        let mut object = Map::new();
        object.insert("sequence".to_owned(), Json::from(self.sequence));
        for (name, value) in FIELDS.into_iter().zip(self.note.values()) {
            object.insert(name.to_owned(), value.map_or(Json::Null, Json::from));
        }
        object.insert("attempts".to_owned(), Json::from(self.note.attempts));
        object.insert("previous".to_owned(), Json::from(self.previous.clone()));
        object.insert("hash".to_owned(), Json::from(self.hash.clone()));
        Json::Object(object).to_string()
    }

    /// Reads what [`Record::json`] wrote; `None` for anything else, a field more included: what no hash holds is no part of a
    /// record.
    pub fn read(line: &str) -> Option<Self> {
        let Ok(Json::Object(object)) = serde_json::from_str(line) else {
            return None;
        };
        if object.len() != FIELDS.len() + 3 {
            return None;
        }
        let mut values = FIELDS.map(|_| None);
        for (value, name) in values.iter_mut().zip(FIELDS) {
            *value = match object.get(name)? {
                Json::String(text) if name != "attempts" => Some(text.clone()),
                Json::Number(number) if name == "attempts" => Some(number.to_string()),
                Json::Null => None,
                _ => return None,
            };
        }
        let text = |name: &str| object.get(name)?.as_str().map(str::to_owned);
        Some(Self {
            sequence: object.get("sequence")?.as_u64()?,
            note: Note::of(values)?,
            previous: text("previous")?,
            hash: text("hash")?,
        })
    }
}

/// Why a chain is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// What the record says is not what its hash was made of.
    #[error(
        "record {0} does not have the hash of what it says: it was changed after it was written. What stands before it is as it \
         was written"
    )]
    Changed(u64),
    /// A record is missing, is there twice, or stands elsewhere.
    #[error(
        "record {found} stands where record {expected} should: records were taken out, put in or moved here. What stands before \
         is as it was written"
    )]
    Order {
        /// The number that should be there.
        expected: u64,
        /// The number that is.
        found: u64,
    },
    /// The numbers go on and the hashes do not.
    #[error(
        "record {0} does not follow the one before it: that one, or all up to it, were written anew. Nothing from the beginning \
         up to here is proven"
    )]
    Unlinked(u64),
    /// The chain is whole, but it is not the one that was seen before, or its end was cut off.
    #[error(
        "the chain is whole, has {records} records and no record with the expected head {expected}: records were cut off at its \
         end, or the whole chain was written anew since that head was noted"
    )]
    Headless {
        /// The head that was noted elsewhere.
        expected: String,
        /// How many records there are.
        records: u64,
    },
}

/// Holds records against each other, one by one, from the first.
#[derive(Clone, Debug)]
pub struct Verifier {
    head: Head,
    /// Of an export that begins after a record that was verified before: its first record gives the number.
    is_part: bool,
    expected: Option<String>,
    records: u64,
    first: Option<(u64, String)>,
    last: Option<(u64, String)>,
}

/// What a whole chain is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// How many records were verified.
    pub records: u64,
    /// Number and time of the first of them.
    pub first: Option<(u64, String)>,
    /// Number and time of the last of them.
    pub last: Option<(u64, String)>,
    /// Where the chain ends: to be noted elsewhere.
    pub head: Head,
}

impl Verifier {
    /// Of a chain from its beginning, or from the record after the one whose hash is `after`; `expected` is the hash of a record
    /// that must be in it.
    pub fn new(after: Option<&str>, expected: Option<&str>) -> Self {
        let start = Head::start();
        let head = Head {
            hash: after.map_or(start.hash, str::to_owned),
            sequence: start.sequence,
        };
        Self {
            is_part: after.is_some(),
            // The hash that a part begins after is vouched for by its first record.
            expected: expected.filter(|hash| *hash != head.hash).map(str::to_owned),
            head,
            records: 0,
            first: None,
            last: None,
        }
    }

    /// Takes the next record.
    ///
    /// # Errors
    /// What is wrong with it, and what that means.
    pub fn add(&mut self, record: &Record) -> Result<(), Broken> {
        if self.is_part && self.records == 0 {
            self.head.sequence = record.sequence.saturating_sub(1);
        }
        let expected = self.head.sequence + 1;
        if record.sequence != expected {
            return Err(Broken::Order {
                expected,
                found: record.sequence,
            });
        }
        if record.hash != hash(record.sequence, &record.note, &record.previous) {
            return Err(Broken::Changed(record.sequence));
        }
        if record.previous != self.head.hash {
            return Err(Broken::Unlinked(record.sequence));
        }
        self.head = record.head();
        self.records += 1;
        let place = (record.sequence, record.note.at.clone());
        self.first.get_or_insert_with(|| place.clone());
        self.last = Some(place);
        if self.expected.as_ref() == Some(&record.hash) {
            self.expected = None;
        }
        Ok(())
    }

    /// All records were taken.
    ///
    /// # Errors
    /// When the expected head is not among them.
    pub fn end(self) -> Result<Verified, Broken> {
        if let Some(expected) = self.expected {
            return Err(Broken::Headless {
                expected,
                records: self.records,
            });
        }
        Ok(Verified {
            records: self.records,
            first: self.first,
            last: self.last,
            head: self.head,
        })
    }
}

#[cfg(test)]
#[path = "audit_tests.rs"]
mod tests;

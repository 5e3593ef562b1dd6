//! Ids that tell checks apart: a function of the checks themselves, so that they are the same on every instance and whatever
//! comes or goes beside them.

use std::collections::{BTreeMap, BTreeSet};

use driftless_core::key::{Digest, Kind};
use driftless_core::normalize::{meaning, normalize};
use driftless_core::schema::Side;
use driftless_core::value::Map;

use super::kinds::CHECK;
use super::{layout, references, schema};

/// Hexadecimal digits of a digest in an id or a file name: 32 bits, for groups of a few.
const DIGITS: usize = 8;

/// A check that wants an id in its datastore.
pub(super) struct Claim {
    /// The id that it stores, or the generated one.
    uid: String,
    is_stored: bool,
    /// What it says, in the form that is compared.
    spec: Map,
}

impl Claim {
    /// A check as it is live. `stored` is the id that nobody may take from it.
    pub(super) fn new(stored: Option<String>, generated: String, spec: Map) -> Self {
        Self {
            is_stored: stored.is_some(),
            uid: stored.unwrap_or(generated),
            spec: meant(Side::Live, spec),
        }
    }

    /// A check whose id others have too, whether it is written or generated.
    fn contested(spec: &Map) -> Self {
        Self {
            uid: layout::uid(spec),
            is_stored: false,
            spec: meant(Side::Desired, spec.clone()),
        }
    }

    /// What tells the check from others of its datastore.
    fn likeness(&self) -> String {
        references::likeness(&self.spec)
    }
}

fn meant(side: Side, spec: Map) -> Map {
    meaning(schema(), CHECK, &normalize(schema(), CHECK, side, spec))
}

/// An id for each check of a datastore, no two alike; `claims` are the oldest first. A stored id stays: where two store one,
/// with the older. A generated one goes to the check that alone has it; of several to the plain one (no filter, full coverage, no
/// element context: the platform takes at most one of a container, rule and fields), and each of the others has a digest of
/// what tells it apart behind it.
pub(super) fn distinct(claims: &[Claim]) -> Vec<String> {
    let mut given: Vec<Option<String>> = vec![None; claims.len()];
    let mut taken: BTreeSet<String> = BTreeSet::new();
    let mut groups: BTreeMap<&str, Vec<(usize, &Claim)>> = BTreeMap::new();
    for (index, claim) in claims.iter().enumerate() {
        if claim.is_stored && taken.insert(claim.uid.clone()) {
            give(&mut given, index, claim.uid.clone());
        } else {
            groups.entry(&claim.uid).or_default().push((index, claim));
        }
    }
    let mut rest = Vec::new();
    for (uid, members) in groups {
        let keeper = match members.as_slice() {
            _ if taken.contains(uid) => None,
            [(only, _)] => Some(*only),
            several => several
                .iter()
                .filter(|(_, claim)| references::is_plain(&claim.spec))
                .min_by_key(|(_, claim)| claim.likeness())
                .map(|(index, _)| *index),
        };
        if let Some(index) = keeper {
            taken.insert(uid.to_owned());
            give(&mut given, index, uid.to_owned());
        }
        rest.extend(members.into_iter().filter(|(index, _)| Some(*index) != keeper));
    }
    for (index, claim) in rest {
        let Digest(digest) = Digest::of(&claim.likeness());
        // A stored id may look like one of these; checks that are alike in everything are numbered.
        let longer =
            (DIGITS..=digest.len()).filter_map(|digits| Some(format!("{}_{}", claim.uid, digest.get(..digits)?)));
        let numbered = (2_u64..).map(|number| format!("{}_{number}", claim.uid));
        let like_it = claims.iter().filter(|other| other.uid == claim.uid);
        let is_twin = like_it.filter(|other| other.likeness() == claim.likeness()).count() > 1;
        let uid = match is_twin {
            true => numbered.into_iter().find(|uid| !taken.contains(uid)),
            false => longer.into_iter().find(|uid| !taken.contains(uid)),
        };
        let uid = uid.unwrap_or_default();
        taken.insert(uid.clone());
        give(&mut given, index, uid);
    }
    given.into_iter().map(Option::unwrap_or_default).collect()
}

fn give(given: &mut [Option<String>], index: usize, uid: String) {
    if let Some(slot) = given.get_mut(index) {
        *slot = Some(uid);
    }
}

/// For each of several documents of one identity the id that tells it apart, where it needs another: what a person could write.
pub(super) fn apart(kind: Kind, specs: &[&Map]) -> Vec<Option<String>> {
    if kind != CHECK {
        return vec![None; specs.len()];
    }
    let claims: Vec<Claim> = specs.iter().map(|spec| Claim::contested(spec)).collect();
    let likenesses: BTreeSet<String> = claims.iter().map(Claim::likeness).collect();
    if likenesses.len() < claims.len() {
        // Some are the same check: another id would only hide that.
        return vec![None; specs.len()];
    }
    let own = distinct(&claims).into_iter().zip(&claims);
    own.map(|(uid, claim)| (uid != claim.uid).then_some(uid)).collect()
}

/// `name`, if a file system takes it with `.yaml` and a number behind it; a shorter form that is its own otherwise.
pub(super) fn fitting(name: &str) -> String {
    /// Bytes of a name on every file system in use, without room for `_`, a number and `.yaml`.
    const LONGEST: usize = 240;
    if name.len() <= LONGEST {
        return name.to_owned();
    }
    let kept = name.get(..LONGEST - DIGITS - 1).unwrap_or_default();
    format!("{kept}_{}", short(name))
}

/// The digest of a text, as short as one in an id.
pub(super) fn short(text: &str) -> String {
    Digest::of(text).0.chars().take(DIGITS).collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::map;
    use super::*;

    const PLAIN: &str = r#"{"rule_type":"notNull","container":"orders","fields":["id"],"coverage":1.0,"filter":null}"#;
    const PAID: &str =
        r#"{"rule_type":"notNull","container":"orders","fields":["id"],"coverage":1.0,"filter":" paid "}"#;
    const MOST: &str = r#"{"rule_type":"notNull","container":"orders","fields":["id"],"coverage":0.9,"filter":null}"#;
    const OTHER: &str = r#"{"rule_type":"notNull","container":"Orders!","fields":["id"],"filter":null}"#;
    const UID: &str = "orders__notnull__id";

    fn ids(checks: &[(Option<&str>, &str)]) -> Vec<String> {
        let claim = |(stored, json): &(Option<&str>, &str)| {
            Claim::new(stored.map(str::to_owned), layout::uid(&map(json)), map(json))
        };
        distinct(&checks.iter().map(claim).collect::<Vec<_>>())
    }

    #[test]
    fn a_check_alone_has_the_official_id_whatever_it_says() {
        for json in [PLAIN, PAID, MOST, OTHER] {
            assert_eq!(ids(&[(None, json)]), [UID]);
        }
    }

    #[test]
    fn of_several_the_plain_one_has_it_and_each_other_one_of_its_own_whatever_comes_or_goes() {
        let all = ids(&[(None, PAID), (None, PLAIN), (None, MOST)]);
        assert_eq!(all[1], UID);
        assert!(
            all[0].starts_with("orders__notnull__id_") && all[0].len() == UID.len() + 9,
            "{all:?}"
        );
        assert_ne!(all[0], all[2]);
        // The order of creation is another one on another instance; the one beside it may go.
        assert_eq!(
            ids(&[(None, MOST), (None, PLAIN), (None, PAID)]),
            [all[2].clone(), all[1].clone(), all[0].clone()]
        );
        assert_eq!(ids(&[(None, PLAIN), (None, PAID)]), [all[1].clone(), all[0].clone()]);
        assert_eq!(ids(&[(None, MOST), (None, PAID)]), [all[2].clone(), all[0].clone()]);
        // White space around a filter, and how its check is spelt, are nothing.
        let trimmed = PAID.replace(" paid ", "paid").replace("1.0", "null");
        assert_eq!(ids(&[(None, &trimmed), (None, PLAIN)])[0], all[0]);
        // An id that means something to somebody is never changed by a release.
        assert_eq!(all[0], "orders__notnull__id_fffe077f");
    }

    #[test]
    fn a_stored_id_stays_and_is_never_given_to_another() {
        let digest = ids(&[(None, PAID), (None, PLAIN)]).remove(0);
        let given = ids(&[(None, PLAIN), (Some(UID), MOST), (Some(&digest), OTHER), (None, PAID)]);
        assert_eq!((given[1].as_str(), &given[2]), (UID, &digest));
        let all: BTreeSet<&String> = given.iter().collect();
        assert_eq!(all.len(), 4, "{given:?}");
        assert!(given[3].starts_with(&digest), "{given:?}");
        // Where two store one, it stays with the older, as it does when they are read.
        let given = ids(&[(Some("mine"), PAID), (Some("mine"), PLAIN)]);
        assert_eq!(given[0], "mine");
        assert!(given[1].starts_with("mine_"), "{given:?}");
    }

    #[test]
    fn names_with_one_slug_are_told_apart_and_twins_are_numbered() {
        let given = ids(&[(None, PLAIN), (None, OTHER)]);
        assert_eq!(given.iter().filter(|uid| *uid == UID).count(), 1, "{given:?}");
        assert_ne!(given[0], given[1]);
        assert_eq!(
            ids(&[(None, OTHER), (None, PLAIN)]),
            [given[1].clone(), given[0].clone()]
        );
        assert_eq!(ids(&[(None, PLAIN), (None, PLAIN)]), [UID, "orders__notnull__id_2"]);
    }

    #[test]
    fn documents_of_one_id_are_told_what_to_write_unless_they_are_the_same_check() {
        let (plain, paid) = (map(PLAIN), map(PAID));
        let told = apart(CHECK, &[&plain, &paid]);
        assert_eq!(told, [None, Some(ids(&[(None, PAID), (None, PLAIN)]).remove(0))]);
        assert_eq!(apart(CHECK, &[&plain, &plain]), [None, None]);
    }

    #[test]
    fn a_name_that_no_file_system_takes_is_cut_and_stays_its_own() {
        let long = |end: &str| format!("{}{end}", "x".repeat(300));
        assert_eq!(fitting("short"), "short");
        let (one, two) = (fitting(&long("1")), fitting(&long("2")));
        assert_eq!((one.len(), two.len()), (240, 240));
        assert_ne!(one, two);
        assert_eq!(fitting(&one), one);
    }
}

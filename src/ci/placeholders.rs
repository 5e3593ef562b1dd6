//! Placeholders `${NAME}` in the texts of a pull request: their values are text, put in after parsing and never looked at again.

use crate::ci::config::CiConfig;
use crate::forge::PullRequest;

/// What placeholders stand for, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placeholders {
    values: Vec<(String, String)>,
}

/// A placeholder that stands for nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unresolved {
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    pub help: String,
}

impl Placeholders {
    /// Those that any text of a pull request may hold: `${PR_NUMBER}`, `${PR_SHA}`, and `${PR_SCHEMA}` where the configuration has a schema.
    ///
    /// # Errors
    /// The placeholders of the configuration's `schema` that stand for nothing.
    pub fn of(config: &CiConfig, pull_request: &PullRequest) -> Result<Self, Vec<Unresolved>> {
        let mut all = Self::new([
            ("PR_NUMBER".to_owned(), pull_request.number.0.to_string()),
            ("PR_SHA".to_owned(), pull_request.sha.clone()),
        ]);
        if let Some(schema) = &config.schema {
            let schema = all.fill(schema)?;
            all.values.push(("PR_SCHEMA".to_owned(), schema));
        }
        Ok(all)
    }

    /// These names and what they stand for.
    pub fn new(values: impl IntoIterator<Item = (String, String)>) -> Self {
        Self {
            values: values.into_iter().collect(),
        }
    }

    /// `text` with each placeholder's value in its place. A `$` without a brace is a sign like any other.
    ///
    /// # Errors
    /// Every placeholder that stands for nothing, and one that is not closed.
    pub fn fill(&self, text: &str) -> Result<String, Vec<Unresolved>> {
        let mut filled = String::with_capacity(text.len());
        let mut faults = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            filled.push_str(before);
            let Some((name, next)) = after.split_once('}') else {
                faults.push(Unresolved {
                    message: "a placeholder begins here with `${` and does not end".to_owned(),
                    help: "close it with `}`".to_owned(),
                });
                rest = "";
                break;
            };
            match self.values.iter().find(|(known, _)| known == name) {
                Some((_, value)) => filled.push_str(value),
                None => faults.push(self.unresolved(name)),
            }
            rest = next;
        }
        filled.push_str(rest);
        if faults.is_empty() { Ok(filled) } else { Err(faults) }
    }

    fn unresolved(&self, name: &str) -> Unresolved {
        let message = format!("`${{{name}}}` stands for nothing");
        let names = self.values.iter().map(|(known, _)| known.as_str());
        let help = if name == "PR_SCHEMA" {
            "give the CI configuration a `schema`".to_owned()
        } else if let Some(help) = driftless_core::nearest::did_you_mean(name, names.clone()) {
            help
        } else if self.values.is_empty() {
            "give it a value in the CI configuration, or write the name out".to_owned()
        } else {
            let known: Vec<String> = names.map(|known| format!("${{{known}}}")).collect();
            format!("known here: {}", known.join(", "))
        };
        Unresolved { message, help }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may stop")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn placeholders() -> Placeholders {
        Placeholders::new([("PR_NUMBER", "6"), ("PR_SHA", "${PR_NUMBER}")].map(|(a, b)| (a.to_owned(), b.to_owned())))
    }

    #[test]
    fn a_value_takes_its_placeholders_place_and_is_not_looked_at_again() {
        let all = placeholders();
        assert_eq!(all.fill("DB.PR_${PR_NUMBER}.T").as_deref(), Ok("DB.PR_6.T"));
        assert_eq!(all.fill("a${PR_SHA}").as_deref(), Ok("a${PR_NUMBER}"));
        assert_eq!(
            all.fill("cost_in_$ $PR_NUMBER }").as_deref(),
            Ok("cost_in_$ $PR_NUMBER }")
        );
    }

    #[test]
    fn a_schema_may_hold_the_number_and_the_commit_and_nothing_else() {
        let pull_request = crate::ci::gate::tests::pull_request();
        let of = |schema: Option<&str>| {
            let config = CiConfig {
                schema: schema.map(str::to_owned),
                ..crate::ci::gate::tests::config()
            };
            Placeholders::of(&config, &pull_request)
        };
        let all = of(Some("PR_${PR_NUMBER}")).unwrap();
        assert_eq!(all.fill("${PR_SCHEMA}").as_deref(), Ok("PR_6"));
        assert_eq!(all.fill("${PR_SHA}"), Ok(pull_request.sha.clone()));
        assert_eq!(of(Some("${PR_SCHEMA}")).unwrap_err().len(), 1);
        assert!(of(None).unwrap().fill("${PR_SCHEMA}").is_err());
    }

    #[test]
    fn all_that_stand_for_nothing_are_named_with_what_was_meant() {
        let faults = placeholders().fill("${PR_NUMER}.${X}.${PR_SCHEMA}.${").unwrap_err();
        let told: Vec<(&str, &str)> = faults.iter().map(|f| (f.message.as_str(), f.help.as_str())).collect();
        assert_eq!(
            told,
            [
                ("`${PR_NUMER}` stands for nothing", "did you mean `PR_NUMBER`?"),
                ("`${X}` stands for nothing", "known here: ${PR_NUMBER}, ${PR_SHA}"),
                (
                    "`${PR_SCHEMA}` stands for nothing",
                    "give the CI configuration a `schema`"
                ),
                (
                    "a placeholder begins here with `${` and does not end",
                    "close it with `}`"
                ),
            ]
        );
    }

    proptest! {
        #[test]
        fn a_text_without_placeholders_stays_as_it_is(text in "[^$]*") {
            prop_assert_eq!(placeholders().fill(&text), Ok(text));
        }

        #[test]
        fn any_text_is_filled_or_refused(text in "(\\$|\\{|\\}|PR_NUMBER|.){0,30}") {
            let _ = placeholders().fill(&text);
        }
    }
}

//! Which seeds and attacks are for tuning and which for reporting: a file in the repository, and the refusal to mix. Must not
//! know what is done with them.

use serde::Deserialize;

use super::EvaluateError;
use crate::simulate::Attack;

const FILE: &str = include_str!("../../evaluation-split.toml");

/// A part of the split.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Split {
    /// Policies may be tuned on it.
    Tune,
    /// Results are reported on it, and nothing is tuned.
    Report,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    tune: Part,
    looked_at: LookedAt,
    report: Part,
}

/// What was reported on once: neither part's.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LookedAt {
    seeds: Seeds,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Part {
    seeds: Seeds,
    attacks: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Seeds {
    from: u64,
    to: u64,
}

/// Seeds that a part may not have, and what they are instead.
type NotFor = (Seeds, &'static str);

impl Split {
    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tune => "tune",
            Self::Report => "report",
        }
    }

    /// Its own part, and the seeds that are not for it, each with whose they are.
    fn parts(self) -> Result<(Part, [NotFor; 2]), EvaluateError> {
        let File { tune, looked_at, report } = toml::from_str(FILE)?;
        let (own, other) = match self {
            Self::Tune => (tune, report),
            Self::Report => (report, tune),
        };
        let looked_at = (looked_at.seeds, "were reported on and looked at");
        Ok((own, [(other.seeds, "are the other part's"), looked_at]))
    }

    /// The first so many of its seeds.
    ///
    /// # Errors
    /// It has fewer.
    pub fn seeds(self, number: usize) -> Result<Vec<u64>, EvaluateError> {
        let Seeds { from, to } = self.parts()?.0.seeds;
        let seeds: Vec<u64> = (from..=to).take(number).collect();
        if seeds.len() < number {
            let why = format!("it has seeds {from} to {to}");
            return Err(EvaluateError::Split {
                what: format!("a run of {number} seeds"),
                split: self.as_str(),
                why,
            });
        }
        Ok(seeds)
    }

    /// Its attacks, in the order of [`Attack::ALL`].
    ///
    /// # Errors
    /// The file names an attack that does not exist: a mistake in this repository.
    pub fn attacks(self) -> Result<Vec<Attack>, EvaluateError> {
        let mut attacks =
            self.parts()?.0.attacks.iter().map(|word| word.parse()).collect::<Result<Vec<Attack>, _>>()?;
        attacks.sort_unstable();
        Ok(attacks)
    }

    /// Whether an attack was not to be looked at while tuning.
    ///
    /// # Errors
    /// The file cannot be read: a mistake in this repository.
    pub fn unseen(attack: &str) -> Result<bool, EvaluateError> {
        Ok(!Self::Tune.parts()?.0.attacks.iter().any(|word| word == attack))
    }

    /// Refuses seeds that are not for it, and attacks that are not for this one.
    ///
    /// # Errors
    /// Names the first of them.
    pub fn check(self, seeds: &[u64], attacks: &[Attack]) -> Result<(), EvaluateError> {
        let (own, others) = self.parts()?;
        let refuse = |what: String, why: String| EvaluateError::Split { what, split: self.as_str(), why };
        for (Seeds { from, to }, whose) in others {
            if let Some(seed) = seeds.iter().find(|seed| (from..=to).contains(seed)) {
                return Err(refuse(format!("seed {seed}"), format!("seeds {from} to {to} {whose}")));
            }
        }
        let named = |attack: &&Attack| own.attacks.iter().any(|word| word == attack.as_str());
        if let Some(attack) = attacks.iter().find(|attack| !named(attack)) {
            let why = format!("its attacks are {}", own.attacks.join(", "));
            return Err(refuse(format!("attack {attack}"), why));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Split;
    use crate::simulate::Attack;

    #[test]
    fn the_parts_do_not_meet() {
        let (tune, report) = (Split::Tune.seeds(40).unwrap(), Split::Report.seeds(20).unwrap());
        assert!(tune.iter().all(|seed| !report.contains(seed)));
        let unseen: Vec<&str> = Split::Report
            .attacks()
            .unwrap()
            .into_iter()
            .map(Attack::as_str)
            .filter(|attack| Split::unseen(attack).unwrap())
            .collect();
        assert!(!unseen.is_empty(), "attacks that nothing was tuned on: {unseen:?}");
    }

    #[test]
    fn what_belongs_to_the_other_part_is_refused() {
        let refused = |split: Split, seeds: &[u64], attacks: &[Attack]| {
            split.check(seeds, attacks).err().map(|error| error.to_string())
        };
        assert_eq!(refused(Split::Tune, &[1, 2], &[Attack::Sbi2020]), None);
        assert_eq!(refused(Split::Report, &[151], &[Attack::Okasan2020]), None);
        assert_eq!(refused(Split::Report, &[900], &[Attack::Okasan2020]), None, "anybody's own");
        let seed = refused(Split::Tune, &[1, 151], &[]).unwrap();
        assert!(seed.starts_with("seed 151 is not for --split tune: seeds 151 to 170"), "{seed}");
        for split in [Split::Tune, Split::Report] {
            let seed = refused(split, &[110], &[]).unwrap();
            assert!(seed.ends_with("seeds 101 to 150 were reported on and looked at"), "{seed}");
        }
        let attack = refused(Split::Tune, &[1], &[Attack::Gmo2020]).unwrap();
        assert!(attack.starts_with("attack gmo-2020 is not for --split tune"), "{attack}");
        assert!(Split::Report.seeds(1_000).is_err());
    }
}

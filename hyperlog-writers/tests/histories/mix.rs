//! What the histories were made of.

use std::fmt;

/// Counts of one history, or of many.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mix {
    pub(crate) histories: u64,
    pub(crate) steps: u64,
    pub(crate) nodes: u64,
    pub(crate) grants: u64,
    pub(crate) revocations: u64,
    pub(crate) resignations: u64,
    pub(crate) void: u64,
    pub(crate) voided: u64,
    pub(crate) falls: u64,
    pub(crate) restored: u64,
    pub(crate) forged: u64,
    pub(crate) backdated: u64,
    pub(crate) equivocations: u64,
    pub(crate) refused: u64,
    pub(crate) unwanted: u64,
    pub(crate) deep: u64,
    pub(crate) restarts: u64,
    pub(crate) bulky: u64,
    pub(crate) dropped: u64,
    pub(crate) checks: u64,
    pub(crate) with: With,
}

/// How many histories have at least one of something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct With {
    pub(crate) fall: u64,
    pub(crate) restored: u64,
    pub(crate) backdated: u64,
    pub(crate) equivocation: u64,
    pub(crate) refused: u64,
    pub(crate) voided: u64,
}

impl Mix {
    /// The end of one history.
    pub(crate) fn close(&mut self) {
        self.histories = 1;
        self.with = With {
            fall: u64::from(self.falls > 0),
            restored: u64::from(self.restored > 0),
            backdated: u64::from(self.backdated > 0),
            equivocation: u64::from(self.equivocations > 0),
            refused: u64::from(self.refused > 0),
            voided: u64::from(self.voided > 0),
        };
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (sum, more) in self.counts().into_iter().zip(other.clone().counts()) {
            *sum += *more;
        }
    }

    fn counts(&mut self) -> [&mut u64; 26] {
        let With { fall, restored, backdated, equivocation, refused, voided } = &mut self.with;
        [
            &mut self.histories,
            &mut self.steps,
            &mut self.nodes,
            &mut self.grants,
            &mut self.revocations,
            &mut self.resignations,
            &mut self.void,
            &mut self.voided,
            &mut self.falls,
            &mut self.restored,
            &mut self.forged,
            &mut self.backdated,
            &mut self.equivocations,
            &mut self.refused,
            &mut self.unwanted,
            &mut self.deep,
            &mut self.restarts,
            &mut self.bulky,
            &mut self.dropped,
            &mut self.checks,
            fall,
            restored,
            backdated,
            equivocation,
            refused,
            voided,
        ]
    }

    /// Of a hundred histories.
    pub(crate) fn percent(&self, with: u64) -> u64 {
        with * 100 / self.histories.max(1)
    }
}

impl fmt::Display for Mix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let per = |n: u64| n as f64 / self.histories.max(1) as f64;
        writeln!(
            f,
            "{} histories, {} steps ({:.0} each), {} nodes ({:.0} each), {} of them void at the end; {} looks at a peer",
            self.histories,
            self.steps,
            per(self.steps),
            self.nodes,
            per(self.nodes),
            self.void,
            self.checks
        )?;
        writeln!(
            f,
            "{} grants, {} revocations ({:.1} each), {} resignations; at some peer {} nodes ceased to count, {} \
             revocations fell, {} nodes counted again",
            self.grants,
            self.revocations,
            per(self.revocations),
            self.resignations,
            self.voided,
            self.falls,
            self.restored
        )?;
        writeln!(
            f,
            "{} nodes by writers that keep no rule: {} backdated, {} equivocations; {} refused nodes, {} writes \
             refused to those who have no grant; {} deep chains, {} restarts; megabytes in {}, \
             {} values dropped at the end",
            self.forged,
            self.backdated,
            self.equivocations,
            self.refused,
            self.unwanted,
            self.deep,
            self.restarts,
            self.bulky,
            self.dropped
        )?;
        let With { fall, restored, backdated, equivocation, refused, voided } = &self.with;
        write!(f, "of the histories:")?;
        for (name, with) in [
            ("a revocation that falls", fall),
            ("a node that counts again", restored),
            ("one that ceases to count", voided),
            ("a backdated node", backdated),
            ("an equivocation", equivocation),
            ("a refused node", refused),
        ] {
            write!(f, " {} % {name},", self.percent(*with))?;
        }
        Ok(())
    }
}

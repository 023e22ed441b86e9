//! What the histories were made of.

use std::fmt;

/// Counts of one history, or of many.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mix {
    pub(crate) histories: u64,
    pub(crate) events: u64,
    pub(crate) nodes: u64,
    pub(crate) batches: u64,
    pub(crate) large: u64,
    pub(crate) bulky: u64,
    pub(crate) deleted: u64,
    pub(crate) hollow: u64,
    pub(crate) sessions: u64,
    pub(crate) live: u64,
    pub(crate) declined: u64,
    pub(crate) together: u64,
    pub(crate) completed: u64,
    pub(crate) interrupted: u64,
    pub(crate) stalled: u64,
    pub(crate) cuts: u64,
    pub(crate) cuts_in_groups: u64,
    pub(crate) crashes: u64,
    pub(crate) restarts: u64,
    pub(crate) restored: u64,
    pub(crate) behind: u64,
    pub(crate) clones: u64,
    pub(crate) forks: u64,
    pub(crate) received: u64,
    pub(crate) twice: u64,
    pub(crate) received_alone: u64,
    pub(crate) twice_alone: u64,
    pub(crate) bytes: u64,
    /// Of histories: how many have at least one of it.
    pub(crate) with: With,
}

/// How many histories have at least one of something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct With {
    pub(crate) cut_in_group: u64,
    pub(crate) restart: u64,
    pub(crate) restored: u64,
    pub(crate) behind: u64,
    pub(crate) fork: u64,
    pub(crate) stall: u64,
    pub(crate) live: u64,
    pub(crate) hollow: u64,
}

impl Mix {
    /// The end of one history.
    pub(crate) fn close(&mut self) {
        self.histories = 1;
        self.with = With {
            cut_in_group: u64::from(self.cuts_in_groups > 0),
            restart: u64::from(self.crashes + self.restarts > 0),
            restored: u64::from(self.restored > 0),
            behind: u64::from(self.behind > 0),
            fork: u64::from(self.forks > 0),
            stall: u64::from(self.stalled > 0),
            live: u64::from(self.live > 0),
            hollow: u64::from(self.hollow > 0),
        };
    }

    pub(crate) fn add(&mut self, other: &Self) {
        let most = self.together.max(other.together);
        for (sum, more) in self.counts().into_iter().zip(other.clone().counts()) {
            *sum += *more;
        }
        self.together = most;
    }

    fn counts(&mut self) -> [&mut u64; 36] {
        let With { cut_in_group, restart, restored, behind, fork, stall, live, hollow } = &mut self.with;
        [
            &mut self.histories,
            &mut self.events,
            &mut self.nodes,
            &mut self.batches,
            &mut self.large,
            &mut self.bulky,
            &mut self.deleted,
            &mut self.hollow,
            &mut self.sessions,
            &mut self.live,
            &mut self.declined,
            &mut self.completed,
            &mut self.interrupted,
            &mut self.stalled,
            &mut self.cuts,
            &mut self.cuts_in_groups,
            &mut self.crashes,
            &mut self.restarts,
            &mut self.restored,
            &mut self.behind,
            &mut self.clones,
            &mut self.forks,
            &mut self.received,
            &mut self.twice,
            &mut self.received_alone,
            &mut self.twice_alone,
            &mut self.bytes,
            // A maximum, which is not added up.
            &mut self.together,
            cut_in_group,
            restart,
            restored,
            behind,
            fork,
            stall,
            live,
            hollow,
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
        let With { cut_in_group, restart, restored, behind, fork, stall, live, hollow } = &self.with;
        writeln!(
            f,
            "{} histories, {} events ({:.0} each), {} nodes ({:.0} each)",
            self.histories,
            self.events,
            per(self.events),
            self.nodes,
            per(self.nodes)
        )?;
        writeln!(
            f,
            "{} sessions ({:.1} each), {} live, up to {} at once; {} ends completed, {} interrupted, {} stalled, {} \
             declined a writer",
            self.sessions,
            per(self.sessions),
            self.live,
            self.together,
            self.completed,
            self.interrupted,
            self.stalled,
            self.declined
        )?;
        writeln!(
            f,
            "{} cuts, {} within a group; {} crashes, {} restarts, {} restored backups, of which {} had to catch up",
            self.cuts, self.cuts_in_groups, self.crashes, self.restarts, self.restored, self.behind
        )?;
        writeln!(
            f,
            "{} cloned writers, {} forks; {} batches, {} of hundreds, {} of megabytes; {} values deleted, {} hollow at the end",
            self.clones, self.forks, self.batches, self.large, self.bulky, self.deleted, self.hollow
        )?;
        let twice = |twice: u64, once: u64| twice as f64 * 100.0 / (once + twice).max(1) as f64;
        writeln!(
            f,
            "{} entries received, {:.1} % of them twice ({:.1} % while nothing else went on), in {} MB",
            self.received + self.twice,
            twice(self.twice, self.received),
            twice(self.twice_alone, self.received_alone),
            self.bytes / 1_000_000
        )?;
        write!(f, "of the histories:")?;
        let parts = [
            ("a cut within a group", cut_in_group),
            ("a restart", restart),
            ("a restored backup", restored),
            ("one that had to catch up", behind),
            ("a fork", fork),
            ("a stall", stall),
            ("a live session", live),
            ("a hollow entry", hollow),
        ];
        for (name, with) in parts {
            write!(f, " {} % {name},", self.percent(*with))?;
        }
        Ok(())
    }
}

//! Processes that are killed at any moment, and what the next one finds.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::dice::Dice;
use crate::place::{Log, Place, json_lines};

/// Starts a command, and kills it after a while. Returns the whole lines that it printed, and whether it was
/// still running.
pub(crate) fn killed_after(
    wait: Duration,
    command: &mut Command,
    input: Option<&str>,
    place: &Place,
) -> (Vec<String>, bool) {
    let (fed, printed) = (place.path().join("fed"), place.path().join("printed"));
    fs::write(&fed, input.unwrap_or_default()).unwrap();
    command.stdin(File::open(&fed).unwrap()).stdout(File::create(&printed).unwrap()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    thread::sleep(wait);
    child.kill().unwrap();
    let killed = !child.wait().unwrap().success();
    let text = fs::read_to_string(&printed).unwrap();
    // A line without its end was not told whole.
    (text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')).map(Into::into).collect(), killed)
}

/// What a log held whenever it was looked at.
#[derive(Default)]
struct Seen {
    /// Every number that was ever given out, and to which node.
    seqs: BTreeMap<(String, u64), String>,
    nodes: usize,
}

impl Seen {
    /// Looks at the log after a crash: all that was there and all that was told is there, under its number.
    fn look(&mut self, log: &Log, told: &[String]) {
        let nodes = log.nodes();
        for node in &nodes {
            let key = (node["writer"].as_str().unwrap().to_owned(), node["seq"].as_u64().unwrap());
            let id = node["id"].as_str().unwrap();
            let before = self.seqs.entry(key).or_insert_with(|| id.to_owned());
            assert_eq!(before, id, "a number was given out twice");
        }
        assert!(nodes.len() >= self.nodes, "{} of {} nodes are left", nodes.len(), self.nodes);
        assert_eq!(self.seqs.len(), nodes.len(), "a node is gone, or a number was left out");
        self.nodes = nodes.len();
        let ids: std::collections::BTreeSet<&str> =
            nodes.iter().map(|node| node["id"].as_str().unwrap()).collect();
        assert!(told.iter().all(|id| ids.contains(id.as_str())), "an id that was told is not there");
        let info = log.info();
        assert_eq!((&info["forks"], &info["needs_catch_up"]), (&0.into(), &false.into()));
        log.is_sound();
    }
}

/// How long a command takes here and now, so that the moments fall into its work.
pub(crate) fn time(work: impl FnOnce()) -> u64 {
    let start = Instant::now();
    work();
    u64::try_from(start.elapsed().as_micros()).unwrap().max(1)
}

/// Moments to kill at. What a command takes changes with the load of the machine, so they follow it.
pub(crate) struct Moments {
    micros: u64,
    kills: u32,
}

impl Moments {
    pub(crate) const fn new(micros: u64) -> Self {
        Self { micros, kills: 0 }
    }

    pub(crate) fn next(&self, dice: &mut Dice) -> Duration {
        Duration::from_micros(dice.below(self.micros))
    }

    pub(crate) fn learn(&mut self, killed: bool) {
        self.kills += u32::from(killed);
        self.micros = if killed { self.micros * 11 / 10 } else { self.micros * 8 / 10 + 1_000 };
    }
}

#[test]
fn lines_that_were_told_survive_a_kill() {
    let place = Place::new();
    let mut dice = Dice::cast("killed lines");
    let lines: String = (0..12_000).map(|n| format!("{n}\n")).collect();
    let mut moments = Moments::new(time(|| drop(place.log("whole").reads("add --lines", &lines).done())));
    for n in 0..10 {
        let (log, mut seen) = (place.log(&n.to_string()), Seen::default());
        for _ in 0..2 {
            let wait = moments.next(&mut dice);
            let (told, killed) =
                killed_after(wait, log.hyperlog().args(["add", "--lines"]), Some(&lines), &place);
            moments.learn(killed);
            seen.look(&log, &told);
        }
    }
    assert!(moments.kills >= 8, "only {} of 20 were killed in time", moments.kills);
}

#[test]
fn appends_that_were_told_survive_kills_in_a_loop_of_them() {
    let place = Place::new();
    let (log, mut seen) = (place.log("a"), Seen::default());
    let mut dice = Dice::cast("killed appends");
    let mut moments = Moments::new(time(|| drop(log.append("first"))));
    let mut told = Vec::new();
    for round in 0..40 {
        let value = format!("value {round}");
        let mut command = log.hyperlog();
        command.args(["append", &value]);
        let (ids, killed) = killed_after(moments.next(&mut dice), &mut command, None, &place);
        moments.learn(killed);
        told.extend(ids);
        if round % 4 == 3 {
            told.push(log.append("one that is let through"));
            seen.look(&log, &told);
        }
    }
    assert!(moments.kills >= 10, "only {} of 40 were killed in time", moments.kills);
}

#[test]
fn atomic_lines_are_all_there_after_a_kill_or_none_is() {
    let place = Place::new();
    let mut dice = Dice::cast("killed at once");
    let lines: String = (0..20_000).map(|n| format!("{n}\n")).collect();
    let args = ["add", "--lines", "--atomic"];
    let whole = time(|| drop(place.log("whole").reads(&args.join(" "), &lines).done()));
    let log = place.log("a");
    let mut nodes = 0;
    for _ in 0..5 {
        let wait = Duration::from_micros(whole / 2 + dice.below(whole / 2));
        let (told, _) = killed_after(wait, log.hyperlog().args(args), Some(&lines), &place);
        let now = log.info()["nodes"].as_u64().unwrap();
        assert!(now == nodes || now == nodes + 20_000, "{} of 20,000", now - nodes);
        assert!(told.is_empty() || now > nodes, "told, and not there");
        nodes = now;
        log.is_sound();
    }
}

#[test]
fn a_folder_whose_making_was_killed_is_made_the_next_time() {
    let place = Place::new();
    let mut dice = Dice::cast("killed makers");
    let one = time(|| drop(place.log("whole").append("first")));
    for round in 0..20 {
        let log = place.log(&round.to_string());
        let wait = Duration::from_micros(dice.below(one + one / 4));
        let (told, _) = killed_after(wait, log.hyperlog().args(["append", "first"]), None, &place);
        let second = log.append("second");
        let nodes = log.nodes();
        assert_eq!(nodes.last().unwrap()["id"], second);
        assert!(told.iter().all(|id| nodes[0]["id"] == **id));
        log.is_sound();
        let left: Vec<_> = fs::read_dir(&log.0).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(left.len() <= 4, "{left:?}");
    }
}

#[test]
fn an_import_that_was_killed_is_finished_by_the_next() {
    let place = Place::new();
    let source = place.log("source");
    let mut dice = Dice::cast("killed imports");
    let lines: String = (0..20_000).map(|n| format!("{n} {}\n", "x".repeat(100))).collect();
    source.reads("add --lines", &lines).done();
    let (export, ids) = (source.export(), source.ids());
    let file = place.path().join("export");
    fs::write(&file, &export).unwrap();
    let whole = time(|| drop(place.log("whole").import(&export).done()));
    let log = place.log("a");
    for _ in 0..4 {
        let mut command = log.hyperlog();
        command.arg("import").stdin(File::open(&file).unwrap()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        thread::sleep(Duration::from_micros(dice.below(whole / 2)));
        child.kill().unwrap();
        child.wait().unwrap();
        let kept = json_lines(&log.does("list --json"));
        assert!(kept.iter().enumerate().all(|(n, node)| node["seq"] == n as u64 + 1), "a hole");
        log.is_sound();
    }
    log.import(&export).done();
    assert_eq!(log.ids(), ids);
}

/// The controls: the look itself sees what it is there for.
mod the_look {
    use super::{Log, Place, Seen};

    fn looked_at(place: &Place) -> (Log, Seen) {
        let (log, mut seen) = (place.log("a"), Seen::default());
        log.append("one");
        log.clone_to(&place.log("b"));
        let two = log.append("two");
        seen.look(&log, &[two]);
        (place.log("b"), seen)
    }

    #[test]
    #[should_panic = "1 of 2 nodes are left"]
    fn sees_that_a_node_is_gone() {
        let place = Place::new();
        let (log, mut seen) = looked_at(&place);
        seen.look(&log, &[]);
    }

    #[test]
    #[should_panic = "a number was given out twice"]
    fn sees_that_a_number_was_given_out_twice() {
        let place = Place::new();
        let (log, mut seen) = looked_at(&place);
        log.append("another two");
        seen.look(&log, &[]);
    }

    #[test]
    #[should_panic = "an id that was told is not there"]
    fn sees_that_what_was_told_is_not_there() {
        let place = Place::new();
        let (log, _) = looked_at(&place);
        Seen::default().look(&log, &["7".repeat(64)]);
    }
}

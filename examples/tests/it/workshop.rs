//! The exercises of the workshop, run as a learner runs them. Solved with `--features solution`, else as they are in
//! the tree.
#![expect(clippy::unwrap_used, reason = "a failed unwrap is a failed test, in helpers too")]

#[cfg(feature = "solution")]
use std::io::{BufRead, BufReader, Lines, Write};
use std::path::Path;
#[cfg(feature = "solution")]
use std::process::{Child, ChildStdout, Stdio};
use std::process::{Command, Output};

struct Exercise {
    program: &'static str,
    readme: &'static str,
    exercise: &'static str,
    solution: &'static str,
    steps: usize,
}

macro_rules! exercise {
    ($program:literal, $folder:literal, $steps:literal) => {
        Exercise {
            program: env!(concat!("CARGO_BIN_EXE_", $program)),
            readme: include_str!(concat!("../../workshop/", $folder, "/README.md")),
            exercise: include_str!(concat!("../../workshop/", $folder, "/exercise.rs")),
            solution: include_str!(concat!("../../workshop/", $folder, "/solution.rs")),
            steps: $steps,
        }
    };
}

const EXERCISES: [Exercise; 15] = [
    exercise!("workshop-01", "01-put-and-get", 5),
    exercise!("workshop-02", "02-append-and-read", 4),
    exercise!("workshop-03", "03-links-and-heads", 4),
    exercise!("workshop-04", "04-concatenate-two-logs", 4),
    exercise!("workshop-05", "05-distribute-it", 6),
    exercise!("workshop-06", "06-over-a-pipe", 4),
    exercise!("workshop-07", "07-nc-on-one-side", 4),
    exercise!("workshop-08", "08-an-index", 5),
    exercise!("workshop-09", "09-catching-up", 6),
    exercise!("workshop-10", "10-migration", 4),
    exercise!("workshop-11", "11-a-map", 6),
    exercise!("workshop-12", "12-who-wrote-it", 6),
    exercise!("workshop-13", "13-from-a-log-to-a-database", 7),
    exercise!("workshop-14", "14-a-chat", 6),
    exercise!("workshop-15", "15-the-chat", 6),
];

fn run(exercise: &Exercise, folder: &Path) -> (Output, String) {
    let output = Command::new(exercise.program).arg(folder).output().unwrap();
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    (output, String::from_utf8(text).unwrap())
}

fn todo(step: usize) -> String {
    format!("todo!(\"{step}: ")
}

/// Whoever has begun to solve an exercise may run the tests, too: that one is left out.
#[cfg(not(feature = "solution"))]
#[test]
fn an_unsolved_exercise_is_not_done_and_its_first_step_is_named_without_a_backtrace() {
    let untouched = |exercise: &&Exercise| (1..=exercise.steps).all(|n| exercise.exercise.contains(&todo(n)));
    for exercise in EXERCISES.iter().filter(untouched) {
        let folder = tempfile::tempdir().unwrap();
        let (output, text) = run(exercise, &folder.path().join("log"));
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(text.contains("\nstep 1 is not done yet: ") && text.contains("exercise.rs:"), "{text}");
        assert!(!text.contains("panicked") && !text.contains("\ndone"), "{text}");
    }
}

#[cfg(feature = "solution")]
#[test]
fn the_solutions_are_done() {
    for exercise in &EXERCISES {
        let folder = tempfile::tempdir().unwrap();
        let (output, text) = run(exercise, &folder.path().join("log"));
        assert!(output.status.success() && output.stdout.ends_with(b"\ndone\n"), "{text}");
        for step in 1..=exercise.steps {
            assert!(text.contains(&format!("\n{step}. ")), "step {step} was not run: {text}");
        }
    }
}

/// As in the workshop on append-only logs: `{peer, seq: 1}`, then `{peer, seq: 2}`.
#[cfg(feature = "solution")]
#[test]
fn a_second_run_goes_on_where_the_first_ended() {
    let folder = tempfile::tempdir().unwrap();
    let lines = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| line.ends_with("entry: 'hello world'}"));
        lines.map(|line| line.trim().to_owned()).collect()
    };
    let [first, second] = [(), ()].map(|()| lines(&run(&EXERCISES[1], &folder.path().join("log")).1));
    assert_eq!(first.len(), 1);
    assert!(first[0].contains("seq: 1,"), "{first:?}");
    assert_eq!(second, [first[0].clone(), first[0].replace("seq: 1,", "seq: 2,")]);
}

/// The chat of step 05, as two people run it. What is said is nothing that a terminal obeys.
#[cfg(feature = "solution")]
#[test]
fn two_who_chat_hear_each_other_and_find_what_was_said_when_they_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let chat = |name: &str, how: [String; 2], line: &str| {
        let mut command = Command::new(EXERCISES[4].program);
        command.arg("chat").arg(folder.path().join(name)).arg(name).args(how);
        Chatting::start(command.stderr(Stdio::null()), line)
    };
    let listens = || ["--listen".to_owned(), port.to_string()];
    let connects = || ["--connect".to_owned(), format!("localhost:{port}")];
    let mut ana = chat("ana", listens(), "is anybody here?");
    ana.hears(&["ana: is anybody here?"]);
    let mut ben = chat("ben", connects(), "I am\u{1b}[2J");
    ben.hears(&["ana: is anybody here?", "ben: I am [2J"]);
    ana.hears(&["ben: I am [2J"]);
    drop(ana);
    let mut ana = chat("ana", listens(), "back again");
    ana.hears(&["ana: is anybody here?", "ben: I am [2J", "ana: back again"]);
    ben.hears(&["ana: back again"]);
}

#[cfg(feature = "solution")]
struct Chatting {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    heard: Vec<String>,
}

#[cfg(feature = "solution")]
impl Chatting {
    fn start(command: &mut Command, line: &str) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        writeln!(child.stdin.take().unwrap(), "{line}").unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines, heard: Vec::new() }
    }

    /// Reads lines until all that is wanted was there.
    fn hears(&mut self, wanted: &[&str]) {
        while !wanted.iter().all(|wanted| self.heard.iter().any(|heard| heard == wanted)) {
            self.heard.push(self.lines.next().unwrap().unwrap());
        }
    }
}

#[cfg(feature = "solution")]
impl Drop for Chatting {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// With a solution in place of an exercise no other test of this file would notice.
#[cfg(feature = "solution")]
#[test]
fn every_step_is_left_to_do_in_the_exercise_and_to_none_in_the_solution() {
    for exercise in &EXERCISES {
        for step in 1..=exercise.steps {
            assert_eq!(exercise.exercise.matches(&todo(step)).count(), 1, "{} step {step}", exercise.program);
        }
        assert_eq!(exercise.exercise.matches("todo!").count(), exercise.steps, "{}", exercise.program);
        assert!(!exercise.solution.contains("todo!"), "{}", exercise.program);
    }
}

#[test]
fn hints_are_lines_of_the_solution() {
    for exercise in &EXERCISES {
        let blocks = exercise.readme.split("```rust\n").skip(1).map(|rest| rest.split("```").next().unwrap());
        let hints: Vec<&str> = blocks.flat_map(str::lines).collect();
        assert!(!hints.is_empty(), "{}", exercise.program);
        for hint in hints {
            assert!(exercise.solution.lines().any(|line| line == hint), "{}: {hint}", exercise.program);
        }
    }
}

/// A parameter that is changed inside is the same promise; a learner may need one.
fn unmut(line: &str) -> String {
    line.replace("(mut ", "(").replace(" mut ", " ")
}

#[test]
fn exercise_and_solution_promise_the_same() {
    let promises = |code: &'static str| -> Vec<&'static str> {
        let kept =
            |line: &&str| line.starts_with("///") || line.starts_with("pub ") || line.starts_with("use ");
        code.lines().filter(kept).collect()
    };
    for exercise in &EXERCISES {
        let solution: Vec<String> = promises(exercise.solution).iter().map(|line| unmut(line)).collect();
        let exercised: Vec<String> = promises(exercise.exercise).iter().map(|line| unmut(line)).collect();
        assert_eq!(exercised, solution, "{}", exercise.program);
    }
}

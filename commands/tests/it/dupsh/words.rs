//! How a command is split into words, and what is wrong with some.

use std::process::Command;

use super::{Dupsh, Ended, Place, sh};

/// What `printf` makes of a line, a word in brackets each.
fn printed(words: &str) -> String {
    let printed = Dupsh::start(&format!("printf [%s] {words}"), &sh("cat > words"));
    printed.ends().quietly(0).read("words")
}

/// What a shell makes of it.
fn printed_by_a_shell(words: &str) -> String {
    let place = Place::new();
    std::fs::write(place.path().join("words"), "").unwrap();
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(format!("printf [%s] {words}")).current_dir(place.path());
    String::from_utf8(shell.output().unwrap().stdout).unwrap()
}

#[test]
fn words_are_split_as_a_shell_splits_them() {
    for words in [
        "one two",
        "'one two'  three",
        "\"it's\" 'a \"b\"'",
        r"five\ six \' \\",
        r#""a\"b" "c\\d" 'e\f' "g\h""#,
        "'' \"\"",
        "con'cat'enated\" words\"",
        "a\tb",
        "a#b # a remark",
        "'grüße 世界'",
    ] {
        assert_eq!(printed(words), printed_by_a_shell(words), "{words}");
    }
    assert_eq!(printed("a\nb"), "[a][b]", "a line that goes on");
    assert_eq!(printed("'one two' \"\" three\\ four"), "[one two][][three four]");
}

#[test]
fn nothing_is_expanded() {
    for words in
        ["*", "$HOME", "${HOME}", "~", "`echo a`", "$(echo)", "a|cat", "a>b", "a;b", "a&&b", "{a,b}c?"]
    {
        assert_eq!(printed(words), words.split(' ').map(|word| format!("[{word}]")).collect::<String>());
    }
    // The control: these do mean something to a shell.
    for words in ["*", "$HOME", "~", "`echo a`", "a|cat", "a>b"] {
        assert_ne!(printed_by_a_shell(words), format!("[{words}]"));
    }
}

#[test]
fn a_program_need_not_be_named_in_text() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;

    let place = Place::new();
    let name = OsStr::from_bytes(b"not\xfftext");
    std::os::unix::fs::symlink("/bin/sh", place.path().join(name)).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_dupsh"));
    command.arg(OsStr::from_bytes(b"./not\xfftext -c 'exit 7'")).arg("true");
    Dupsh::of(place, &mut command).ends().quietly(7);
}

/// Called in a wrong way: nothing is run, and somebody says what is wrong.
#[track_caller]
fn misused(args: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dupsh"));
    let ended = Dupsh::of(Place::new(), command.args(args)).ends();
    let Ended { code: Some(2), stderr, .. } = &ended else { panic!("{ended:?}") };
    assert!(!ended.has("ran") && ended.stdout.is_empty() && stderr.starts_with("error: "), "{ended:?}");
    stderr.clone()
}

#[test]
fn a_command_that_is_none_is_misuse() {
    let ran = &sh("touch ran");
    for wrong in ["echo 'a", "echo \"a", "echo a\\"] {
        for args in [[wrong, ran], [ran, wrong]] {
            assert!(misused(&args).contains("a quote is not closed"), "{wrong}");
        }
    }
    for empty in ["", "  ", "\t\n", "# a remark"] {
        for args in [[empty, ran], [ran, empty]] {
            assert!(misused(&args).contains("there is no program in it"), "{empty:?}");
        }
    }
    // The control: without what is wrong it is run.
    assert!(Dupsh::start("echo a", ran).ends().has("ran"));
}

#[test]
fn fewer_than_two_commands_or_more_are_misuse() {
    for args in [&[][..], &["touch ran"], &["touch ran", "touch ran", "touch ran"]] {
        assert!(misused(args).contains("Usage: dupsh <CMDA> <CMDB>"), "{args:?}");
    }
}

#[test]
fn help_says_how_it_is_called_and_fits_a_terminal() {
    for option in ["-h", "--help"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dupsh"));
        let help = Dupsh::of(Place::new(), command.arg(option)).ends();
        assert_eq!(help.code, Some(0));
        assert!(help.stdout.contains("Usage: dupsh <CMDA> <CMDB>"), "{help:?}");
        assert!(help.stdout.lines().all(|line| line.chars().count() <= 100), "{help:?}");
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_dupsh"));
    let version = Dupsh::of(Place::new(), command.arg("--version")).ends();
    assert_eq!(version.stdout, format!("dupsh {}\n", env!("CARGO_PKG_VERSION")));
}

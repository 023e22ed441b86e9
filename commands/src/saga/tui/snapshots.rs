//! What the screen looks like, at several sizes.

use std::sync::Arc;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use saga::{Door, Identity, Memory, Options, Role, Saga};

use super::draw::draw;
use super::keys::Scroll;
use super::state::{About, State};
use crate::saga::item::Item;
use crate::saga::room::{Reader, Room};
use crate::saga::wall::Wall;

/// 21 November 2026, 21:05 UTC.
const EVENING: u64 = 1_795_295_100_000;

fn opened(seed: u8, key: Option<saga::ChannelKey>, name: &str) -> Saga {
    let options = Options::default().identity(Identity::from_seed(&[seed; 32]));
    options.clock(Arc::new(|| EVENING)).open(Arc::new(Memory::new()), key, name).unwrap()
}

/// Ana's chat with ben, and how it looks to her.
fn chat() -> Room {
    let ana = opened(1, None, "ana");
    let ben = opened(2, Some(ana.key()), "ben");
    let sync = || replicate::sync(ana.channel().log(), ben.channel().log()).unwrap();
    ana.invite(ben.writer(), Role::Writer).unwrap();
    ana.write_message("hello ben, did you see that logs are the source of truth?").unwrap();
    sync();
    ben.write_message("yes: 日本語 as well, and views are derived").unwrap();
    sync();
    Room::new(ana, Reader::Person).unwrap()
}

fn state(columns: u16, rows: u16) -> State {
    state_of(&mut chat(), columns, rows)
}

fn state_of(room: &mut Room, columns: u16, rows: u16) -> State {
    let about = About { channel: Some("ana".into()), key: "6f0c12ab".into(), door: Door::Ask, role: "admin" };
    let mut state = State::new(about, Wall::utc(), columns, rows);
    state.show(&room.welcome().unwrap());
    state.people = room.saga().people().unwrap();
    state
}

fn screen(state: &State, columns: u16, rows: u16) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
    terminal.draw(|frame| draw(frame, state)).unwrap();
    let buffer = terminal.backend().buffer();
    let cell = |x, y| buffer.cell((x, y)).map_or(" ", |cell| cell.symbol()).to_owned();
    let row = |y| {
        let (mut row, mut x) = (String::new(), 0);
        while x < columns {
            let symbol = cell(x, y);
            x += u16::try_from(unicode_width::UnicodeWidthStr::width(symbol.as_str()).max(1)).unwrap();
            row.push_str(&symbol);
        }
        row.trim_end().to_owned()
    };
    (0..rows).map(row).collect()
}

/// Rows at the top in which only people are.
fn without_messages(screen: &[String], columns: usize) -> usize {
    let bar = format!("{}│", " ".repeat(columns));
    screen.iter().skip(2).take_while(|row| **row == bar).count()
}

#[test]
fn a_usual_terminal_shows_messages_people_a_status_and_the_input() {
    let mut state = state(80, 24);
    state.edit.insert("typing");
    let screen = screen(&state, 80, 24);
    let beside = |text: &str, people: &str| format!("{text:<54}│{people}");
    assert_eq!(screen[..2], [beside("", " ● ana~rkeohxlu you"), beside("", " ○ ben~qe4xodvi writes")]);
    assert_eq!(without_messages(&screen, 54), 15);
    assert_eq!(
        screen[17..],
        [
            beside("-- Saturday, 21 November 2026 --", ""),
            beside("21:05 ana~rkeohxlu: hello ben, did you see that logs", ""),
            beside("      are the source of truth?", ""),
            "21:05 ben~qe4xodvi: yes: 日本語 as well, and views    │".into(),
            beside("      are derived", ""),
            " ana | key 6f0c12ab… | nobody else here | door ask | admin     F2 people  /help".into(),
            "> typing".into(),
        ]
    );
}

#[test]
fn a_large_terminal_has_room_for_long_lines() {
    let screen = screen(&state(120, 40), 120, 40);
    assert_eq!(without_messages(&screen, 88), 33);
    let beside = |text: &str| format!("{text:<88}│");
    assert_eq!(
        screen[36],
        beside("21:05 ana~rkeohxlu: hello ben, did you see that logs are the source of truth?")
    );
    assert!(screen[37].starts_with("21:05 ben~qe4xodvi: yes: 日本語 as well, and views are derived "));
    assert!(screen[38].ends_with("F2 people  /help") && screen[39] == ">");
}

#[test]
fn a_small_terminal_shows_messages_alone() {
    let screen = screen(&state(40, 10), 40, 10);
    assert_eq!(
        screen,
        [
            "",
            "",
            "-- Saturday, 21 November 2026 --",
            "21:05 ana~rkeohxlu: hello ben, did you",
            "      see that logs are the source of",
            "      truth?",
            "21:05 ben~qe4xodvi: yes: 日本語 as well,",
            "      and views are derived",
            " ana | key 6f0c12ab… | nobody else here…",
            ">",
        ]
    );
}

#[test]
fn without_people_a_key_fits_into_a_row() {
    let mut state = state(80, 24);
    let key = "6f0c12ab".repeat(8).parse().unwrap();
    state.show(&[Item::Key(key, saga::Identity::from_seed(&[7; 32]).writer())]);
    state.toggle_people();
    let rows = screen(&state, 80, 24);
    assert_eq!(rows.iter().filter(|row| row.trim() == key.to_string()).count(), 2, "{rows:#?}");
    state.toggle_people();
    assert!(screen(&state, 80, 24)[0].ends_with("│ ● ana~rkeohxlu you"));
}

#[test]
fn a_change_of_size_keeps_the_newest_in_sight() {
    let mut state = state(120, 40);
    for (columns, rows) in [(40, 6), (80, 24), (120, 40)] {
        state.resize(columns, rows);
        let screen = screen(&state, columns, rows);
        assert_eq!(screen.iter().filter(|row| row.contains("derived")).count(), 1, "{screen:#?}");
    }
}

#[test]
fn a_message_that_comes_late_stands_where_it_stands_everywhere_and_moves_nothing_in_sight() {
    let mut room = chat();
    let all = room.history(None, 10).unwrap();
    let mut state = state(80, 24);
    state.replace(&[]);
    state.show(&[Item::Said(all[1].clone())]);
    state.show(&[Item::Done("a notice".into()), Item::Said(all[0].clone()), Item::Said(all[0].clone())]);
    let rows: Vec<String> =
        screen(&state, 80, 24).into_iter().map(|row| row.chars().take(18).collect()).collect();
    let at = |text: &str| rows.iter().position(|row| row.contains(text)).unwrap();
    assert!(at("ana~rkeohxlu") < at("21:05 ben") && at("21:05 ben") < at("a notice"), "{rows:#?}");
    assert_eq!(rows.iter().filter(|row| row.contains("21:05 ana")).count(), 1, "once");
}

#[test]
fn what_counts_no_more_goes_and_the_rest_stays_where_it_is() {
    let mut room = chat();
    let mut state = state_of(&mut room, 80, 24);
    let all = room.history(None, 10).unwrap();
    state.show(&[Item::Done("a notice".into())]);
    state.replace(&all[..1]);
    let rows = screen(&state, 80, 24);
    let count = |text: &str| rows.iter().filter(|row| row.contains(text)).count();
    assert_eq!((count("ana~rkeohxlu: hello"), count("ben~qe4xodvi:")), (1, 0), "{rows:#?}");
    assert!(rows[21].starts_with("* a notice"), "{rows:#?}");
}

#[test]
fn what_is_read_further_up_stays_while_more_comes() {
    let mut state = state(80, 24);
    for n in 0..100 {
        state.show(&[Item::Done(format!("notice {n}."))]);
    }
    state.scroll(Scroll::PageUp);
    let before = screen(&state, 80, 22);
    assert_eq!(state.scrolled(), Some(0));
    for n in 100..120 {
        state.show(&[Item::Done(format!("notice {n}."))]);
    }
    assert_eq!(screen(&state, 80, 22)[..20], before[..20]);
    state.scroll(Scroll::Top);
    assert!(state.wants_older().is_some());
    state.show_older(&[]);
    assert!(state.wants_older().is_none(), "there is nothing above");
    state.scroll(Scroll::Bottom);
    assert!(state.scrolled().is_none() && screen(&state, 80, 24)[21].contains("notice 119."));
}

#[test]
fn no_size_is_too_small_to_draw() {
    let mut state = state(80, 24);
    state.edit.insert("日本語 and more than fits");
    for (columns, rows) in (1..70).flat_map(|columns| (1..8).map(move |rows| (columns, rows))) {
        state.resize(columns, rows);
        state.scroll(Scroll::PageUp);
        screen(&state, columns, rows);
        // Drawn before the change of size was heard of.
        screen(&state, 200, 60);
        screen(&state, 1, 1);
    }
}

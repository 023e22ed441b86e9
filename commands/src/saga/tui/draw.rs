//! Painting the state.
//!
//! ```text
//! messages              | people
//! status: channel, start of its key, who is here, door
//! > the line that is being typed
//! ```

use ratatui::Frame;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line as Painted, Span as Part};
use ratatui::widgets::Paragraph;
use saga::Person;
use unicode_width::UnicodeWidthStr;

use super::super::show;
use super::super::tone::{COLOURS, Line, Span, Tone, span};
use super::state::State;
use super::wrap::fit;

const PROMPT: &str = "> ";

pub(crate) fn draw(frame: &mut Frame<'_>, state: &State) {
    let area = frame.area();
    let rows = state.message_rows().min(area.height);
    let people = state.people_columns().min(area.width);
    let messages = Rect { width: area.width - people, height: rows, ..area };
    let lines: Vec<Painted<'_>> = state.in_sight().map(painted).collect();
    // What there is stands at the bottom, next to where one types.
    let empty = rows.saturating_sub(u16::try_from(lines.len()).unwrap_or(rows));
    let filled = Rect { y: messages.y + empty, height: rows - empty, ..messages };
    frame.render_widget(Paragraph::new(lines), filled);
    if people > 0 {
        draw_people(frame, state, Rect { x: area.x + messages.width, width: people, ..messages });
    }
    if area.height > rows + 1 {
        let line = Rect { y: area.y + rows, height: 1, ..area };
        let status = status(state, usize::from(area.width));
        frame
            .render_widget(Paragraph::new(status).style(Style::new().add_modifier(Modifier::REVERSED)), line);
    }
    if area.height > 0 {
        draw_input(frame, state, Rect { y: area.bottom() - 1, height: 1, ..area });
    }
}

fn draw_people(frame: &mut Frame<'_>, state: &State, area: Rect) {
    let columns = usize::from(area.width).saturating_sub(2);
    let mut people: Vec<&Person> = state.people.iter().collect();
    people.sort_by_key(|person| !person.online);
    let rows = usize::from(area.height);
    let hidden = people.len().saturating_sub(rows);
    let shown = if hidden > 0 { rows.saturating_sub(1) } else { rows };
    let mut lines: Vec<Line> = people.iter().take(shown).map(|person| member(person, columns)).collect();
    if hidden > 0 {
        lines.push(vec![span(Tone::Dim, format!("and {} more: /members", people.len() - shown))]);
    }
    let beside = |line: &Line| {
        let mut beside = vec![span(Tone::Dim, "│ ")];
        beside.extend(line.iter().cloned());
        beside
    };
    lines.resize(rows, Line::new());
    let lines: Vec<Line> = lines.iter().map(beside).collect();
    frame.render_widget(Paragraph::new(lines.iter().map(painted).collect::<Vec<_>>()), area);
}

/// Somebody in so many columns. A name is cut before its fingerprint is.
fn member(person: &Person, columns: usize) -> Line {
    let (mark, tone) = if person.online { ("● ", Tone::Good) } else { ("○ ", Tone::Dim) };
    // What one may do oneself stands in the status.
    let role = if person.is_me { " you".to_owned() } else { format!(" {}", show::role_word(person)) };
    let mut who = show::who(person);
    let label = show::label(&who);
    let width: usize = label.iter().map(|span| span.text.width()).sum();
    let room = columns.saturating_sub(2 + role.width());
    if width > room {
        let name = who.name.take().unwrap_or_default();
        who.name = Some(fit(&name, name.width().saturating_sub(width - room).max(2)));
    }
    let mut line = vec![span(tone, mark)];
    line.extend(show::label(&who));
    line.push(span(Tone::Dim, role));
    line
}

fn status(state: &State, columns: usize) -> String {
    let about = &state.about;
    let here = state.people.iter().filter(|person| person.online && !person.is_me).count();
    let channel = about.channel.as_deref().unwrap_or("(nothing here yet)");
    let others = match here {
        0 => "nobody else here".to_owned(),
        1 => "1 other here".into(),
        n => format!("{n} others here"),
    };
    let status = format!(" {channel} | key {}… | {others} | door {} | {}", about.key, about.door, about.role);
    let hint = match state.scrolled() {
        Some(0) => "Esc: to the end ".to_owned(),
        Some(n) => format!("{n} new below, Esc: there "),
        None => "F2 people  /help ".into(),
    };
    let room = columns.saturating_sub(status.width() + hint.width());
    if room > 0 {
        return format!("{status}{}{hint}", " ".repeat(room));
    }
    fit(&status, columns)
}

fn draw_input(frame: &mut Frame<'_>, state: &State, area: Rect) {
    let room = usize::from(area.width).saturating_sub(PROMPT.len());
    let (seen, column) = state.edit.seen(room);
    let line = Painted::from(vec![Part::styled(PROMPT, style(Tone::Dim)), Part::raw(seen)]);
    frame.render_widget(Paragraph::new(line), area);
    let column = u16::try_from(PROMPT.len() + column).unwrap_or(area.width);
    frame.set_cursor_position(Position::new(area.x + column.min(area.width.saturating_sub(1)), area.y));
}

fn painted(line: &Line) -> Painted<'static> {
    line.iter().map(|Span { tone, text }| Part::styled(text.clone(), style(*tone))).collect()
}

fn style(tone: Tone) -> Style {
    const NAMES: [Color; COLOURS as usize] =
        [Color::Red, Color::Green, Color::Yellow, Color::Blue, Color::Magenta, Color::Cyan];
    match tone {
        Tone::Plain => Style::new(),
        Tone::Dim => Style::new().add_modifier(Modifier::DIM),
        Tone::Strong => Style::new().add_modifier(Modifier::BOLD),
        Tone::Name(n) => {
            let colour = NAMES.get(usize::from(n)).copied().unwrap_or_default();
            Style::new().fg(colour).add_modifier(Modifier::BOLD)
        }
        Tone::Good => Style::new().fg(Color::Green),
        Tone::Warn => Style::new().fg(Color::Yellow),
        Tone::Bad => Style::new().fg(Color::Red),
    }
}

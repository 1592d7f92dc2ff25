//! The framed panel that everything stands in. What does not fit is never left out silently.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Clear, Paragraph};

use crate::tui::field::Field;
use crate::tui::model::Model;
use crate::tui::theme::{Role, Theme};
use crate::tui::words::{clip, count};

/// What stands in the upper edge: on the left what it is, on the right a figure.
#[derive(Debug, Clone)]
pub struct Title<'a> {
    pub left: &'a str,
    pub right: &'a str,
    pub role: Role,
}

impl<'a> Title<'a> {
    pub const fn new(left: &'a str, right: &'a str) -> Self {
        Self { left, right, role: Role::Strong }
    }

    #[must_use]
    pub const fn role(mut self, role: Role) -> Self {
        self.role = role;
        self
    }
}

/// A panel whose rows begin at the top; when they do not fit, the last row says how many are missing.
pub fn draw(frame: &mut Frame<'_>, area: Rect, model: &Model, title: &Title<'_>, rows: Vec<Line<'static>>) {
    framed(frame, area, model, title, rows, " (e shows all)");
}

/// The same, from row `scroll` on.
pub fn scrolled(
    frame: &mut Frame<'_>,
    area: Rect,
    model: &Model,
    title: &Title<'_>,
    rows: Vec<Line<'static>>,
    scroll: usize,
) {
    let rows = rows.into_iter().skip(scroll).collect();
    framed(frame, area, model, title, rows, " below (PgDn)");
}

fn framed(
    frame: &mut Frame<'_>,
    area: Rect,
    model: &Model,
    title: &Title<'_>,
    mut shown: Vec<Line<'static>>,
    more: &str,
) {
    if area.height < 2 || area.width < 4 {
        return;
    }
    let theme = model.theme();
    let room = usize::from(area.height - 2);
    if shown.len() > room && room > 0 {
        let hidden = shown.len() - (room - 1);
        shown.truncate(room - 1);
        shown.push(Line::styled(format!("... {}{more}", count(hidden, "more row")), theme.style(Role::Dim)));
    }
    let width = usize::from(area.width - 2);
    let shown: Vec<Line<'static>> = shown.into_iter().map(|line| fitted(line, width)).collect();
    frame.render_widget(Clear, area);
    frame.render_widget(Paragraph::new(shown).block(block(area, theme, title)), area);
}

/// A line that is too wide says so at its end.
fn fitted(line: Line<'static>, width: usize) -> Line<'static> {
    if line.width() <= width {
        return line;
    }
    let style = line.spans.first().map(|span| span.style).unwrap_or_default();
    Line::from(Span::styled(clip(&line.to_string(), width), style))
}

fn block(area: Rect, theme: Theme, title: &Title<'_>) -> Block<'static> {
    let width = usize::from(area.width.saturating_sub(4));
    let right = clip(title.right, width / 2);
    let taken = if right.is_empty() { 0 } else { right.chars().count() + 3 };
    let left = clip(title.left, width.saturating_sub(taken));
    let mut block = Block::new().borders(Borders::ALL).border_set(theme.border());
    if !left.is_empty() {
        block = block.title_top(Line::styled(format!(" {left} "), theme.style(title.role)));
    }
    if !right.is_empty() {
        block = block.title_top(Line::raw(format!(" {right} ")).right_aligned());
    }
    block
}

/// Columns of given widths with one blank between them; the last one takes what is left. Each cell is clipped.
pub fn columns(cells: &[(&str, usize)]) -> String {
    let mut line = String::new();
    for (text, width) in cells {
        let text = clip(text, *width);
        let missing = width.saturating_sub(text.chars().count());
        line.push_str(&text);
        line.push_str(&" ".repeat(missing + 1));
    }
    line.trim_end().to_owned()
}

/// Text at the left and at the right edge of a line of `width`.
pub fn edges(left: &str, right: &str, width: usize) -> String {
    let room = width.saturating_sub(right.chars().count() + 1);
    let left = clip(left, room);
    let gap = width.saturating_sub(left.chars().count() + right.chars().count());
    format!("{left}{}{right}", " ".repeat(gap))
}

/// A row in one style.
pub fn row(theme: Theme, role: Role, text: impl Into<String>) -> Line<'static> {
    Line::from(Span::styled(text.into(), theme.style(role)))
}

/// The part of a typed line that fits, and the column of the cursor in it. The end is shown when it is too long.
pub fn typed(field: &Field, width: usize) -> (String, u16) {
    let from = field.cursor().saturating_sub(width.saturating_sub(1));
    let shown: String = field.text().chars().skip(from).take(width).map(visible).collect();
    (shown, u16::try_from(field.cursor() - from).unwrap_or(0))
}

/// A typed character that is not printable ASCII stands as one `?`, so the cursor stays in its place.
const fn visible(c: char) -> char {
    if matches!(c, ' '..='~') { c } else { '?' }
}

//! The terminal device: set up at the start and restored whichever way the program ends.

use std::io::{self, Stdout, Write, stdout};
use std::panic;

use anyhow::{Context, Result};
use crossterm::event::{DisableBracketedPaste, DisableFocusChange, EnableBracketedPaste, EnableFocusChange};
use crossterm::terminal::{
    BeginSynchronizedUpdate, EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen, SetTitle,
    disable_raw_mode, enable_raw_mode,
};
use crossterm::{cursor, execute};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::buffer::{Buffer, Cell};

/// The terminal in full-screen mode. Dropping it restores the terminal.
pub(crate) struct Tty {
    terminal: Terminal<CrosstermBackend<Stdout>>,
    /// The rows whose width on the terminal is uncertain, with their numbers.
    uncertain: Vec<(usize, String)>,
}

impl Tty {
    /// Switches the terminal to full-screen mode.
    pub(crate) fn enter(title: &str) -> Result<Self> {
        let before = panic::take_hook();
        // Otherwise a panic message would be lost with the alternate screen.
        panic::set_hook(Box::new(move |info| {
            restore();
            before(info);
        }));
        begin(title).inspect_err(|_| restore()).context("cannot use the terminal")?;
        let terminal = Terminal::new(CrosstermBackend::new(stdout()))
            .inspect_err(|_| restore())
            .context("cannot use the terminal")?;
        Ok(Self { terminal, uncertain: Vec::new() })
    }

    /// Draws the cells that have changed.
    pub(crate) fn draw(&mut self, view: impl Fn(&mut ratatui::Frame<'_>)) -> Result<()> {
        self.draw_at_once(view).context("cannot draw on the terminal")
    }

    fn draw_at_once(&mut self, view: impl Fn(&mut ratatui::Frame<'_>)) -> io::Result<()> {
        execute!(stdout(), BeginSynchronizedUpdate)?;
        let uncertain = uncertain_rows(self.terminal.draw(&view)?.buffer);
        if uncertain != self.uncertain {
            // If the terminal used more cells than computed, remains of the old row would stay on the screen.
            self.uncertain = uncertain;
            self.empty()?;
            self.terminal.draw(&view)?;
        }
        execute!(stdout(), EndSynchronizedUpdate)
    }

    /// Makes the next drawing repaint the whole screen.
    pub(crate) fn clear(&mut self) -> Result<()> {
        self.empty().context("cannot draw on the terminal")
    }

    fn empty(&mut self) -> io::Result<()> {
        // `Terminal::clear` asks the terminal for the position of the cursor, and not every terminal answers.
        let size = self.terminal.size()?;
        self.terminal.resize(size.into())
    }

    /// Rings the terminal's bell.
    pub(crate) fn ring(&self) -> Result<()> {
        let mut out = stdout();
        out.write_all(b"\x07").and_then(|()| out.flush()).context("cannot draw on the terminal")
    }

    /// Restores the terminal and suspends this process until the shell continues it.
    #[cfg(unix)]
    pub(crate) fn suspend(&mut self, title: &str) -> Result<()> {
        use rustix::process::{Signal, getpid, kill_process};
        restore();
        // The process is stopped inside this call.
        kill_process(getpid(), Signal::TSTP).context("cannot suspend this process")?;
        begin(title).context("cannot use the terminal")?;
        self.clear()
    }

    /// Does nothing: only Unix has job control.
    #[cfg(not(unix))]
    pub(crate) fn suspend(&mut self, _title: &str) -> Result<()> {
        Ok(())
    }
}

/// The rows that contain a cell of several code points. Terminals do not agree on the width of those.
fn uncertain_rows(screen: &Buffer) -> Vec<(usize, String)> {
    let rows = screen.content().chunks(usize::from(screen.area.width.max(1))).enumerate();
    let is_uncertain = |row: &&[Cell]| row.iter().any(|cell| cell.symbol().chars().nth(1).is_some());
    rows.filter(|(_, row)| is_uncertain(row))
        .map(|(number, row)| (number, row.iter().map(Cell::symbol).collect()))
        .collect()
}

impl Drop for Tty {
    fn drop(&mut self) {
        restore();
    }
}

fn begin(title: &str) -> io::Result<()> {
    enable_raw_mode()?;
    execute!(
        stdout(),
        EnterAlternateScreen,
        SetTitle(title),
        EnableBracketedPaste,
        EnableFocusChange,
        cursor::Hide
    )
}

/// Leaves full-screen mode. Ignores errors, because nothing more can be done about them.
fn restore() {
    let _ = execute!(stdout(), DisableFocusChange, DisableBracketedPaste, LeaveAlternateScreen, cursor::Show);
    let _ = disable_raw_mode();
}

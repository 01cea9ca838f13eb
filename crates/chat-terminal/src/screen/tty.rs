//! The terminal itself: taken over at the start, and given back as it was however the program ends.

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

/// The terminal while it is taken over. Dropping it gives it back.
pub(crate) struct Tty {
    terminal: Terminal<CrosstermBackend<Stdout>>,
    /// The rows of the screen whose width is in doubt.
    doubtful: Vec<(usize, String)>,
}

impl Tty {
    /// Takes the terminal over.
    pub(crate) fn take(title: &str) -> Result<Self> {
        let before = panic::take_hook();
        // The message of a panic would be lost on the other screen.
        panic::set_hook(Box::new(move |info| {
            give_back();
            before(info);
        }));
        begin(title).inspect_err(|_| give_back()).context("cannot use the terminal")?;
        let terminal = Terminal::new(CrosstermBackend::new(stdout()))
            .inspect_err(|_| give_back())
            .context("cannot use the terminal")?;
        Ok(Self { terminal, doubtful: Vec::new() })
    }

    /// Draws what has changed.
    pub(crate) fn draw(&mut self, view: impl Fn(&mut ratatui::Frame<'_>)) -> Result<()> {
        self.draw_at_once(view).context("cannot draw on the terminal")
    }

    fn draw_at_once(&mut self, view: impl Fn(&mut ratatui::Frame<'_>)) -> io::Result<()> {
        execute!(stdout(), BeginSynchronizedUpdate)?;
        let doubtful = doubtful_rows(self.terminal.draw(&view)?.buffer);
        if doubtful != self.doubtful {
            // Where the terminal took more cells than was reckoned, something would be left of what stood there.
            self.doubtful = doubtful;
            self.empty()?;
            self.terminal.draw(&view)?;
        }
        execute!(stdout(), EndSynchronizedUpdate)
    }

    /// Forgets what is on the screen, so that the next drawing draws all of it.
    pub(crate) fn clear(&mut self) -> Result<()> {
        self.empty().context("cannot draw on the terminal")
    }

    fn empty(&mut self) -> io::Result<()> {
        // `Terminal::clear` asks the terminal where the cursor is, and not every one answers.
        let size = self.terminal.size()?;
        self.terminal.resize(size.into())
    }

    /// Rings, as the terminal understands it.
    pub(crate) fn ring(&self) -> Result<()> {
        let mut out = stdout();
        out.write_all(b"\x07").and_then(|()| out.flush()).context("cannot draw on the terminal")
    }

    /// Gives the terminal back until the shell continues this process.
    #[cfg(unix)]
    pub(crate) fn suspend(&mut self, title: &str) -> Result<()> {
        use rustix::process::{Signal, getpid, kill_process};
        give_back();
        // The process stands still in here.
        kill_process(getpid(), Signal::TSTP).context("cannot suspend this process")?;
        begin(title).context("cannot use the terminal")?;
        self.clear()
    }

    /// There is no such thing here.
    #[cfg(not(unix))]
    pub(crate) fn suspend(&mut self, _title: &str) -> Result<()> {
        Ok(())
    }
}

/// Rows with characters that are made of several; terminals do not agree how many cells those take.
fn doubtful_rows(screen: &Buffer) -> Vec<(usize, String)> {
    let rows = screen.content().chunks(usize::from(screen.area.width.max(1))).enumerate();
    let is_doubtful = |row: &&[Cell]| row.iter().any(|cell| cell.symbol().chars().nth(1).is_some());
    rows.filter(|(_, row)| is_doubtful(row))
        .map(|(number, row)| (number, row.iter().map(Cell::symbol).collect()))
        .collect()
}

impl Drop for Tty {
    fn drop(&mut self) {
        give_back();
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

/// Nothing more can be done about it if this fails.
fn give_back() {
    let _ = execute!(stdout(), DisableFocusChange, DisableBracketedPaste, LeaveAlternateScreen, cursor::Show);
    let _ = disable_raw_mode();
}

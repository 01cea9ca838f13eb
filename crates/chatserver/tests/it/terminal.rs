//! The terminal client as people and scripts use it: on screens that tmux keeps, and through pipes.

mod commands;
mod conversations;
mod full_screen;
mod secure;
mod tmux;

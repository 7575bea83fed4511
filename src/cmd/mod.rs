//! The commands: a folder for each noun, a file for each verb.
//!
//! A verb is a struct of its arguments, whose doc comment is its help, and a
//! `run` that reads from top to bottom: parse, open, one operation, print.
//! Nouns never import each other; what two of them need is in the files named
//! here, or moves down into the library.

pub(crate) mod array;
pub(crate) mod barrier;
pub(crate) mod complete;
pub(crate) mod completions;
pub(crate) mod context;
pub(crate) mod demo;
pub(crate) mod element;
pub(crate) mod event;
pub(crate) mod fork_tree;
pub(crate) mod kill;
pub(crate) mod kind;
pub(crate) mod leaf;
pub(crate) mod listing;
pub(crate) mod lock;
pub(crate) mod man;
pub(crate) mod mq;
pub(crate) mod options;
pub(crate) mod pipe;
pub(crate) mod proc;
pub(crate) mod reap_zombies;
pub(crate) mod removal;
pub(crate) mod sem;
pub(crate) mod shm;
pub(crate) mod signal;
pub(crate) mod sock;
pub(crate) mod tree;
pub(crate) mod value;
pub(crate) mod verbs;
pub(crate) mod wait;

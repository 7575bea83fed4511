//! Interprocess communication for the shell: the map of the code.
//!
//! `ipc` is a thin face over this library. A command is read from top to
//! bottom in one file of `cmd`: parse, open, one operation, print. Modules
//! use only what stands below them:
//!
//! | layer | what is there |
//! | --- | --- |
//! | [`cli`] | the command tree, the one dispatch, the only printer of errors |
//! | `cmd` | a folder for each noun, a file for each verb |
//! | [`output`] | tables, JSON, escaping: the only writer of standard output |
//! | [`survey`] | which objects there are on this host |
//! | [`shared`] | values and arrays: what lives inside a mapping and is shared by its contents |
//! | [`process`] | which process it is, signals, starting commands |
//! | [`object`] | shared memory, semaphores, message queues, FIFOs, sockets |
//! | [`backing`], [`runtime`] | files of /dev/shm, and the folder of a user |
//! | [`accounts`], [`name`], [`place`], [`size`], [`buffer`], [`deadline`], [`wait`], [`error`], [`exit`], [`escape`], [`facts`], [`payload`] | small types, parsed once at the edge |
//! | [`sys`] | the only unsafe code |
//!
//! Linux only; nothing depends on which C library is linked.

pub mod accounts;
pub mod backing;
pub mod buffer;
pub mod cli;
mod cmd;
pub mod deadline;
pub mod error;
pub mod escape;
pub mod exit;
pub mod facts;
pub mod name;
pub mod object;
pub mod output;
pub mod payload;
pub mod place;
pub mod process;
pub mod runtime;
pub mod shared;
pub mod size;
pub mod survey;
pub mod sys;
pub mod wait;

//! The only unsafe code: system calls that no crate wraps, and memory that
//! other processes write to.
//!
//! Every function here but the one that `main` calls has a safe signature, does
//! one thing, and gives the reason why each unsafe operation is sound.
#![expect(unsafe_code, reason = "this folder is the fence around it")]

pub mod alarm;
pub mod ancillary;
pub mod descriptors;
pub mod exec;
pub mod fault;
pub mod fork;
pub mod futex;
pub mod mapping;
pub mod mount;
pub mod mq;
pub mod pidfd;
pub mod pipe;
pub mod ptrace;
pub mod queue;
pub mod signal;
pub mod socket;
pub mod startup;
pub mod wait;
pub mod write;

//! Kernel objects that any program can share: memory, semaphores, queues.

pub mod mq;
pub mod sem;
pub mod shm;
